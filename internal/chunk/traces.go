package chunk

import (
	"sync"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/aged"
	"github.com/tinyforge/fluentbit-trigger/internal/join"
)

// Bounds of the records that wait for further lines of a stack trace.
const (
	maxTraceBytes = 16 << 20      // of all
	maxTraces     = 10_000        // in number
	maxTraceWait  = 2_000_000_000 // nanoseconds of arrival, from the last line on: Fluent Bit hands over once a second (flush), and each chunk may end within a trace
)

// traces joins the lines of stack traces to one record, for each container and stream. It holds those that wait, the one whose last line is the oldest first.
// It is safe for concurrent use, and returns records instead of emitting them, so that no callback runs with its mutex held.
type traces struct {
	journal    *journal
	mu         sync.Mutex
	list       aged.List[*trace]
	limitBytes int
}

// trace is a record that may go on. Text and event are its own.
type trace struct {
	place    aged.Place[*trace]
	line     *line // the first one; its text is that of all
	state    join.Trace
	since    int64 // arrival of the last line, ns
	lastTime int64 // its own time
	restored bool  // by RestoreHeld, and not continued since
}

// Place implements aged.Member.
func (t *trace) Place() *aged.Place[*trace] { return &t.place }

// Size implements aged.Member.
func (t *trace) Size() int { return cap(t.line.text) + len(t.line.event) + len(t.line.group) + 512 }

// hold begins a record that waits. It returns the records for which there is no room any more.
func (ts *traces) hold(o *origin, t *trace) (done []*trace) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if old := o.traces[t.line.stream]; old != nil { // of a chunk that is decoded at the same time
		ts.remove(old)
		done = append(done, old)
	}
	o.traces[t.line.stream] = t
	o.waiting.Add(1)
	ts.list.Append(t)
	ts.journal.changed(t.line.key, t.encode)
	return ts.fit(done)
}

// offer adds a line to the record of its stream that waits. If there is one that it does not continue, offer returns that, which is complete.
func (ts *traces) offer(r *reading, text []byte) (continued, cut bool, done []*trace) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	o, stream := r.origin, r.rec.Stream
	t := o.traces[stream]
	if t == nil {
		return false, false, nil
	}
	if t.restored && r.rec.Time <= t.line.time {
		return false, false, nil // a chunk that comes again begins with the lines before the record: they do not end it
	}
	v := t.state.Continue(text, r.rec.Time)
	if v != join.Continues {
		ts.remove(t)
		return false, v == join.Cut, []*trace{t}
	}
	ts.list.Remove(t)
	t.line.text = append(append(t.line.text, '\n'), text...)
	t.since, t.lastTime, t.restored = r.now, r.rec.Time, false
	if t.line.key != "" {
		t.line.events = append(t.line.events, r.digest())
		ts.journal.changed(t.line.key, t.encode)
	}
	ts.list.Append(t) // the newest is the last
	return true, false, ts.fit(nil)
}

// fit removes the oldest records until the rest fits.
func (ts *traces) fit(done []*trace) []*trace {
	for t := range ts.list.All {
		if ts.list.Number() <= maxTraces && ts.list.Bytes() <= ts.limitBytes {
			break
		}
		ts.remove(t)
		t.line.timedOut = true // counted as cut
		done = append(done, t)
	}
	return done
}

// expire removes the records whose last line came before a moment, all of them when all is set. A line from after latest came before the clock was set
// back.
func (ts *traces) expire(before, latest int64, all bool) (done []*trace) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for t := range ts.list.All {
		if all || t.since <= before || t.since > latest {
			ts.remove(t)
			done = append(done, t)
		}
	}
	return done
}

// expiry returns when the first record that waits has waited long enough.
func (ts *traces) expiry() (at int64, ok bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for t := range ts.list.All {
		return t.since + maxTraceWait, true
	}
	return 0, false
}

// remove takes out a record that is complete.
func (ts *traces) remove(t *trace) {
	ts.list.Remove(t)
	t.line.origin.traces[t.line.stream] = nil
	t.line.origin.waiting.Add(-1)
	ts.journal.complete(t.line.key, t.line.events)
}

// Waiting calls fn with the first event of each record that waits for further lines. It is valid during the call.
func (d *Decoder) Waiting(fn func(raw []byte)) {
	d.traces.mu.Lock()
	defer d.traces.mu.Unlock()
	for t := range d.traces.list.All {
		fn(t.line.event)
	}
}

