package chunk

import (
	"fmt"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Func receives one line, or one event of a container, whose record has the fields of a *docker.ContainerEvent. The record's text and fields, and raw, the bytes of the line's event (of the first one for a joined line), are
// valid only until it returns; the record's Source stays valid.
type Func = func(rec *engine.Record, raw []byte)

// Decoder turns chunks into records. It is safe for concurrent use; chunks of one origin that are decoded at the same time are in no order.
type Decoder struct {
	keys    *keyTable
	events  []string // globs of the tags of docker_events
	origins *origins
	joiner  *joiner
	stops   docker.Stops // of the events of containers
	scratch sync.Pool    // *reading
	stats   counters

	settings Settings
}

// New returns a decoder with the given settings.
func New(s Settings) (*Decoder, error) {
	if err := setting.Join(s.Validate()); err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	found, err := newOrigins(s)
	if err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	return &Decoder{keys: newKeyTable(s), events: s.EventTags, origins: found, joiner: newJoiner(), settings: s}, nil
}

// Settings returns the settings that the decoder was made with.
func (d *Decoder) Settings() *Settings { return &d.settings }

// reading is the state of one call of Decode.
type reading struct {
	d   *Decoder
	fn  Func
	b   []byte
	tag string
	now int64

	dockerEvents bool // the records are those of docker_events

	ev       event
	scan     scan
	origin   *origin
	severity engine.Severity
	json     []byte // the text of a record that has none, in a buffer that is used again
	plain    []byte // a line without terminal sequences, in a buffer that is used again
	hasJSON  bool

	memo     memo
	kube     span       // the last kubernetes map
	resource span       // of the group that the reading is in
	by       originator // of the group's records: byResource when the resource says where they are from
	group    int        // position of the group's body, 0 outside of a group

	rec    engine.Record
	fields fields
	done   []*line
	stats  Stats
}

// Decode calls fn for every line of the chunk that is complete, in order. Parts of a line are copied and held until the last one comes, in
// this chunk or another. now, in nanoseconds since 1970, times them, and stands in for a time that cannot be read. Whatever the input, it
// neither panics nor takes more than a time that is linear in its length: an event that cannot be read is counted and passed over.
func (d *Decoder) Decode(chunk []byte, tag string, now int64, fn Func) {
	r, _ := d.scratch.Get().(*reading)
	if r == nil {
		r = &reading{}
	}
	r.d, r.fn, r.b, r.tag, r.now, r.dockerEvents = d, fn, chunk, tag, now, d.isDockerEvents(tag)
	r.fields.keepANSI = d.settings.KeepANSI
	r.memo.forget()
	defer r.release()
	r.run()
}

// maxKeptJSON is the size up to which a reading keeps its buffer.
const maxKeptJSON = 1 << 20

// release adds up what was counted and gives the reading back, holding on to nothing of the chunk; also when fn panicked.
func (r *reading) release() {
	d := r.d
	d.stats.add(&r.stats)
	r.stats = Stats{}
	r.d, r.fn, r.b, r.tag, r.origin = nil, nil, nil, "", nil
	r.rec, r.fields = engine.Record{}, fields{}
	r.kube, r.resource, r.by, r.group = span{}, span{}, byAnyone, 0
	clear(r.done[:cap(r.done)])
	r.done = r.done[:0]
	if cap(r.json) > maxKeptJSON {
		r.json = nil
	}
	if cap(r.plain) > maxKeptJSON {
		r.plain = nil
	}
	d.scratch.Put(r)
}

// failureBudget bounds the bytes read in vain, as a multiple of the chunk: bytes that look like the beginning of an event again and again
// must not make the reading slow.
const failureBudget = 8

// run reads event after event. Behind bytes that are no event it goes on at the next position where one begins.
func (r *reading) run() {
	budget := failureBudget*len(r.b) + 4096
	for i := 0; i < len(r.b); {
		reached, ok := r.event(i)
		if ok {
			i = reached
			continue
		}
		r.stats.Broken++
		start := i
		end, whole := msgpack.Skip(r.b, i)
		t := r.b[i]
		whole = whole && (t&0xe0 == msgpack.Fixmap || t >= msgpack.Array16 && t <= msgpack.Map32) // a map or an array, not a stray byte
		budget -= reached - i + end - i
		if !whole {
			end = len(r.b)
		}
		for i++; ; i++ {
			if i = nextPlausible(r.b, i, end); i >= end || budget < 0 {
				break
			}
			if reached, ok = likely(r.b, i); ok {
				if reached, ok = r.event(i); ok {
					break
				}
			}
			budget -= reached - i
		}
		if budget < 0 {
			r.stats.LostBytes += int64(len(r.b) - start)
			return
		}
		r.stats.LostBytes += int64(i - start)
		if i < end {
			i = reached
		}
	}
}

// event reads the event at i, and hands on the line in it. next is the position after it, or how far the reading came when it is broken.
// Nothing is handed on of a broken event.
func (r *reading) event(i int) (next int, ok bool) {
	b := r.b
	ev, reached, ok := header(b, i, r.now)
	if !ok {
		return reached, false
	}
	if ev.marker != markerNone {
		if ev.end, ok = msgpack.Skip(b, ev.body); !ok {
			return ev.end, false
		}
		r.enterGroup(ev)
		return ev.end, true
	}
	s := &r.scan
	s.reset()
	if r.resource.end > 0 {
		s.by = r.by
		s.add(r.resource)
	}
	if ev.end, ok = s.body(b, ev.body, r.d.keys, &r.kube); !ok {
		return ev.end, false
	}
	r.stats.Events++
	r.ev = ev
	r.line()
	return ev.end, true
}

// enterGroup takes note of a group's start or end. Groups do not reach beyond their chunk.
func (r *reading) enterGroup(ev event) {
	r.stats.Events++
	r.stats.Markers++
	r.group, r.resource, r.by = 0, span{}, byAnyone
	if ev.marker == markerEnd {
		return
	}
	r.group = ev.body
	if at, ok := msgpack.Child(r.b, ev.body, "resource"); ok {
		if end, ok := msgpack.Skip(r.b, at); ok {
			r.resource = span{roleResource, inAll, at, end}
		}
		if attributes, ok := msgpack.Child(r.b, at, "attributes"); ok && identifies(r.b, attributes) {
			r.by = byResource
		}
	}
}

// line makes a line of the event that was read, or a part of one.
func (r *reading) line() {
	b, s := r.b, &r.scan
	r.hasJSON = false
	if !s.hasText() {
		switch only := s.pairs == 0 || s.pairs == 1 && s.nilText; {
		case only && r.ev.meta >= 0 && r.bodyless():
		case s.pairs == 0:
			r.stats.Textless++
			return
		default:
			r.json, _ = appendJSON(r.json[:0], b, r.ev.body, 0)
		}
		r.hasJSON = true
	}
	if s.needsFinish() {
		s.finish(b)
	}
	r.origin = r.memo.find(b, s, r.d.origins, r.tag, r.now)
	if r.origin.excluded {
		r.stats.Excluded++
		return
	}
	r.severity = s.severityOf(b, r.ev.meta)
	p := s.partOf(b)
	if r.dockerEvents {
		p = r.eventPart()
	}
	if p.more || p.ordinal > 1 || r.origin.held.Load() != 0 {
		if r.join(p) {
			return
		}
	}
	rec, f := &r.rec, &r.fields
	f.b, f.body, f.meta, f.group = b, r.ev.body, r.ev.meta, r.groupBody()
	if f.textKey != "" { // of a joined line
		f.textKey, f.text = "", nil
	}
	rec.Time, rec.Stream, rec.Severity = r.ev.time, s.stream, r.severity
	rec.Text = r.plainText(r.text())
	rec.Truncated = false
	rec.Source, rec.Fields = &r.origin.source, f
	rec.Own = s.special && (s.alert || s.cloudEvent) && isAlert(b, r.ev.body, s.cloudEvent)
	if r.dockerEvents {
		if s.textKey != nil {
			f.textKey = s.textKey.name
		}
		r.eachEvent(b[r.ev.start:r.ev.end])
		return
	}
	r.stats.Records++
	r.fn(rec, b[r.ev.start:r.ev.end])
}

// plainText is Settings.Line, with the reading's buffer. Most lines hold no sequence, and then it writes nothing.
func (r *reading) plainText(text []byte) []byte {
	line := safetext.TrimEnd(text)
	if r.d.settings.KeepANSI || !safetext.HasSequence(line) {
		return line
	}
	line, r.plain = safetext.Line(r.plain, text, false)
	return line
}

// text is the line, or the part of one, in the record.
func (r *reading) text() []byte {
	if r.hasJSON {
		return r.json
	}
	return r.b[r.scan.textStart:r.scan.textEnd]
}

func (r *reading) groupBody() []byte {
	if r.group == 0 {
		return nil
	}
	return r.b[r.group:]
}

// join offers the record to the joiner, hands on what came out, and reports whether the record became part of a line.
func (r *reading) join(p part) bool {
	done, taken := r.d.joiner.offer(r, p, r.done[:0])
	r.done = done
	if taken {
		r.stats.Parts++
	}
	for _, l := range done {
		r.hand(l)
	}
	return taken
}

// hand hands on a line that left the joiner.
func (r *reading) hand(l *line) {
	if l.timedOut {
		r.stats.Cut++
	} else {
		r.stats.Joined++
	}
	if l.cut {
		r.stats.Overlong++
	}
	r.joined(l)
	if l.form == formEvents {
		r.eachEvent(l.event)
		return
	}
	r.stats.Records++
	r.fn(&r.rec, l.event)
}

// unfinished begins a line with the record. It copies the event: the chunk is gone when the last part comes.
func (r *reading) unfinished(p part) *line {
	l := &line{
		origin: r.origin, stream: r.scan.stream, severity: r.severity, form: p.form, since: r.now, time: r.ev.time,
		id: append([]byte(nil), p.id...), ordinal: p.ordinal, expected: 1,
		event: append([]byte(nil), r.b[r.ev.start:r.ev.end]...), body: r.ev.body - r.ev.start, meta: -1,
	}
	if r.ev.meta >= 0 {
		l.meta = r.ev.meta - r.ev.start
	}
	if r.scan.textKey != nil {
		l.textKey = r.scan.textKey.name
	}
	if r.group != 0 {
		if end, ok := msgpack.Skip(r.b, r.group); ok && end-r.group <= maxKeptGroup {
			l.group = append([]byte(nil), r.b[r.group:end]...)
		}
	}
	return l
}

// Expire hands over the lines whose first part came ten seconds ago or earlier, marked as truncated.
func (d *Decoder) Expire(now int64, fn Func) {
	d.flush(d.joiner.expire(now-maxHeldTime, now+maxHeldTime, false), fn)
}

// Drain hands over all unfinished lines, marked as truncated.
func (d *Decoder) Drain(fn Func) { d.flush(d.joiner.expire(0, 0, true), fn) }

func (d *Decoder) flush(done []*line, fn Func) {
	if len(done) == 0 {
		return
	}
	r := &reading{d: d, fn: fn}
	defer r.release()
	for _, l := range done {
		r.hand(l)
	}
}
