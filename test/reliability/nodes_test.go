package reliability

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestNodesBehindAlertmanager runs the files of examples/nodes: two nodes alert about one workload, and one notification leaves.
func TestNodesBehindAlertmanager(t *testing.T) {
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("../../examples/nodes", name))
		must(t, err)
		return string(text)
	}
	replace := func(text, old, with string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("the example does not hold %q any more: the test is to be adapted", old)
		}
		return strings.ReplaceAll(text, old, with)
	}
	team := receiver.New(t)
	config := replace(read("alertmanager.yml"), "https://hooks.example.com/team", team.URL("/team"))
	a := startAlertmanagerWith(t, replace(config, "group_wait: 10s", "group_wait: 3s"))
	rules := replace(read("alertmanager.toml"), "http://alertmanager.monitoring.svc:9093", a.address)
	rules += fmt.Sprintf("\n[egress]\nallow = [%q]\n", strings.TrimPrefix(a.address, "http://"))

	for n := range 2 {
		r := newRig(t)
		r.start(r.write("rules.toml", rules), filepath.Join(r.dir, "one.db"))
		r.feed("one", fmt.Sprintf("node %d: connection refused", n), fmt.Sprintf("node %d again: connection refused", n))
		a.until(fmt.Sprintf("the alert of node %d is there", n), func() bool {
			return a.active("test")["db-down"].Annotations["description"] == fmt.Sprintf("node %d: connection refused", n)
		})
		r.stop()
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := team.WaitFor(ctx, 1); err != nil {
		t.Fatal(err)
	}
	// The next notification of the group would come five minutes later.
	if n := team.Len(); n != 1 {
		t.Errorf("%d notifications, want 1", n)
	}
	var got struct {
		Alerts []struct {
			Labels map[string]string `json:"labels"`
		} `json:"alerts"`
	}
	must(t, json.Unmarshal(team.Requests()[0].Body, &got))
	if len(got.Alerts) != 1 || got.Alerts[0].Labels["workload"] != "test" || got.Alerts[0].Labels["alertname"] != "db-down" {
		t.Errorf("notified of %+v", got.Alerts)
	}
}
