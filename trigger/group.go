package trigger

import (
	"cmp"
	"strconv"
	"strings"
)

// GroupKeys lists the words of the group_by setting; label.NAME, capture.NAME and field.PATH come on top.
func GroupKeys() []string {
	return []string{"rule", "workload", "severity", "kind", "source", "host", "container", "stream", "tag"}
}

// GroupKey returns the text that alerts of one group share under the group_by setting. Different groups never share one: each part is
// preceded by its length.
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
