package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
)

// params is a set of parameters as Fluent Bit keeps them: looked up without regard to case, "" when missing.
func params(t *testing.T, more ...string) func(string) string {
	set := map[string]string{
		"store": filepath.Join(t.TempDir(), "store.db"),
		"rules": "boom", "rule.boom.pattern": "boom",
	}
	for i := 0; i < len(more); i += 2 {
		set[more[i]] = more[i+1]
	}
	return func(key string) string { return set[strings.ToLower(key)] }
}

// newTestHost returns a host that logs to a file, whose text the returned function reads.
func newTestHost(t *testing.T) (*host, func() string) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(file)
	t.Cleanup(func() {
		h.exitAll()
		if h.handlers != nil {
			t.Error("the goroutine that keeps the signal handlers outlives the instances")
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, func() string {
		text, err := os.ReadFile(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
}

func start(t *testing.T, h *host, param func(string) string) instanceKey {
	t.Helper()
	key, ok := h.init(param)
	if !ok {
		t.Fatal("the instance does not start")
	}
	return key
}

func TestInstancesAreCalledAsFluentBitCallsThem(t *testing.T) {
	h, _ := newTestHost(t)
	h.preRegister(false)
	for _, want := range []string{"trigger.0", "trigger.1"} {
		if got := h.instances[start(t, h, params(t))].ID(); got != want {
			t.Errorf("id %q, want %q", got, want)
		}
	}
	if got := h.instances[start(t, h, params(t, "id", "shop"))].ID(); got != "shop" {
		t.Errorf("id %q, want shop", got)
	}
}

// TestParametersAreReadInInitAlone reloads an instance with flat parameters: Fluent Bit's pointer is not used, and the parameters are as they were.
func TestParametersAreReadInInitAlone(t *testing.T) {
	h, log := newTestHost(t)
	h.preRegister(false)
	get, over := params(t, "id", "a", "rule.boom.severity", "critical"), false
	p := h.instances[start(t, h, func(key string) string {
		if over {
			t.Errorf("the parameter %q is read after Init", key)
		}
		return get(key)
	})]
	over = true
	p.Reload()
	if s := p.Settings(); len(s.Rules) != 1 || s.Rules[0].Name != "boom" || s.Rules[0].Severity.String() != "critical" {
		t.Errorf("after a reload the rules are %+v\n%s", s.Rules, log())
	}
}

func TestIDGivenTwice(t *testing.T) {
	h, log := newTestHost(t)
	h.preRegister(false)
	start(t, h, params(t, "id", "a"))
	if _, ok := h.init(params(t, "id", "a")); ok {
		t.Error("two outputs have one id at the first start")
	}
	if !strings.Contains(log(), "another output has this id") {
		t.Errorf("the log does not say why:\n%s", log())
	}

	h.preRegister(true)
	first := start(t, h, params(t, "id", "b"))
	second := start(t, h, params(t, "id", "b"))
	if got := h.instances[first].ID() + " " + h.instances[second].ID(); got != "b b-2" {
		t.Errorf("at a hot reload the ids are %q, want b and b-2", got)
	}
}

func TestReloadTakesOverFromAnInstanceThatDidNotExit(t *testing.T) {
	h, _ := newTestHost(t)
	h.preRegister(false)
	param := params(t, "id", "a")
	old := start(t, h, param)
	h.preRegister(true)
	next := start(t, h, param)
	if _, ok := h.instances[old]; ok || h.instances[next].ID() != "a" {
		t.Error("the old instance lives on, or its id is not free")
	}
}

func TestBrokenConfiguration(t *testing.T) {
	h, log := newTestHost(t)
	h.preRegister(false)
	bad := params(t, "rules", "boom bad", "rule.bad.pattern", "a(b")
	if _, ok := h.init(bad); ok {
		t.Fatal("a broken rule starts at first start")
	}
	for _, want := range []string{"[output:trigger:trigger.0]", "rule.bad.pattern", "a(b"} {
		if !strings.Contains(log(), want) {
			t.Errorf("the log does not name %q:\n%s", want, log())
		}
	}
	h.preRegister(true)
	key := start(t, h, bad)
	if n := len(h.instances[key].Settings().Rules); n != 1 {
		t.Errorf("%d rules run at a hot reload with one sound rule", n)
	}
}

func TestUnreadableConfigurationAtReloadKeepsWhatRan(t *testing.T) {
	h, _ := newTestHost(t)
	h.preRegister(false)
	h.exit(start(t, h, params(t, "id", "a")))
	h.preRegister(true)
	key := start(t, h, params(t, "id", "a", "config_file", "/nowhere/rules.toml", "rules", ""))
	if rules := h.instances[key].Settings().Rules; len(rules) != 1 || rules[0].Name != "boom" {
		t.Errorf("rules %+v, want those that ran before", rules)
	}
}

// TestAdministrationAtReloadStaysWhereItWas reloads the host with a token file that is missing: who could enter before, can.
func TestAdministrationAtReloadStaysWhereItWas(t *testing.T) {
	h, log := newTestHost(t)
	h.preRegister(false)
	socket := filepath.Join(t.TempDir(), "admin.sock")
	h.exit(start(t, h, params(t, "id", "a", "admin.listen", "unix://"+socket)))
	bad := params(t, "id", "a", "admin.listen", "unix://"+socket, "admin.token_file", "/nowhere/tokens")
	h.preRegister(true)
	h.exit(start(t, h, bad))
	h.preRegister(true)
	h.instances[start(t, h, bad)].Reload() // which is refused again
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://admin/api/v1/stats", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+listen.Find("unix://"+socket))
	resp, err := client.Do(r)
	if err != nil {
		t.Fatalf("%v\n%s", err, log())
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || strings.Count(string(text), "/nowhere/tokens") != 1 {
		t.Errorf("%d %v: the stats do not report the problem: %s", resp.StatusCode, err, text)
	}
}

func TestFlushAndExit(t *testing.T) {
	h, log := newTestHost(t)
	h.preRegister(false)
	key := start(t, h, params(t))
	if !h.flush(key, chunktest.Docker(chunktest.Lines("boom", "quiet")...), "docker.web") {
		t.Error("the chunk was refused")
	}
	h.exit(key)
	if !strings.Contains(log(), "stopped lines=2 hits=1 alerts=1") {
		t.Errorf("the totals are not reported:\n%s", log())
	}
	h.exit(key)
	if !h.flush(key, []byte{0x90}, "t") {
		t.Error("a chunk for an instance that is gone is refused, and would come again for ever")
	}
}

func TestEnterRecovers(t *testing.T) {
	h, log := newTestHost(t)
	failed := false
	func() {
		defer h.enter("FLBPluginTest", func() { failed = true })()
		var nothing *int
		fmt.Println(*nothing)
	}()
	if !failed || !strings.Contains(log(), `while="running FLBPluginTest"`) || !strings.Contains(log(), "nil pointer") {
		t.Errorf("failed %v, log:\n%s", failed, log())
	}
}

func TestVerdictWords(t *testing.T) {
	if got := fmt.Sprint(pipeline.Accepted, " ", pipeline.Refused); got != "accepted refused" {
		t.Error(got)
	}
}
