package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// The secrets of these tests. None of them may be in an answer.
const (
	token      = "t0ken-of-the-0perator"
	secretPath = "hook/s3cr3t-t0ken"
	otherPath  = "other/v3ry-h1dden-path"
	hubSecret  = "hub-s3cret-0123456789"
)

// bench is a pipeline on a receiver, with its administration.
type bench struct {
	t        testing.TB
	dir      string
	server   *receiver.Server
	log      *await.Log
	stores   *store.Registry
	registry *Registry
	p        *pipeline.Pipeline
	instance *Instance
	tails    func() docker.Stats // of the standalone program, from the next start on
	url      string
	token    string
	client   *http.Client
}

// newBench starts a pipeline with a rule "boom" and a trigger "ops" in a file, and more of the configuration.
func newBench(t testing.TB, more string) *bench {
	b := &bench{
		t: t, dir: t.TempDir(), server: receiver.New(t), log: &await.Log{}, stores: &store.Registry{}, token: token,
		registry: NewRegistry(Options{Program: "test", Version: "1.2.3"}), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
	}
	t.Cleanup(func() {
		b.stop()
		b.client.CloseIdleConnections()
		if err := b.stores.Close(); err != nil {
			t.Error(err)
		}
		if strings.Contains(b.log.String(), secretPath) || strings.Contains(b.log.String(), otherPath) || strings.Contains(b.log.String(), token) {
			t.Errorf("the log holds a secret:\n%s", b.log)
		}
	})
	b.writeRules(more)
	b.start()
	return b
}

// inMemory has the store in memory from the next start on.
func (b *bench) inMemory() {
	b.t.Helper()
	b.write(b.rulesFile(), regexp.MustCompile(`(?m)^store = .*$`).ReplaceAllString(b.read(b.rulesFile()), `store = "memory"`))
}

func (b *bench) rulesFile() string { return filepath.Join(b.dir, "rules.toml") }

func (b *bench) writeRules(more string) {
	b.t.Helper()
	tokens := filepath.Join(b.dir, "tokens")
	b.write(tokens, "operator:"+token+"\n")
	b.write(b.rulesFile(), fmt.Sprintf("store = %q\n[admin]\nlisten = \"127.0.0.1:0\"\ntoken_file = %q\n[egress]\nallow = [\"127.0.0.1/32\"]\n"+
		"[limits]\nper_container = { rate = \"0/s\", burst = 1 }\n[[trigger]]\nname = \"ops\"\nsource = [\"log\"]\nurl = %q\n"+ // and no alert about dead letters, which comes in its own time
		"[[rule]]\nname = \"boom\"\npattern = '^boom (?P<n>.*)'\ncooldown = \"0s\"\nseverity = \"error\"\n%s",
		filepath.Join(b.dir, "store.db"), tokens, b.server.URL("/"+secretPath), more))
}

func (b *bench) write(path, text string) {
	b.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) read(path string) string {
	b.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func (b *bench) start() {
	b.t.Helper()
	p, err := pipeline.New(pipeline.Options{
		ID: "t", Sources: config.Sources{Files: []string{b.rulesFile()}}, Stores: b.stores, LogTo: b.log, Origin: "output:trigger:t",
	})
	if err != nil {
		b.t.Fatal(err)
	}
	p.Start()
	b.p, b.instance = p, &Instance{Pipeline: p, Tails: b.tails}
	if err := b.registry.Attach(b.instance); err != nil {
		b.t.Fatal(err)
	}
	b.url = "http://" + b.registry.at["t"].server.Address().String()
}

// standalone starts again as the standalone program, whose reader of logs has these counters.
func (b *bench) standalone(s docker.Stats) {
	b.t.Helper()
	b.stop()
	b.tails = func() docker.Stats { return s }
	b.start()
}

func (b *bench) stop() {
	b.t.Helper()
	if b.p == nil {
		return
	}
	b.registry.Detach(b.instance)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.p.Stop(ctx); err != nil {
		b.t.Error(err)
	}
	b.registry.Close()
	b.p = nil
}

func (b *bench) flush(texts ...string) {
	b.t.Helper()
	if v := b.p.Flush(chunktest.Docker(chunktest.Lines(texts...)...), "docker.web"); v != pipeline.Accepted {
		b.t.Fatalf("a chunk was %s", v)
	}
}

// reply is an answer.
type reply struct {
	status int
	header http.Header
	text   string
	body   map[string]any
}

// do sends a request. body is a text, or what becomes JSON. header comes in pairs.
func (b *bench) do(method, path string, body any, header ...string) reply {
	b.t.Helper()
	var from io.Reader
	switch v := body.(type) {
	case nil:
	case string:
		from = strings.NewReader(v)
	default:
		text, err := json.Marshal(v)
		if err != nil {
			b.t.Fatal(err)
		}
		from = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.url+path, from)
	if err != nil {
		b.t.Fatal(err)
	}
	if b.token != "" {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	out := reply{status: resp.StatusCode, header: resp.Header, text: string(text)}
	for _, secret := range []string{token, secretPath, otherPath, hubSecret} {
		if strings.Contains(out.text, secret) {
			b.t.Errorf("%s %s shows the secret %s: %s", method, path, secret, out.text)
		}
	}
	if len(text) > 0 && strings.Contains(resp.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(text, &out.body); err != nil {
			b.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	if out.status >= 400 {
		if kind := resp.Header.Get("Content-Type"); kind != "application/problem+json" || out.body["title"] == "" || out.body["status"] != float64(out.status) {
			b.t.Errorf("%s %s: %d is not reported as problem details: %s %s", method, path, out.status, kind, out.text)
		}
	}
	return out
}

// want sends a request whose answer has a status.
func (b *bench) want(status int, method, path string, body any, header ...string) reply {
	b.t.Helper()
	r := b.do(method, path, body, header...)
	if r.status != status {
		b.t.Fatalf("%s %s: %d, want %d: %s", method, path, r.status, status, r.text)
	}
	return r
}

func (b *bench) get(path string) map[string]any {
	b.t.Helper()
	return b.want(200, "GET", path, nil).body
}

// list returns the objects under a key.
func (r reply) list(key string) []map[string]any { return listOf(r.body, key) }

func listOf(body map[string]any, key string) []map[string]any {
	var out []map[string]any
	items, _ := body[key].([]any)
	for _, i := range items {
		if object, ok := i.(map[string]any); ok {
			out = append(out, object)
		}
	}
	return out
}

// eventually polls until the condition holds.
func (b *bench) eventually(what string, holds func() bool) {
	b.t.Helper()
	await.That(b.t, patience, what, holds, b.log)
}

// alwaysRefuses is a receiver that takes nothing, for good.
var alwaysRefuses = receiver.Always(receiver.Reply{Status: 400})
