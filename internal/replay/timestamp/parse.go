package timestamp

import (
	"bytes"
	"time"
)

// moment is a time in its parts.
type moment struct {
	year, month, day, hour, minute, second, ns int
	offset                                     int // of the zone, in seconds
	zoned                                      bool
	zone                                       *time.Location // the zone that the line names; nil: none
	unclear                                    Reason         // why the time is ambiguous; NoTime: it is not
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
func (c *Clock) zoneOf(m *moment, b []byte) (rest []byte) {
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

// Seconds parses a number of seconds, of at most nine digits, with or without a fraction. It returns ns.
func Seconds(b []byte) (ns int64, ok bool) {
	seconds, rest, _ := bytes.Cut(b, []byte("."))
	whole, ok := number(seconds)
	if !ok || len(seconds) == 0 || len(seconds) > 9 || len(rest) > 0 && !isDigits(rest) {
		return 0, false
	}
	part, _ := fraction(b[len(seconds):])
	return int64(whole)*1e9 + int64(part), true
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
