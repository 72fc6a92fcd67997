package replay

import (
	"bytes"
	"time"
)

// clock parses the time at the start of a line of plain text. It belongs to one reader.
type clock struct {
	zone *time.Location // for timestamps without one; nil: UTC
	ref  int64          // for timestamps without a year, in ns; see yearless
	last int            // the form of the last line: most logs use only one

	before int64    // the time of the line before; 0: no line yet
	once   [2]int64 // a period, from and until, in which no hour of the zone occurs twice

	zones map[string]*time.Location // by the names in lines; nil: no such zone
	why   reason                    // why the last line has no known time
}

// reason is why a line has no known time.
type reason uint8

const (
	whyNone   reason = iota // the line contains no time
	whyClock                // a time of day without a date
	whyOrder                // the order of month and day is ambiguous
	whyZone                 // the abbreviation stands for several zones
	whyUptime               // seconds since a start
	whyFuture               // more than a day after now
	reasons
)

var reasonWords = [reasons]string{
	"no time", "a time of day without a date", "a date with an ambiguous order of month and day", "a zone with an ambiguous abbreviation",
	"seconds since a start", "a time in the future",
}

// forms parse the timestamps that lines begin with. The order matters: the first form that fits wins.
var forms = [...]func(c *clock, b []byte) (int64, bool){
	(*clock).iso, (*clock).bracketed, (*clock).syslog, (*clock).klog, (*clock).logfmt, (*clock).redis, (*clock).ctime, (*clock).dayFirst, unixTime,
	(*clock).monthFirst, (*clock).compact, (*clock).levelFirst,
}

// read returns the time of a line, in ns.
func (c *clock) read(line []byte) (int64, bool) {
	c.why = whyNone
	b := opening(line)
	if len(b) < len("11:00:00") {
		return 0, false
	}
	if ns, ok := forms[c.last](c, b); ok {
		return ns, true
	}
	if line[0] == '{' {
		return jsonTime(c, line)
	}
	for i := range forms {
		if i == c.last || c.why != whyNone { // no other form may reinterpret a time that is ambiguous
			continue
		}
		if ns, ok := forms[i](c, b); ok {
			c.last = i
			return ns, true
		}
	}
	if c.why == whyNone {
		c.why = unclear(b)
	}
	return 0, false
}

// unclear returns why the timestamp at the start of a line cannot be used, or whyNone if the line begins with no timestamp.
func unclear(b []byte) reason {
	switch at := (&moment{}); {
	case isDigit(b[0]) && at.timeOfDay(b):
		return whyClock
	case isDigit(b[0]) && numericDate(b):
		return whyOrder
	case b[0] == ' ' || isDigit(b[0]):
		if end := bytes.IndexByte(b[:min(len(b), 24)], ']'); end > 0 {
			if whole, part, ok := bytes.Cut(bytes.TrimSpace(b[:end]), []byte{'.'}); ok && len(whole) < 10 && isDigits(whole) && isDigits(part) {
				return whyUptime
			}
		}
	}
	if head := b[:min(len(b), 40)]; bytes.HasPrefix(b, []byte("Nest] ")) {
		if at := bytes.Index(head, []byte(" - ")); at > 0 && numericDate(bytes.TrimLeft(b[at+3:], " ")) {
			return whyOrder
		}
	}
	return whyNone
}

// timeOfDay reports whether b begins with a time of day.
func (m *moment) timeOfDay(b []byte) bool {
	_, ok := m.clockTime(b)
	return ok
}

// numericDate reports whether b begins with a date like 3/4/2026 or 03.04.2026 that does not end in a further digit.
func numericDate(b []byte) bool {
	_, n1 := shortNumber(b)
	if n1 == 0 || len(b) <= n1 || b[n1] != '/' && b[n1] != '.' && b[n1] != '-' {
		return false
	}
	rest := b[n1+1:]
	_, n2 := shortNumber(rest)
	return n2 > 0 && len(rest) > n2+5 && rest[n2] == b[n1] && isDigits(rest[n2+1:n2+5]) && !isDigit(rest[n2+5])
}

// shortNumber parses a number of one or two digits.
func shortNumber(b []byte) (n, used int) {
	for used < 2 && used < len(b) && isDigit(b[used]) {
		n = n*10 + int(b[used]-'0')
		used++
	}
	return n, used
}

