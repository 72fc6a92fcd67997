package receiver

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var alertmanager = Receiver{
	Format:   "alertmanager",
	Lapses:   true,
	ownHost:  true,
	byLabels: true,
	check:    checkAlertmanager,
	endpoint: withPath("api/v2/alerts"),
	document: func(r *Renderer, v *render.View) any { return r.alertmanager(v) },
	instead:  "without it, too, Alertmanager updates its alerts",
}

func checkAlertmanager(s *trigger.Settings, fs *setting.Faults) {
	setting.AtLeast(fs, "resolve_after", s.ResolveAfter, 0)
}

// firesUntilResolved is how long an alert fires whose end will be sent, when resolve_after is not set: that end should resolve it, not Alertmanager's
// resolve_timeout.
const firesUntilResolved = 30 * 24 * time.Hour

// alertmanagerAlert is an alert of POST /api/v2/alerts
// (https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml).
type alertmanagerAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     *time.Time        `json:"startsAt,omitempty"`
	EndsAt       *time.Time        `json:"endsAt,omitempty"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// alertmanager returns the latest alert for each set of labels, because Alertmanager identifies an alert by its labels. The key is one of them, so the
// alerts of one key and severity are one alert there.
func (r *Renderer) alertmanager(v *render.View) []alertmanagerAlert {
	place := map[string]int{}
	var list []alertmanagerAlert
	for _, one := range bySeverity(v.All) {
		a := r.alertmanagerAlert(&one)
		key := labelKey(a.Labels)
		if at, known := place[key]; known {
			list[at] = a
			continue
		}
		place[key] = len(list)
		list = append(list, a)
	}
	return list
}

// bySeverity returns the alerts, with the end of an incident once for each severity that its alerts had: these are different alerts there, and all end.
func bySeverity(all []trigger.Alert) []trigger.Alert {
	list := make([]trigger.Alert, 0, len(all))
	for i := range all {
		if all[i].Kind != trigger.KindResolved || all[i].Incident == nil {
			list = append(list, all[i])
			continue
		}
		for _, severity := range all[i].Incident.Severities {
			one := all[i]
			one.Severity = severity
			list = append(list, one)
		}
	}
	return list
}

func (r *Renderer) alertmanagerAlert(a *trigger.Alert) alertmanagerAlert {
	labels := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		setLabel(labels, labelName(name), a.Labels[name])
	}
	setLabel(labels, "alertname", cmp.Or(a.Rule, "fluentbit-trigger"))
	setLabel(labels, "severity", a.Severity)
	setLabel(labels, "workload", a.Source.Workload)
	setLabel(labels, "key", a.Key)
	annotations := map[string]string{}
	for name, text := range map[string]string{
		"summary": render.SummaryLine(a, 500), "description": render.CodeBlock(a, 4000), "suppressed": render.SuppressedText(a),
		"host": render.OneLine(a.Source.Host), "container": render.OneLine(a.Source.Container.Name),
		"image": render.ImageText(a), "kind": a.Kind, "id": a.ID, "hits": hits(a),
	} {
		if text != "" {
			annotations[name] = render.MuteSchemes(text) // Alertmanager's page makes links of annotations
		}
	}
	for i, path := range slices.Sorted(maps.Keys(a.Fields)) {
		if i == 10 {
			break
		}
		if value := safetext.CutRunes(render.OneLine(a.Fields[path]), 500); value != "" {
			annotations["field_"+labelName(path)] = render.MuteSchemes(value)
		}
	}
	if address := render.Link(&trigger.Settings{}, a); address != "" {
		annotations["runbook_url"] = address
	}
	for name, address := range map[string]string{"open_url": a.Links.Open, "silence_url": a.Links.Silence} {
		if address != "" {
			annotations[name] = address
		}
	}
	out := alertmanagerAlert{Labels: labels, Annotations: annotations, GeneratorURL: cmp.Or(render.Link(r.settings, a), a.Links.Open)}
	out.StartsAt, out.EndsAt = r.span(a)
	return out
}

// hits returns how many hits an alert reports, or "" for alerts that no line caused.
func hits(a *trigger.Alert) string {
	if a.Count == 0 {
		return ""
	}
	return strconv.Itoa(a.Count)
}

// span returns when an alert began and ends: startsAt ≤ endsAt, startsAt ≤ now, and endsAt ≤ now for kind resolved. Alertmanager rejects alerts that end
// before they begin, and treats alerts as active that end in the future. The time of a record can be wrong, because a clock is ahead or a time zone is
// missing. nil leaves the time to Alertmanager.
func (r *Renderer) span(a *trigger.Alert) (startsAt, endsAt *time.Time) {
	now := r.now().UTC()
	start, end := now, now.Add(r.settings.ResolveAfter)
	if !a.Time.IsZero() {
		if a.Time.Before(now) {
			start = a.Time.UTC()
		}
		startsAt = &start
	}
	switch {
	case a.Kind == trigger.KindResolved:
		end = start
	case r.settings.ResolveAfter > 0:
	case a.Resolves:
		end = now.Add(firesUntilResolved)
	default:
		return startsAt, nil
	}
	return startsAt, &end
}

// setLabel sets a label, unless its value is empty: Alertmanager drops empty labels.
func setLabel(labels map[string]string, name, value string) {
	if value = safetext.CutRunes(render.OneLine(value), 500); value != "" && name != "" {
		labels[name] = value
	}
}

// labelName returns a name that every version of Alertmanager accepts.
func labelName(name string) string {
	var b strings.Builder
	for i, r := range safetext.CutRunes(name, 100) {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', r == '_', i > 0 && '0' <= r && r <= '9':
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	return b.String()
}

func labelKey(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(strconv.Quote(name) + "=" + strconv.Quote(labels[name]) + ",")
	}
	return b.String()
}
