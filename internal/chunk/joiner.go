package chunk

import (
	"sync"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/aged"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Bounds of unfinished lines.
const (
	maxLineBytes = 1 << 20        // of one line
	maxHeldBytes = 64 << 20       // of all
	maxHeldLines = 10_000         // in number
	maxHeldTime  = 10_000_000_000 // nanoseconds, from the first part
	maxKeptGroup = 64 << 10       // bytes of OTLP context kept for the fields of an unfinished line
	maxNumbered  = 8              // lines of numbered parts, of one origin and stream
	maxPending   = 1024           // parts of a line that wait for those before them
)

// joiner holds the unfinished lines of all origins, oldest first. It returns lines instead of emitting them, so that no callback runs with its mutex
// held. It is safe for concurrent use.
type joiner struct {
	mu           sync.Mutex
	lines        aged.List[*line]
	limitLines   int
	limitBytes   int
	limitLine    int
	journal      *journal
	droppedBytes int64 // of lines that were longer than a line may be
}

func newJoiner() *joiner {
	return &joiner{limitLines: maxHeldLines, limitBytes: maxHeldBytes, limitLine: maxLineBytes}
}

// offer adds a record. taken is true if the record became part of a line, which is in done if it is complete; otherwise the record is a line itself. done
// also has lines that were cut short, for lack of room or because this record does not continue them.
func (j *joiner) offer(r *reading, p part, done []*line) (out []*line, taken bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var l *line
	if p.ordinal > 0 {
		l, done = j.numbered(r, p, done)
	} else {
		l, done = j.sequential(r, p, done)
	}
	if l == nil {
		return done, false
	}
	if p.ordinal > 0 {
		j.insert(r, l, p)
	} else {
		j.extend(l, r.text(), p.more)
	}
	// Before the bounds are checked, which go by the sum of the sizes.
	j.lines.Resized(l)
	// Before the line may leave: its last event must be recognized too if the chunk comes again.
	if l.key != "" {
		l.events = append(l.events, r.digest())
		j.journal.changed(l.key, l.encode)
	}
	if p.ordinal > 0 && l.whole() || p.ordinal <= 0 && !p.more {
		j.droppedBytes += int64(l.pending.bytes)
		j.remove(l)
		done = append(done, l)
	}
	for oldest := range j.lines.All {
		if j.lines.Number() <= j.limitLines && j.lines.Bytes() <= j.limitBytes {
			break
		}
		done = append(done, j.giveUp(oldest))
	}
	return done, true
}

// sequential returns the line that a part without a number belongs to, nil when the record is a line itself. Such parts follow each other: a
// record that cannot continue the line ends it.
func (j *joiner) sequential(r *reading, p part, done []*line) (*line, []*line) {
	l := r.origin.lines[r.scan.stream]
	for l != nil && l.ordinal > 0 {
		l = l.sibling
	}
	if l != nil && l.restored && !l.continues(p) && r.ev.time <= l.time {
		l = nil // a chunk that comes again begins with the lines before this one: they do not end it
	}
	if l != nil && !l.continues(p) {
		done = append(done, j.giveUp(l))
		l = nil
	}
	if l == nil && p.more {
		l = j.begin(r, p)
	}
	return l, done
}

// numbered returns the line that a part with a number belongs to, nil when the record is a line itself. Such lines are identified by their ids, so
// that they may come in any order, and whole lines between them.
func (j *joiner) numbered(r *reading, p part, done []*line) (*line, []*line) {
	var oldest *line
	count := 0
	for l := r.origin.lines[r.scan.stream]; l != nil; l = l.sibling {
		if l.ordinal == 0 {
			continue
		}
		if l.continues(p) {
			return l, done
		}
		oldest = l // the newest is the first in the list
		count++
	}
	// It is the only part of its line.
	if p.ordinal == 1 && !p.more {
		return nil, done
	}
	if count >= maxNumbered {
		done = append(done, j.giveUp(oldest))
	}
	return j.begin(r, p), done
}

func (j *joiner) begin(r *reading, p part) *line {
	l := r.unfinished(p)
	at := &r.origin.lines[r.scan.stream]
	l.sibling, *at = *at, l
	r.origin.held.Add(1)
	j.lines.Append(l)
	return l
}

// extend appends to the text of a line as far as there is room.
func (j *joiner) extend(l *line, piece []byte, more bool) {
	if room := j.limitLine - len(l.text) - l.pending.bytes; len(piece) > room && (more || len(safetext.TrimEnd(piece)) > room) {
		j.droppedBytes += int64(len(piece) - max(room, 0))
		piece, l.cut = piece[:max(room, 0)], true
	}
	l.text = append(l.text, piece...)
}

// insert adds a numbered part at its place. It ignores a part that came already.
func (j *joiner) insert(r *reading, l *line, p part) {
	if !p.more && l.lastOrdinal == 0 {
		l.lastOrdinal = p.ordinal
	}
	if p.ordinal < l.ordinal { // the event of a line is that of its first part
		l.restart(r.unfinished(p))
	}
	if p.ordinal != l.expected {
		dropped := l.pending.add(p.ordinal, r.text(), l.expected, j.limitLine-len(l.text))
		j.droppedBytes += int64(dropped)
		l.cut = l.cut || dropped > 0
		return
	}
	j.extend(l, r.text(), p.more)
	l.expected++
	for len(l.pending.parts) > 0 && l.pending.parts[0].ordinal == l.expected {
		piece := l.pending.shift()
		j.extend(l, piece, l.expected != l.lastOrdinal)
		l.expected++
	}
}

// expiry returns when the first unfinished line has waited long enough.
func (j *joiner) expiry() (at int64, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for l := range j.lines.All {
		return l.since + maxHeldTime, true
	}
	return 0, false
}

// expire gives up the lines whose first part came before the given moment, all of them when all is set. A first part from after latest came
// before the clock was set back, and is given up too.
func (j *joiner) expire(before, latest int64, all bool) (done []*line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for l := range j.lines.All {
		if all || l.since <= before || l.since > latest {
			done = append(done, j.giveUp(l))
		}
	}
	return done
}

func (j *joiner) giveUp(l *line) *line {
	l.timedOut = true
	j.remove(l)
	l.text, l.pending = l.pending.appendTo(l.text), pending{}
	return l
}

func (j *joiner) remove(l *line) {
	j.lines.Remove(l)
	at := &l.origin.lines[l.stream]
	for *at != l {
		at = &(*at).sibling
	}
	*at, l.sibling = l.sibling, nil
	l.origin.held.Add(-1)
	j.journal.complete(l.key, l.events)
}

func (j *joiner) state() (lines, bytes int, dropped int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines.Number(), j.lines.Bytes(), j.droppedBytes
}

// joined sets the reading's record to the line, which no longer changes.
func (r *reading) joined(l *line) {
	text := r.plainText(l.text)
	r.fields = fields{b: l.event, body: l.body, meta: l.meta, group: l.group, textKey: l.textKey, text: text, keepANSI: r.d.settings.KeepANSI}
	r.rec = engine.Record{
		Time: l.time, Text: text, Stream: l.stream, Severity: l.severity, Truncated: l.cut || l.timedOut,
		Source: &l.origin.source, Fields: &r.fields,
	}
}