// opening skips the prefixes of a time: terminal colours, a syslog priority with its version, one bracket.
func opening(b []byte) []byte {
	for len(b) > 2 && b[0] == 0x1b && b[1] == '[' {
		end := bytes.IndexByte(b[:min(len(b), 16)], 'm')
		if end < 0 {
			break
		}
		b = b[end+1:]
	}
	if len(b) > 3 && b[0] == '<' {
		if end := bytes.IndexByte(b[:min(len(b), 5)], '>'); end > 1 && isDigits(b[1:end]) {
			b = b[end+1:]
			if len(b) > 2 && b[0] == '1' && b[1] == ' ' {
				b = b[2:]
			}
		}
	}
	if len(b) > 0 && (b[0] == '[' || b[0] == '(') {
		b = b[1:]
	}
	return b
}

// iso parses 2006-01-02T15:04:05, with T or a space, with -, / or ., with a fraction after a period or a comma, and with a zone. Go's log, nginx's errors, Python's
// logging, PostgreSQL, MySQL, log4j and others write it.
func (c *clock) iso(b []byte) (int64, bool) {
	ns, _, ok := c.isoRest(b)
	return ns, ok
}

func (c *clock) isoRest(b []byte) (ns int64, rest []byte, ok bool) {
	if len(b) < 19 || b[4] != b[7] || b[4] != '-' && b[4] != '/' && b[4] != '.' || b[10] != 'T' && b[10] != ' ' && b[10] != 't' {
		return 0, nil, false
	}
	var at moment
	if at.year, ok = number(b[:4]); !ok {
		return 0, nil, false
	}
	if at.month, ok = number(b[5:7]); !ok {
		return 0, nil, false
	}
	if at.day, ok = number(b[8:10]); !ok {
		return 0, nil, false
	}
	if rest, ok = at.clockTime(b[11:]); !ok {
		return 0, nil, false
	}
	rest = c.zoneOf(&at, at.half(rest))
	ns, ok = c.ns(&at)
	return ns, rest, ok
}

// bracketed parses [02/Jan/2006:15:04:05 -0700], which follows the client's address in access logs.
func (c *clock) bracketed(b []byte) (int64, bool) {
	if !(len(b) > 3 && b[2] == '/') { // else the line began with the bracket
		i := bytes.IndexByte(b[:min(len(b), 256)], '[')
		if i < 0 {
			return 0, false
		}
		b = b[i+1:]
	}
	return c.dayMonthYear(b, '/', ':')
}

// syslog parses Jan _2 15:04:05 (RFC 3164).
func (c *clock) syslog(b []byte) (int64, bool) {
	if len(b) < len("Jan _2 15:04:05") || b[3] != ' ' || b[6] != ' ' {
		return 0, false
	}
	var at moment
	var ok1, ok2 bool
	at.month, ok1 = month(b[:3])
	at.day, ok2 = paddedDay(b[4:6])
	rest, ok := at.clockTime(b[7:])
	if !ok || !ok1 || !ok2 {
		return 0, false
	}
	if len(rest) > 5 && rest[0] == ' ' && isDigits(rest[1:5]) && (rest[5] == ' ' || rest[5] == ':') { // the year follows the time
		if at.year, _ = number(rest[1:5]); at.year >= 1970 && at.year < 2200 {
			return c.ns(&at)
		}
		at.year = 0
	}
	return c.yearless(&at)
}

// klog parses I0102 15:04:05.000000, which Kubernetes' components write.
func (c *clock) klog(b []byte) (int64, bool) {
	if len(b) < len("I0102 15:04:05.0") || b[5] != ' ' || bytes.IndexByte([]byte("IWEF"), b[0]) < 0 {
		return 0, false
	}
	var at moment
	var ok1, ok2 bool
	at.month, ok1 = number(b[1:3])
	at.day, ok2 = number(b[3:5])
	_, ok := at.clockTime(b[6:])
	if !ok || !ok1 || !ok2 {
		return 0, false
	}
	return c.yearless(&at)
}

// logfmtKeys are the keys that hold the time in lines of key=value.
var logfmtKeys = [...][]byte{[]byte("time="), []byte("ts="), []byte("timestamp="), []byte("t=")}

