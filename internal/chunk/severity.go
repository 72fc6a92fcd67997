package chunk

import (
	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

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

// smallNumber reads an integer, or its decimal text, at i.
func smallNumber(b []byte, i int) (n int64, ok bool) {
	if n, ok = integer(b, i); ok {
		return n, true
	}
	if start, end, isText := text(b, i); isText {
		return engine.ParseDecimal(b[start:end])
	}
	return 0, false
}

// levelAt reads the level field at i.
func levelAt(b []byte, i int) engine.Severity {
	if n, ok := integer(b, i); ok {
		return engine.LevelNumber(n)
	}
	if start, end, ok := text(b, i); ok {
		var plain [maxLevel]byte
		word, _ := safetext.Line(plain[:0], b[start:min(end, start+maxLevel)], false)
		return engine.ParseLevel(word)
	}
	return engine.SeverityUnknown
}

// maxLevel bounds what is looked at of a level field, in bytes.
const maxLevel = 128

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
			return engine.ParseLevel(b[start:end])
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
