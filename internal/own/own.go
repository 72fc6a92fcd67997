// Package own recognizes this program's own output where it comes back: its log lines, and alerts, as records or in the log of a receiver. Alerts about
// them would raise each other.
package own

import (
	"bytes"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// The origin in this program's own log lines, behind time and level.
var (
	ownMark        = []byte("[output:trigger:")
	standaloneMark = []byte("[" + StandaloneOrigin + "] ")
)

// The beginnings of the documents that receivers get: an alert or a group, each also as a CloudEvent.
var (
	alertMark     = []byte(`{"version":"1","id":"`)
	alertKindMark = []byte(`","kind":"`)
	eventMark     = []byte(`{"specversion":"1.0","id":"`)
	eventTypeMark = []byte(`"type":"com.github.tinyforge.fluentbit-trigger.`)
)

// maxMarkedStart bounds the part of a line that is searched for them.
const maxMarkedStart = 512

// StandaloneOrigin is the origin in the log lines of docker-fluentbit.
const StandaloneOrigin = "docker-fluentbit"

// Is reports whether a record is this program's own: one of its log lines, or an alert that came back, as a record or in the log of a receiver. Own
// records are not evaluated, because an alert about an alert would raise the next one.
func Is(rec *engine.Record) bool {
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

// isAlertLine reports whether a line is an alert in the generic or the CloudEvents format. Only its beginning counts: a line that quotes an alert is an
// ordinary line.
func isAlertLine(line []byte) bool {
	start := line[:min(len(line), maxMarkedStart)]
	if rest, ok := bytes.CutPrefix(start, alertMark); ok {
		end := bytes.IndexByte(rest, '"')
		return end > 0 && bytes.HasPrefix(rest[end:], alertKindMark)
	}
	return bytes.HasPrefix(start, eventMark) && bytes.Contains(start, eventTypeMark)
}
