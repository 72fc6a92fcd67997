package chunk

import (
	"bytes"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
)

// span is the raw value of a key that identifies the record's origin.
type span struct {
	role       role
	in         uint8 // the originators whose records it counts in
	start, end int
}

// scan is the result of one pass over a record's body.
type scan struct {
	found
	rare
	layout layout
	spans  [maxSpans]span // one of each role at most
}

// found is the part of a scan that is cleared for each record. Values are kept as positions and read when they are needed; 0 is "not
// there", since no value of an event can begin at position 0.
type found struct {
	count              int    // of spans
	roles              uint64 // a bit for the role of each span
	textStart, textEnd int
	textKey            *key // nil when the body itself is the text, or there is none
	level              int
	logtag, flag       int
	pairs              int // of the body, when it is a map
	by                 originator
	textRank           uint8
	levelRank          uint8
	keyIsStream        bool // the stream came from the key "stream"
	journal            bool // a container's record from journald
	stream             engine.Stream
	special            bool // there is something in rare
}

// rare is the part of a scan that most records do not need. It is cleared only after records that do.
type rare struct {
	lower             bool // a record of journald, its keys in lower case
	gelf              bool // Docker's gelf driver
	short             bool // GELF
	nilText           bool // a key for the text holds nil
	alert, cloudEvent bool // there are keys that alerts of ours have, as such or as CloudEvents
	logMap            int  // the value of "log", when it is a map
	pri, priority     int
	priorityLower     int
	uid, command      int

	partialMessage, partialID, partialOrdinal, partialLast int
	journalPartial                                         int
}

// reset forgets the last record.
func (s *scan) reset() {
	if s.special {
		s.rare = rare{}
	}
	s.found = found{}
}

// hasText reports whether the record holds a text, be it empty.
func (s *scan) hasText() bool { return s.textStart != 0 }

// body walks the value at i, a record's body, once. next is its end, or how far the walk came. A body is a map, a text or nil. Anything else, or a map or
// array as a key, is not a record: it happens when an event is cut short and the next one follows.
func (s *scan) body(b []byte, i int, keys *keyTable, last *span) (next int, ok bool) {
	if i >= len(b) {
		return i, false
	}
	pairs, first, isMap := msgpack.Map(b, i)
	if !isMap {
		if start, end, isText := msgpack.Text(b, i); isText {
			s.textStart, s.textEnd = start, end
			return end, true
		}
		return i + 1, b[i] == msgpack.Nil
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
		} else if start, end, isText := msgpack.Text(b, i); isText && end < len(b) {
			k = keys.find(b, start, end)
			if place < maxLayout {
				s.layout[place].note(b, i, end, k)
			}
			i = end
		} else if t := b[i]; isText || !msgpack.IsScalar(t) && t != msgpack.Nil {
			return i, false
		} else if i, ok = msgpack.Skip(b, i); !ok || i >= len(b) {
			return i, false
		}
		value := i
		if k != nil && k.role == roleKubernetes {
			// The map is the same for all records of a pod: comparing it with the last one is far cheaper than walking it.
			if n := last.end - last.start; n > 0 && n <= len(b)-i && bytes.Equal(b[i:i+n], b[last.start:last.end]) {
				i += n
				s.raise(byKubernetes)
				s.add(span{roleKubernetes, inKubernetes, last.start, last.end})
				continue
			}
		}
		if t := b[i]; t&0xe0 == msgpack.Fixstr {
			if i += 1 + int(t&0x1f); i > len(b) {
				return len(b), false
			}
		} else if t == msgpack.Str8 && i+1 < len(b) {
			if i += 2 + int(b[i+1]); i > len(b) {
				return len(b), false
			}
		} else if i, ok = msgpack.Skip(b, i); !ok {
			return i, false
		}
		if k != nil {
			s.accept(b, k, value, i)
			if k.role == roleKubernetes {
				*last = span{role: roleKubernetes, start: value, end: i}
			}
		}
	}
	return i, true
}

// raise raises the originator of the record, and drops the spans that do not count in its records.
func (s *scan) raise(by originator) {
	if by <= s.by {
		return
	}
	s.by = by
	if s.count > 0 {
		s.drop(func(sp *span) bool { return sp.in&(1<<by) == 0 })
	}
}

// drop takes out the spans that fn reports.
func (s *scan) drop(fn func(*span) bool) {
	n := 0
	for i := range s.count {
		if sp := s.spans[i]; fn(&sp) {
			s.roles &^= 1 << sp.role
		} else {
			s.spans[n] = sp
			n++
		}
	}
	s.count = n
}

