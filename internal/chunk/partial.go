package chunk

import (
	"cmp"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/aged"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
)

// form is the way in which a source marks a record as a part of a line.
type form uint8

const (
	formNone     form = iota
	formFluentd       // Docker's fluentd driver: partial_message, partial_id, partial_ordinal, partial_last
	formCRI           // the parser "cri": logtag, P or F
	formCRIMulti      // multiline.parser cri: _p, of the first part that Fluent Bit joined itself
	formJournald      // Docker's journald driver: CONTAINER_PARTIAL_MESSAGE on all parts but the last; newer ones number the parts
	formJSONFile      // Docker's json-file driver: the last part alone ends in a line feed
	formEvents        // Fluent Bit's docker_events: what was read from the engine at once, any number of events and parts of them
)

// part is a record's place in a line.
type part struct {
	form    form
	more    bool   // the line goes on in another record
	id      []byte // partial_id
	ordinal int64  // partial_ordinal, from 1; 0: the parts have no numbers
}

// dockerPart is where Docker (for every driver but few) and containerd cut a long line.
const dockerPart = 16 << 10

// mayBePart reports whether the record has keys that partOf looks at.
func (s *scan) mayBePart() bool {
	return s.special || s.journal || s.keyIsStream || s.logtag != 0 || s.flag != 0
}

// partOf returns a record's place in a line, by the rules of the form that its keys show. A whole line is never taken for a part:
//
//   - fluentd driver, parser "cri" and journald driver say so themselves.
//   - multiline.parser cri joins the parts itself and keeps the keys of the first, so that _p is P on every long line that is whole. A part
//     is left only when Fluent Bit's flush timer cuts the line (every 4 s): then it consists of whole parts, of 16 KiB each.
//   - json-file puts a line feed at the end of every line but one: what a container wrote last without one. That, and lines of parsers that
//     strip line feeds, must not wait, so only what is as long as Docker's parts is a part: 16 KiB, up to three times that because bytes that
//     are not UTF-8 grow to U+FFFD. Only records that hold the line in "log" and the stream in "stream", and show no other form, come from
//     json-file.
func (s *scan) partOf(b []byte) part {
	switch {
	case s.partialMessage != 0 && isTrue(b, s.partialMessage):
		p := part{form: formFluentd, more: !isTrue(b, s.partialLast)}
		s.number(b, &p)
		return p
	case s.logtag != 0:
		if tag := tagAt(b, s.logtag); tag != 0 {
			return part{form: formCRI, more: tag == 'P'}
		}
	case s.flag != 0:
		if tag := tagAt(b, s.flag); tag != 0 {
			n := s.textEnd - s.textStart
			return part{form: formCRIMulti, more: tag == 'P' && n > 0 && n%dockerPart == 0}
		}
	case s.journal:
		p := part{form: formJournald, more: s.journalPartial != 0 && isTrue(b, s.journalPartial)}
		s.number(b, &p)
		return p
	case s.keyIsStream && s.textKey != nil && s.textKey.name == "log":
		n := s.textEnd - s.textStart
		return part{form: formJSONFile, more: n >= dockerPart && n <= 3*dockerPart && b[s.textEnd-1] != '\n'}
	}
	return part{}
}

// number sets the id of the line and the number of the part, if the driver adds them.
func (s *scan) number(b []byte, p *part) {
	if start, end, ok := msgpack.Text(b, s.partialID); ok && s.partialID != 0 {
		p.id = b[start:end]
	}
	if s.partialOrdinal != 0 {
		n, _ := smallNumber(b, s.partialOrdinal)
		p.ordinal = max(n, 0)
	}
}

// isTrue reports whether the value at i is true, as a boolean or as text.
func isTrue(b []byte, i int) bool {
	if i == 0 || i >= len(b) {
		return false
	}
	start, end, ok := msgpack.Text(b, i)
	return b[i] == msgpack.True || ok && string(b[start:end]) == "true"
}

// tagAt returns 'P' or 'F' for a tag of the container runtime interface, which may have further tags behind a colon; 0 for anything else.
func tagAt(b []byte, i int) byte {
	start, end, ok := msgpack.Text(b, i)
	if !ok || start == end || end-start > 1 && b[start+1] != ':' {
		return 0
	}
	if t := b[start]; t == 'P' || t == 'F' {
		return t
	}
	return 0
}

// line is an unfinished line: the text so far, and the event of its first part, whose time and fields the line takes.
type line struct {
	place      aged.Place[*line] // in the joiner's list
	sibling    *line             // the next one of the same origin and stream
	origin     *origin
	stream     engine.Stream
	severity   engine.Severity
	form       form
	since      int64
	time       int64
	text       []byte
	id         []byte
	cut        bool // longer than a line may be: the rest is dropped
	timedOut   bool // handed over without its end
	event      []byte
	body, meta int // positions in event
	group      []byte
	textKey    string
	key        string   // in the journal; "": nobody saves it
	events     []uint64 // digests of its events
	restored   bool     // by RestoreHeld

	// Of a line of numbered parts. The text ends before the expected one.
	ordinal     int64 // of the part whose event is kept; 0: the parts have no numbers
	expected    int64
	lastOrdinal int64 // 0: it has not come yet
	pending     pending
}

// size is the line's share of the bound of all unfinished lines.
// Place implements aged.Member.
func (l *line) Place() *aged.Place[*line] { return &l.place }

// Size implements aged.Member.
func (l *line) Size() int {
	return cap(l.text) + len(l.event) + len(l.group) + len(l.id) + l.pending.size() + 256
}

// continues reports whether a part, numbered as those of this line are, belongs to it.
func (l *line) continues(p part) bool { return l.form == p.form && string(l.id) == string(p.id) }

// whole reports whether all numbered parts are there.
func (l *line) whole() bool { return l.lastOrdinal != 0 && l.expected > l.lastOrdinal }

// restart gives the line the event of an earlier part.
func (l *line) restart(first *line) {
	l.event, l.body, l.meta, l.group, l.textKey = first.event, first.body, first.meta, first.group, first.textKey
	l.time, l.severity, l.ordinal = first.time, first.severity, first.ordinal
}

// pending is the parts of a line that came before those in front of them, in the order of their numbers.
type pending struct {
	parts []pendingPart
	bytes int
}

type pendingPart struct {
	ordinal int64
	text    []byte
}

// pendingOverhead is about the size of a part without its text, in bytes.
const pendingOverhead = 48

// add keeps a copy of a part, unless it came already or is in front of the next one that is expected. It returns how many bytes there was no room
// for; then the part is missing.
func (p *pending) add(ordinal int64, text []byte, expected int64, room int) (dropped int) {
	at, known := slices.BinarySearchFunc(p.parts, ordinal, func(a pendingPart, b int64) int { return cmp.Compare(a.ordinal, b) })
	switch {
	case known || ordinal < expected:
		return 0
	case len(p.parts) >= maxPending || p.bytes+len(text) > room:
		return len(text)
	}
	p.parts = slices.Insert(p.parts, at, pendingPart{ordinal, slices.Clone(text)})
	p.bytes += len(text)
	return 0
}

// shift takes the first part out.
func (p *pending) shift() []byte {
	text := p.parts[0].text
	p.parts = slices.Delete(p.parts, 0, 1)
	p.bytes -= len(text)
	return text
}

// appendTo appends the texts of all parts.
func (p *pending) appendTo(dst []byte) []byte {
	for _, part := range p.parts {
		dst = append(dst, part.text...)
	}
	return dst
}

func (p *pending) size() int { return p.bytes + pendingOverhead*len(p.parts) }