// logfmt parses the time of a key=value line if its key is near the start.
func (c *clock) logfmt(b []byte) (int64, bool) {
	head := b[:min(len(b), 64)]
	if bytes.IndexByte(head, '=') < 0 {
		return 0, false
	}
	for _, key := range logfmtKeys {
		i := bytes.Index(head, key)
		if i < 0 || i > 0 && b[i-1] != ' ' {
			continue
		}
		value := bytes.TrimPrefix(b[i+len(key):], []byte{'"'})
		if ns, ok := c.iso(value); ok {
			return ns, true
		}
		if ns, ok := unixTime(c, value); ok {
			return ns, true
		}
	}
	return 0, false
}

// redis parses 1:M 02 Jan 2006 15:04:05.000.
func (c *clock) redis(b []byte) (int64, bool) {
	colon := bytes.IndexByte(b[:min(len(b), 10)], ':')
	if colon < 1 || !isDigits(b[:colon]) || len(b) < colon+len(":M 02 Jan 2006 15:04:05") || b[colon+2] != ' ' {
		return 0, false
	}
	return c.dayMonthYear(b[colon+3:], ' ', ' ')
}

// dayFirst parses 02-Jan-2006 15:04:05.000 (Tomcat, PHP, BIND), 02 Jan 2006 15:04:05,000 (log4j) and Mon, 02 Jan 2006 15:04:05 GMT (RFC 1123).
func (c *clock) dayFirst(b []byte) (int64, bool) {
	if len(b) > 5 && isLetter(b[0]) && isLetter(b[2]) { // a day of the week
		if n := bytes.IndexByte(b[:5], ' '); n == 3 || n == 4 && b[3] == ',' {
			b = b[n+1:]
		}
	}
	if _, n := shortNumber(b); n > 0 && len(b) > n {
		switch b[n] {
		case '-', ' ', '/':
			return c.dayMonthYear(b, b[n], 0)
		}
	}
	return 0, false
}

// dayMonthYear parses 02 Jan 2006 15:04:05. within separates the parts of the date, and behind the date from the time; if behind is 0, a space, T, and
// one or two colons are accepted.
func (c *clock) dayMonthYear(b []byte, within, behind byte) (int64, bool) {
	var at moment
	var n int
	if at.day, n = shortNumber(b); n == 0 || len(b) < n+len(" Jan 2006 15:04:05") || b[n] != within || b[n+4] != within {
		return 0, false
	}
	var ok1, ok2 bool
	at.month, ok1 = month(b[n+1 : n+4])
	at.year, ok2 = number(b[n+5 : n+9])
	b = b[n+9:]
	if !ok1 || !ok2 || b[0] != behind && (behind != 0 || b[0] != ' ' && b[0] != ':' && b[0] != 'T') {
		return 0, false
	}
	if b = b[1:]; b[0] == ':' && behind == 0 { // Erlang
		b = b[1:]
	}
	rest, ok := at.clockTime(b)
	if !ok {
		return 0, false
	}
	c.zoneOf(&at, at.half(rest))
	return c.ns(&at)
}

// monthFirst parses Jan 02, 2006 3:04:05 PM, which java.util.logging writes, and Jan _2 2006 15:04:05.
func (c *clock) monthFirst(b []byte) (int64, bool) {
	if len(b) < len("Jan 2 2006 3:04:05") || b[3] != ' ' {
		return 0, false
	}
	var at moment
	var ok1, ok2 bool
	at.month, ok1 = month(b[:3])
	b = bytes.TrimPrefix(b[4:], []byte{' '})
	var n int
	at.day, n = shortNumber(b)
	b = bytes.TrimPrefix(b[n:], []byte{','})
	if n == 0 || len(b) < len(" 2006 3:04:05") || b[0] != ' ' || b[5] != ' ' && b[5] != ',' {
		return 0, false
	}
	at.year, ok2 = number(b[1:5])
	rest, ok := at.clockTime(bytes.TrimLeft(b[5:], ", "))
	if !ok || !ok1 || !ok2 {
		return 0, false
	}
	c.zoneOf(&at, at.half(rest))
	return c.ns(&at)
}

