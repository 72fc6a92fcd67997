package replay

import (
	"bytes"
	"time"
)

// clock reads the time that a line of plain text begins with. It belongs to one reader.
type clock struct {
	zone *time.Location // of times that name none; nil: UTC
	ref  int64          // times that name no year are of the last year in which they are no later than a day after it; ns
	last int            // the form of the last line: most logs have one

	before int64    // the time of the line before; 0: there is none
	once   [2]int64 // times of the zone, from and until, that are known to come once
}

// forms are the forms of time that lines begin with.
var forms = [...]func(c *clock, b []byte) (int64, bool){
	(*clock).iso, (*clock).bracketed, (*clock).syslog, (*clock).klog, (*clock).logfmt, (*clock).redis, (*clock).ctime, (*clock).tomcat, unixTime,
}

// read returns the time of a line, in ns.
func (c *clock) read(line []byte) (int64, bool) {
	b := opening(line)
	if len(b) < len("1126 11:00:00") {
		return 0, false
	}
	if ns, ok := forms[c.last](c, b); ok {
		return ns, true
	}
	if line[0] == '{' {
		return jsonTime(c, line)
	}
	for i := range forms {
		if i == c.last {
			continue
		}
		if ns, ok := forms[i](c, b); ok {
			c.last = i
			return ns, true
		}
	}
	return 0, false
}

// opening skips what may stand before a time: colours of a terminal, a priority of syslog with the version behind it, one bracket.
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

// iso reads 2006-01-02T15:04:05, with T or a space, - or /, a fraction behind . or a comma, and a zone. Go's log, nginx's errors, Python's
// logging, PostgreSQL, MySQL, log4j and others write it.
func (c *clock) iso(b []byte) (int64, bool) {
	ns, _, ok := c.isoRest(b)
	return ns, ok
}

func (c *clock) isoRest(b []byte) (ns int64, rest []byte, ok bool) {
	if len(b) < 19 || b[4] != b[7] || b[4] != '-' && b[4] != '/' || b[10] != 'T' && b[10] != ' ' && b[10] != 't' {
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
	rest = at.zoneOf(rest)
	ns, ok = c.ns(&at)
	return ns, rest, ok
}

// bracketed reads [02/Jan/2006:15:04:05 -0700], which access logs have behind the client's address.
func (c *clock) bracketed(b []byte) (int64, bool) {
	if !(len(b) > 3 && b[2] == '/') { // else the line began with it
		i := bytes.IndexByte(b[:min(len(b), 256)], '[')
		if i < 0 {
			return 0, false
		}
		b = b[i+1:]
	}
	return c.dayMonthYear(b, '/', ':')
}

// syslog reads Jan _2 15:04:05 (RFC 3164).
func (c *clock) syslog(b []byte) (int64, bool) {
	if len(b) < len("Jan _2 15:04:05") || b[3] != ' ' || b[6] != ' ' {
		return 0, false
	}
	var at moment
	var ok1, ok2 bool
	at.month, ok1 = month(b[:3])
	at.day, ok2 = paddedDay(b[4:6])
	_, ok := at.clockTime(b[7:])
	if !ok || !ok1 || !ok2 {
		return 0, false
	}
	return c.yearless(&at)
}

// klog reads I0102 15:04:05.000000, which Kubernetes' components write.
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

// logfmt reads the time of a line of key=value where it is among the first of them.
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

// redis reads 1:M 02 Jan 2006 15:04:05.000.
func (c *clock) redis(b []byte) (int64, bool) {
	colon := bytes.IndexByte(b[:min(len(b), 10)], ':')
	if colon < 1 || !isDigits(b[:colon]) || len(b) < colon+len(":M 02 Jan 2006 15:04:05") || b[colon+2] != ' ' {
		return 0, false
	}
	return c.dayMonthYear(b[colon+3:], ' ', ' ')
}

// tomcat reads 02-Jan-2006 15:04:05.000.
func (c *clock) tomcat(b []byte) (int64, bool) { return c.dayMonthYear(b, '-', ' ') }

// dayMonthYear reads 02 Jan 2006 15:04:05 with other bytes between the parts of the date, and behind it.
func (c *clock) dayMonthYear(b []byte, within, behind byte) (int64, bool) {
	if len(b) < len("02 Jan 2006 15:04:05") || b[2] != within || b[6] != within || b[11] != behind {
		return 0, false
	}
	var at moment
	var ok1, ok2, ok3 bool
	at.day, ok1 = number(b[:2])
	at.month, ok2 = month(b[3:6])
	at.year, ok3 = number(b[7:11])
	rest, ok := at.clockTime(b[12:])
	if !ok || !ok1 || !ok2 || !ok3 {
		return 0, false
	}
	at.zoneOf(rest)
	return c.ns(&at)
}

// ctime reads Mon Jan _2 15:04:05 2006, with a fraction (Apache's errors) or a zone before the year.
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
	rest = bytes.TrimPrefix(at.zoneOf(rest), []byte{' '})
	if len(rest) < 4 {
		return 0, false
	}
	if at.year, ok = number(rest[:4]); !ok {
		return 0, false
	}
	return c.ns(&at)
}

