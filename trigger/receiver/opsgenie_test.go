package receiver

import (
	"net/url"
	"regexp"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

var (
	opsgeniePriority = regexp.MustCompile(`^P[1-5]$`)
	htmlTag          = regexp.MustCompile(`[<&][A-Za-z/!?#]`)
)

func checkOpsgenieRequest(p *checked) {
	p.Helper()
	var both struct {
		opsgenieAlert
		Note string `json:"note"`
	}
	p.decode(&both)
	p.within("note", both.Note, opsgenieNote)
	p.within("message", both.Message, opsgenieMessage)
	p.within("description", both.Description, opsgenieDescription)
	p.within("entity", both.Entity, opsgenieEntity)
	size, rules := 0, append(both.Tags, both.Entity)
	for name, value := range both.Details {
		size += render.UTF16Len(name) + render.UTF16Len(value)
		if name != "runbook" && name != "open" && name != "silence 1 h" {
			rules = append(rules, name, value)
		}
	}
	if size > opsgenieDetails || len(both.Tags) > opsgenieTags {
		p.Errorf("opsgenie: %d characters of details, %d tags", size, len(both.Tags))
	}
	for _, tag := range both.Tags {
		p.within("a tag", tag, opsgenieTag)
	}
	for _, text := range append(rules, both.Note, both.Message, both.Description) {
		if htmlTag.MatchString(text) || schemes.MatchString(text) {
			p.Errorf("opsgenie: HTML or an address in %.200q", text)
		}
	}
	if both.Note == "" && (both.Message == "" || !opsgeniePriority.MatchString(both.Priority)) {
		p.Errorf("opsgenie: message %q of priority %q", both.Message, both.Priority)
	}
}

// TestOpsgenieAddress: no key leads to another place than one alert below the endpoint, and an end without a key closes nothing.
func TestOpsgenieAddress(t *testing.T) {
	t.Parallel()
	endpoint := &url.URL{Scheme: "https", Host: "og.example.com", Path: "/sub/v2/alerts", RawQuery: "a=b"}
	for key, want := range map[string]string{
		"":         "https://og.example.com/sub/v2/alerts?a=b",
		"0f1e":     "https://og.example.com/sub/v2/alerts/0f1e/close?a=b&identifierType=alias",
		"a/b?c#d%": "https://og.example.com/sub/v2/alerts/a%2Fb%3Fc%23d%25/close?a=b&identifierType=alias",
	} {
		a := triggertest.Sample()
		a.Kind, a.Key = trigger.KindResolved, key
		if got := opsgenie.AddressOf(endpoint, []trigger.Alert{a}).String(); got != want {
			t.Errorf("%q: %s, want %s", key, got, want)
		}
	}
	if endpoint.String() != "https://og.example.com/sub/v2/alerts?a=b" {
		t.Errorf("the endpoint became %s", endpoint)
	}
}
