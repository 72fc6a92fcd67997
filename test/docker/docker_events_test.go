package docker

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestDockerEvents has Fluent Bit's docker_events listen to the engine while containers end, many at once and with long labels, or become unhealthy.
func TestDockerEvents(t *testing.T) {
	e := theEngine(t)
	socket, ok := strings.CutPrefix(e.must("context", "inspect", "--format", "{{.Endpoints.docker.Host}}"), "unix://")
	if !ok {
		t.Skip("docker_events needs a socket, and the engine is elsewhere")
	}
	server := receiver.New(t)
	c := newCollector(t, server.URL("/"))
	path := filepath.Join(c.dir, "fluent-bit.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"  outputs:\n", "    - name: docker_events\n      unix_path: " + socket + "\n  outputs:\n"},
		{"rules: all\n", "rules: ended\n"},
		{"rule.all.keywords: 'line '\n", "rule.ended.event: '[\"die\", \"health_status\"]'\n"},
		{"rule.all.cooldown", "rule.ended.cooldown"},
	} {
		changed := strings.Replace(string(text), change[0], change[1], 1)
		if changed == string(text) {
			t.Fatalf("the configuration holds no %q", change[0])
		}
		text = []byte(changed)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c.start()
	names := []string{
		e.script("fails", nil, "exit 3"), e.script("fine", nil, "exit 0"), e.script("out", []string{"--label", "fluentbit-trigger.enable=false"}, "exit 4"),
		e.script("sick", []string{"--health-cmd", "/bin/false", "--health-interval", "1s", "--health-retries", "1"}, "/bin/sleep 600"),
	}
	killed := e.script("killed", nil, "/bin/sleep 600")
	names = append(names, killed)
	want := []string{"fails die 3 false", "fine die 0 false", "killed die 137 true", "sick health_status: unhealthy  false"}
	for _, n := range []string{"a", "b", "c", "d", "e", "f"} {
		names = append(names, e.script("many-"+n, []string{"--label", "long=" + strings.Repeat("x", 3000)}, "exit 5"))
		want = append(want, "many-"+n+" die 5 false")
	}
	e.must(append([]string{"start"}, names...)...)
	e.must("kill", killed)
	got := func() (all []string) {
		for _, a := range server.Alerts() {
			if strings.HasPrefix(a.Source.Container.Name, e.label) && a.Kind == trigger.KindContainer && len(a.Source.Container.ID) == 64 {
				all = append(all, a.Source.Workload+" "+a.Captures["event"]+" "+a.Captures["exit_code"]+" "+a.Captures["requested"])
			}
		}
		slices.Sort(all)
		return all
	}
	eventually(t, "the alerts come", func() bool { return len(got()) >= len(want) })
	c.stop()
	slices.Sort(want)
	if all := got(); !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
}
