package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/shortid"
)

// OnLines evaluates lines of a container, and stores their alerts before it returns. The alerts of a line that comes again have their former ids. While
// there is no room for alerts, OnLines waits; if ctx ends first, it evaluates no line and returns an error. It is a docker.Options.Sink.
func (p *Pipeline) OnLines(ctx context.Context, lines *docker.Batch) error {
	return p.untilRoom(ctx, func(b *batch) { b.container(lines) })
}

// untilRoom evaluates lines as soon as there is room for alerts.
func (p *Pipeline) untilRoom(ctx context.Context, lines func(*batch)) error {
	wait := roomMin
	for p.submit(lines) == Refused {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		wait = min(2*wait, roomMax)
	}
	p.counters.chunks.Add(1)
	return nil
}

// The wait for room, doubled from roomMin to roomMax.
const (
	roomMin = 50 * time.Millisecond
	roomMax = time.Second
)

// container evaluates lines of a container.
func (b *batch) container(lines *docker.Batch) {
	b.hits = 0
	// Deferred, so that the hits before a panic count too.
	defer func() { lines.Hits = b.hits }()
	records := b.p.Records()
	for i := range lines.Lines {
		l := &lines.Lines[i]
		rec := engine.Record{Time: l.Time, Stream: l.Stream, Truncated: l.Truncated, Source: lines.Source}
		rec.Text, b.plain = records.Line(b.plain, l.Text)
		b.source = recordSource{line: l, container: lines.Source.Container.ID}
		b.process(&rec)
	}
}

// OnEvent evaluates a container event, as OnLines does lines. It is a docker.Options.OnEvent.
func (p *Pipeline) OnEvent(ctx context.Context, o *docker.ContainerEvent) error {
	return p.untilRoom(ctx, func(b *batch) {
		rec := o.Record()
		b.event(&rec, o)
	})
}

// event evaluates a container event, from Docker or from Fluent Bit's docker_events.
func (b *batch) event(rec *engine.Record, o *docker.ContainerEvent) {
	b.source = recordSource{event: o}
	b.process(rec)
}

// ofEvent returns the id of a rule's alert about a container event: SHA-256 over rule, instance, container, event and time.
func (id *identity) ofEvent(a *engine.Alert, o *docker.ContainerEvent) string {
	h := sha256.New()
	writeParts(h, append([]string{"event", id.instance, o.Source.Container.ID, o.Action}, aboutOf(a)...)...)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(o.Time)))
	return shortid.Alert(h.Sum(nil))
}

// ofLine returns the id of a rule's alert about a container's line: SHA-256 over rule, instance, container, stream, time, ordinal and text;
// the first line's of a joined record, whose end may be another one after a restart.
func (id *identity) ofLine(a *engine.Alert, container string, l *docker.Line) string {
	h := sha256.New()
	writeParts(h, append([]string{"docker", id.instance, container, l.Stream.String()}, aboutOf(a)...)...)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(l.Time)))
	h.Write(binary.BigEndian.AppendUint64(nil, l.Ordinal))
	if l.First > 0 {
		h.Write(l.Text[:l.First])
	} else {
		h.Write(l.Text)
	}
	return shortid.Alert(h.Sum(nil))
}

// positionPrefix returns the prefix of the keys of positions in the store.
func (p *Pipeline) positionPrefix() string { return "docker/" + p.id + "/" }

// AliveKey returns the key under which MarkAlive saves the time in the store.
func AliveKey(id string) string { return "alive/" + id }

// MarkAlive saves the time in the store, as RFC 3339. A fresh time shows that the instance is running and can write to its store.
func (p *Pipeline) MarkAlive(ctx context.Context) error {
	now := p.now()
	return p.store.SaveState(ctx, now, map[string][]byte{AliveKey(p.id): now.UTC().AppendFormat(nil, time.RFC3339)})
}

// SavePositions saves the positions in containers' logs; nil removes one. It is a docker.Options.Save.
func (p *Pipeline) SavePositions(ctx context.Context, changed map[string][]byte) error {
	values := make(map[string][]byte, len(changed))
	for key, value := range changed {
		values[p.positionPrefix()+key] = value
	}
	return p.store.SaveState(ctx, p.now(), values)
}

// Positions returns the saved positions.
func (p *Pipeline) Positions(ctx context.Context) (map[string][]byte, error) {
	saved, err := p.store.LoadStates(ctx, p.positionPrefix())
	if err != nil {
		return nil, err
	}
	places := make(map[string][]byte, len(saved))
	for key, value := range saved {
		places[strings.TrimPrefix(key, p.positionPrefix())] = value
	}
	return places, nil
}
