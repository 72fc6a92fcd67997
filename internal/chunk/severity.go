package chunk

import (
	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
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
	if n, ok = msgpack.Integer(b, i); ok {
		return n, true
	}
	if start, end, isText := msgpack.Text(b, i); isText {
		return engine.ParseDecimal(b[start:end])
	}
	return 0, false
}

// levelAt reads the level field at i.
func levelAt(b []byte, i int) engine.Severity {
	if n, ok := msgpack.Integer(b, i); ok {
		return engine.LevelNumber(n)
	}
	if start, end, ok := msgpack.Text(b, i); ok {
		var plain [maxLevel]byte
		word, _ := safetext.Line(plain[:0], b[start:min(end, start+maxLevel)], false)
		return engine.ParseLevel(word)
	}
	return engine.SeverityUnknown
}

// maxLevel bounds the part of a level field that is read, in bytes.
const maxLevel = 128

// metadataOf reads an event's metadata, {"otlp": {"severity_number": 17, "severity_text": "ERROR", "attributes": {"log.iostream": "stderr"}}}: the
// severity, and the stream by OpenTelemetry's semantic conventions.
func metadataOf(b []byte, i int) (severity engine.Severity, stream engine.Stream) {
	otlp, ok := msgpack.Child(b, i, "otlp")
	if !ok {
		return severity, stream
	}
	var number, word, attributes int
	for pairs, i, _ := msgpack.Map(b, otlp); pairs > 0; pairs-- {
		start, value, ok := msgpack.Text(b, i)
		if !ok {
			if value, ok = msgpack.Skip(b, i); !ok {
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
			if i, ok = msgpack.Skip(b, value); !ok {
				return severity, stream
			}
		}
	}
	if number != 0 {
		if n, ok := smallNumber(b, number); ok {
			severity = otlpSeverity(n)
		}
	}
	if start, end, ok := msgpack.Text(b, word); severity == engine.SeverityUnknown && word != 0 && ok {
		severity = engine.ParseLevel(b[start:end])
	}
	if attributes != 0 {
		if at, ok := msgpack.Child(b, attributes, "log.iostream"); ok {
			stream = streamAt(b, at)
		}
	}
	return severity, stream
}