func (ts *traces) state() (number, bytes int) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	return ts.list.Number(), ts.list.Bytes()
}

// lookahead is the last line of a reading, which the next one may continue. It refers to the chunk.
type lookahead struct {
	set    bool
	rec    engine.Record
	fields fields
	ev     event
	origin *origin
	key    string // of the text
	plain  []byte // the buffer that rec.Text may lie in
}

// joins reports whether lines of the origin are joined: only where the record says which container wrote it, since lines of several writers would mix.
func (d *Decoder) joins(o *origin) bool {
	c := &o.source.Container
	return d.settings.Join == JoinOn && (c.ID != "" || c.Name != "" || d.settings.OneWriter)
}

// trace takes a line that may begin or continue a record. The line before it is emitted, or both wait.
func (r *reading) trace() {
	p, rec := &r.pending, &r.rec
	if p.set && (p.origin != r.origin || p.rec.Stream != rec.Stream) {
		r.settle()
	}
	switch {
	case p.set:
		if join.MayJoin(p.rec.Text, rec.Text) && r.hold(rec.Text, rec.Time) {
			r.stats.Continued++
			return
		}
		r.emitPending()
	case r.origin.waiting.Load() > 0:
		continued, cut, done := r.d.traces.offer(r, rec.Text)
		if cut {
			r.stats.CutRecords++
		}
		r.complete(done)
		if continued {
			r.stats.Continued++
			return
		}
	}
	p.set, p.rec, p.fields, p.ev, p.origin, p.key = true, *rec, r.fields, r.ev, r.origin, ""
	p.rec.Fields = &p.fields
	if r.scan.textKey != nil {
		p.key = r.scan.textKey.name
	}
	p.plain, r.plain = r.plain, p.plain // the text may lie in it
}

// settle emits the last line, or lets it wait if a line of a later chunk can continue it.
func (r *reading) settle() {
	if r.pending.set && !r.hold(nil, 0) {
		r.emitPending()
	}
}

// hold lets the last line wait, together with the one that continues it; nil: without one. It reports whether it does.
func (r *reading) hold(next []byte, time int64) bool {
	p := &r.pending
	state, ok := join.Begin(p.rec.Text, p.rec.Time)
	if !ok || next != nil && state.Continue(next, time) != join.Continues {
		return false
	}
	l := &line{
		origin: p.origin, stream: p.rec.Stream, severity: p.rec.Severity, since: r.now, time: p.rec.Time, textKey: p.key,
		text: append([]byte(nil), p.rec.Text...), event: append([]byte(nil), r.b[p.ev.start:p.ev.end]...), body: p.ev.body - p.ev.start, meta: -1,
	}
	if next != nil {
		l.text = append(append(l.text, '\n'), next...)
	}
	if p.ev.meta >= 0 {
		l.meta = p.ev.meta - p.ev.start
	}
	if g := p.fields.group; len(g) <= maxKeptGroup {
		l.group = append([]byte(nil), g...)
	}
	p.set = false
	last := p.rec.Time
	if l.key = r.d.journal.name(); l.key != "" {
		l.events = append(l.events, digestOf(l.event))
		if next != nil {
			l.events = append(l.events, r.digest())
		}
	}
	if next != nil {
		last = time
	}
	r.complete(r.d.traces.hold(p.origin, &trace{line: l, state: state, since: r.now, lastTime: last}))
	return true
}

func (r *reading) emitPending() {
	p := &r.pending
	p.set = false
	r.stats.Records++
	r.fn(&p.rec, r.b[p.ev.start:p.ev.end])
}

// complete emits records that no further line continues.
func (r *reading) complete(done []*trace) {
	for _, t := range done {
		l := t.line
		if l.timedOut {
			r.stats.CutRecords++
		}
		if n := t.state.Lines(); n > 1 {
			r.stats.JoinedRecords++
			r.stats.JoinedLines += int64(n)
		}
		f := fields{b: l.event, body: l.body, meta: l.meta, group: l.group, keepANSI: r.d.settings.KeepANSI}
		text := join.Text(l.text)
		if t.state.Lines() > 1 {
			f.textKey, f.text = l.textKey, text
		}
		r.stats.Records++
		r.fn(&engine.Record{Time: l.time, Text: text, Stream: l.stream, Severity: l.severity, Source: &l.origin.source, Fields: &f}, l.event)
		// The fields are valid only during the call.
		f.b = nil
	}
}
