package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

const explainRules = `
[[rule]]
name = "panic"
pattern = '^panic: (?P<reason>.+)'
cooldown = "1h"
[[rule]]
name = "oom"
keywords = ["out of memory"]
[[rule]]
name = "db-down"
keywords = ["connection refused"]
scope = "fleet"
`

// savedStore makes a store in which instances saved the state after the lines, and the silences.
func savedStore(t *testing.T, rules string, instances map[string][]string, silences ...engine.Silence) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ops.db")
	settings := store.DefaultSettings()
	settings.Path = path
	s, err := (&store.Registry{}).Open(t.Context(), store.Options{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	result := config.Load(config.Sources{Files: []string{rules}})
	for id, lines := range instances {
		e := engine.New()
		snapshot, err := e.Compile(result.Settings.Engine())
		if err != nil {
			t.Fatal(err)
		}
		e.Apply(snapshot)
		w := e.Worker()
		for _, line := range lines {
			source := &engine.Source{Kind: "log", Workload: "test", Container: engine.Container{Name: "test-1"}}
			w.Process(&engine.Record{Text: []byte(line), Source: source}, time.Now().UnixNano(), nil)
		}
		w.Release()
		values := map[string][]byte{}
		for _, entry := range e.TakeState(true) {
			values["limiter/"+id+"/"+entry.Key] = entry.Value
		}
		for _, silence := range silences {
			text, err := json.Marshal(silence)
			if err != nil {
				t.Fatal(err)
			}
			values["silence/"+id+"/"+silence.ID] = text
		}
		if err := s.SaveState(t.Context(), time.Now(), values); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExplainCountsTheStore explains lines with the state of a store: a cooldown and a silence are in force, and the store stays as it is.
func TestExplainCountsTheStore(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules.toml")
	if err := os.WriteFile(rules, []byte(explainRules), 0o600); err != nil {
		t.Fatal(err)
	}
	fleet := filepath.Join(t.TempDir(), "fleet.toml")
	if err := os.WriteFile(fleet, []byte("[fleet]\naddress = [\"valkey:6379\"]\nnamespace = \"test\"\ninsecure = true\n"+
		"[[rule]]\nname = \"many\"\nkeywords = [\"login failed\"]\nscope = \"fleet\"\ncount = 5\nwithin = \"1m\"\n"+
		"[[rule]]\nname = \"new\"\nkeywords = [\"strange\"]\nscope = \"fleet\"\nfirst_seen = \"24h\"\n"+
		"[[rule]]\nname = \"backup\"\nkeywords = [\"backup done\"]\nscope = \"fleet\"\nabsent = \"26h\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	silence := engine.Silence{ID: "s1", Matchers: engine.Matchers{Rule: "oom"}, Until: time.Now().Add(time.Hour).UnixNano()}
	one := savedStore(t, rules, map[string][]string{"ops": {"panic: a", "panic: a", "connection refused"}}, silence)
	two := savedStore(t, rules, map[string][]string{"ops": {"panic: a"}, "dev": {"out of memory"}})
	explain := func(args ...string) (string, int) {
		var out, errOut bytes.Buffer
		code := execute(append([]string{"explain", "--rules", rules}, args...), &out, &errOut)
		return out.String() + errOut.String(), code
	}
	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"panic: b"}, "HIT  panic: alerts", command.Fine},
		{[]string{"--store", one, "panic: b"}, "HIT  panic: is suppressed: cooldown", command.Fine},
		{[]string{"--store", one, "panic: b"}, "1 suppressed since", command.Fine},
		{[]string{"--store", one, "--container", "test-2", "panic: b"}, "HIT  panic: alerts", command.Fine},
		{[]string{"--store", one, "Out of memory"}, "HIT  oom: is suppressed: silence s1", command.Fine},
		{[]string{"--store", two, "panic: b"}, "several instances share the store: choose one of dev, ops", command.Usage},
		{[]string{"--store", two, "--instance", "dev", "panic: b"}, "HIT  panic: alerts", command.Fine},
		{[]string{"--store", two, "--instance", "ops", "panic: b"}, "HIT  panic: is suppressed: cooldown", command.Fine},
		{[]string{"--store", two, "--instance", "opps", "panic: b"}, `no state of instance "opps"`, command.Usage},
		{[]string{"connection refused"}, "fleet: there is no [fleet], so each node alerts by itself", command.Fine},
		{[]string{"--rules", fleet, "connection refused"}, "fleet: asked before the alert leaves", command.Fine},
		{[]string{"--rules", fleet, "login failed"}, "threshold: 1 of 5 on this node; the fleet counts those of all nodes", command.Fine},
		{[]string{"--rules", fleet, "login failed"}, "fleet: counts the hit with those of all nodes", command.Fine},
		{[]string{"--rules", fleet, "strange"}, "fleet: asked before the alert leaves: it is withdrawn if another node has alerted, or has seen the template", command.Fine},
		{[]string{"--rules", fleet, "backup done"}, "fleet: waits for the line on all nodes", command.Fine},
		{[]string{"--rules", fleet, "--store", one, "connection refused"}, "fleet: not asked about a hit that this node suppresses", command.Fine},
		{[]string{"--store", one, "fine"}, "miss panic: ", command.Findings},
	} {
		for range 2 { // explaining changes nothing
			if got, code := explain(c.args...); code != c.code || !strings.Contains(got, c.want) {
				t.Errorf("%v: exit code %d, want %d; %q is not in\n%s", c.args, code, c.code, c.want, got)
			}
		}
	}
}