// add adds a span, unless it does not count for the record's originator. The last span of a role counts: Fluent Bit attaches its keys behind the members
// of a line that were merged into the record.
func (s *scan) add(sp span) {
	bit := uint64(1) << sp.role
	if sp.in>>s.by&1 == 0 || s.roles&bit != 0 {
		s.replace(sp)
		return
	}
	s.roles |= bit
	s.spans[s.count] = sp
	s.count++
}

// replace takes a span in the place of that of the same role, if it counts.
func (s *scan) replace(sp span) {
	if sp.in>>s.by&1 == 0 {
		return
	}
	for i := range s.count {
		if s.spans[i].role == sp.role {
			s.spans[i] = sp
		}
	}
}

// accept handles the value of a key with a meaning.
func (s *scan) accept(b []byte, k *key, value, end int) {
	if k.logRank|k.levelRank != 0 {
		s.acceptRanked(b, k, value)
	}
	if k.shows > s.by {
		s.raise(k.shows)
	}
	switch {
	case k.role >= firstIdentity:
		s.addIdentity(b, k, value, end)
	case k.role == roleNone:
	case k.role <= roleSource:
		if stream := streamAt(b, value); stream != engine.StreamUnknown {
			s.stream, s.keyIsStream = stream, k.role == roleStream
		}
	case k.role == roleLogtag:
		s.logtag = value
	case k.role == roleFlag:
		s.flag = value
	default:
		s.special = true
		s.acceptRare(b, k, value, end)
	}
}

// acceptRare notes the value of a key that most records do not have.
func (s *scan) acceptRare(b []byte, k *key, value, end int) {
	switch k.role {
	case rolePri:
		s.pri = value
	case rolePriority:
		s.priority = value
	case rolePriorityLower:
		s.priorityLower = value
	case rolePartialMessage:
		s.partialMessage = value
	case rolePartialID:
		s.partialID = value
	case rolePartialOrdinal:
		s.partialOrdinal = value
	case rolePartialLast:
		s.partialLast = value
	case roleJournalPartial:
		s.journalPartial = value
	case roleJournalLower:
		s.lower = true
	case roleUID:
		s.uid = value
	case roleCommand:
		s.command = value
	case roleShortMessage:
		s.short = true
	case roleGELFID:
		s.gelf = true
		s.add(span{roleContainerID, inAnyone, value, end})
	case roleContainerMap:
		s.addMembers(b, value, roleClaimedID, "id", roleClaimedName, "name")
		if image, ok := msgpack.Child(b, value, "image"); ok {
			s.addMembers(b, image, roleClaimedImage, "name", roleNone, "")
		}
	case roleServiceMap:
		s.addMembers(b, value, roleClaimedService, "name", roleNone, "")
	case roleAlert:
		s.alert = true
	case roleSpecVersion:
		s.cloudEvent = true
	}
}

// acceptRanked notes a value of a key that is in the lists of the settings.
func (s *scan) acceptRanked(b []byte, k *key, value int) {
	if k.logRank != 0 && (s.textRank == 0 || k.logRank <= s.textRank) {
		if start, stop, ok := msgpack.Text(b, value); ok {
			s.textStart, s.textEnd, s.textRank, s.textKey = start, stop, k.logRank, k
		} else if b[value] == msgpack.Nil {
			s.nilText, s.special = true, true
		} else if k.name == "log" && msgpack.IsMap(b[value]) {
			s.logMap, s.special = value, true
		}
	}
	if k.levelRank != 0 && (s.levelRank == 0 || k.levelRank <= s.levelRank) {
		s.level, s.levelRank = value, k.levelRank
	}
}

// addMembers notes members of a map that ECS gives a meaning to, and not the map itself: the others may differ from line to line.
func (s *scan) addMembers(b []byte, i int, first role, firstName string, second role, secondName string) {
	for _, m := range [...]struct {
		role role
		name string
	}{{first, firstName}, {second, secondName}} {
		if m.role == roleNone {
			continue
		}
		if at, ok := msgpack.Child(b, i, m.name); ok {
			if _, end, ok := msgpack.Text(b, at); ok {
				s.add(span{m.role, inAnyone, at, end})
			}
		}
	}
}

