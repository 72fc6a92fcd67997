package chunk

import (
	"bytes"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// maxSpans bounds the values of one record that tell where it comes from; more than nine are never seen.
const maxSpans = 16

// span is the raw value of a key that tells where a record comes from.
type span struct {
	role       role
	start, end int
}

// scan is what one pass over a record's body finds.
type scan struct {
	found
	layout layout
	count  int // of spans
	spans  [maxSpans]span
}

// found is the part of a scan that is cleared for each record. Values are kept as positions and read when they are needed; 0 is "not
// there", since no value of an event can begin at position 0.
type found struct {
	textStart, textEnd int
	textKey            *key // nil when the body itself is the text, or there is none
	textRank           uint8
	levelRank          uint8
	keyIsStream        bool // the stream came from the key "stream"
	journal            bool // a container's record from journald
	stream             engine.Stream
	level              int
	pri, priority      int
	pairs              int // of the body, when it is a map

	partialMessage, partialID, partialOrdinal, partialLast int
	logtag, flag, journalPartial                           int
}

// reset forgets the last record.
func (s *scan) reset() { s.found, s.count = found{}, 0 }

// hasText reports whether the record holds a text, be it empty.
func (s *scan) hasText() bool { return s.textStart != 0 }

// body walks the value at i, a record's body, once. next is its end, or how far the walk came. A body is a map, a text or nil. Anything else,
// or a map or an array as a key, is no record, but what an event that was cut short has taken of the next one.
func (s *scan) body(b []byte, i int, keys *keyTable, last *span) (next int, ok bool) {
	if i >= len(b) {
		return i, false
	}
	pairs, first, isMap := mapAt(b, i)
	if !isMap {
		if start, end, isText := text(b, i); isText {
			s.textStart, s.textEnd = start, end
			return end, true
		}
		return i + 1, b[i] == mpNil
	}
	s.pairs = pairs
	for i = first; pairs > 0; pairs-- {
		if i >= len(b) {
			return i, false
		}
		var k *key
		place := s.pairs - pairs
		if place < maxLayout && s.layout[place].match(b, i) {
			k, i = s.layout[place].key, i+s.layout[place].length
			if i >= len(b) {
				return len(b), false
			}
		} else if start, end, isText := text(b, i); isText && end < len(b) {
			k = keys.find(b, start, end)
			if place < maxLayout {
				s.layout[place].note(b, i, end, k)
			}
			i = end
		} else if t := b[i]; isText || !scalar(t) && t != mpNil {
			return i, false
		} else if i, ok = skip(b, i); !ok || i >= len(b) {
			return i, false
		}
		value := i
		if k != nil && k.role == roleKubernetes {
			// The map is the same for all records of a pod: comparing it with the last one is far cheaper than walking it.
			if n := last.end - last.start; n > 0 && n <= len(b)-i && bytes.Equal(b[i:i+n], b[last.start:last.end]) {
				i += n
				s.add(*last)
				continue
			}
		}
		if t := b[i]; t&0xe0 == mpFixstr {
			if i += 1 + int(t&0x1f); i > len(b) {
				return len(b), false
			}
		} else if t == mpStr8 && i+1 < len(b) {
			if i += 2 + int(b[i+1]); i > len(b) {
				return len(b), false
			}
		} else if i, ok = skip(b, i); !ok {
			return i, false
		}
		if k != nil {
			s.take(b, k, value, i)
			if k.role == roleKubernetes {
				*last = span{roleKubernetes, value, i}
			}
		}
	}
	return i, true
}

func (s *scan) add(sp span) {
	if s.count < maxSpans {
		s.spans[s.count] = sp
		s.count++
	}
}

// take notes the value of a key that means something to us.
func (s *scan) take(b []byte, k *key, value, end int) {
	if k.logRank != 0 && (s.textRank == 0 || k.logRank < s.textRank) {
		if start, stop, ok := text(b, value); ok {
			s.textStart, s.textEnd, s.textRank, s.textKey = start, stop, k.logRank, k
		}
	}
	if k.levelRank != 0 && (s.levelRank == 0 || k.levelRank < s.levelRank) {
		s.level, s.levelRank = value, k.levelRank
	}
	if k.role >= firstIdentity {
		s.takeIdentity(b, k.role, value, end)
		return
	}
	switch k.role {
	case roleStream, roleSource:
		if stream := streamAt(b, value); stream != engine.StreamUnknown {
			s.stream, s.keyIsStream = stream, k.role == roleStream
		}
	case rolePri:
		s.pri = value
	case rolePriority:
		s.priority = value
	case rolePartialMessage:
		s.partialMessage = value
	case rolePartialID:
		s.partialID = value
	case rolePartialOrdinal:
		s.partialOrdinal = value
	case rolePartialLast:
		s.partialLast = value
	case roleLogtag:
		s.logtag = value
	case roleFlag:
		s.flag = value
	case roleJournalPartial:
		s.journalPartial = value
	}
}

// takeIdentity notes a value that tells where the record comes from. Values that cannot do so are left out, so that fields which differ
// from line to line, such as the path of a request, do not make each line an origin of its own.
func (s *scan) takeIdentity(b []byte, r role, value, end int) {
	switch r {
	case roleJournalID, roleJournalIDFull, roleJournalName:
		s.journal = true
	case rolePath:
		if !bytes.Contains(b[value:end], []byte(".log")) {
			return
		}
	case roleLabels:
		if raw := b[value:end]; !bytes.Contains(raw, []byte("fluentbit-trigger.")) && !bytes.Contains(raw, []byte("com.docker.")) {
			return
		}
	}
	s.add(span{r, value, end})
}

// finish settles what only the whole record can tell.
func (s *scan) finish() {
	if s.pri != 0 {
		return
	}
	// Without a priority the record is not syslog's, and "host" and "ident" are anything.
	for i := 0; i < s.count; {
		if r := s.spans[i].role; r == roleSyslogHost || r == roleSyslogIdent {
			s.count--
			copy(s.spans[i:s.count], s.spans[i+1:s.count+1])
			continue
		}
		i++
	}
}

func streamAt(b []byte, i int) engine.Stream {
	start, end, ok := text(b, i)
	if !ok {
		return engine.StreamUnknown
	}
	switch string(b[start:end]) {
	case "stdout":
		return engine.Stdout
	case "stderr":
		return engine.Stderr
	}
	return engine.StreamUnknown
}

// settle derives severity, and the stream of journald's records, from what the pass found. Docker's journald driver writes PRIORITY 3 for
// every line on stderr and 6 for every line on stdout: for its records PRIORITY is the stream, and says nothing about severity.
func (s *scan) settle(b []byte, meta int) (severity engine.Severity) {
	if meta >= 0 {
		severity = metadataSeverity(b, meta)
	}
	if s.priority != 0 {
		n, ok := smallNumber(b, s.priority)
		switch {
		case !ok:
		case !s.journal:
			if severity == engine.SeverityUnknown {
				severity = engine.SyslogSeverity(n)
			}
		case s.stream == engine.StreamUnknown && n == 3:
			s.stream = engine.Stderr
		case s.stream == engine.StreamUnknown && n == 6:
			s.stream = engine.Stdout
		}
	}
	if severity == engine.SeverityUnknown && s.pri != 0 {
		if n, ok := smallNumber(b, s.pri); ok {
			severity = engine.SyslogSeverity(n % 8)
		}
	}
	if severity == engine.SeverityUnknown && s.level != 0 {
		severity = levelAt(b, s.level)
	}
	return severity
}
