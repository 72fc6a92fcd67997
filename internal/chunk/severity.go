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

// metadataOf reads an event's metadata, {"otlp": {"severity_number": 17, "severity_text": "ERROR", "attributes": {"log.iostream": "stderr"}}}: the
// severity, and the stream by OpenTelemetry's semantic conventions.
func metadataOf(b []byte, i int) (severity engine.Severity, stream engine.Stream) {
	otlp, ok := child(b, i, "otlp")
	if !ok {
		return severity, stream
	}
	var number, word, attributes int
	for pairs, i, _ := mapAt(b, otlp); pairs > 0; pairs-- {
		start, value, ok := text(b, i)
		if !ok {
			if value, ok = skip(b, i); !ok {
				return severity, stream
			}
		}
		switch value - start {
		case len("severity_number"):
			if string(b[start:value]) == "severity_number" {
				number = value
			}
		case len("severity_text"):
			if string(b[start:value]) == "severity_text" {
				word = value
			}
		case len("attributes"):
			if string(b[start:value]) == "attributes" {
				attributes = value
			}
		}
		if pairs > 1 {
			if i, ok = skip(b, value); !ok {
				return severity, stream
			}
		}
	}
	if number != 0 {
		if n, ok := smallNumber(b, number); ok {
			severity = otlpSeverity(n)
		}
	}
	if start, end, ok := text(b, word); severity == engine.SeverityUnknown && word != 0 && ok {
		severity = engine.ParseLevel(b[start:end])
	}
	if attributes != 0 {
		if at, ok := child(b, attributes, "log.iostream"); ok {
			stream = streamAt(b, at)
		}
	}
	return severity, stream
}

// child returns the position of the value of a key of the well-formed map at i: the last one, if the map repeats the key.
func child(b []byte, i int, name string) (at int, ok bool) {
	pairs, i, whole := mapAt(b, i)
	for ; whole && pairs > 0; pairs-- {
		start, value, isText := text(b, i)
		if !isText {
			if value, whole = skip(b, i); !whole {
				return 0, false
			}
		} else if value-start == len(name) && string(b[start:value]) == name {
			at, ok = value, value < len(b)
		}
		if pairs > 1 {
			if i, whole = skip(b, value); !whole {
				return 0, false
			}
		}
	}
	return at, ok
}
