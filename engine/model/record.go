// Package model has the values that all rooms of the engine share: records and their sources, alerts, and counters. It knows neither rules nor state.
package model

import (
	"fmt"
	"strings"
)

// Stream is the output stream that a line was written to.
type Stream uint8

// The streams. StreamUnknown is a line whose source has no streams (syslog, OTLP).
const (
	StreamUnknown Stream = iota
	Stdout
	Stderr
)

// String returns "stdout", "stderr" or "" for an unknown stream.
func (s Stream) String() string {
	switch s {
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	default:
		return ""
	}
}

// Severity orders how grave a record or an alert is. Greater is graver.
type Severity uint8

// The severities, in order. SeverityUnknown is a record that carries none.
const (
	SeverityUnknown Severity = iota
	SeverityDebug
	SeverityInfo
	SeverityWarning
	SeverityError
	SeverityCritical
)

var severityNames = [...]string{"", "debug", "info", "warning", "error", "critical"}

// SeverityNames lists the words that configuration accepts, least grave first.
func SeverityNames() []string { return append([]string(nil), severityNames[1:]...) }

// String returns the severity's word, or "" for SeverityUnknown.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("severity(%d)", s)
}

// MarshalText returns the severity's word.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts exactly the words of SeverityNames.
func (s *Severity) UnmarshalText(text []byte) error {
	for i, name := range severityNames[1:] {
		if string(text) == name {
			*s = Severity(i + 1)
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q: must be one of %s", text, strings.Join(severityNames[1:], ", "))
}

// Container identifies the container that wrote a line. Every part may be empty.
type Container struct {
	ID      string // 64 or 12 hexadecimal digits
	Name    string // by which people know it: namespace/pod/container, compose project/service/number, or the engine's, without the leading slash
	Image   string // as the container names it: a name and a tag, mostly
	ImageID string `json:",omitempty"` // its digest, which says more than a tag; "": unknown
}

// Source says where a record came from. A Source is immutable and shared by all records of one origin, so that a decoder hands out one
// pointer for each origin and the engine can compare pointers.
type Source struct {
	Kind      string // "log"; SourceContainer for events of the container engine
	Workload  string // that the container belongs to, never empty
	Host      string
	Tag       string // Fluent Bit's tag; "" in the standalone mode
	Container Container
	// Bucket names the token bucket that the source's alerts share with those of other sources; "": the container has one of its own.
	Bucket string
}

// Fields gives access to the structured fields of a record.
type Fields interface {
	// AppendField appends the text form of the field at the dotted path to dst. A key that itself holds dots is found too: the longest
	// key wins at each level. Strings are appended as they are, numbers in the form of AppendFloat, booleans as true or false; maps, arrays and
	// nil count as absent. ok is false, and dst is returned unchanged, when there is no such field.
	AppendField(dst []byte, path string) (value []byte, ok bool)
}

// Attached is a Fields that knows which fields the pipeline attached to the record. Where such a field is missing, a member of a line that is a
// JSON object does not replace it.
type Attached interface {
	// Attached reports whether the field at the dotted path, present or not, is one that the pipeline attaches to this record.
	Attached(path string) bool
}

// Record is one log line with its source. Text and Fields are valid only during the call that they are passed to.
type Record struct {
	Time     int64  // nanoseconds since 1970-01-01 UTC
	Text     []byte // the line, without its line end
	Stream   Stream
	Severity Severity
	// Truncated marks a line that was cut before it came here.
	Truncated bool
	// Own marks an alert of this program that came back as a record. It is not to be evaluated.
	Own    bool
	Source *Source // never nil
	Fields Fields  // nil when there are none
}

// IsEvent reports whether a record is an event of the container engine.
func (s *Source) IsEvent() bool { return s.Kind == SourceContainer }
