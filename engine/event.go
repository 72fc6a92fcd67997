package engine

import (
	"slices"
	"strings"
)

// SourceContainer is the kind of a source whose records are events of the container engine instead of lines. Rules with event look at such
// records alone, and all other rules never do.
const SourceContainer = "container"

// The fields of an event. Alerts carry those that it has as captures.
const (
	EventField     = "event"     // what happened, as the engine says it: "die", "health_status: unhealthy"
	ExitCodeField  = "exit_code" // of die
	SignalField    = "signal"    // of kill
	OldNameField   = "old_name"  // of rename
	RequestedField = "requested" // of die, exec_die and health_status: "true" when somebody asked for the container's stop, else "false"
	RecoveredField = "recovered" // "true": it was found out later, while the engine could not be listened to
)

var eventFields = [...]string{EventField, ExitCodeField, SignalField, OldNameField, RequestedField, RecoveredField}

var eventNames = []string{
	"attach", "commit", "copy", "create", "destroy", "detach", "die", "exec_create", "exec_detach", "exec_die", "exec_start", "export",
	"health_status", "health_status: healthy", "health_status: unhealthy", "kill", "oom", "pause", "rename", "resize", "restart", "start", "stop", "top",
	"unpause", "update",
}

// EventFields lists the fields of an event. A hit has those that its event has as captures, beside what its pattern names.
func EventFields() []string { return slices.Clone(eventFields[:]) }

// EventNames lists what can happen to a container, as Docker names it. A name holds all of its kinds: "health_status" any status.
func EventNames() []string { return slices.Clone(eventNames) }

// isEvent reports whether a record is an event of the container engine.
func (s *Source) isEvent() bool { return s.Kind == SourceContainer }

// kind is the kind of the sources whose records the rule looks at.
func (r *rule) kind() string {
	if len(r.settings.Event) > 0 {
		return SourceContainer
	}
	return "log"
}

// matchesEvent reports whether an event is one of those that a rule names.
func matchesEvent(names []string, event string) bool {
	kind, _, _ := strings.Cut(event, ": ")
	return slices.Contains(names, event) || slices.Contains(names, kind)
}

// appendTemplate appends the template of the hit's line. That of an event is what happened, with the exit code and the signal: they tell kinds of
// ends apart, and are no numbers like others.
func (h *Hit) appendTemplate(dst []byte) []byte {
	if !h.Record.Source.isEvent() || h.Record.Fields == nil {
		return AppendTemplate(dst, h.line[:min(len(h.line), maxTemplated)])
	}
	for i, name := range [...]string{EventField, ExitCodeField, SignalField} {
		before := len(dst)
		if i > 0 {
			dst = append(dst, ", "...)
		}
		var ok bool
		if dst, ok = h.Record.Fields.AppendField(dst, name); !ok {
			dst = dst[:before]
		}
	}
	return dst
}

// eventCaptures adds the event's fields to what the pattern captured.
func eventCaptures(captures map[string]string, rec *Record) map[string]string {
	if rec.Fields == nil {
		return captures
	}
	var text []byte
	for _, name := range eventFields {
		if _, ok := captures[name]; ok {
			continue
		}
		var ok bool
		if text, ok = rec.Fields.AppendField(text[:0], name); ok {
			if captures == nil {
				captures = map[string]string{}
			}
			captures[name], _ = validText(text, maxCapture)
		}
	}
	return captures
}
