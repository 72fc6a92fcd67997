package model

import (
	"bytes"
)

// ParseLevel reads a severity from the text of a level field: a word in any case (trace, debug, info, notice, warn, error,
// critical, fatal, panic, alert, emerg and their usual forms), the first letter alone, one of syslog's numbers 0 to 7, or one of
// pino's and bunyan's 10 to 60. Anything else is SeverityUnknown. It does not allocate.
func ParseLevel(text []byte) Severity {
	text = bytes.Trim(text, " \t\r\n[]<>:\"")
	if len(text) == 0 || len(text) > 16 {
		return SeverityUnknown
	}
	if text[0] >= '0' && text[0] <= '9' {
		n, ok := ParseDecimal(text)
		if !ok {
			return SeverityUnknown
		}
		return LevelNumber(n)
	}
	var lower [16]byte
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	word := lower[:len(text)]
	if last := word[len(word)-1]; len(word) > 1 && last >= '1' && last <= '4' {
		word = word[:len(word)-1] // OTLP's INFO2, ERROR4, …
	}
	switch string(word) {
	case "t", "trace", "trc", "v", "verbose", "d", "debug", "dbg", "fine", "finer", "finest", "config", "silly":
		return SeverityDebug
	case "i", "info", "inf", "information", "informational", "n", "notice", "log", "default":
		return SeverityInfo
	case "w", "warn", "wrn", "warning":
		return SeverityWarning
	case "e", "err", "error", "eror", "severe":
		return SeverityError
	case "c", "crit", "critical", "f", "fatal", "ftl", "p", "panic", "dpanic", "alert", "emerg", "emergency":
		return SeverityCritical
	}
	return SeverityUnknown
}

// LevelNumber reads the numbers of a level field. The two scales do not overlap: GELF and others write syslog's, pino and bunyan their own.
func LevelNumber(n int64) Severity {
	switch {
	case n < 0:
		return SeverityUnknown
	case n <= 7:
		return SyslogSeverity(n)
	case n < 10:
		return SeverityUnknown
	case n < 30:
		return SeverityDebug
	case n < 40:
		return SeverityInfo
	case n < 50:
		return SeverityWarning
	case n < 60:
		return SeverityError
	case n < 70:
		return SeverityCritical
	}
	return SeverityUnknown
}

// SyslogSeverity maps the severities of RFC 5424, section 6.2.1.
func SyslogSeverity(n int64) Severity {
	switch {
	case n < 0 || n > 7:
		return SeverityUnknown
	case n <= 2:
		return SeverityCritical
	case n == 3:
		return SeverityError
	case n == 4:
		return SeverityWarning
	case n <= 6:
		return SeverityInfo
	}
	return SeverityDebug
}

// ParseDecimal reads a non-negative decimal number of at most nine digits.
func ParseDecimal(text []byte) (n int64, ok bool) {
	if len(text) == 0 || len(text) > 9 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// jsonLevelKeys are the keys that a line of JSON may have its severity under; the first that is present counts.
var jsonLevelKeys = [...]string{"level", "severity", "lvl", "loglevel", "log_level", "levelname", "log.level"}

// JsonSeverity returns the severity in a line of JSON.
func JsonSeverity(line []byte) Severity {
	if len(line) == 0 || line[0] != '{' {
		return SeverityUnknown
	}
	var buf [32]byte
	for _, key := range jsonLevelKeys {
		if value, ok := appendJSONField(buf[:0], line, key); ok {
			return ParseLevel(value)
		}
	}
	return SeverityUnknown
}
