package render

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// View is one message: an alert, or the alerts of a group. shown has the first of them, at most max_alerts. Receivers that people read get a
// readable view and escape its texts.
type View struct {
	ID    string
	All   []trigger.Alert
	Shown []trigger.Alert
	Place string // of the message to edit; "" for a message that is sent

	progress string
	over     bool
}

// NewView returns the view of a message with the id.
func NewView(id string, alerts []trigger.Alert, maxAlerts int) *View {
	return &View{ID: id, All: alerts, Shown: alerts[:min(len(alerts), max(1, maxAlerts))]}
}

// Fact is a line such as "host: node-1".
type Fact struct{ Name, Value string }

// Bounds of texts in messages, in runes. The limits of each receiver come on top.
const (
	maxSummary = 1000
	maxLine    = 16_000
	maxContext = 8_000
	maxLabel   = 500
)

// Readable returns the view with the texts of its alerts made plain and cut. It runs once per message, so that no later step handles long texts.
func (v *View) Readable() *View {
	out := *v
	out.All = make([]trigger.Alert, len(v.All))
	for i, a := range v.All {
		for _, text := range []*string{&a.Rule, &a.Summary, &a.Source.Workload, &a.Source.Host, &a.Source.Container.Name} {
			*text = safetext.CutRunes(OneLine(*text), maxSummary)
		}
		labels := make(map[string]string, len(a.Labels))
		for name, value := range a.Labels {
			labels[safetext.CutRunes(OneLine(name), maxLabel)] = safetext.CutRunes(OneLine(value), maxLabel)
		}
		a.Labels = labels
		fields := make(map[string]string, len(a.Fields))
		for path, value := range a.Fields {
			fields[safetext.CutRunes(OneLine(path), maxLabel)] = safetext.CutRunes(OneLine(value), maxLabel)
		}
		a.Fields = fields
		a.Message = safetext.CutRunes(strings.TrimRight(Plain(a.Message), "\n\t "), maxLine)
		if a.Context != nil {
			a.Context = readableContext(a.Context)
		}
		out.All[i] = a
	}
	out.Shown = out.All[:len(v.Shown)]
	return &out
}

// First returns the alert whose rule, workload and links the message shows.
func (v *View) First() *trigger.Alert { return &v.All[0] }

// Key returns the key that all alerts of the message share, or "".
func (v *View) Key() string { return trigger.SharedKey(v.All) }

// Worst returns the highest severity of the message.
func (v *View) Worst() string {
	worst := -1
	for i := range v.All {
		worst = max(worst, slices.Index(trigger.Severities(), v.All[i].Severity))
	}
	if worst < 0 {
		return "warning"
	}
	return trigger.Severities()[worst]
}

// Resolved reports whether the message ends an incident: its last alert is of kind resolved.
func (v *View) Resolved() bool { return v.All[len(v.All)-1].Kind == trigger.KindResolved }

// Title returns the title on one line: "CRITICAL go-panic · shop/api", or "CRITICAL 12 alerts · go-panic".
func (v *View) Title() string {
	if len(v.All) == 1 {
		return Headline(v.First())
	}
	parts := []string{fmt.Sprintf("%s %d alerts", strings.ToUpper(v.Worst()), len(v.All))}
	first := v.First()
	if !slices.ContainsFunc(v.All, func(a trigger.Alert) bool { return a.Rule != first.Rule }) {
		parts = append(parts, safetext.CutRunes(OneLine(first.Rule), 100))
	}
	if !slices.ContainsFunc(v.All, func(a trigger.Alert) bool { return a.Source.Workload != first.Source.Workload }) {
		parts = append(parts, safetext.CutRunes(OneLine(first.Source.Workload), 100))
	}
	return strings.Join(parts, " · ")
}

// Mark returns the symbol of the message's severity.
func (v *View) Mark() string {
	switch {
	case v.Resolved():
		return "🟢"
	case v.First().Kind == trigger.KindTest:
		return "🔔"
	}
	switch v.Worst() {
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

// Rest returns "and 3 more" for the alerts that the message does not show, or "" when it shows all.
func (v *View) Rest(shown int) string {
	hidden := v.All[shown:]
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

// Headline returns the title of one alert.
func Headline(a *trigger.Alert) string {
	word := strings.ToUpper(OneLine(a.Severity))
	switch a.Kind {
	case trigger.KindResolved, trigger.KindTest:
		word = strings.ToUpper(a.Kind)
	}
	parts := []string{safetext.CutRunes(word, 20) + " " + safetext.CutRunes(OneLine(a.Rule), 100)}
	if a.Source.Workload != "" {
		parts = append(parts, safetext.CutRunes(OneLine(a.Source.Workload), 100))
	}
	return strings.Join(parts, " · ")
}

// SummaryLine returns an alert's summary on one line, or the start of its message when it has no summary.
func SummaryLine(a *trigger.Alert, runes int) string {
	text := OneLine(a.Summary)
	if text == "" {
		text = OneLine(a.Message)
	}
	return safetext.CutRunes(text, runes)
}

// Facts returns the details below the summary, each value in at most so many runes. Suppressed hits come first, because some receivers cut the rest.
func Facts(a *trigger.Alert, runes int) []Fact {
	var list []Fact
	add := func(name, value string) {
		if value = safetext.CutRunes(OneLine(value), runes); value != "" {
			list = append(list, Fact{name, value})
		}
	}
	if a.Kind == trigger.KindAbsence {
		add("came before", SuppressedText(a)) // the hits before the absence are the expected ones, not suppressed ones
	} else {
		add("suppressed", SuppressedText(a))
	}
	if a.Count > 1 {
		add("hits", strconv.Itoa(a.Count))
	}
	if a.Kind != trigger.KindLog {
		add("kind", a.Kind)
	}
	add("at", FramesText(a))
	if !a.Time.IsZero() {
		add("time", a.Time.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	add("host", a.Source.Host)
	add("container", a.Source.Container.Name)
	add("image", ImageText(a))
	for _, more := range []map[string]string{a.Fields, a.Labels} {
		for i, name := range slices.Sorted(maps.Keys(more)) {
			if i == 10 {
				break
			}
			add(safetext.CutRunes(OneLine(name), 50), more[name])
		}
	}
	return list
}

// FramesText returns the first frames of an alert's stack trace on one line, or "": "charge (billing.py:19) < pay (web.py:24)".
func FramesText(a *trigger.Alert) string {
	if a.Exception == nil {
		return ""
	}
	var parts []string
	for i, f := range a.Exception.Frames {
		if i == 3 {
			break
		}
		place := f.File[strings.LastIndexAny(f.File, `/\`)+1:]
		if f.Line > 0 && place != "" {
			place += ":" + strconv.Itoa(f.Line)
		}
		switch {
		case f.Function == "":
			parts = append(parts, place)
		case place == "":
			parts = append(parts, f.Function)
		default:
			parts = append(parts, f.Function+" ("+place+")")
		}
	}
	return strings.Join(parts, " < ")
}

// FactLine joins facts on one line.
func FactLine(list []Fact) string {
	parts := make([]string, len(list))
	for i, f := range list {
		parts[i] = f.Name + ": " + f.Value
	}
	return strings.Join(parts, " · ")
}

// Link returns the address that a message links to: generator_url or the runbook. It returns "" for an address that could break the message.
func Link(s *trigger.Settings, a *trigger.Alert) string {
	for _, text := range []string{s.GeneratorURL, a.Runbook} {
		if len(text) <= 2000 && IsWebURL(text) && Plain(text) == text && !strings.ContainsAny(text, " <>|\"'`") {
			return text
		}
	}
	return ""
}
