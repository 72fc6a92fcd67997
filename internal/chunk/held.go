package chunk

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/join"
)

// Held is a change of a line or record that waits for further parts or lines. It must be on disk before its chunk is acknowledged.
type Held struct {
	Key   string
	Value []byte // nil: remove it
}

// The times, in ns of arrival, for which events are recognized that come again. doneFor is how long the events of a complete line stay in the store: the
// process may be killed before the host hears that their chunk was accepted. againFor is how long a new process looks for them.
const (
	doneFor  = 60_000_000_000
	againFor = 600_000_000_000
)

// held is a line or record in its saved form. Of one that is complete only the events are left.
type held struct {
	Done     bool             `json:"done,omitempty"`
	Events   []uint64         `json:"events"` // digests of its events
	Trace    bool             `json:"trace,omitempty"`
	Source   engine.Source    `json:"source,omitzero"`
	Unproven bool             `json:"unproven,omitempty"`
	Refused  bool             `json:"refused,omitempty"`
	Stream   engine.Stream    `json:"stream,omitempty"`
	Severity uint8            `json:"severity,omitempty"`
	Form     form             `json:"form,omitempty"`
	Time     int64            `json:"time,omitempty"`
	Last     int64            `json:"last,omitempty"` // time of the last line of a record
	Text     []byte           `json:"text,omitempty"`
	Event    []byte           `json:"event,omitempty"`
	Group    []byte           `json:"group,omitempty"`
	Body     int              `json:"body,omitempty"`
	Meta     int              `json:"meta,omitempty"`
	TextKey  string           `json:"text_key,omitempty"`
	ID       []byte           `json:"id,omitempty"`
	Cut      bool             `json:"cut,omitempty"`
	Ordinal  int64            `json:"ordinal,omitempty"`
	Expected int64            `json:"expected,omitempty"`
	LastPart int64            `json:"last_part,omitempty"`
	Parts    map[int64][]byte `json:"parts,omitempty"`
}

// journal notes which lines and records changed since they were saved. Its mutex is the innermost.
type journal struct {
	on      atomic.Bool // somebody saves
	changes atomic.Bool // there are some
	run     string      // distinguishes the keys of this run
	number  atomic.Uint64

	mu      sync.Mutex
	open    map[string]func() *held // encodes; called with the locks of joiner and traces
	saved   map[string]struct{}     // open ones that TakeHeld returned
	done    map[string][]uint64     // events of completed ones
	expires []expiring              // saved completed ones, oldest first

	again  atomic.Bool // digests has some
	until  int64       // of digests, ns of arrival
	digest map[uint64]int
}

type expiring struct {
	key string
	at  int64
}

// Keep has the decoder note all changes for TakeHeld. It is called before the first chunk.
func (d *Decoder) Keep() {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	d.journal.run = hex.EncodeToString(b[:])
	d.journal.open, d.journal.saved, d.journal.done = map[string]func() *held{}, map[string]struct{}{}, map[string][]uint64{}
	d.journal.on.Store(true)
}

// name returns a key for a new line or record; "" when nobody saves.
func (j *journal) name() string {
	if !j.on.Load() {
		return ""
	}
	return j.run + "-" + strconv.FormatUint(j.number.Add(1), 36)
}

func (j *journal) changed(key string, encode func() *held) {
	if key == "" {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open[key] = encode
	j.changes.Store(true)
}

// complete notes that a line or record left. If it was saved, its events are kept for a while; if not, all of its events are in one chunk, which makes the
// same alerts again.
func (j *journal) complete(key string, events []uint64) {
	if key == "" {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.open, key)
	if _, ok := j.saved[key]; !ok {
		return
	}
	delete(j.saved, key)
	j.done[key] = events
	j.changes.Store(true)
}

// TakeHeld returns the changes since the last call. The caller saves them before it acknowledges the chunk, and passes them again if that failed.
func (d *Decoder) TakeHeld(now int64) []Held {
	j := &d.journal
	if !j.on.Load() || !j.changes.Load() && !j.due(now) {
		return nil
	}
	// The order of the locks is that of their owners: the journal's is the innermost.
	d.joiner.mu.Lock()
	defer d.joiner.mu.Unlock()
	d.traces.mu.Lock()
	defer d.traces.mu.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []Held
	add := func(key string, h *held) {
		value, err := json.Marshal(h)
		if err != nil {
			panic("chunk: a line cannot be encoded: " + err.Error())
		}
		out = append(out, Held{key, value})
	}
	for key, encode := range j.open {
		add(key, encode())
		j.saved[key] = struct{}{}
	}
	for key, events := range j.done {
		add(key, &held{Done: true, Events: events})
		j.expires = append(j.expires, expiring{key, now + doneFor})
	}
	// An entry that expires later than a new one would is from before the clock was set back.
	for len(j.expires) > 0 && (j.expires[0].at <= now || j.expires[0].at > now+doneFor) {
		out = append(out, Held{j.expires[0].key, nil})
		j.expires = j.expires[1:]
	}
	clear(j.open)
	clear(j.done)
	j.changes.Store(false)
	return out
}

func (j *journal) due(now int64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.expires) > 0 && j.expires[0].at <= now
}

