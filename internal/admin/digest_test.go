package admin

import (
	"strings"
	"testing"
)

// TestADigestIsShown now, by the same numbers as the stats, and again: showing it counts and sends nothing.
func TestADigestIsShown(t *testing.T) {
	b := newBench(t, "")
	b.flush("boom 1", "boom 2", "all is well")
	b.eventually("the alerts arrived", func() bool { return b.get("/api/v1/stats")["sent"] == 2.0 })
	stats := b.get("/api/v1/stats")
	for range 2 {
		d := b.get("/api/v1/triggers/ops/digest")
		for _, name := range []string{"hits", "alerts", "sent"} {
			if d[name] != stats[name] {
				t.Errorf("%s: %v, and %v in the stats", name, d[name], stats[name])
			}
		}
		if text, _ := d["message"].(string); !strings.Contains(text, "- boom: 2 hits, 2 alerts, 0 suppressed") || d["summary"] == "" {
			t.Errorf("%v", d)
		}
	}
	if len(b.server.Requests()) != 2 {
		t.Errorf("%d messages", len(b.server.Requests()))
	}
	b.want(404, "GET", "/api/v1/triggers/nosuch/digest", nil)
	b.token = ""
	b.want(401, "GET", "/api/v1/triggers/ops/digest", nil)
}