// addIdentity adds a value that identifies the record's origin. It leaves out values that cannot, so that fields which differ from line to line, such as
// the path of a request, do not make each line an origin of its own.
func (s *scan) addIdentity(b []byte, k *key, value, end int) {
	switch k.role {
	case roleJournalIDFull, roleJournalName, roleJournalID:
		s.journal = true
		if k.in&inJournalLower != 0 {
			s.lower, s.special = true, true
		}
	case roleUnit:
		if k.name[len(k.name)-1] >= 'a' {
			s.lower, s.special = true, true
		}
	case roleSyslogHost:
		if msgpack.IsMap(b[value]) {
			s.addMembers(b, value, roleHost, "name", roleNone, "")
			return
		}
	case rolePath:
		if !bytes.Contains(b[value:end], []byte(".log")) {
			return
		}
	case roleLabels:
		if raw := b[value:end]; !bytes.Contains(raw, []byte("fluentbit-trigger.")) && !bytes.Contains(raw, []byte("com.docker.")) {
			return
		}
	}
	if bit := uint64(1) << k.role; k.in>>s.by&1 != 0 && s.roles&bit == 0 { // as add does, which costs a call
		s.roles |= bit
		s.spans[s.count] = span{k.role, k.in, value, end}
		s.count++
		return
	}
	s.add(span{k.role, k.in, value, end})
}

// bySyslog are the roles of syslog's keys that have other meanings in other records.
const bySyslog = 1<<roleSyslogHost | 1<<roleSyslogIdent

// needsFinish reports whether something depends on the whole record: see finish.
func (s *scan) needsFinish() bool {
	return s.by == byJournal || s.by == byJournalLower || s.roles&bySyslog != 0
}

// finish decides what depends on the whole record.
func (s *scan) finish(b []byte) {
	if s.roles&bySyslog != 0 && s.pri == 0 {
		// Without a priority the record is not syslog's, and "host" and "ident" are anything; but GELF has a host.
		s.drop(func(sp *span) bool { return sp.role == roleSyslogIdent || sp.role == roleSyslogHost && !s.short })
	}
	if (s.by == byJournal || s.by == byJournalLower) && !(s.journal && (s.uid == 0 || s.engineWrote(b))) {
		s.journal = false
		const own = 1<<roleUnit | 1<<roleHost | 1<<roleIdentifier | 1<<roleResource
		if s.roles&^own != 0 {
			s.drop(func(sp *span) bool { return own&(1<<sp.role) == 0 })
		}
	}
}

// engineWrote reports whether a record of journald that names a container can be that of a container engine. Every program may write such keys;
// who did, journald says: Docker's daemon and rootful Podman run as root, rootless Podman logs through conmon. Where the record does not say it, since
// somebody left it out, the program is believed.
func (s *scan) engineWrote(b []byte) bool {
	if start, end, ok := msgpack.Text(b, s.uid); ok && string(b[start:end]) == "0" {
		return true
	}
	start, end, ok := msgpack.Text(b, s.command)
	return s.command != 0 && ok && string(b[start:end]) == "conmon"
}

func streamAt(b []byte, i int) engine.Stream {
	start, end, ok := msgpack.Text(b, i)
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

// severityOf derives the severity, and the stream if no key has it, from those of the metadata and from the scan. Docker's journald driver writes
// PRIORITY 3 for every line on stderr and 6 for every line on stdout, and its gelf driver such levels: for their records this is the stream, and says
// nothing about severity.
func (s *scan) severityOf(b []byte, severity engine.Severity, stream engine.Stream) engine.Severity {
	if s.stream == engine.StreamUnknown {
		s.stream = stream
	}
	if s.priority == 0 && s.lower {
		s.priority = s.priorityLower
	}
	if s.priority != 0 {
		n, ok := smallNumber(b, s.priority)
		switch {
		case !ok:
		case s.journal:
			s.streamOf(n)
		case severity == engine.SeverityUnknown:
			severity = engine.SyslogSeverity(n)
		}
	}
	if severity == engine.SeverityUnknown && s.pri != 0 {
		if n, ok := smallNumber(b, s.pri); ok {
			severity = engine.SyslogSeverity(n % 8)
		}
	}
	switch {
	case severity != engine.SeverityUnknown:
	case s.level != 0 && s.gelf && s.short:
		if n, ok := smallNumber(b, s.level); ok {
			s.streamOf(n)
		}
	case s.level != 0:
		severity = levelAt(b, s.level)
	case s.logMap != 0: // ECS
		if at, ok := msgpack.Child(b, s.logMap, "level"); ok {
			severity = levelAt(b, at)
		}
	}
	return severity
}

// streamOf sets the stream that a driver of Docker encodes as a syslog severity.
func (s *scan) streamOf(severity int64) {
	switch {
	case s.stream != engine.StreamUnknown:
	case severity == 3:
		s.stream = engine.Stderr
	case severity == 6:
		s.stream = engine.Stdout
	}
}