// RestoreHeld restores the lines and records that an earlier run saved. It is called after Keep, and before the first chunk. Events that come again,
// because their chunk was not acknowledged before the earlier run was killed, are recognized and skipped.
func (d *Decoder) RestoreHeld(saved map[string][]byte, now int64) error {
	j := &d.journal
	j.digest, j.until = map[uint64]int{}, now+againFor
	var errs []error
	for key, value := range saved {
		var h held
		if err := json.Unmarshal(value, &h); err != nil {
			errs = append(errs, fmt.Errorf("waiting line %q: %w", key, err))
			// An entry that cannot be read is removed like a completed one.
			h.Done = true
		}
		for _, e := range h.Events {
			j.digest[e]++
		}
		j.saved[key] = struct{}{}
		if h.Done || !d.restore(key, &h, now) {
			j.complete(key, h.Events)
		}
	}
	j.again.Store(len(j.digest) > 0)
	return errors.Join(errs...)
}

// restore puts a line or record back. It reports false for one that cannot be.
func (d *Decoder) restore(key string, h *held, now int64) bool {
	// The entry comes from the store, and its positions are used without further checks.
	if int(h.Stream) >= 3 || h.Body < 0 || h.Body >= len(h.Event) || h.Meta >= len(h.Event) {
		return false
	}
	o := d.origins.restored(h)
	l := &line{
		origin: o, stream: h.Stream, severity: engine.Severity(h.Severity), form: h.Form, since: now, time: h.Time, text: h.Text, id: h.ID, cut: h.Cut,
		event: h.Event, body: h.Body, meta: h.Meta, group: h.Group, textKey: h.TextKey, ordinal: h.Ordinal, expected: h.Expected, lastOrdinal: h.LastPart,
		key: key, events: h.Events, restored: true,
	}
	if h.Trace {
		state, ok := join.Begin(h.Text, h.Last)
		if !ok {
			return false
		}
		d.traces.mu.Lock()
		defer d.traces.mu.Unlock()
		if o.traces[l.stream] != nil {
			return false
		}
		o.traces[l.stream] = &trace{line: l, state: state, since: now, lastTime: h.Last, restored: true}
		o.waiting.Add(1)
		d.traces.list.Append(o.traces[l.stream])
		return true
	}
	for ordinal, text := range h.Parts {
		l.pending.add(ordinal, text, l.expected, maxLineBytes)
	}
	d.joiner.mu.Lock()
	defer d.joiner.mu.Unlock()
	at := &o.lines[l.stream]
	l.sibling, *at = *at, l
	o.held.Add(1)
	d.joiner.lines.Append(l)
	return true
}

// restored returns the origin of a saved line.
func (o *origins) restored(h *held) *origin {
	value := originValue{source: h.Source, unproven: h.Unproven, refused: h.Refused}
	// find sets the bucket after the look-up, so the value has none.
	value.source.Bucket = ""
	o.mu.Lock()
	defer o.mu.Unlock()
	if known, ok := o.byValue.Get(value); ok {
		return known
	}
	known := &origin{source: h.Source, unproven: h.Unproven, refused: h.Refused}
	o.byValue.Add(value, known)
	return known
}

// encode returns the saved form. The caller holds the lock of its owner.
func (l *line) encode() *held {
	h := &held{
		Events: l.events, Source: l.origin.source, Unproven: l.origin.unproven, Refused: l.origin.refused, Stream: l.stream, Severity: uint8(l.severity), Form: l.form,
		Time: l.time, Text: l.text, Event: l.event, Group: l.group, Body: l.body, Meta: l.meta, TextKey: l.textKey, ID: l.id, Cut: l.cut,
		Ordinal: l.ordinal, Expected: l.expected, LastPart: l.lastOrdinal,
	}
	for _, p := range l.pending.parts {
		if h.Parts == nil {
			h.Parts = map[int64][]byte{}
		}
		h.Parts[p.ordinal] = p.text
	}
	return h
}

func (t *trace) encode() *held {
	h := t.line.encode()
	h.Trace, h.Last = true, t.lastTime
	return h
}

// digestOf identifies an event, which holds its time and its container.
func digestOf(event []byte) uint64 {
	sum := sha256.Sum256(event)
	return binary.BigEndian.Uint64(sum[:8])
}

// digest returns the digest of the present event, 0 when nobody saves.
func (r *reading) digest() uint64 {
	if !r.d.journal.on.Load() {
		return 0
	}
	return digestOf(r.b[r.ev.start:r.ev.end])
}

// comesAgain reports whether the present event is one of a line or record that was restored: then it is in it already.
func (r *reading) comesAgain() bool {
	j := &r.d.journal
	if !j.again.Load() {
		return false
	}
	sum := digestOf(r.b[r.ev.start:r.ev.end])
	j.mu.Lock()
	defer j.mu.Unlock()
	// A chunk that was not acknowledged comes again soon after the start; a later equal event is a new one.
	if r.now > j.until {
		j.digest = nil
		j.again.Store(false)
		return false
	}
	if j.digest[sum] == 0 {
		return false
	}
	j.digest[sum]--
	return true
}
