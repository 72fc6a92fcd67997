package examples

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

const monitoring = "examples/monitoring"

// TestMonitoringPassesPromtool has Prometheus' own tool check the alerting rules, run their tests, and check the scrape configuration.
func TestMonitoringPassesPromtool(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("no promtool on PATH: the alerting rules are not tried")
	}
	for _, arguments := range [][]string{
		{"check", "rules", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}, {"check", "config", "--syntax-only", "prometheus.yaml"},
	} {
		cmd := exec.Command(promtool, arguments...)
		cmd.Dir = filepath.Join(root, monitoring)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, out)
		}
	}
}

// alertingRules are those of rules.yaml: name → expression.
func alertingRules(t *testing.T) map[string]string {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, monitoring+"/rules.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	rules := map[string]string{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			rules[r.Alert] = r.Expr
			if r.Labels["severity"] == "" {
				t.Errorf("%s has no severity", r.Alert)
			}
		}
	}
	return rules
}

// TestEveryAlertingRuleIsTested wants for each rule a test in which it alerts, and one in which it does not.
func TestEveryAlertingRuleIsTested(t *testing.T) {
	t.Parallel()
	var tests struct {
		Tests []struct {
			Cases []struct {
				Alertname string
				Expected  []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, monitoring+"/rules_test.yaml")), &tests); err != nil {
		t.Fatal(err)
	}
	alerts, quiet := map[string]bool{}, map[string]bool{}
	for _, test := range tests.Tests {
		for _, c := range test.Cases {
			alerts[c.Alertname] = alerts[c.Alertname] || len(c.Expected) > 0
			quiet[c.Alertname] = quiet[c.Alertname] || len(c.Expected) == 0
		}
	}
	rules := alertingRules(t)
	if len(rules) < 5 {
		t.Fatalf("only %d rules", len(rules))
	}
	for name := range rules {
		if !alerts[name] || !quiet[name] {
			t.Errorf("%s: tested as alerting %t, as quiet %t", name, alerts[name], quiet[name])
		}
	}
}

// dashboardQueries are the expressions of the dashboard: title of the panel → expressions.
func dashboardQueries(t *testing.T) map[string][]string {
	t.Helper()
	var board struct {
		Templating struct {
			List []struct{ Name, Definition string }
		}
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, monitoring+"/dashboard.json")), &board); err != nil {
		t.Fatal(err)
	}
	queries := map[string][]string{}
	ids := map[int]bool{}
	for i, p := range board.Panels {
		if ids[p.ID] || p.ID == 0 {
			t.Errorf("panel %q: the id %d is not its own", p.Title, p.ID)
		}
		ids[p.ID] = true
		for _, q := range board.Panels[:i] {
			a, b := p.GridPos, q.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panel %q lies on %q", p.Title, q.Title)
			}
		}
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q is wider than the board", p.Title)
		}
		for _, target := range p.Targets {
			queries[p.Title] = append(queries[p.Title], target.Expr)
		}
	}
	for _, v := range board.Templating.List {
		if v.Definition != "" {
			queries["variable "+v.Name] = []string{v.Definition}
		}
	}
	return queries
}

var metricName = regexp.MustCompile(`\b(?:fluentbit_trigger|go|process)_[a-z0-9_]+\b`)

// usedMetrics are the metrics that rules and dashboard ask for, with who asks. Those of a label's value are not metrics, and none is named like one.
func usedMetrics(t *testing.T) map[string][]string {
	t.Helper()
	used := map[string][]string{}
	add := func(who, expr string) {
		for _, name := range metricName.FindAllString(expr, -1) {
			if !slices.Contains(used[name], who) {
				used[name] = append(used[name], who)
			}
		}
	}
	for name, expr := range alertingRules(t) {
		add("alert "+name, expr)
	}
	for title, exprs := range dashboardQueries(t) {
		for _, expr := range exprs {
			add("panel "+title, expr)
		}
	}
	if len(used) < 10 {
		t.Fatalf("only %d metrics are used", len(used))
	}
	return used
}

// TestMonitoringAsksForWhatThereIs compares the metrics that rules and dashboard use with those of a running instance.
func TestMonitoringAsksForWhatThereIs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket := filepath.Join(dir, "a.sock")
	hooks := receiver.New(t)
	stores := &store.Registry{}
	p, err := pipeline.New(pipeline.Options{
		ID: "one", Stores: stores, LogTo: t.Output(), Origin: "output:trigger:one",
		Connect: func(*fleet.Settings, egress.Settings) (fleet.Engine, error) { return memory.New(time.Now, 1000), nil },
		Sources: config.Sources{Inline: fmt.Sprintf("store = %q\n[admin]\nlisten = \"unix://%s\"\n[egress]\nallow = [\"127.0.0.1/32\"]\n[heartbeat]\nurl = %q\n[fleet]\naddress = [\"127.0.0.1:6379\"]\nnamespace = \"test\"\n[[rule]]\nname = \"boom\"\npattern = \"^boom\"\n[[trigger]]\nname = \"ops\"\nurl = %q\n",
			filepath.Join(dir, "one.db"), socket, hooks.URL("/beat"), hooks.URL("/"))},
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	registry := admin.NewRegistry(admin.Options{Program: "test", Version: "1"})
	instance := &admin.Instance{Pipeline: p}
	if err := registry.Attach(instance); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		registry.Detach(instance)
		registry.Close()
		if err := errors.Join(p.Stop(context.Background()), stores.Close()); err != nil {
			t.Error(err)
		}
	})
	if v := p.Flush(chunktest.Docker(chunktest.Lines("boom 1", "boom 2")...), "docker.web"); v != pipeline.Accepted {
		t.Fatalf("a chunk was %s", v)
	}
	api, err := client.New(client.Options{URL: "unix://" + socket, Token: listen.Find("unix://" + socket)})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	answer, err := api.Do(t.Context(), client.Request{Path: "/metrics"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for line := range strings.Lines(string(answer.Body)) {
		if end := strings.IndexAny(line, "{ "); end > 0 && line[0] != '#' {
			there[line[:end]] = true
		}
	}
	for name, who := range usedMetrics(t) {
		if !there[name] {
			t.Errorf("%s is no metric: %s ask for it", name, strings.Join(who, ", "))
		}
	}
}
