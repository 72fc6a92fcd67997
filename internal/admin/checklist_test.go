package admin

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestChecklistOfAFirstRun does the steps of a first run, and restarts in between. Another address needs another test; a test that the receiver refuses is none.
func TestChecklistOfAFirstRun(t *testing.T) {
	b := newBench(t, "")
	want := func(when string, done ...string) {
		t.Helper()
		var got []string
		for _, item := range listOf(b.get("/api/v1/stats"), "checklist") {
			if item["done"] == true {
				got = append(got, item["name"].(string))
			} else if item["detail"] == "" || item["hint"] == nil {
				t.Errorf("%s: %v says nothing", when, item)
			}
		}
		if strings.Join(got, " ") != strings.Join(done, " ") {
			t.Errorf("%s: done are %v, want %v", when, got, done)
		}
	}
	want("at the start", "rules", "triggers")
	b.server.SetBehaviour(receiver.Always(receiver.Reply{Status: http.StatusNotFound}))
	b.want(200, "POST", "/api/v1/triggers/ops/test", nil)
	want("after a test that fails", "rules", "triggers")
	b.server.SetBehaviour(receiver.Always(receiver.Reply{Status: http.StatusOK}))
	b.want(200, "POST", "/api/v1/triggers/ops/test", nil)
	b.flush("nothing that matches")
	want("after a test and a line", "records", "rules", "triggers", "test")
	b.stop()
	b.start()
	want("after a restart", "rules", "triggers", "test")
	b.write(b.rulesFile(), strings.Replace(b.read(b.rulesFile()), b.server.URL("/"+secretPath), b.server.URL("/"+otherPath), 1))
	b.p.Reload()
	want("after another address", "rules", "triggers")
	b.flush("boom 1")
	b.eventually("the alert arrives", func() bool { return b.get("/api/v1/stats")["sent"] == 1.0 })
	want("after an alert", "records", "rules", "triggers", "test")
	b.write(b.rulesFile(), b.read(b.rulesFile())+"[[trigger]]\nname = \"two\"\nurl = \"https://example.com/\"\n")
	b.p.Reload()
	want("after another trigger", "records", "rules", "triggers")
}
