package receiver

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var pagerDuty = Receiver{
	Format:  "pagerduty",
	URL:     "https://events.pagerduty.com/v2/enqueue",
	domains: []string{"pagerduty.com"},
	need:    needPagerDuty,
	address: pagerDutyAddress,
	document: func(r *Renderer, v *render.View) any {
		if isChange(v) {
			return r.pagerDutyChange(v)
		}
		return r.pagerDuty(v)
	},
	instead: "without it, too, the alerts of a key belong to one incident",
}

func needPagerDuty(s *trigger.Settings, fs *setting.Faults) {
	if s.Body == "" && s.RoutingKey.IsZero() {
		fs.Required("routing_key", "pagerduty needs it: "+setting.SecretHint("routing_key"))
	}
	needsKey(s, fs, "an event belongs to one incident")
}

// Limits of PagerDuty's Events API v2 (https://developer.pagerduty.com/docs/send-alert-event), in characters, counted in UTF-16 code units, which
// are never fewer.
const (
	pagerDutySummary = 1024
	pagerDutyField   = 255
	pagerDutyDetail  = 8000
)

type pagerDutyEvent struct {
	RoutingKey  string           `json:"routing_key"`
	EventAction string           `json:"event_action"` // trigger, resolve
	DedupKey    string           `json:"dedup_key"`
	Client      string           `json:"client"`
	Payload     pagerDutyPayload `json:"payload"`
	Links       []pagerDutyLink  `json:"links,omitempty"`
}

type pagerDutyPayload struct {
	Summary   string           `json:"summary"`
	Source    string           `json:"source"`
	Severity  string           `json:"severity"` // critical, error, warning, info
	Timestamp string           `json:"timestamp,omitempty"`
	Component string           `json:"component,omitempty"`
	Group     string           `json:"group,omitempty"`
	Class     string           `json:"class,omitempty"`
	Details   pagerDutyDetails `json:"custom_details"`
}

type pagerDutyDetails struct {
	ID         string            `json:"id"`
	Message    string            `json:"message,omitempty"`
	Suppressed string            `json:"suppressed,omitempty"`
	Facts      string            `json:"facts,omitempty"`
	Alerts     []string          `json:"alerts,omitempty"` // of a group
	More       string            `json:"more,omitempty"`
	Captures   map[string]string `json:"captures,omitempty"`
	Fields     map[string]string `json:"fields,omitempty"`
}

type pagerDutyLink struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// pagerDutyChange is a change event (https://developer.pagerduty.com/docs/send-change-event). It opens no incident: PagerDuty shows it beside those of the service.
type pagerDutyChange struct {
	RoutingKey string                 `json:"routing_key"`
	Payload    pagerDutyChangePayload `json:"payload"`
	Links      []pagerDutyLink        `json:"links,omitempty"`
}

type pagerDutyChangePayload struct {
	Summary   string           `json:"summary"`
	Source    string           `json:"source"`
	Timestamp string           `json:"timestamp,omitempty"`
	Details   pagerDutyDetails `json:"custom_details"`
}

// isChange reports whether a message is about digests, or deploys that made nothing worse, alone: what happened is no problem, and nothing would ever end it.
func isChange(v *render.View) bool {
	return !slices.ContainsFunc(v.All, func(a trigger.Alert) bool {
		return a.Kind != trigger.KindDigest && (a.Kind != trigger.KindDeploy || a.Resolves)
	})
}

// pagerDutyAddress returns where a message goes: changes have an address beside that of events.
func pagerDutyAddress(endpoint *url.URL, v *render.View) *url.URL {
	if !isChange(v) {
		return endpoint
	}
	changes := *endpoint
	changes.Path, changes.RawPath = strings.TrimSuffix(strings.TrimRight(endpoint.Path, "/"), "/enqueue"), ""
	return changes.JoinPath("change", "enqueue")
}

func (r *Renderer) pagerDutyChange(v *render.View) pagerDutyChange {
	event := r.pagerDuty(v)
	p := event.Payload
	return pagerDutyChange{event.RoutingKey, pagerDutyChangePayload{p.Summary, p.Source, p.Timestamp, p.Details}, event.Links}
}

// pagerDuty returns one event. All alerts of a group have the same key (see needPagerDuty), so they belong to one incident. The last alert decides
// whether it is open.
func (r *Renderer) pagerDuty(v *render.View) pagerDutyEvent {
	first := v.First()
	summary := render.Headline(first) + ": " + render.SummaryLine(first, pagerDutySummary)
	if len(v.All) > 1 {
		summary = v.Title() + ": " + render.SummaryLine(first, pagerDutySummary)
	}
	event := pagerDutyEvent{
		RoutingKey: r.routingKey.Reveal(), EventAction: "trigger", DedupKey: first.Key, Client: "fluentbit-trigger",
		Payload: pagerDutyPayload{
			Summary:   render.Fit(summary, pagerDutySummary, render.MuteSchemes),
			Source:    render.Fit(cmp.Or(render.OneLine(first.Source.Workload), render.OneLine(first.Source.Host), "unknown"), pagerDutyField, render.MuteSchemes),
			Severity:  pagerDutySeverity(v.Worst()),
			Component: render.Fit(render.OneLine(first.Source.Container.Name), pagerDutyField, render.MuteSchemes),
			Group:     render.Fit(render.OneLine(first.Source.Host), pagerDutyField, render.MuteSchemes),
			Class:     render.Fit(render.OneLine(first.Rule), pagerDutyField, render.MuteSchemes),
			Details: pagerDutyDetails{
				ID: v.ID, Message: render.MuteSchemes(render.CodeBlock(first, pagerDutyDetail)), Suppressed: render.SuppressedText(first), Facts: render.MuteSchemes(render.FactLine(render.Facts(first, 200))),
				More: v.Rest(len(v.Shown)), Captures: cutMap(first.Captures, 20, 500), Fields: cutMap(first.Fields, 20, 500),
			},
		},
	}
	if v.Resolved() {
		event.EventAction = "resolve"
	}
	if !first.Time.IsZero() {
		event.Payload.Timestamp = first.Time.UTC().Format(time.RFC3339Nano)
	}
	if len(v.All) > 1 {
		for i := range v.Shown {
			a := &v.Shown[i]
			line := render.SummaryLine(a, 500)
			if held := render.SuppressedText(a); held != "" {
				line += " (" + held + ")"
			}
			event.Payload.Details.Alerts = append(event.Payload.Details.Alerts, render.MuteSchemes(line))
		}
	}
	if address := render.Link(r.settings, first); address != "" {
		event.Links = []pagerDutyLink{{address, "Runbook"}}
	}
	for _, l := range v.Links() {
		event.Links = append(event.Links, pagerDutyLink{l.URL, l.Word})
	}
	return event
}

func pagerDutySeverity(severity string) string {
	if severity == "debug" {
		return "info"
	}
	return severity
}

// cutMap returns at most so many entries of a map, as plain text and with each value cut to so many runes.
func cutMap(m map[string]string, entries, runes int) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if len(out) == entries {
			break
		}
		out[safetext.CutRunes(render.OneLine(key), 100)] = render.MuteSchemes(safetext.CutRunes(render.Plain(m[key]), runes))
	}
	return out
}
