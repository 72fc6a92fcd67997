package admin

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestHeartbeatIsReported reads the heartbeat's state in the stats and the metrics, while it is sent and while it is not.
func TestHeartbeatIsReported(t *testing.T) {
	b := newBench(t, "")
	if s := b.get("/api/v1/stats"); s["heartbeat"] != nil || strings.Contains(b.want(200, "GET", "/metrics", nil).text, "fluentbit_trigger_heartbeat_requests_total{") {
		t.Errorf("a heartbeat that is not configured is reported: %v", s["heartbeat"])
	}
	heartbeat := fmt.Sprintf("[heartbeat]\nurl = %q\nretries = 0\n", b.server.URL("/"+otherPath))
	b.writeRules(heartbeat)
	b.p.Reload()
	state := func(key string) any {
		h, _ := b.get("/api/v1/stats")["heartbeat"].(map[string]any)
		return h[key]
	}
	b.eventually("a heartbeat was sent", func() bool { return state("sent") == 1.0 })
	if state("last") == nil || state("reason") != nil {
		t.Errorf("last %v, reason %v", state("last"), state("reason"))
	}
	metrics := b.want(200, "GET", "/metrics", nil).text
	for _, want := range []string{
		`heartbeat_requests_total{id="t",result="sent"} 1`, `heartbeat_requests_total{id="t",result="withheld"} 0`, `heartbeat_last_success_time_seconds{id="t"} 1.`,
		`heartbeat_interval_seconds{id="t"} 60`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	b.server.SetBehaviour(receiver.Always(receiver.Reply{Status: 404, Body: otherPath}))
	b.writeRules(heartbeat + "every = \"2m\"\n")
	b.p.Reload()
	b.eventually("a heartbeat failed", func() bool { return state("failed") == 1.0 })
	if reason := fmt.Sprint(state("reason")); !strings.Contains(reason, "404") {
		t.Errorf("reason %s", reason)
	}
	warned := false
	for _, w := range listOf(b.get("/api/v1/stats"), "warnings") {
		warned = warned || w["code"] == "no-heartbeat"
	}
	if !warned {
		t.Error("no warning")
	}
}
