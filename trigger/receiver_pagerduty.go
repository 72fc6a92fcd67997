package trigger

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

var pagerDuty = receiver{
	format:   "pagerduty",
	url:      "https://events.pagerduty.com/v2/enqueue",
	domains:  []string{"pagerduty.com"},
	check:    checkPagerDuty,
	document: func(r *renderer, v *view) any { return r.pagerDuty(v) },
}

func checkPagerDuty(s *Settings, fs *setting.Faults) {
	if s.Body == "" && s.RoutingKey.IsZero() {
		fs.Required("routing_key", "pagerduty needs it: "+setting.SecretHint("routing_key"))
	}
	if len(s.GroupBy) > 0 && (!slices.Contains(s.GroupBy, "rule") || !slices.Contains(s.GroupBy, "workload")) {
		fs.Add("group_by", strings.Join(s.GroupBy, ", "), "must hold rule and workload for pagerduty", "an event belongs to one incident")
	}
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

// fingerprint names what an alert is about, so that a later one of kind recovered ends it: the rule and the workload. Host and container
// are left out, for the line that tells of the recovery may come from another one.
func fingerprint(a *Alert) string {
	sum := sha256.Sum256([]byte(a.Rule + "\x00" + a.Source.Workload))
	return "fbt-" + hex.EncodeToString(sum[:16])
}

// pagerDuty makes one event. A group shares rule and workload (see Settings.Validate), so it has one fingerprint; its last alert decides
// whether the incident is open.
func (r *renderer) pagerDuty(v *view) pagerDutyEvent {
	first := v.first()
	summary := headline(first) + ": " + summaryLine(first, pagerDutySummary)
	if len(v.all) > 1 {
		summary = v.title() + ": " + summaryLine(first, pagerDutySummary)
	}
	event := pagerDutyEvent{
		RoutingKey: r.routingKey.Reveal(), EventAction: "trigger", DedupKey: fingerprint(first), Client: "fluentbit-trigger",
		Payload: pagerDutyPayload{
			Summary:   fit(summary, pagerDutySummary, muteSchemes),
			Source:    fit(cmp.Or(oneLine(first.Source.Workload), oneLine(first.Source.Host), "unknown"), pagerDutyField, muteSchemes),
			Severity:  pagerDutySeverity(v.worst()),
			Component: fit(oneLine(first.Source.Container.Name), pagerDutyField, muteSchemes),
			Group:     fit(oneLine(first.Source.Host), pagerDutyField, muteSchemes),
			Class:     fit(oneLine(first.Rule), pagerDutyField, muteSchemes),
			Details: pagerDutyDetails{
				ID: v.id, Message: muteSchemes(codeBlock(first, pagerDutyDetail)), Suppressed: suppressedText(first), Facts: muteSchemes(factLine(facts(first, 200))),
				More: v.rest(len(v.shown)), Captures: cutMap(first.Captures, 20, 500), Fields: cutMap(first.Fields, 20, 500),
			},
		},
	}
	if v.recovered() {
		event.EventAction = "resolve"
	}
	if !first.Time.IsZero() {
		event.Payload.Timestamp = first.Time.UTC().Format(time.RFC3339Nano)
	}
	if len(v.all) > 1 {
		for i := range v.shown {
			a := &v.shown[i]
			line := summaryLine(a, 500)
			if held := suppressedText(a); held != "" {
				line += " (" + held + ")"
			}
			event.Payload.Details.Alerts = append(event.Payload.Details.Alerts, muteSchemes(line))
		}
	}
	if address := link(r.settings, first); address != "" {
		event.Links = []pagerDutyLink{{address, "Runbook"}}
	}
	return event
}

func pagerDutySeverity(severity string) string {
	if severity == "debug" {
		return "info"
	}
	return severity
}

// cutMap returns at most so many entries of a map, plain and each value within so many runes.
func cutMap(m map[string]string, entries, runes int) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, key := range sortedKeys(m) {
		if len(out) == entries {
			break
		}
		out[cutRunes(oneLine(key), 100)] = muteSchemes(cutRunes(plain(m[key]), runes))
	}
	return out
}
