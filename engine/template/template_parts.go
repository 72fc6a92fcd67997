package template

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }

// isWord reports whether a byte is part of a word: an ASCII letter or digit, or of a letter beyond ASCII.
func isWord(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= 0x80
}

// countHex returns how many hexadecimal digits b begins with.
func countHex(b []byte) int { return countWhile(b, isHex) }

func countDigits(b []byte) int { return countWhile(b, isDigit) }

func countWhile(b []byte, is func(byte) bool) int {
	n := 0
	for n < len(b) && is(b[n]) {
		n++
	}
	return n
}

// at returns the byte at an index, 0 beyond the end.
func at(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// number returns the length of the number that b begins with: digits, with groups of three, fractions and an exponent. 1.2.3 is one number.
func number(b []byte) int {
	n := countDigits(b)
	for at(b, n) == ',' && countDigits(b[n+1:]) == 3 && n <= 3 || n > 3 && at(b, n) == ',' && b[n-4] == ',' && countDigits(b[n+1:]) == 3 {
		n += 4
	}
	for at(b, n) == '.' && isDigit(at(b, n+1)) {
		n += 1 + countDigits(b[n+1:])
	}
	if c := at(b, n); c == 'e' || c == 'E' {
		m := n + 1
		if c := at(b, m); c == '+' || c == '-' {
			m++
		}
		if k := countDigits(b[min(m, len(b)):]); k > 0 && !isWord(at(b, m+k)) {
			return m + k
		}
	}
	return n
}

const uuidLen = 36

// uuid reports whether b begins with a UUID. One without any digit is not a UUID: its version is a digit.
func uuid(b []byte) bool {
	if len(b) < uuidLen || isWord(at(b, uuidLen)) {
		return false
	}
	digits := false
	for i, c := range b[:uuidLen] {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHex(c) {
				return false
			}
			digits = digits || isDigit(c)
		}
	}
	return digits
}

// ipv4 returns the length of the IPv4 address that b begins with, with its port or prefix length, or 0.
func ipv4(b []byte) int {
	n := 0
	for part := range 4 {
		if part > 0 {
			if at(b, n) != '.' {
				return 0
			}
			n++
		}
		value, digits := 0, 0
		for isDigit(at(b, n)) && digits < 4 {
			value, digits, n = value*10+int(b[n]-'0'), digits+1, n+1
		}
		if digits == 0 || digits > 3 || value > 255 {
			return 0
		}
	}
	if isWord(at(b, n)) || at(b, n) == '.' && isDigit(at(b, n+1)) {
		return 0
	}
	if c := at(b, n); c == ':' || c == '/' {
		if k := countDigits(b[n+1:]); k > 0 && k <= 5 && !isWord(at(b, n+1+k)) {
			return n + 1 + k
		}
	}
	return n
}

// ipv6 returns the length of the IPv6 address that b begins with, or 0. One without any digit is taken for words.
func ipv6(b []byte) int {
	n, groups, double, digit := 0, 0, false, false
	if at(b, 0) == ':' {
		if at(b, 1) != ':' {
			return 0
		}
		double, n = true, 2
	}
	for {
		k := countHex(b[min(n, len(b)):])
		if k == 0 || k > 4 {
			if k > 4 {
				return 0
			}
			break
		}
		if at(b, n+k) == '.' && groups > 0 { // an IPv4 address at the end
			m := ipv4(b[n:])
			if m == 0 {
				return 0
			}
			groups, n, digit = groups+2, n+m, true
			break
		}
		for _, c := range b[n : n+k] {
			digit = digit || isDigit(c)
		}
		groups, n = groups+1, n+k
		if groups > 8 {
			return 0
		}
		if at(b, n) != ':' {
			break
		}
		if at(b, n+1) == ':' {
			if double {
				return 0
			}
			double, n = true, n+2
			continue
		}
		if !isHex(at(b, n+1)) {
			break // the colon is punctuation
		}
		n++
	}
	if isWord(at(b, n)) || !digit || (groups == 8) == double || !double && groups < 8 {
		return 0
	}
	return n
}

// mac returns the length of the hardware address that b begins with, or 0.
func mac(b []byte) int {
	const length = len("00:00:00:00:00:00")
	if len(b) < length || isWord(at(b, length)) {
		return 0
	}
	digit := false
	for i, c := range b[:length] {
		if i%3 == 2 {
			if c != ':' {
				return 0
			}
			continue
		}
		if !isHex(c) {
			return 0
		}
		digit = digit || isDigit(c)
	}
	if !digit {
		return 0
	}
	return length
}
