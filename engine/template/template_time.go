package template

// timestamp returns the length of the date, the time of day, or both, that b begins with, or 0: the forms of RFC 3339 and its relatives,
// 26/Nov/2026:11:27:14 +0000, Nov 26 11:27:14, Thu, 26 Nov 2026 11:27:14 GMT, 11:27:14.123.
func timestamp(b []byte) int {
	if isDigit(at(b, 0)) {
		return numericTime(b)
	}
	n := 0
	if weekday(b) {
		n = 3
		if at(b, n) == ',' {
			n++
		}
		if at(b, n) != ' ' {
			return 0
		}
		n++
		for at(b, n) == ' ' {
			n++
		}
		if isDigit(at(b, n)) {
			if m := numericTime(b[n:]); m > 0 {
				return n + m
			}
			return 0
		}
	}
	if m := monthFirst(b[min(n, len(b)):]); m > 0 {
		return n + m
	}
	return 0
}

// numericTime is timestamp for text that begins with a digit.
func numericTime(b []byte) int {
	if n := clock(b); n > 0 {
		return n
	}
	n := dateOnly(b)
	if n == 0 {
		return 0
	}
	switch c := at(b, n); c {
	case 'T', 't', ' ', '_', ':', '-':
		if m := clock(b[n+1:]); m > 0 {
			return n + 1 + m
		}
		if c == 'T' || c == 't' {
			return 0
		}
	}
	if isWord(at(b, n)) {
		return 0
	}
	return n
}

// dateOnly returns the length of 2026-11-26 (also with / or .), 26/Nov/2026 or 26 Nov 2026, or 0.
func dateOnly(b []byte) int {
	n := countDigits(b)
	sep := at(b, n)
	switch {
	case n == 4 && (sep == '-' || sep == '/' || sep == '.'):
		if countDigits(b[5:]) == 2 && at(b, 7) == sep && countDigits(b[8:]) == 2 {
			return 10
		}
	case (n == 1 || n == 2) && (sep == '/' || sep == '-' || sep == ' '):
		if month(b[n+1:]) && at(b, n+4) == sep && countDigits(b[n+5:]) == 4 {
			return n + 9
		}
	}
	return 0
}

// clock returns the length of 11:27:14, with a fraction and a zone, or 0.
func clock(b []byte) int {
	n := countDigits(b)
	if n != 1 && n != 2 || at(b, n) != ':' || countDigits(b[n+1:]) != 2 || at(b, n+3) != ':' || countDigits(b[n+4:]) != 2 {
		return 0
	}
	n += 6
	if c := at(b, n); (c == '.' || c == ',') && isDigit(at(b, n+1)) {
		n += 1 + countDigits(b[n+1:])
	}
	m := zone(b[n:])
	if isWord(at(b, n+m)) || at(b, n) == ':' {
		return 0
	}
	return n + m
}

// zone returns the length of the time zone that b begins with: Z, +01:00, " +0100", " UTC".
func zone(b []byte) int {
	n := 0
	if at(b, 0) == ' ' {
		n = 1
	}
	rest := b[n:]
	switch c := at(rest, 0); {
	case (c == 'Z' || c == 'z') && n == 0:
		return 1
	case c == '+' || c == '-':
		switch digits := countDigits(rest[1:]); {
		case digits == 4:
			return n + 5
		case digits == 2 && at(rest, 3) == ':' && countDigits(rest[4:]) == 2:
			return n + 6
		}
	case len(rest) >= 3 && (string(rest[:3]) == "UTC" || string(rest[:3]) == "GMT") && !isWord(at(rest, 3)):
		return n + 3
	}
	return 0
}

// monthFirst returns the length of "Nov 26 11:27:14", also with a year at either place, or 0.
func monthFirst(b []byte) int {
	if !month(b) || at(b, 3) != ' ' {
		return 0
	}
	n := 4
	for at(b, n) == ' ' {
		n++
	}
	day := countDigits(b[min(n, len(b)):])
	if day != 1 && day != 2 {
		return 0
	}
	n += day
	year := func() bool {
		m := n
		if at(b, m) == ',' {
			m++
		}
		if at(b, m) == ' ' && countDigits(b[m+1:]) == 4 && !isWord(at(b, m+5)) {
			n = m + 5
			return true
		}
		return false
	}
	before := year()
	if at(b, n) == ' ' {
		if m := clock(b[n+1:]); m > 0 {
			n += 1 + m
			if !before {
				year()
			}
			return n
		}
	}
	if before {
		return n
	}
	return 0
}

func month(b []byte) bool { return nameIn("JanFebMarAprMayJunJulAugSepOctNovDec", b) }

func weekday(b []byte) bool { return nameIn("MonTueWedThuFriSatSun", b) }

// nameIn reports whether b begins with one of the names of three letters, and no fourth.
func nameIn(names string, b []byte) bool {
	if len(b) < 3 || isWord(at(b, 3)) {
		return false
	}
	for i := 0; i < len(names); i += 3 {
		if names[i] == b[0] && names[i+1] == b[1] && names[i+2] == b[2] {
			return true
		}
	}
	return false
}
