package receiver

import "slices"

func checkPagerDutyEvent(p *checked) {
	p.Helper()
	var e pagerDutyEvent
	p.decode(&e)
	p.within("summary", e.Payload.Summary, pagerDutySummary)
	for _, field := range []string{e.DedupKey, e.Payload.Source, e.Payload.Component, e.Payload.Group, e.Payload.Class} {
		p.within("a field", field, pagerDutyField)
	}
	if !slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity) || e.Payload.Source == "" || e.Payload.Summary == "" {
		p.Errorf("pagerduty: %+v", e.Payload)
	}
	if len(p.body) > 400_000 {
		p.Errorf("pagerduty: %d bytes", len(p.body))
	}
}
