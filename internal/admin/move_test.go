package admin

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/listen"
)

const otherToken = "an0ther-t0ken-0f-it"

// setAdmin replaces a key of [admin] in the file.
func (b *bench) setAdmin(key, value string) {
	b.t.Helper()
	b.setKey(b.rulesFile(), key, fmt.Sprintf("%q", value))
}

func (b *bench) setKey(file, key, value string) {
	b.t.Helper()
	b.write(file, regexp.MustCompile(`(?m)^`+key+` = .*$`).ReplaceAllLiteralString(b.read(file), key+" = "+value))
}

// problems returns those that a reload answers with, and holds that the stats and the metrics have as many.
func (b *bench) reloadProblems() string {
	b.t.Helper()
	reported := fmt.Sprint(b.want(200, "POST", "/-/reload", nil).body["problems"])
	if shown := fmt.Sprint(b.get("/api/v1/stats")["problems"]); shown != reported {
		b.t.Errorf("the reload reports %s, the stats report %s", reported, shown)
	}
	many := 1
	if reported == "[]" {
		many = 0
	}
	if text := b.want(200, "GET", "/metrics", nil).text; !strings.Contains(text, fmt.Sprintf("config_problems{id=\"t\"} %d\n", many)) {
		b.t.Errorf("the metrics do not have %s", reported)
	}
	return reported
}

// moved takes the address at which the instance is now.
func (b *bench) moved() string {
	b.t.Helper()
	b.registry.mu.Lock()
	defer b.registry.mu.Unlock()
	d := b.registry.at["t"]
	if d == nil {
		b.t.Fatal("the instance is not administered any more")
	}
	b.url = "http://" + d.server.Address().String()
	return d.server.Address().String()
}

func TestSettingsThatCannotBeHadChangeNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	b := newBench(t, "")
	tokens := filepath.Join(b.dir, "tokens")
	for key, value := range map[string]string{
		"token_file": filepath.Join(b.dir, "missing"), "listen": taken.Addr().String(),
	} {
		good := b.read(b.rulesFile())
		b.setAdmin(key, value)
		if reported := b.reloadProblems(); !strings.Contains(reported, "rules.toml:") || !strings.Contains(reported, "admin."+key) || !strings.Contains(reported, value) {
			t.Errorf("with %s = %s the reload has %s", key, value, reported)
		}
		b.want(201, "POST", rulesPath, map[string]any{"name": "made-with-" + key[:5], "pattern": "x"}) // which loads the configuration as well
		b.write(b.rulesFile(), good)
		if reported := b.reloadProblems(); reported != "[]" {
			t.Errorf("mended, and %s", reported)
		}
	}
	b.write(tokens, "broken\n")
	b.setAdmin("token_file", tokens+"2")
	b.reloadProblems()
	b.write(tokens, "operator:"+token+"\n")
	if s := b.p.Settings().Admin; s.TokenFile != tokens {
		t.Errorf("in force is %s", s.TokenFile)
	}
}

func TestOtherSettingsAtTheSameAddress(t *testing.T) {
	b := newBench(t, "")
	later := filepath.Join(b.dir, "later")
	before := b.url
	b.setAdmin("token_file", later)
	if reported := b.reloadProblems(); !strings.Contains(reported, later) {
		t.Fatalf("the reload has %s", reported)
	}
	b.write(later, "operator:"+otherToken+"\n")
	b.p.Reload()
	b.want(401, "GET", "/api/v1/stats", nil)
	if b.token = otherToken; b.reloadProblems() != "[]" || "http://"+b.moved() != before {
		t.Error("the port is another, though the address is the same")
	}
}

func TestAnAddressThatTheAdministrationItselfHas(t *testing.T) {
	b := newBench(t, "")
	_, port, _ := strings.Cut(freeAddress(t), ":")
	b.setAdmin("listen", "127.0.0.1:"+port)
	b.p.Reload()
	at := b.moved()
	b.setAdmin("listen", "0.0.0.0:"+port)
	if reported := b.reloadProblems(); !strings.Contains(reported, "requires a restart") {
		t.Errorf("the reload has %s", reported)
	}
	if now := b.moved(); now != at {
		t.Errorf("it listens at %s", now)
	}
}

// freeAddress returns an address that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = ln.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return ln.Addr().String()
}

func TestInstancesChangeOneAfterTheOther(t *testing.T) {
	b := newPair(t)
	free := freeAddress(t)
	for _, change := range []func(id string){
		func(id string) { b.setKey(b.fileOf(id), "hosts", `["other.example"]`) },
		func(id string) { b.setKey(b.fileOf(id), "listen", `"`+free+`"`) },
	} {
		for _, id := range []string{"one", "two"} {
			change(id)
			if reported := fmt.Sprint(b.want(200, "POST", "/-/reload?instance="+id, nil).body["problems"]); reported != "[]" {
				t.Errorf("%s reports %s", id, reported)
			}
			if d := b.registry.at[id]; d == nil || d.get(id) == nil {
				t.Fatalf("%s is not administered", id)
			}
		}
		b.meet()
		if ids := b.instances(); fmt.Sprint(ids) != "[one two]" || len(b.registry.listeners) != 1 {
			t.Errorf("the instances are %q", ids)
		}
	}
	if set := b.registry.at["one"].set; set.Hosts[0] != "other.example" || set.Listen != free {
		t.Errorf("it listens at %+v", set)
	}
}

func TestDefaultAddress(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	b := newBench(t, "")
	b.stop()
	b.registry = NewRegistry(Options{Default: taken.Addr().String()})
	start := func() (*Instance, error) { return b.attach("t", b.rulesFile()) }
	b.setAdmin("listen", "")
	i, err := start()
	if err != nil || !strings.Contains(b.log.String(), "admin API not available") {
		t.Errorf("a default that is taken: %v", err)
	}
	if reported := i.Pipeline.Reload().Problems; len(reported) != 0 {
		t.Errorf("a default that is taken is a problem: %v", reported)
	}
	b.registry.Detach(i)
	b.setAdmin("token_file", filepath.Join(b.dir, "missing"))
	if _, err := start(); err == nil || !strings.Contains(err.Error(), "token_file") {
		t.Errorf("without the tokens that the settings name: %v", err)
	}
	set := listen.Settings{Listen: "127.0.0.1:0"}
	i, _ = start()
	i.Before = &set
	if err := b.registry.Attach(i); err == nil || !strings.Contains(err.Error(), "previous settings stay in use") {
		t.Errorf("with settings of before: %v", err)
	}
	b.moved()
	b.token, b.client = listen.Find(b.url), http.DefaultClient
	if reported := fmt.Sprint(b.get("/api/v1/stats")["problems"]); !strings.Contains(reported, "token_file") {
		t.Errorf("the stats have %s", reported)
	}
}