// compact parses 060102 150405 (Hadoop, older MySQL) and 20060102T150405Z.
func (c *clock) compact(b []byte) (int64, bool) {
	var at moment
	n := 6
	if len(b) > 8 && b[8] == 'T' {
		n = 8
	}
	if len(b) < n+7 || b[n] != 'T' && (b[n] != ' ' || n != 6) || !isDigits(b[:n]) {
		return 0, false
	}
	at.year, _ = number(b[:n-4])
	if n == 6 {
		at.year += 2000
	}
	at.month, _ = number(b[n-4 : n-2])
	at.day, _ = number(b[n-2 : n])
	rest := b[n+1:]
	if n == 6 && len(rest) >= 8 { // 15:04:05
		if more, ok := at.clockTime(bytes.TrimPrefix(rest, []byte{' '})); ok {
			rest = more
			c.zoneOf(&at, rest)
			return c.ns(&at)
		}
	}
	if !isDigits(rest[:6]) || len(rest) > 6 && isDigit(rest[6]) {
		return 0, false
	}
	at.hour, _ = number(rest[:2])
	at.minute, _ = number(rest[2:4])
	at.second, _ = number(rest[4:6])
	if at.hour > 23 || at.minute > 59 || at.second > 60 {
		return 0, false
	}
	at.second = min(at.second, 59)
	rest = rest[6:]
	if n == 8 {
		var used int
		at.ns, used = fraction(rest)
		c.zoneOf(&at, rest[used:])
	}
	return c.ns(&at)
}

// levels are the words that may precede a time, in either case.
var levels = map[string]bool{
	"t": true, "d": true, "i": true, "n": true, "w": true, "e": true, "f": true, "c": true, "a": true,
	"trace": true, "debug": true, "info": true, "information": true, "notice": true, "warn": true, "warning": true, "error": true, "err": true, "fatal": true,
	"critical": true, "crit": true, "alert": true, "emerg": true, "panic": true, "severe": true, "config": true, "fine": true, "finer": true, "finest": true,
	"verbose": true,
}

// levelFirst parses a time after a level, and after a thread or a logger in brackets: "ERROR 2006-01-02 …", "INFO  [main] 2006-01-02 …",
// "I, [2006-01-02T…" (Ruby), and Erlang's "=INFO REPORT==== 2-Jan-2006::15:04:05 ===".
func (c *clock) levelFirst(b []byte) (int64, bool) {
	b = bytes.TrimPrefix(b, []byte{'='})
	n := 0
	var word [12]byte
	for n < len(b) && n < len(word) && isLetter(b[n]) {
		word[n] = b[n] | 0x20
		n++
	}
	if n == 0 || n == len(b) || !levels[string(word[:n])] {
		return 0, false
	}
	rest := b[n:]
	if report := []byte(" REPORT==== "); bytes.HasPrefix(rest, report) {
		return c.dayFirst(rest[len(report):])
	}
	if rest[0] == ',' || rest[0] == ']' || rest[0] == ')' {
		rest = rest[1:]
	}
	if len(rest) == 0 || rest[0] != ' ' && rest[0] != '\t' && rest[0] != '[' {
		return 0, false
	}
	for range 2 {
		if rest = bytes.TrimLeft(rest, " \t"); len(rest) < 19 {
			return 0, false
		}
		if rest[0] == '[' && !isDigit(rest[1]) { // the thread
			end := bytes.IndexByte(rest[:min(len(rest), 80)], ']')
			if end < 0 {
				return 0, false
			}
			rest = rest[end+1:]
			continue
		}
		break
	}
	rest = bytes.TrimPrefix(bytes.TrimLeft(rest, " \t"), []byte{'['})
	if ns, ok := c.iso(rest); ok || c.why != whyNone {
		return ns, ok
	}
	return c.dayFirst(rest)
}

// ctime parses Mon Jan _2 15:04:05 2006, with a fraction (Apache's errors) or a zone before the year.
func (c *clock) ctime(b []byte) (int64, bool) {
	if len(b) < len("Mon Jan _2 15:04:05 2006") || b[3] != ' ' || b[7] != ' ' || b[10] != ' ' {
		return 0, false
	}
	var at moment
	var ok1, ok2 bool
	at.month, ok1 = month(b[4:7])
	at.day, ok2 = paddedDay(b[8:10])
	rest, ok := at.clockTime(b[11:])
	if !ok || !ok1 || !ok2 {
		return 0, false
	}
	zone := bytes.TrimPrefix(at.half(rest), []byte{' '})
	rest = zone
	if end := bytes.IndexByte(zone[:min(len(zone), maxZoneName)], ' '); end > 0 && !isDigit(zone[0]) { // between time and year
		rest = zone[end+1:]
	}
	if len(rest) < 4 {
		return 0, false
	}
	if at.year, ok = number(rest[:4]); !ok {
		return 0, false
	}
	if len(rest) < len(zone) {
		c.zoneOf(&at, zone)
	}
	return c.ns(&at)
}

