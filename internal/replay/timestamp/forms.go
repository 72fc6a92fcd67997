package timestamp

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
)

// ISO parses 2006-01-02T15:04:05, with T, a space or an underscore (svlogd), with -, / or ., with a fraction after a period or a comma, and with a zone. Go's log, nginx's errors, Python's
// logging, PostgreSQL, MySQL, log4j and others write it.
func (c *Clock) ISO(b []byte) (int64, bool) {
	ns, _, ok := c.ISOPrefix(b)
	return ns, ok
}

// ISOPrefix is ISO, and returns the text behind the time.
func (c *Clock) ISOPrefix(b []byte) (ns int64, rest []byte, ok bool) {
	if len(b) < 19 || b[4] != b[7] || b[4] != '-' && b[4] != '/' && b[4] != '.' || b[10] != 'T' && b[10] != ' ' && b[10] != 't' && b[10] != '_' {
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
func (c *Clock) bracketed(b []byte) (int64, bool) {
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
func (c *Clock) syslog(b []byte) (int64, bool) {
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

// klog parses I0102 15:04:05.000000, which Kubernetes' components write, and I20060102 15:04:05.000000 (glog).
func (c *Clock) klog(b []byte) (int64, bool) {
	if len(b) < len("I0102 15:04:05.0") || bytes.IndexByte([]byte("IWEF"), b[0]) < 0 {
		return 0, false
	}
	date, rest, _ := bytes.Cut(b[1:min(len(b), 32)], []byte{' '})
	if !isDigits(date) || len(date) != 4 && len(date) != 8 {
		return 0, false
	}
	var at moment
	n := len(date) - 4 // digits of the year
	at.year, _ = number(date[:n])
	at.month, _ = number(date[n : n+2])
	at.day, _ = number(date[n+2:])
	if _, ok := at.clockTime(rest); !ok {
		return 0, false
	}
	if n > 0 {
		return c.ns(&at)
	}
	return c.yearless(&at)
}

// tai64n parses @4000000037c219bf2ef02e94, the labels of daemontools and s6: seconds and ns of atomic time, taken as 10 s ahead, as these programs do.
func (c *Clock) tai64n(b []byte) (int64, bool) {
	var label [12]byte
	if len(b) < 25 || b[0] != '@' || len(b) > 25 && b[25] != ' ' {
		return 0, false
	}
	if _, err := hex.Decode(label[:], b[1:25]); err != nil {
		return 0, false
	}
	seconds, ns := int64(binary.BigEndian.Uint64(label[:8]))-1<<62-10, int64(binary.BigEndian.Uint32(label[8:]))
	if seconds < minUnix/1e9 || seconds > maxUnix/1e9 || ns >= 1e9 {
		return 0, false
	}
	return seconds*1e9 + ns, true
}

// logfmtKeys are the keys that hold the time in lines of key=value.
var logfmtKeys = [...][]byte{[]byte("time="), []byte("ts="), []byte("timestamp="), []byte("t=")}

// logfmt parses the time of a key=value line if its key is near the start.
func (c *Clock) logfmt(b []byte) (int64, bool) {
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
		if ns, ok := c.ISO(value); ok {
			return ns, true
		}
		if ns, ok := unixTime(c, value); ok {
			return ns, true
		}
	}
	return 0, false
}

// redis parses 1:M 02 Jan 2006 15:04:05.000.
func (c *Clock) redis(b []byte) (int64, bool) {
	colon := bytes.IndexByte(b[:min(len(b), 10)], ':')
	if colon < 1 || !isDigits(b[:colon]) || len(b) < colon+len(":M 02 Jan 2006 15:04:05") || b[colon+2] != ' ' {
		return 0, false
	}
	return c.dayMonthYear(b[colon+3:], ' ', ' ')
}

// dayFirst parses 02-Jan-2006 15:04:05.000 (Tomcat, PHP, BIND), 02 Jan 2006 15:04:05,000 (log4j) and Mon, 02 Jan 2006 15:04:05 GMT (RFC 1123).
func (c *Clock) dayFirst(b []byte) (int64, bool) {
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
func (c *Clock) dayMonthYear(b []byte, within, behind byte) (int64, bool) {
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
func (c *Clock) monthFirst(b []byte) (int64, bool) {
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

// compact parses 060102 150405 (Hadoop, older MySQL), 20060102T150405Z and 20060102 15:04:05.
func (c *Clock) compact(b []byte) (int64, bool) {
	var at moment
	n := 6
	if len(b) > 8 && (b[8] == 'T' || b[8] == ' ') {
		n = 8
	}
	if len(b) < n+7 || b[n] != 'T' && b[n] != ' ' || !isDigits(b[:n]) {
		return 0, false
	}
	at.year, _ = number(b[:n-4])
	if n == 6 {
		at.year += 2000
	}
	at.month, _ = number(b[n-4 : n-2])
	at.day, _ = number(b[n-2 : n])
	rest := b[n+1:]
	if b[n] == ' ' && len(rest) >= 8 { // 15:04:05
		if more, ok := at.clockTime(bytes.TrimPrefix(rest, []byte{' '})); ok {
			rest = more
			c.zoneOf(&at, rest)
			return c.ns(&at)
		}
	}
	if b[n] == ' ' && n == 8 || !isDigits(rest[:6]) || len(rest) > 6 && isDigit(rest[6]) {
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
func (c *Clock) levelFirst(b []byte) (int64, bool) {
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
	if ns, ok := c.ISO(rest); ok || c.Why != NoTime {
		return ns, ok
	}
	return c.dayFirst(rest)
}

// ctime parses Mon Jan _2 15:04:05 2006, with a fraction (Apache's errors) or a zone before the year.
func (c *Clock) ctime(b []byte) (int64, bool) {
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
func unixTime(_ *Clock, b []byte) (int64, bool) {
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
