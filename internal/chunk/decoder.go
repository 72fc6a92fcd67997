package chunk

import (
	"fmt"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/own"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Func receives one line, or one event of a container, whose record has the fields of a *docker.ContainerEvent. The record's text and fields, and raw, the bytes of the line's event (of the first one for a joined line), are
// valid only until it returns; the record's Source stays valid.
type Func = func(rec *engine.Record, raw []byte)

// Decoder turns chunks into records. It is safe for concurrent use; concurrently decoded chunks of one origin are in no particular order.
type Decoder struct {
	keys    *keyTable
	events  []string // globs of the tags of docker_events
	origins *origins
	joiner  *joiner
	traces  traces
	journal journal
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
	d := &Decoder{keys: newKeyTable(s), events: s.EventTags, origins: found, joiner: newJoiner(), traces: traces{limitBytes: maxTraceBytes}, settings: s}
	d.joiner.journal, d.traces.journal = &d.journal, &d.journal
	return d, nil
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

	dockerEvents bool // the chunk is one of docker_events

	ev         event
	scan       scan
	origin     *origin
	severity   engine.Severity
	metaStream engine.Stream // by the metadata
	json       []byte        // reused buffer: the JSON text of a record without a text
	plain      []byte        // reused buffer: a line without terminal sequences
	hasJSON    bool

	memo     memo
	kube     span       // the last kubernetes map
	resource span       // of the present group
	by       originator // of the group's records: byResource if the resource identifies their origin
	group    int        // position of the group's body, 0 outside of a group

	rec     engine.Record
	fields  fields
	done    []*line
	pending lookahead
	stats   Stats
	touched byte // by readAhead; nobody looks at it
}

// Decode calls fn for every complete line of the chunk, in order. It copies parts of a line and keeps them until the last part comes, in this chunk or
// another. now, in ns since 1970, is their time of arrival, and the time of records without a valid one. For any input Decode does not panic and takes
// time linear in its length: it counts and skips events that it cannot read.
func (d *Decoder) Decode(chunk []byte, tag string, now int64, fn Func) {
	r, _ := d.scratch.Get().(*reading)
	if r == nil {
		r = &reading{}
	}
	r.d, r.fn, r.b, r.tag, r.now, r.dockerEvents = d, fn, chunk, tag, now, d.isDockerEvents(tag)
	r.fields.keepANSI = d.settings.KeepANSI
	// Its spans are positions in the chunk before.
	r.memo.forget()
	defer r.release()
	r.run()
	r.settle()
}

// maxKeptJSON bounds the buffers that a reading keeps.
const maxKeptJSON = 1 << 20

// release adds the counts to the decoder's and puts the reading back into the pool, without references to the chunk. It also runs after a panic of fn.
func (r *reading) release() {
	d := r.d
	d.stats.add(&r.stats)
	r.stats = Stats{}
	r.d, r.fn, r.b, r.tag, r.origin = nil, nil, nil, "", nil
	r.rec, r.fields = engine.Record{}, fields{}
	r.pending = lookahead{plain: r.pending.plain}
	r.kube, r.resource, r.by, r.group = span{}, span{}, byAnyone, 0
	// Up to the capacity, because lines behind the length would stay in memory.
	clear(r.done[:cap(r.done)])
	r.done = r.done[:0]
	if cap(r.json) > maxKeptJSON {
		r.json = nil
	}
	if cap(r.plain) > maxKeptJSON {
		r.plain = nil
	}
	if cap(r.pending.plain) > maxKeptJSON {
		r.pending.plain = nil
	}
	d.scratch.Put(r)
}

// failureBudget bounds the bytes that are read in vain, as a multiple of the chunk: bytes that repeatedly look like the beginning of an event must not
// make decoding slow.
const failureBudget = 8

// The walk jumps from the head of an event to the end of its text, which the processor does not foresee. So run reads a byte of each cache line that comes
// within readAhead bytes: by the time the walk is there, the line is in the cache.
const (
	readAhead = 768
	cacheLine = 64
)

// run reads all events. After bytes that are not an event it continues at the next position where one begins.
func (r *reading) run() {
	budget := failureBudget*len(r.b) + 4096
	ahead := 0
	for i := 0; i < len(r.b); {
		for ; ahead < min(i+readAhead, len(r.b)); ahead += cacheLine {
			r.touched ^= r.b[ahead]
		}
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

// event reads the event at i and emits its line. next is the position after it, or, if it is broken, how far the reading came; a broken event emits
// nothing.
func (r *reading) event(i int) (next int, ok bool) {
	b := r.b
	ev, ok := header(b, i, r.now)
	if !ok {
		return ev.end, false
	}
	r.severity, r.metaStream = engine.SeverityUnknown, engine.StreamUnknown
	if ev.meta >= 0 {
		if ev.body, r.severity, r.metaStream, ok = readMetadata(b, ev.meta); !ok {
			return ev.body, false
		}
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

// enterGroup handles a group's start or end marker. Groups end with their chunk.
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

// line emits the line of the event, or adds it to the joiner if it is a part of a line.
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
	if r.comesAgain() {
		r.stats.Continued++
		return
	}
	r.severity = s.severityOf(b, r.severity, r.metaStream)
	var p part
	if s.mayBePart() {
		p = s.partOf(b)
	}
	if r.dockerEvents {
		p = r.eventPart()
	}
	if p.more || p.ordinal > 1 || r.origin.held.Load() != 0 {
		r.settle() // lines keep their order
		if r.join(p) {
			return
		}
	}
	rec, f := &r.rec, &r.fields
	f.b, f.body, f.meta, f.group = b, r.ev.body, r.ev.meta, r.groupBody()
	if f.textKey != "" { // left by a joined line
		f.textKey, f.text = "", nil
	}
	rec.Time, rec.Stream, rec.Severity = r.ev.time, s.stream, r.severity
	rec.Text = r.plainText(r.text())
	rec.Truncated = false
	rec.Source, rec.Fields = &r.origin.source, f
	rec.Own = s.special && (s.alert || s.cloudEvent) && own.IsBody(b, r.ev.body, s.cloudEvent)
	if r.dockerEvents {
		if s.textKey != nil {
			f.textKey = s.textKey.name
		}
		r.eachEvent(b[r.ev.start:r.ev.end])
		return
	}
	if !rec.Own && !r.hasJSON && r.d.joins(r.origin) {
		r.trace()
		return
	}
	r.settle()
	r.stats.Records++
	r.fn(rec, b[r.ev.start:r.ev.end])
}

// plainText is Settings.Line with the reading's buffer, which lines without sequences do not use.
func (r *reading) plainText(text []byte) []byte {
	line := safetext.TrimEnd(text)
	if r.d.settings.KeepANSI || !safetext.HasSequence(line) {
		return line
	}
	line, r.plain = safetext.Line(r.plain, text, false)
	return line
}

// text returns the record's text.
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

// join offers the record to the joiner and emits the lines that leave it. It reports whether the record became part of a line.
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

// hand emits a line that left the joiner.
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

// unfinished returns a new line that begins with the record. It copies the event, because the chunk is freed before the last part comes.
func (r *reading) unfinished(p part) *line {
	l := &line{
		origin: r.origin, stream: r.scan.stream, severity: r.severity, form: p.form, since: r.now, time: r.ev.time,
		id: append([]byte(nil), p.id...), ordinal: p.ordinal, expected: 1,
		event: append([]byte(nil), r.b[r.ev.start:r.ev.end]...), body: r.ev.body - r.ev.start, meta: -1, key: r.d.journal.name(),
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

// Expire emits the lines whose first part came at least ten seconds ago, marked as truncated, and the records of stack traces whose last line came at least
// two seconds ago.
func (d *Decoder) Expire(now int64, fn Func) {
	d.complete(d.traces.expire(now-maxTraceWait, now+maxTraceWait, false), fn)
	d.flush(d.joiner.expire(now-maxHeldTime, now+maxHeldTime, false), fn)
}

// NextExpiry returns the first moment at which Expire emits something that waits now; ok is false when nothing waits.
func (d *Decoder) NextExpiry() (at int64, ok bool) {
	at, ok = d.traces.expiry()
	if line, waits := d.joiner.expiry(); waits && (!ok || line < at) {
		return line, true
	}
	return at, ok
}

// Drain emits all unfinished lines, marked as truncated, and all records that wait.
func (d *Decoder) Drain(fn Func) {
	d.complete(d.traces.expire(0, 0, true), fn)
	d.flush(d.joiner.expire(0, 0, true), fn)
}

func (d *Decoder) complete(done []*trace, fn Func) {
	if len(done) == 0 {
		return
	}
	r := &reading{d: d, fn: fn}
	defer r.release()
	r.complete(done)
}

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