// unixTime parses a number since 1970: seconds with or without a fraction (10 digits), or ms (13). It rejects longer numbers, because they are more
// often ids than times.
func unixTime(_ *clock, b []byte) (int64, bool) {
	n := 0
	for n < len(b) && n < 20 && isDigit(b[n]) {
		n++
	}
	scale := int64(0)
	switch n {
	case 10:
		scale = 1e9
	case 13:
		scale = 1e6
	}
	if scale == 0 || b[0] == '0' {
		return 0, false
	}
	value, used := int64(0), 0
	for _, c := range b[:n] {
		value = value*10 + int64(c-'0')
	}
	ns := 0
	if n == 10 {
		ns, used = fraction(b[n:])
	}
	if end := n + used; end < len(b) && bytes.IndexByte([]byte(" \t,|:;]\")"), b[end]) < 0 {
		return 0, false
	}
	if value > maxUnix/scale || value*scale < minUnix {
		return 0, false
	}
	return value*scale + int64(ns), true
}

// The range of a bare number, in ns since 1970: from 1980 to 2200, the same as in unixNumber.
const (
	minUnix = 310_000_000_000_000_000
	maxUnix = 7_260_000_000_000_000_000
)

// moment is a time in its parts.
type moment struct {
	year, month, day, hour, minute, second, ns int
	offset                                     int // of the zone, in seconds
	zoned                                      bool
	zone                                       *time.Location // the zone that the line names; nil: none
	unclear                                    reason         // why the time is ambiguous; whyNone: it is not
}

// clockTime parses 15:04:05 and a fraction. The hour may have one digit.
func (m *moment) clockTime(b []byte) (rest []byte, ok bool) {
	if len(b) > 0 && b[0] == ' ' {
		b = b[1:]
	}
	digits := 2 // of the hour
	if len(b) > 1 && b[1] == ':' {
		digits = 1
	}
	if len(b) < digits+6 || b[digits] != ':' || b[digits+3] != ':' {
		return nil, false
	}
	var ok1, ok2, ok3 bool
	m.hour, ok1 = number(b[:digits])
	m.minute, ok2 = number(b[digits+1 : digits+3])
	m.second, ok3 = number(b[digits+4 : digits+6])
	if !ok1 || !ok2 || !ok3 || m.hour > 23 || m.minute > 59 || m.second > 60 {
		return nil, false
	}
	m.second = min(m.second, 59) // a leap second
	var used int
	m.ns, used = fraction(b[digits+6:])
	return b[digits+6+used:], true
}

// half applies AM or PM after a time of day.
func (m *moment) half(b []byte) (rest []byte) {
	rest = bytes.TrimPrefix(bytes.TrimPrefix(b, []byte{' '}), []byte("\u202f"))
	if len(rest) < 2 || rest[1]|0x20 != 'm' || len(rest) > 2 && isLetter(rest[2]) || m.hour < 1 || m.hour > 12 {
		return b
	}
	switch rest[0] | 0x20 {
	case 'a':
		m.hour %= 12
	case 'p':
		m.hour = m.hour%12 + 12
	default:
		return b
	}
	return rest[2:]
}

// zoneOf parses a zone: Z, a number of hours and minutes, an abbreviation, or a name such as Europe/Berlin, with or without a space before it.
func (c *clock) zoneOf(m *moment, b []byte) (rest []byte) {
	z := b
	if len(z) > 0 && z[0] == ' ' {
		z = z[1:]
	}
	switch {
	case len(z) == 0:
		return b
	case (z[0] == 'Z' || z[0] == 'z') && (len(z) == 1 || !isLetter(z[1])):
		m.zoned = true
		return z[1:]
	case isLetter(z[0]):
		if rest, ok := c.named(m, z); ok {
			return rest
		}
		return b
	case len(z) >= 3 && (z[0] == '+' || z[0] == '-') && isDigits(z[1:3]):
	default:
		return b
	}
	hour, _ := number(z[1:3])
	minute, end := 0, 3
	switch {
	case len(z) >= 6 && z[3] == ':' && isDigits(z[4:6]):
		minute, _ = number(z[4:6])
		end = 6
	case len(z) >= 5 && isDigits(z[3:5]):
		minute, _ = number(z[3:5])
		end = 5
	case len(z) != len(b) && !bytes.HasPrefix(z[3:], []byte(" [")): // two digits after a space are a zone only in PostgreSQL's form
		return b
	}
	if hour > 15 || minute > 59 || len(z) > end && isDigit(z[end]) {
		return b
	}
	m.zoned, m.offset = true, hour*3600+minute*60
	if z[0] == '-' {
		m.offset = -m.offset
	}
	return z[end:]
}

