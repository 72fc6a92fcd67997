package triggertest

import (
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Keys of 24 and 32 bytes for signatures.
const (
	Key1 = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
	Key2 = "whsec_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU="
)

var SampleTime = time.Date(2026, 11, 22, 14, 5, 6, 789_000_000, time.UTC)

// Sample returns an alert with a value in every field.
func Sample() trigger.Alert {
	since := SampleTime.Add(-3 * time.Minute)
	return trigger.Alert{
		Version: trigger.AlertVersion, ID: "al_0123456789abcdef", Kind: trigger.KindLog, Key: "0f1e2d3c4b5a69788796a5b4c3d2e1f0", Severity: "critical", Rule: "go-panic",
		Summary: "shop/api panicked: nil map", Message: "panic: assignment to entry in nil map",
		Time: SampleTime, FirstSeen: SampleTime, LastSeen: SampleTime, Count: 1,
		Template: "panic: assignment to entry in nil map", Captures: map[string]string{"reason": "assignment to entry in nil map"},
		Fields: map[string]string{"remote_ip": "203.0.113.5", "http.status": "503"},
		Source: trigger.Source{
			Kind: "log", Stream: "stderr", Workload: "shop/api", Host: "node-1", Tag: "docker.web",
			Container: trigger.Container{ID: "0123456789ab", Name: "shop-api-1", Image: "shop/api:1.2", ImageID: "sha256:9f86d081884c"},
		},
		Image:      &trigger.Image{Name: "shop/api:1.2", Since: since, Age: 180},
		Suppressed: trigger.Suppressed{Total: 312, Since: &since, By: map[string]int64{"cooldown": 300, "rate_limit": 12}},
		Context:    &trigger.Context{Before: []string{"GET /cart 200"}, After: []string{"goroutine 1 [running]:"}},
		Labels:     map[string]string{"team": "payments"}, Runbook: "https://runbooks.example.com/go-panic?x=1&y=2",
	}
}

// Links returns links as messages have them, below an address. The token is no valid one.
func Links(public, token string) trigger.Links {
	return trigger.Links{Open: public + "/#/alerts/al_0123456789abcdef", Silence: public + "/silence#ftl1_" + token}
}

// LongLinks returns the longest links that there can be: below a host with a domain, or one without.
func LongLinks(domain bool) trigger.Links {
	host := strings.Repeat("h", 190)
	if domain {
		host = strings.Repeat("h.", 95)
	}
	return Links("https://"+host+"x", strings.Repeat("A", 500))
}
