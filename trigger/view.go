package trigger

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// view is one message: an alert, or the alerts of a group. shown has the first of them, at most max_alerts. Receivers that people read get a
// readable view and escape its texts.
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

// Bounds of texts in messages, in runes. The limits of each receiver come on top.
const (
	maxSummary = 1000
	maxLine    = 16_000
	maxContext = 8_000
	maxLabel   = 500
)

// readable returns the view with the texts of its alerts made plain and cut. It runs once per message, so that no later step handles long texts.
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

// first returns the alert whose rule, workload and links the message shows.
func (v *view) first() *Alert { return &v.all[0] }

// worst returns the highest severity of the message.
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

// recovered reports whether the message ends an incident: its last alert is a recovery.
func (v *view) recovered() bool { return v.all[len(v.all)-1].Kind == KindRecovered }

// title returns the title on one line: "CRITICAL go-panic · shop/api", or "CRITICAL 12 alerts · go-panic".
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

// mark returns the symbol of the message's severity.
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

// rest returns "and 3 more" for the alerts that the message does not show, or "" when it shows all.
func (v *view) rest(shown int) string {
	hidden := v.all[shown:]
	if len(hidden) == 0 {
		return ""
	}
	var suppressed int64
	for i := range hidden {
		suppressed += hidden[i].Suppressed.Total
	}
	text := fmt.Sprintf("and %d more", len(hidden))
	if suppressed > 0 {
		text += fmt.Sprintf(", with %d suppressed", suppressed)
	}
	return text
}

// headline returns the title of one alert.
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

// summaryLine returns an alert's summary on one line, or the start of its message when it has no summary.
func summaryLine(a *Alert, runes int) string {
	text := oneLine(a.Summary)
	if text == "" {
		text = oneLine(a.Message)
	}
	return cutRunes(text, runes)
}

// facts returns the details below the summary, each value in at most so many runes. Suppressed hits come first, because some receivers cut the rest.
func facts(a *Alert, runes int) []fact {
	var list []fact
	add := func(name, value string) {
		if value = cutRunes(oneLine(value), runes); value != "" {
			list = append(list, fact{name, value})
		}
	}
	if a.Kind == KindAbsence {
		add("came before", suppressedText(a)) // the hits before the absence are the expected ones, not suppressed ones
	} else {
		add("suppressed", suppressedText(a))
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

// factLine joins facts on one line.
func factLine(list []fact) string {
	parts := make([]string, len(list))
	for i, f := range list {
		parts[i] = f.name + ": " + f.value
	}
	return strings.Join(parts, " · ")
}

// link returns the address that a message links to: generator_url or the runbook. It returns "" for an address that could break the message.
func link(s *Settings, a *Alert) string {
	for _, text := range []string{s.GeneratorURL, a.Runbook} {
		if len(text) <= 2000 && isWebURL(text) && plain(text) == text && !strings.ContainsAny(text, " <>|\"'`") {
			return text
		}
	}
	return ""
}
