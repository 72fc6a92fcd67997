package trigger

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/where"
)

// GroupKeys returns the words that group_by accepts, beside label.NAME, capture.NAME and field.PATH.
func GroupKeys() []string { return append([]string{"key"}, where.Properties()...) }

// GroupKey returns the key that all alerts of one group share. Different groups have different keys, because the length of each value is part
// of the key.
func GroupKey(groupBy []string, a *Alert) string {
	var b strings.Builder
	for _, key := range groupBy {
		value, _ := a.Property(key)
		b.WriteString(key)
		b.WriteByte('=')
		b.WriteString(strconv.Itoa(len(value)) + ":" + value)
		b.WriteByte(';')
	}
	return b.String()
}

// Property returns the property of an alert by the name that where and group_by use; false for one that it does not have.
func (a *Alert) Property(name string) (value string, ok bool) {
	if name == "key" { // known only once there is an alert, so silences and inhibitions cannot name it
		return a.Key, a.Key != ""
	}
	switch part, name := where.Split(name); part {
	case where.Label:
		value, ok = a.Labels[name]
		return value, ok
	case where.Capture:
		value, ok = a.Captures[name]
		return value, ok
	case where.Field:
		value, ok = a.Fields[name]
		return value, ok
	case where.Whole:
		value = a.whole(name)
	}
	return value, value != ""
}

func (a *Alert) whole(name string) string {
	switch name {
	case "rule":
		return a.Rule
	case "workload":
		return a.Source.Workload
	case "severity":
		return a.Severity
	case "kind":
		return a.Kind
	case "source":
		return a.Source.Kind
	case "host":
		return a.Source.Host
	case "container":
		return cmp.Or(a.Source.Container.Name, a.Source.Container.ID)
	case "image":
		return a.Source.Container.Image
	case "stream":
		return a.Source.Stream
	case "tag":
		return a.Source.Tag
	}
	return ""
}

// SharedKey returns the key that all of the alerts have, or "" where they differ.
func SharedKey(alerts []Alert) string {
	for i := range alerts {
		if alerts[i].Key != alerts[0].Key {
			return ""
		}
	}
	return alerts[0].Key
}

// KindGroup is the kind of a Group.
const KindGroup = "group"

// Group is the JSON form of several alerts sent as one message.
type Group struct {
	Version  string  `json:"version"`
	ID       string  `json:"id"` // stable over retries
	Kind     string  `json:"kind"`
	Severity string  `json:"severity"` // the highest
	Total    int     `json:"total"`
	More     int     `json:"more"` // alerts of the group that the list leaves out
	Alerts   []Alert `json:"alerts"`
}
