// Package recent keeps copies of the last lines of a pipeline, so that a rule can be tried on them before it is in force.
//
// It promises: while it is off a line costs one comparison; while it is on at most 1,000 lines a second are copied, whatever their number, and the rest is
// counted; at most 16,384 lines and 8 MiB of text are kept, each line cut at 4 KiB. The text is that of the log, secrets included: whoever shows it masks it.
package recent

import (
	"slices"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// The bounds. Lines are kept in two generations, the older of which is dropped when the younger one is full: so at least half of a bound is in use.
const (
	PerSecond  = 1000
	MaxText    = 4 << 10 // of a line, in bytes
	maxLines   = 8 << 10 // of a generation
	maxBytes   = 4 << 20
	firstBytes = 64 << 10
)

// Lines keeps the last lines. It is safe for concurrent use; the zero value is off.
type Lines struct {
	mu          sync.Mutex
	on          bool
	second      int64 // in which left is what remains of PerSecond
	left        int
	young, aged *generation
}

// generation holds lines in the order in which they came. Its memory is only appended to, so that a reader of an earlier state needs no lock.
type generation struct {
	text    []byte
	lines   []line
	skipped int64 // lines that came in its time and are not kept
}

type line struct {
	at       int64 // ns
	source   *engine.Source
	from, to int
	stream   engine.Stream
	severity engine.Severity
}

// Set turns the copies on or off. Off, nothing is kept.
func (l *Lines) Set(on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on = on; !on {
		l.young, l.aged = nil, nil
	}
}

// Room returns how many more lines of this second are copied, at a time in ns; negative while it is off.
func (l *Lines) Room(now int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on {
		return -1
	}
	l.turn(now)
	return l.left
}

// turn begins another second.
func (l *Lines) turn(now int64) {
	if second := now / int64(time.Second); second != l.second {
		l.second, l.left = second, PerSecond
	}
}

// Add copies a line that arrived at now, ns. It returns what Room would.
func (l *Lines) Add(rec *engine.Record, now int64) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.on {
		return -1
	}
	if l.turn(now); l.left == 0 {
		l.skip(1)
		return 0
	}
	l.left--
	text := rec.Text[:min(len(rec.Text), MaxText)]
	g := l.current()
	if len(g.lines) == maxLines || len(g.text)+len(text) > maxBytes {
		l.aged, l.young = g, nil
		g = l.current()
	}
	from := len(g.text)
	g.text = append(g.text, text...)
	g.lines = append(g.lines, line{
		at: engine.EventTime(rec.Time, now), source: rec.Source, from: from, to: len(g.text), stream: rec.Stream, severity: rec.Severity,
	})
	return l.left
}

func (l *Lines) current() *generation {
	if l.young == nil {
		l.young = &generation{text: make([]byte, 0, firstBytes)}
	}
	return l.young
}

// Skip counts lines for which there was no room.
func (l *Lines) Skip(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.on {
		l.skip(n)
	}
}

func (l *Lines) skip(n int64) { l.current().skipped += n }

// Records returns the lines by their time, as records without fields, and how many lines of that time were not kept. The caller must not write to their texts.
func (l *Lines) Records() (records []engine.Record, skipped int64) {
	var all [2]generation
	l.mu.Lock()
	for i, g := range []*generation{l.aged, l.young} {
		if g != nil {
			all[i] = *g
			skipped += g.skipped
		}
	}
	l.mu.Unlock()
	records = make([]engine.Record, 0, len(all[0].lines)+len(all[1].lines))
	for _, g := range all {
		for _, one := range g.lines {
			records = append(records, engine.Record{
				Time: one.at, Text: g.text[one.from:one.to:one.to], Source: one.source, Stream: one.stream, Severity: one.severity,
			})
		}
	}
	slices.SortStableFunc(records, func(a, b engine.Record) int {
		switch {
		case a.Time < b.Time:
			return -1
		case a.Time > b.Time:
			return 1
		}
		return 0
	})
	return records, skipped
}
