package docker

import (
	"strings"

	"github.com/tidwall/gjson"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// ParseEvent reads an event as engines write it, one message of GET /events. It is strict, so that nothing else is taken for one: ok is false
// unless the message is of type container and has an action, the whole id of a container, attributes that are texts, and a time.
func ParseEvent(message []byte) (e Event, ok bool) {
	if len(message) == 0 || message[0] != '{' || !gjson.ValidBytes(message) {
		return Event{}, false
	}
	m := gjson.ParseBytes(message)
	kind, action, id, attributes := m.Get("Type"), m.Get("Action"), m.Get("Actor.ID"), m.Get("Actor.Attributes")
	if kind.Str != "container" || action.Str == "" || !isID(id.Str) || !attributes.IsObject() {
		return Event{}, false
	}
	e = Event{ID: strings.Clone(id.Str), Action: strings.Clone(EventName(action.Str)), Attributes: map[string]string{}}
	if status := m.Get("HealthStatus").Str; e.Action == healthChecked && status != "" {
		e.Action = healthPrefix + strings.Clone(status)
	}
	if e.Time = m.Get("timeNano").Int(); e.Time <= 0 {
		e.Time = m.Get("time").Int() * 1e9
	}
	ok = e.Time > 0
	attributes.ForEach(func(key, value gjson.Result) bool {
		ok = ok && value.Type == gjson.String
		e.Attributes[strings.Clone(key.Str)] = strings.Clone(value.Str)
		return ok
	})
	e.Name = e.Attributes["name"]
	return e, ok
}

// healthChecked is the event that Podman sends after each check of a container's health, where Docker sends one with the status when that changed.
const healthChecked = "health_status"

// EventName returns Docker's name of an event that Podman may name in its own way.
func EventName(action string) string {
	if action == "remove" {
		return "destroy"
	}
	return action
}

// isID reports whether s is the whole id of a container: 64 hexadecimal digits.
func isID(s string) bool {
	return len(s) == 64 && !strings.ContainsFunc(s, func(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}

// Enabled reports whether the container's labels leave it in.
func (e *Event) Enabled() bool { return enabled(e.Attributes) }

// container returns what an event tells of its container. The labels are among the attributes.
func (e *Event) container() *Container {
	return &Container{ID: e.ID, Name: e.Name, Image: e.Attributes["image"], Labels: e.Attributes}
}

// ContainerEvent makes of an event what rules look at. host is the name of the engine's machine;
// anyWorkload allows labels that name any workload.
func (e *Event) ContainerEvent(host string, anyWorkload bool) *ContainerEvent {
	return &ContainerEvent{
		Source: eventSource(e.container(), host, anyWorkload), Time: e.Time, Action: e.Action, ExitCode: e.Attributes["exitCode"],
		Signal: e.Attributes["signal"], OldName: strings.TrimPrefix(e.Attributes["oldName"], "/"),
	}
}

func eventSource(c *Container, host string, anyWorkload bool) *engine.Source {
	s := SourceOf(c, host, anyWorkload)
	s.Kind = engine.SourceContainer
	return s
}