// ns returns the moment in ns since 1970. It rejects years that do not fit an int64.
func (c *clock) ns(m *moment) (int64, bool) {
	if m.month < 1 || m.month > 12 || m.day < 1 || m.day > 31 || m.year < 1970 || m.year > 2200 {
		return 0, false
	}
	if m.unclear != whyNone {
		c.why = m.unclear
		return 0, false
	}
	if m.zone != nil {
		return time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, m.ns, m.zone).UnixNano(), true
	}
	if !m.zoned && c.zone != nil && c.zone != time.UTC {
		return c.local(time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, m.ns, c.zone)), true
	}
	seconds := days(m.year, m.month, m.day)*86400 + int64(m.hour*3600+m.minute*60+m.second-m.offset)
	return seconds*1e9 + int64(m.ns), true
}

// disorder is the tolerance for lines out of order in an hour that occurs twice: a line may be this much earlier than the one before.
const disorder = int64(time.Minute)

// local returns a local time in ns. When clocks are set back, an hour occurs twice: local chooses the first occurrence, unless the log has already
// passed it.
func (c *clock) local(t time.Time) int64 {
	first := t.UnixNano()
	if first >= c.once[0] && first < c.once[1] {
		return first
	}
	_, offset := t.Zone()
	start, end := t.ZoneBounds()
	second, back := first, int64(0)
	if _, was := start.Add(-1).Zone(); !start.IsZero() && was > offset { // t may be the second occurrence
		if other := t.Add(time.Duration(offset-was) * time.Second); other.Before(start) {
			first, back = other.UnixNano(), start.UnixNano()
		}
	}
	if _, then := end.Zone(); !end.IsZero() && then < offset { // or the first
		if other := t.Add(time.Duration(offset-then) * time.Second); !other.Before(end) {
			second, back = other.UnixNano(), end.UnixNano()
		}
	}
	switch day := 24 * time.Hour; {
	case first < second:
		if first < c.before-disorder || c.before >= back+disorder {
			return second
		}
	case !start.IsZero() && !end.IsZero():
		c.once = [2]int64{start.Add(day).UnixNano(), end.Add(-day).UnixNano()}
	}
	return first
}

// yearless returns the moment in the latest year in which it is at most a day after the reference.
func (c *clock) yearless(m *moment) (int64, bool) {
	const day = int64(24 * time.Hour)
	m.year = time.Unix(0, c.ref+day).UTC().Year()
	ns, ok := c.ns(m)
	if ok && ns > c.ref+day {
		m.year--
		ns, ok = c.ns(m)
	}
	return ns, ok
}

// days returns the days from 1970-01-01 to a date of the Gregorian calendar, by counting years from March on.
func days(year, month, day int) int64 {
	if month <= 2 {
		year, month = year-1, month+12
	}
	return int64(365*year+year/4-year/100+year/400+(153*(month-3)+2)/5+day-1) - 719468
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func isDigits(b []byte) bool {
	for _, c := range b {
		if !isDigit(c) {
			return false
		}
	}
	return len(b) > 0
}

// number parses decimal digits.
func number(b []byte) (n int, ok bool) {
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// fraction parses a fraction of a second after a period or a comma. It drops digits after the ninth.
func fraction(b []byte) (ns, used int) {
	if len(b) < 2 || b[0] != '.' && b[0] != ',' || !isDigit(b[1]) {
		return 0, 0
	}
	scale := 100_000_000
	for used = 1; used < len(b) && isDigit(b[used]); used++ {
		ns += int(b[used]-'0') * scale
		scale /= 10
	}
	return ns, used
}

// paddedDay parses a day of two characters. The first may be a space.
func paddedDay(b []byte) (int, bool) {
	if b[0] == ' ' {
		return number(b[1:2])
	}
	return number(b[:2])
}

// month parses the English abbreviation of a month.
func month(b []byte) (int, bool) {
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	for i := 0; i < len(names); i += 3 {
		if names[i:i+3] == string(b) {
			return i/3 + 1, true
		}
	}
	return 0, false
}
