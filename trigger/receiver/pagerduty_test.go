package receiver

import (
	"net/url"
	"slices"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func checkPagerDutyEvent(p *checked) {
	p.Helper()
	var e pagerDutyEvent
	p.decode(&e)
	p.within("summary", e.Payload.Summary, pagerDutySummary)
	for _, field := range []string{e.DedupKey, e.Payload.Source, e.Payload.Component, e.Payload.Group, e.Payload.Class} {
		p.within("a field", field, pagerDutyField)
	}
	change := e.EventAction == "" // of a deploy that made nothing worse
	if !change && !slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity) || e.Payload.Source == "" || e.Payload.Summary == "" {
		p.Errorf("pagerduty: %+v", e.Payload)
	}
	if len(p.body) > 400_000 {
		p.Errorf("pagerduty: %d bytes", len(p.body))
	}
}

// TestADeployThatIsNotWorseIsAChange: it opens no incident, as a digest does not. All else goes to the address of events.
func TestADeployThatIsNotWorseIsAChange(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://events.pagerduty.com/v2/enqueue":     "https://events.pagerduty.com/v2/change/enqueue",
		"https://events.eu.pagerduty.com/v2/enqueue/": "https://events.eu.pagerduty.com/v2/change/enqueue",
		"http://proxy/pd": "http://proxy/pd/change/enqueue",
		"http://proxy":    "http://proxy/change/enqueue",
	} {
		endpoint, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		for name, alerts := range triggertest.Alerts() {
			got := pagerDuty.AddressOf(endpoint, alerts).String()
			if change := name == "deploy-better" || name == "digest"; change && got != want || !change && got != address {
				t.Errorf("%s: %s goes to %s", address, name, got)
			}
		}
	}
}
