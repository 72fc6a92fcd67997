package pipeline

import (
	"bytes"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// One of these stands in this program's own log lines behind the time and the level.
var (
	ownMark        = []byte("[output:trigger:")
	standaloneMark = []byte("[" + StandaloneOrigin + "] ")
)

// How the documents begin that a receiver gets: an alert or a group of them, and either as a CloudEvent.
var (
	alertMark     = []byte(`{"version":"1","id":"`)
	alertKindMark = []byte(`","kind":"`)
	eventMark     = []byte(`{"specversion":"1.0","id":"`)
	eventTypeMark = []byte(`"type":"com.github.tinyforge.fluentbit-trigger.`)
)

// maxMarkedStart bounds how much of a line is looked at.
const maxMarkedStart = 512

// StandaloneOrigin is what stands in the brackets of the standalone program's log lines.
const StandaloneOrigin = "docker-fluentbit"

// IsOwn reports whether a record is this program's own: one of its log lines, or an alert that came back, as a record or as the line of a receiver
// that logs what it gets. It is not evaluated, because an alert about an alert would make the next one.
func IsOwn(rec *engine.Record) bool {
	line := rec.Text
	if rec.Own {
		return true
	}
	if len(line) == 0 || line[0] != '[' && line[0] != '{' {
		return false
	}
	if line[0] == '{' {
		return isAlertLine(line)
	}
	const at = len("[2006/01/02 15:04:05.000] [ info] ") // as internal/logging writes them
	return len(line) > at && (bytes.HasPrefix(line[at:], ownMark) || bytes.HasPrefix(line[at:], standaloneMark))
}

// isAlertLine reports whether a line is what a trigger sends in the generic or the CloudEvents format. It looks at the beginning alone: a line that
// only quotes an alert is a line.
func isAlertLine(line []byte) bool {
	start := line[:min(len(line), maxMarkedStart)]
	if rest, ok := bytes.CutPrefix(start, alertMark); ok {
		end := bytes.IndexByte(rest, '"')
		return end > 0 && bytes.HasPrefix(rest[end:], alertKindMark)
	}
	return bytes.HasPrefix(start, eventMark) && bytes.Contains(start, eventTypeMark)
}
