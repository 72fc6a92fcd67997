package model

import (
	"slices"
	"strings"
)

// SourceContainer is the kind of a source whose records are events of the container engine instead of lines. Rules with event look at such
// records alone, and all other rules never do.
const SourceContainer = "container"

// The fields of an event. Alerts carry those that it has as captures.
const (
	EventField     = "event"     // the name of the event, as the container engine writes it: "die", "health_status: unhealthy"
	ExitCodeField  = "exit_code" // of die
	SignalField    = "signal"    // of kill
	OldNameField   = "old_name"  // of rename
	RequestedField = "requested" // of die, exec_die and health_status: "true" when somebody asked for the container's stop, else "false"
	RecoveredField = "recovered" // "true": it was found out later, while the engine could not be listened to
)

var KnownFields = [...]string{EventField, ExitCodeField, SignalField, OldNameField, RequestedField, RecoveredField}

var KnownEvents = []string{
	"attach", "commit", "copy", "create", "destroy", "detach", "die", "exec_create", "exec_detach", "exec_die", "exec_start", "export",
	"health_status", "health_status: healthy", "health_status: unhealthy", "kill", "oom", "pause", "rename", "resize", "restart", "start", "stop", "top",
	"unpause", "update",
}

// EventFields lists the fields of an event. A hit has those that are present as captures, beside those of its pattern.
func EventFields() []string { return slices.Clone(KnownFields[:]) }

// EventNames lists the container events, as Docker names them. A name includes all of its kinds: "health_status" any status.
func EventNames() []string { return slices.Clone(KnownEvents) }

// MatchesEvent reports whether an event is one of those that a rule names.
func MatchesEvent(names []string, event string) bool {
	kind, _, _ := strings.Cut(event, ": ")
	return slices.Contains(names, event) || slices.Contains(names, kind)
}
