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

// readMetadata reads an event's metadata, {"otlp": {"severity_number": 17, "severity_text": "ERROR", "attributes": {"log.iostream": "stderr"}}}: the
// severity, and the stream by OpenTelemetry's semantic conventions. next is the position after it, or how far it came if it is broken.
func readMetadata(b []byte, i int) (next int, severity engine.Severity, stream engine.Stream, ok bool) {
	pairs, next, ok := msgpack.Map(b, i)
	if !ok { // nil, or broken
		next, ok = msgpack.Skip(b, i)
		return next, severity, stream, ok
	}
	for ; ok && pairs > 0; pairs-- {
		start, value, isText := msgpack.Text(b, next)
		switch {
		case isText && string(b[start:value]) == "otlp":
			next, severity, stream, ok = readOTLP(b, value)
			continue
		case !isText:
			value, ok = msgpack.Skip(b, next)
		}
		if next = value; ok {
			next, ok = msgpack.Skip(b, value)
		}
	}
	return next, severity, stream, ok
}

// readOTLP reads the metadata of an OpenTelemetry record.
func readOTLP(b []byte, i int) (next int, severity engine.Severity, stream engine.Stream, ok bool) {
	pairs, next, ok := msgpack.Map(b, i)
	if !ok {
		next, ok = msgpack.Skip(b, i)
		return next, severity, stream, ok
	}
	var number, word, attributes int
	for ; pairs > 0; pairs-- {
		start, value, isText := msgpack.Text(b, next)
		if !isText {
			if value, ok = msgpack.Skip(b, next); !ok {
				return value, severity, stream, false
			}
		} else {
			switch string(b[start:value]) {
			case "severity_number":
				number = value
			case "severity_text":
				word = value
			case "attributes":
				attributes = value
			}
		}
		if next, ok = msgpack.Skip(b, value); !ok {
			return next, severity, stream, false
		}
	}
	if number != 0 {
		if n, ok := smallNumber(b, number); ok {
			severity = otlpSeverity(n)
		}
	}
	if severity == engine.SeverityUnknown && word != 0 {
		if start, end, ok := msgpack.Text(b, word); ok {
			severity = engine.ParseLevel(b[start:end])
		}
	}
	if attributes != 0 {
		if at, ok := msgpack.Child(b, attributes, "log.iostream"); ok {
			stream = streamAt(b, at)
		}
	}
	return next, severity, stream, true
}
