package trigger

import (
	"cmp"
	"strconv"
	"strings"
)

// GroupKeys returns the words that group_by accepts, beside label.NAME, capture.NAME and field.PATH.
func GroupKeys() []string {
	return []string{"rule", "workload", "severity", "kind", "source", "host", "container", "stream", "tag"}
}

// GroupKey returns the key that all alerts of one group share. Different groups have different keys, because the length of each value is part
// of the key.
func GroupKey(groupBy []string, a *Alert) string {
	var b strings.Builder
	for _, key := range groupBy {
		value := groupValue(key, a)
		b.WriteString(key)
		b.WriteByte('=')
		b.WriteString(strconv.Itoa(len(value)) + ":" + value)
		b.WriteByte(';')
	}
	return b.String()
}

func groupValue(key string, a *Alert) string {
	switch key {
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
	case "stream":
		return a.Source.Stream
	case "tag":
		return a.Source.Tag
	}
	prefix, name, _ := strings.Cut(key, ".")
	switch prefix {
	case "label":
		return a.Labels[name]
	case "capture":
		return a.Captures[name]
	case "field":
		return a.Fields[name]
	}
	return ""
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
