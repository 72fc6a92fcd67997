package trigger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// view is one message as the presets for people see it: an alert, or the alerts of a group with the list cut. Its texts are plain; each
// preset escapes them for its receiver.
type view struct {
	id    string
	all   []Alert
	shown []Alert
}

func newView(id string, alerts []Alert, maxAlerts int) *view {
	return &view{id: id, all: alerts, shown: alerts[:min(len(alerts), max(1, maxAlerts))]}
}

// fact is a line such as "host: node-1".
type fact struct{ name, value string }

// Bounds of the texts that people are shown, in runes, before any receiver's own.
const (
	maxSummary = 1000
	maxLine    = 16_000
	maxContext = 8_000
	maxLabel   = 500
)

// readable returns the view with the long texts of its alerts plain and bounded, once for all that is made of them.
func (v *view) readable() *view {
	out := &view{id: v.id, all: make([]Alert, len(v.all))}
	for i, a := range v.all {
		for _, text := range []*string{&a.Rule, &a.Summary, &a.Source.Workload, &a.Source.Host, &a.Source.Container.Name} {
			*text = cutRunes(oneLine(*text), maxSummary)
		}
		labels := make(map[string]string, len(a.Labels))
		for name, value := range a.Labels {
			labels[cutRunes(oneLine(name), maxLabel)] = cutRunes(oneLine(value), maxLabel)
		}
		a.Labels = labels
		fields := make(map[string]string, len(a.Fields))
		for path, value := range a.Fields {
			fields[cutRunes(oneLine(path), maxLabel)] = cutRunes(oneLine(value), maxLabel)
		}
		a.Fields = fields
		a.Message = cutRunes(strings.TrimRight(plain(a.Message), "\n\t "), maxLine)
		if a.Context != nil {
			a.Context = a.Context.readable()
		}
		out.all[i] = a
	}
	out.shown = out.all[:len(v.shown)]
	return out
}

// first is the alert that stands for the message.
func (v *view) first() *Alert { return &v.all[0] }

// worst returns the gravest severity of the message.
func (v *view) worst() string {
	worst := -1
	for i := range v.all {
		worst = max(worst, slices.Index(Severities(), v.all[i].Severity))
	}
	if worst < 0 {
		return "warning"
	}
	return Severities()[worst]
}

// recovered reports whether the message ends what it tells of: its last alert says so.
func (v *view) recovered() bool { return v.all[len(v.all)-1].Kind == KindRecovered }

// title says on one line what happened: "CRITICAL go-panic · shop/api", or "CRITICAL 12 alerts · go-panic".
func (v *view) title() string {
	if len(v.all) == 1 {
		return headline(v.first())
	}
	parts := []string{fmt.Sprintf("%s %d alerts", strings.ToUpper(v.worst()), len(v.all))}
	first := v.first()
	if !slices.ContainsFunc(v.all, func(a Alert) bool { return a.Rule != first.Rule }) {
		parts = append(parts, cutRunes(oneLine(first.Rule), 100))
	}
	if !slices.ContainsFunc(v.all, func(a Alert) bool { return a.Source.Workload != first.Source.Workload }) {
		parts = append(parts, cutRunes(oneLine(first.Source.Workload), 100))
	}
	return strings.Join(parts, " · ")
}

// mark is the sign that a message of the severity begins with.
func (v *view) mark() string {
	switch {
	case v.recovered():
		return "🟢"
	case v.first().Kind == KindTest:
		return "🔔"
	}
	switch v.worst() {
	case "critical":
		return "🔴"
	case "error":
		return "🟠"
	case "warning":
		return "🟡"
	case "info":
		return "🔵"
	}
	return "⚪"
}

// rest counts the alerts that the message does not show, or is "".
func (v *view) rest(shown int) string {
	hidden := v.all[shown:]
	if len(hidden) == 0 {
		return ""
	}
	var held int64
	for i := range hidden {
		held += hidden[i].Suppressed.Total
	}
	text := fmt.Sprintf("and %d more", len(hidden))
	if held > 0 {
		text += fmt.Sprintf(", with %d held back", held)
	}
	return text
}

// headline names an alert on one line.
func headline(a *Alert) string {
	word := strings.ToUpper(oneLine(a.Severity))
	switch a.Kind {
	case KindRecovered, KindTest:
		word = strings.ToUpper(a.Kind)
	}
	parts := []string{cutRunes(word, 20) + " " + cutRunes(oneLine(a.Rule), 100)}
	if a.Source.Workload != "" {
		parts = append(parts, cutRunes(oneLine(a.Source.Workload), 100))
	}
	return strings.Join(parts, " · ")
}

// summaryLine is an alert's summary on one line, or the begin of its message.
func summaryLine(a *Alert, runes int) string {
	text := oneLine(a.Summary)
	if text == "" {
		text = oneLine(a.Message)
	}
	return cutRunes(text, runes)
}

// facts lists what else is known of an alert, what was held back first, each value in at most so many runes.
func facts(a *Alert, runes int) []fact {
	var list []fact
	add := func(name, value string) {
		if value = cutRunes(oneLine(value), runes); value != "" {
			list = append(list, fact{name, value})
		}
	}
	if a.Kind == KindAbsence {
		add("came before", heldBack(a)) // what was to be expected
	} else {
		add("held back", heldBack(a))
	}
	if a.Count > 1 {
		add("hits", strconv.Itoa(a.Count))
	}
	if a.Kind != KindLog {
		add("kind", a.Kind)
	}
	if !a.Time.IsZero() {
		add("time", a.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	add("host", a.Source.Host)
	add("container", a.Source.Container.Name)
	for _, more := range []map[string]string{a.Fields, a.Labels} {
		for i, name := range sortedKeys(more) {
			if i == 10 {
				break
			}
			add(cutRunes(oneLine(name), 50), more[name])
		}
	}
	return list
}

// factLine gives facts as one line.
func factLine(list []fact) string {
	parts := make([]string, len(list))
	for i, f := range list {
		parts[i] = f.name + ": " + f.value
	}
	return strings.Join(parts, " · ")
}

// link returns the address that a message leads to, or "".
func link(s *Settings, a *Alert) string {
	for _, text := range []string{s.GeneratorURL, a.Runbook} {
		if len(text) <= 2000 && isWebURL(text) && plain(text) == text && !strings.ContainsAny(text, " <>|\"'`") {
			return text
		}
	}
	return ""
}