// unixTime reads seconds since 1970 with a fraction, 1700000000.123.
func unixTime(_ *clock, b []byte) (int64, bool) {
	if len(b) < 12 || b[10] != '.' || b[0] == '0' {
		return 0, false
	}
	seconds, ok := number(b[:10])
	if !ok {
		return 0, false
	}
	ns, _ := fraction(b[10:])
	return int64(seconds)*1e9 + int64(ns), true
}

// moment is a time taken apart.
type moment struct {
	year, month, day, hour, minute, second, ns int
	offset                                     int // of the zone, in seconds
	zoned                                      bool
}

// clockTime reads 15:04:05 and a fraction.
func (m *moment) clockTime(b []byte) (rest []byte, ok bool) {
	if len(b) < 8 || b[2] != ':' || b[5] != ':' {
		return nil, false
	}
	var ok1, ok2, ok3 bool
	m.hour, ok1 = number(b[:2])
	m.minute, ok2 = number(b[3:5])
	m.second, ok3 = number(b[6:8])
	if !ok1 || !ok2 || !ok3 || m.hour > 23 || m.minute > 59 || m.second > 60 {
		return nil, false
	}
	m.second = min(m.second, 59) // a leap second
	var used int
	m.ns, used = fraction(b[8:])
	return b[8+used:], true
}

// zoneOf reads Z, UTC, GMT or a number of hours and minutes, with or without a space before it.
func (m *moment) zoneOf(b []byte) (rest []byte) {
	z := b
	if len(z) > 0 && z[0] == ' ' {
		z = z[1:]
	}
	switch {
	case len(z) > 0 && (z[0] == 'Z' || z[0] == 'z') && (len(z) == 1 || !isLetter(z[1])):
		m.zoned = true
		return z[1:]
	case len(z) >= 3 && (string(z[:3]) == "UTC" || string(z[:3]) == "GMT"):
		m.zoned = true
		return z[3:]
	case len(z) >= 5 && (z[0] == '+' || z[0] == '-'):
		end, minutes := 5, z[3:5]
		if z[3] == ':' {
			if len(z) < 6 {
				return b
			}
			end, minutes = 6, z[4:6]
		}
		hour, ok1 := number(z[1:3])
		minute, ok2 := number(minutes)
		if !ok1 || !ok2 || hour > 15 || minute > 59 || len(z) > end && isDigit(z[end]) {
			return b
		}
		m.zoned, m.offset = true, hour*3600+minute*60
		if z[0] == '-' {
			m.offset = -m.offset
		}
		return z[end:]
	}
	return b
}

// ns returns the moment in ns since 1970. Years in which that is no int64 are refused.
func (c *clock) ns(m *moment) (int64, bool) {
	if m.month < 1 || m.month > 12 || m.day < 1 || m.day > 31 || m.year < 1970 || m.year > 2200 {
		return 0, false
	}
	if !m.zoned && c.zone != nil && c.zone != time.UTC {
		return c.local(time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, m.ns, c.zone)), true
	}
	seconds := days(m.year, m.month, m.day)*86400 + int64(m.hour*3600+m.minute*60+m.second-m.offset)
	return seconds*1e9 + int64(m.ns), true
}

// disorder is how much earlier than the line before a line may be where an hour comes twice.
const disorder = int64(time.Minute)

// local returns a time of the zone in ns. When clocks are set back, an hour comes twice: a time in it is of the first, unless the log was beyond
// that already.
func (c *clock) local(t time.Time) int64 {
	first := t.UnixNano()
	if first >= c.once[0] && first < c.once[1] {
		return first
	}
	_, offset := t.Zone()
	start, end := t.ZoneBounds()
	second, back := first, int64(0)
	if _, was := start.Add(-1).Zone(); !start.IsZero() && was > offset { // t may be of the second
		if other := t.Add(time.Duration(offset-was) * time.Second); other.Before(start) {
			first, back = other.UnixNano(), start.UnixNano()
		}
	}
	if _, then := end.Zone(); !end.IsZero() && then < offset { // or of the first
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

// yearless returns the moment in the last year in which it is no later than a day after the reference.
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

// number reads decimal digits.
func number(b []byte) (n int, ok bool) {
	for _, c := range b {
		if !isDigit(c) {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// fraction reads a fraction of a second behind . or a comma; digits behind the ninth are dropped.
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

// paddedDay reads a day of two characters, the first of which may be a space.
func paddedDay(b []byte) (int, bool) {
	if b[0] == ' ' {
		return number(b[1:2])
	}
	return number(b[:2])
}

// month reads the English abbreviation of a month.
func month(b []byte) (int, bool) {
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	for i := 0; i < len(names); i += 3 {
		if names[i:i+3] == string(b) {
			return i/3 + 1, true
		}
	}
	return 0, false
}
