package chunk

import (
	"bytes"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// ParseLevel reads a severity from what programs write into a level field: a word in any case (trace, debug, info, notice, warn, error,
// critical, fatal, panic, alert, emerg and their usual forms), the first letter alone, one of syslog's numbers 0 to 7, or one of
// pino's and bunyan's 10 to 60. Anything else is SeverityUnknown. It does not allocate.
func ParseLevel(text []byte) engine.Severity {
	text = bytes.Trim(text, " \t\r\n[]<>:\"")
	if len(text) == 0 || len(text) > 16 {
		return engine.SeverityUnknown
	}
	if text[0] >= '0' && text[0] <= '9' {
		n, ok := decimal(text)
		if !ok {
			return engine.SeverityUnknown
		}
		return levelNumber(n)
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
		return engine.SeverityDebug
	case "i", "info", "inf", "information", "informational", "n", "notice", "log", "default":
		return engine.SeverityInfo
	case "w", "warn", "wrn", "warning":
		return engine.SeverityWarning
	case "e", "err", "error", "eror", "severe":
		return engine.SeverityError
	case "c", "crit", "critical", "f", "fatal", "ftl", "p", "panic", "dpanic", "alert", "emerg", "emergency":
		return engine.SeverityCritical
	}
	return engine.SeverityUnknown
}

// levelNumber reads the numbers of a level field. The two scales do not overlap: GELF and others write syslog's, pino and bunyan their own.
func levelNumber(n int64) engine.Severity {
	switch {
	case n < 0:
		return engine.SeverityUnknown
	case n <= 7:
		return syslogSeverity(n)
	case n < 10:
		return engine.SeverityUnknown
	case n < 30:
		return engine.SeverityDebug
	case n < 40:
		return engine.SeverityInfo
	case n < 50:
		return engine.SeverityWarning
	case n < 60:
		return engine.SeverityError
	case n < 70:
		return engine.SeverityCritical
	}
	return engine.SeverityUnknown
}

// syslogSeverity maps the severities of RFC 5424, section 6.2.1.
func syslogSeverity(n int64) engine.Severity {
	switch {
	case n < 0 || n > 7:
		return engine.SeverityUnknown
	case n <= 2:
		return engine.SeverityCritical
	case n == 3:
		return engine.SeverityError
	case n == 4:
		return engine.SeverityWarning
	case n <= 6:
		return engine.SeverityInfo
	}
	return engine.SeverityDebug
}

// otlpSeverity maps the SeverityNumber of OpenTelemetry's log data model: four numbers for each of trace, debug, info, warn, error, fatal.
func otlpSeverity(n int64) engine.Severity {
	switch {
	case n < 1 || n > 24:
		return engine.SeverityUnknown
	case n <= 8:
		return engine.SeverityDebug
	case n <= 12:
		return engine.SeverityInfo
	case n <= 16:
		return engine.SeverityWarning
	case n <= 20:
		return engine.SeverityError
	}
	return engine.SeverityCritical
}

// decimal reads a non-negative decimal number of at most nine digits.
func decimal(text []byte) (n int64, ok bool) {
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

// smallNumber reads an integer, or its decimal text, at i.
func smallNumber(b []byte, i int) (n int64, ok bool) {
	if n, ok = integer(b, i); ok {
		return n, true
	}
	if start, end, isText := text(b, i); isText {
		return decimal(b[start:end])
	}
	return 0, false
}

// levelAt reads the level field at i.
func levelAt(b []byte, i int) engine.Severity {
	if n, ok := integer(b, i); ok {
		return levelNumber(n)
	}
	if start, end, ok := text(b, i); ok {
		return ParseLevel(b[start:end])
	}
	return engine.SeverityUnknown
}

// metadataSeverity reads the severity from an event's metadata, {"otlp": {"severity_number": 17, "severity_text": "ERROR"}}.
func metadataSeverity(b []byte, i int) engine.Severity {
	at, ok := child(b, i, "otlp")
	if !ok {
		return engine.SeverityUnknown
	}
	if v, ok := child(b, at, "severity_number"); ok {
		if n, ok := smallNumber(b, v); ok && otlpSeverity(n) != engine.SeverityUnknown {
			return otlpSeverity(n)
		}
	}
	if v, ok := child(b, at, "severity_text"); ok {
		if start, end, ok := text(b, v); ok {
			return ParseLevel(b[start:end])
		}
	}
	return engine.SeverityUnknown
}

// child returns the position of the value of a key of the map at i.
func child(b []byte, i int, name string) (at int, ok bool) {
	pairs, i, ok := mapAt(b, i)
	if !ok {
		return 0, false
	}
	for ; pairs > 0; pairs-- {
		start, end, isText := text(b, i)
		next, ok := skip(b, i)
		if !ok {
			return 0, false
		}
		if isText && string(b[start:end]) == name {
			return next, next < len(b)
		}
		if i, ok = skip(b, next); !ok {
			return 0, false
		}
	}
	return 0, false
}
