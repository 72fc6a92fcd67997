package chunk

import (
	"sync"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Bounds of unfinished lines.
const (
	maxLineBytes = 1 << 20        // of one line
	maxHeldBytes = 64 << 20       // of all
	maxHeldLines = 10_000         // in number
	maxHeldTime  = 10_000_000_000 // nanoseconds, from the first part
	maxKeptGroup = 64 << 10       // bytes of OTLP context kept for the fields of an unfinished line
)

// joiner holds the unfinished lines of all origins, the oldest first. Lines that leave it are returned, never handed on from within, so
// that nobody is called with the mutex held. It is safe for concurrent use.
type joiner struct {
	mu           sync.Mutex
	oldest, last *line
	lines, bytes int
	limitLines   int
	limitBytes   int
	limitLine    int
	droppedBytes int64 // of lines that were longer than a line may be
}

func newJoiner() *joiner {
	return &joiner{limitLines: maxHeldLines, limitBytes: maxHeldBytes, limitLine: maxLineBytes}
}

// offer gives the joiner a record. taken says that the record became part of a line, which is among done when it is complete; otherwise the
// record is a line itself. done also holds lines that were given up, for want of room or because this record cannot continue them.
func (j *joiner) offer(r *reading, p part, done []*line) (out []*line, taken bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	at := &r.origin.lines[r.scan.stream]
	if l := *at; l != nil && !l.continues(p) {
		done = append(done, j.giveUp(l))
	}
	l := *at
	if l == nil {
		if !p.more {
			return done, false
		}
		l = r.unfinished(p)
		*at = l
		r.origin.held.Add(1)
		j.append(l)
	} else if p.form == formFluentd && p.ordinal != 0 && p.ordinal != l.ordinal+1 {
		l.gap = true
	}
	l.ordinal = p.ordinal
	j.bytes -= l.size()
	piece := r.text()
	if room := j.limitLine - len(l.text); len(piece) > room && (p.more || len(safetext.TrimEnd(piece)) > room) {
		j.droppedBytes += int64(len(piece) - max(room, 0))
		piece, l.cut = piece[:max(room, 0)], true
	}
	l.text = append(l.text, piece...)
	j.bytes += l.size()
	if !p.more {
		j.remove(l)
		done = append(done, l)
	}
	for j.oldest != nil && (j.lines > j.limitLines || j.bytes > j.limitBytes) {
		done = append(done, j.giveUp(j.oldest))
	}
	return done, true
}

// expire gives up the lines whose first part came before the given moment, all of them when all is set. A first part from after latest came
// before the clock was set back, and is given up too.
func (j *joiner) expire(before, latest int64, all bool) (done []*line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for l := j.oldest; l != nil; {
		next := l.next
		if all || l.since <= before || l.since > latest {
			done = append(done, j.giveUp(l))
		}
		l = next
	}
	return done
}

func (j *joiner) giveUp(l *line) *line {
	l.timedOut = true
	j.remove(l)
	return l
}

func (j *joiner) append(l *line) {
	l.prev = j.last
	if j.last == nil {
		j.oldest = l
	} else {
		j.last.next = l
	}
	j.last = l
	j.lines++
	j.bytes += l.size()
}

func (j *joiner) remove(l *line) {
	if l.prev == nil {
		j.oldest = l.next
	} else {
		l.prev.next = l.next
	}
	if l.next == nil {
		j.last = l.prev
	} else {
		l.next.prev = l.prev
	}
	l.next, l.prev = nil, nil
	j.lines--
	j.bytes -= l.size()
	l.origin.lines[l.stream] = nil
	l.origin.held.Add(-1)
}

func (j *joiner) state() (lines, bytes int, dropped int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines, j.bytes, j.droppedBytes
}

// joined makes the reading's record of the line, which nobody changes any more.
func (r *reading) joined(l *line) {
	text := r.plainText(l.text)
	r.fields = fields{b: l.event, body: l.body, meta: l.meta, group: l.group, textKey: l.textKey, text: text, keepANSI: r.d.settings.KeepANSI}
	r.rec = engine.Record{
		Time: l.time, Text: text, Stream: l.stream, Severity: l.severity, Truncated: l.cut || l.gap || l.timedOut,
		Source: &l.origin.source, Fields: &r.fields,
	}
}
