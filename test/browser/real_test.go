package browser

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/fetch"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// token is the one that the real administration wants.
const token = "t0ken-of-the-0perator"

// real is a pipeline with its administration, on a receiver of webhooks.
type real struct {
	t        *testing.T
	url      string
	p        *pipeline.Pipeline
	receiver *receiver.Server
}

// startReal starts one, with a token or without.
func startReal(t *testing.T, guarded bool) *real {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	r := &real{t: t, url: "http://" + address, receiver: receiver.New(t)}
	tokens := ""
	if guarded {
		tokens = fmt.Sprintf("token_file = %q\n", write("tokens", "operator:"+token+"\n"))
	}
	rules := write("rules.toml", fmt.Sprintf(`store = %q
[admin]
listen = %q
%s
[egress]
allow = ["127.0.0.1/32"]
[limits]
per_container = { rate = "0/s", burst = 1 }
[[trigger]]
name = "ops"
url = %q
retries = 0
[[rule]]
name = "go-panic"
pattern = '^panic: (?P<reason>.+)'
cooldown = "1h"
cooldown_by = ["capture.reason"]
severity = "critical"
[[rule]]
name = "quiet"
keywords = ["never to be seen"]
`, filepath.Join(dir, "store.db"), address, tokens, r.receiver.URL("/hook")))
	stores := &store.Registry{}
	r.p, err = pipeline.New(pipeline.Options{ID: "real", Sources: config.Sources{Files: []string{rules}}, Stores: stores, LogTo: t.Output(), Origin: "output:trigger:real"})
	if err != nil {
		t.Fatal(err)
	}
	r.p.Start()
	registry := admin.NewRegistry(admin.Options{Program: "test", Version: "1.2.3"})
	instance := &admin.Instance{Pipeline: r.p}
	if err := registry.Attach(instance); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		registry.Detach(instance)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.p.Stop(ctx); err != nil {
			t.Error(err)
		}
		registry.Close()
		if err := stores.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *real) flush(texts ...string) {
	r.t.Helper()
	if v := r.p.Flush(chunktest.Docker(chunktest.Lines(texts...)...), "docker.web"); v != pipeline.Accepted {
		r.t.Fatalf("a chunk was %s", v)
	}
}

// TestRealProgram drives the page of the real administration: alerts that come, what was held back, what is watched, a line that is tried, dead letters.
func TestRealProgram(t *testing.T) {
	if found() == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	r := startReal(t, false)
	r.receiver.SetBehaviour(receiver.Always(receiver.Reply{Status: 400}))
	b := openTab(t, 1280, 900, false)
	b.visit(r.url, "")
	b.shows("#live", "live")
	b.shows("main .empty", "No alerts yet")
	r.flush("panic: one "+hostile, "panic: one "+hostile, "panic: two", "all is well")
	b.shows(".alert", "panic: two")
	b.shows(".alert", "<img src=x onerror=")
	b.press("r")
	b.shows(".tiles", "cooldown 1")
	b.press("j", kb.Enter)
	b.shows(".detail", "ops dead")
	b.shot("now")
	b.press("t")
	b.shows("main", "1 rule of 2 would be hit")
	b.shows("table", "held back: cooldown")
	b.shot("tried")
	b.press("2")
	b.shows("main table", "shop/api")
	b.shot("watched")
	b.press("3")
	b.shows("main table", "rules.toml:")
	b.shot("rules")
	b.press("5")
	b.shows("main table", "answered 400 Bad Request")
	b.shot("targets")

	// The receiver is well again: a test arrives, and so do the dead letters.
	r.receiver.SetBehaviour(receiver.Always(receiver.Reply{Status: 200}))
	b.tabTo("[data-key=test-ops]")
	b.press(kb.Enter)
	b.shows("main table", "delivered: answered 200 OK")
	b.tabTo("[data-key=resend-all]")
	b.press(kb.Enter)
	b.shows("#toast", "2 dead letters on the way again")
	b.shows("main .empty", "There are none")

	// A silence from an alert holds back what would have alerted, and can be ended.
	b.press("1")
	b.until(`document.querySelector('.alert') !== null`)
	b.press("/", "t", "w", "o", kb.Escape) // the program also tells that alerts were refused, by an alert of its own
	b.until(`document.querySelectorAll('.alert').length === 1`)
	b.press("j", "s")
	b.shows("dialog[open]", "Silence")
	b.press(kb.Enter)
	b.shows("#toast", "Silenced: go-panic in shop/api")
	r.flush("panic: three")
	b.press("r")
	b.shows(".tiles", "silence 1")
	b.press("6")
	b.shows("main table", "rule = go-panic")
	b.shows("main tbody td.num", "1") // held back
	b.shot("silences")
	b.tabTo("[data-key^=expire-]")
	b.press(kb.Enter)
	b.shows("dialog[open]", "End this silence now?")
	b.tabTo("dialog [type=submit]")
	b.press(kb.Enter)
	b.shows("#toast", "The silence ended")
	r.flush("panic: four")
	b.press("1")
	b.until(`document.querySelector('.alert') !== null`) // the view is there, and with it the field
	b.press("/", kb.Backspace, kb.Backspace, kb.Backspace, kb.Escape)
	b.shows(".alert", "panic: four")
}

// TestRealProgramWithToken has the browser ask for the token, as the real administration wants it, and the page not ask again.
func TestRealProgramWithToken(t *testing.T) {
	if found() == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	r := startReal(t, true)
	b := openTab(t, 1280, 900, false)
	b.allow("401")
	var asked atomic.Int64
	chromedp.ListenTarget(b.ctx, func(event any) {
		switch e := event.(type) {
		case *fetch.EventRequestPaused:
			go func() { _ = chromedp.Run(b.ctx, fetch.ContinueRequest(e.RequestID)) }()
		case *fetch.EventAuthRequired:
			asked.Add(1)
			go func() {
				_ = chromedp.Run(b.ctx, fetch.ContinueWithAuth(e.RequestID, &fetch.AuthChallengeResponse{Response: fetch.AuthChallengeResponseResponseProvideCredentials, Username: "me", Password: token}))
			}()
		}
	})
	b.run(fetch.Enable().WithHandleAuthRequests(true))
	b.visit(r.url, "")
	b.shows("#live", "live")
	r.flush("panic: one")
	b.shows(".alert", "panic: one")
	if b.is(`document.querySelector('dialog')`) {
		t.Error("the page asks for what the browser has")
	}
	if asked.Load() != 1 {
		t.Errorf("the browser was asked %d times", asked.Load())
	}
}
