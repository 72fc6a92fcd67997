package timestamp

import (
	"bytes"
	"time"
)

// Clock parses the times of the lines of one log. Text without a time costs no memory. It belongs to one reader.
type Clock struct {
	Zone   *time.Location // for timestamps without one; nil: UTC
	Ref    int64          // for timestamps without a year, in ns: they are at most a day later
	Before int64          // the time of the line before, in ns; 0: no line yet
	Why    Reason         // why the last line has no known time

	last  int                       // the form of the last line: most logs use only one
	once  [2]int64                  // a period, from and until, in which no hour of the zone occurs twice
	zones map[string]*time.Location // by the names in lines; nil: no such zone
}

// Reason is why a line has no known time.
type Reason uint8

// The reasons.
const (
	NoTime        Reason = iota // the line contains no time
	TimeOfDay                   // a time of day without a date
	AmbiguousDate               // the order of month and day is ambiguous
	AmbiguousZone               // the abbreviation stands for several zones
	Uptime                      // seconds since a start
	Future                      // more than a day after now: the caller finds it
	Reasons                     // their number
)

var reasonWords = [Reasons]string{
	"no time", "a time of day without a date", "a date with an ambiguous order of month and day", "a zone with an ambiguous abbreviation",
	"seconds since a start", "a time in the future",
}

// String returns the reason in words.
func (r Reason) String() string { return reasonWords[r] }

// forms parse the timestamps that lines begin with. The order matters: the first form that fits wins.
var forms = [...]func(c *Clock, b []byte) (int64, bool){
	(*Clock).ISO, (*Clock).bracketed, (*Clock).syslog, (*Clock).klog, (*Clock).logfmt, (*Clock).redis, (*Clock).ctime, (*Clock).dayFirst, unixTime,
	(*Clock).monthFirst, (*Clock).compact, (*Clock).tai64n, (*Clock).levelFirst,
}

// Read returns the time of a line of text or of JSON, in ns. ok is false if the line has none, or an ambiguous one: see Why.
func (c *Clock) Read(line []byte) (ns int64, ok bool) {
	c.Why = NoTime
	b := opening(line)
	if len(b) < len("11:00:00") {
		return 0, false
	}
	if ns, ok := forms[c.last](c, b); ok {
		return ns, true
	}
	if line[0] == '{' {
		return c.JSON(line)
	}
	for i := range forms {
		if i == c.last || c.Why != NoTime { // no other form may reinterpret a time that is ambiguous
			continue
		}
		if ns, ok := forms[i](c, b); ok {
			c.last = i
			return ns, true
		}
	}
	if c.Why == NoTime {
		c.Why = unclear(b)
	}
	return 0, false
}

// unclear returns why the timestamp at the start of a line cannot be used, or NoTime if the line begins with no timestamp.
func unclear(b []byte) Reason {
	switch at := (&moment{}); {
	case isDigit(b[0]) && at.timeOfDay(b):
		return TimeOfDay
	case isDigit(b[0]) && numericDate(b):
		return AmbiguousDate
	case b[0] == ' ' || isDigit(b[0]):
		if end := bytes.IndexByte(b[:min(len(b), 24)], ']'); end > 0 {
			if whole, part, ok := bytes.Cut(bytes.TrimSpace(b[:end]), []byte{'.'}); ok && len(whole) < 10 && isDigits(whole) && isDigits(part) {
				return Uptime
			}
		}
	}
	if head := b[:min(len(b), 40)]; bytes.HasPrefix(b, []byte("Nest] ")) {
		if at := bytes.Index(head, []byte(" - ")); at > 0 && numericDate(bytes.TrimLeft(b[at+3:], " ")) {
			return AmbiguousDate
		}
	}
	return NoTime
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

// ns returns the moment in ns since 1970. It rejects years that do not fit an int64.
func (c *Clock) ns(m *moment) (int64, bool) {
	if m.month < 1 || m.month > 12 || m.day < 1 || m.day > 31 || m.year < 1970 || m.year > 2200 {
		return 0, false
	}
	if m.unclear != NoTime {
		c.Why = m.unclear
		return 0, false
	}
	if m.zone != nil {
		return time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, m.ns, m.zone).UnixNano(), true
	}
	if !m.zoned && c.Zone != nil && c.Zone != time.UTC {
		return c.local(time.Date(m.year, time.Month(m.month), m.day, m.hour, m.minute, m.second, m.ns, c.Zone)), true
	}
	seconds := days(m.year, m.month, m.day)*86400 + int64(m.hour*3600+m.minute*60+m.second-m.offset)
	return seconds*1e9 + int64(m.ns), true
}

// disorder is the tolerance for lines out of order in an hour that occurs twice: a line may be this much earlier than the one before.
const disorder = int64(time.Minute)

// local returns a local time in ns. When clocks are set back, an hour occurs twice: local chooses the first occurrence, unless the log has already
// passed it.
func (c *Clock) local(t time.Time) int64 {
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
		if first < c.Before-disorder || c.Before >= back+disorder {
			return second
		}
	case !start.IsZero() && !end.IsZero():
		c.once = [2]int64{start.Add(day).UnixNano(), end.Add(-day).UnixNano()}
	}
	return first
}

// yearless returns the moment in the latest year in which it is at most a day after the reference.
func (c *Clock) yearless(m *moment) (int64, bool) {
	const day = int64(24 * time.Hour)
	m.year = time.Unix(0, c.Ref+day).UTC().Year()
	ns, ok := c.ns(m)
	if ok && ns > c.Ref+day {
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
