package browser

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
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
	log      await.Log
}

// link returns the newest link of the log.
func (r *real) link() string {
	r.t.Helper()
	all := regexp.MustCompile(`http://\S+/login#\S+`).FindAllString(r.log.String(), -1)
	if len(all) == 0 {
		r.t.Fatalf("the log has no link:\n%s", &r.log)
	}
	return all[len(all)-1]
}

// logIn opens the link of the log, and presses the button.
func (b *tab) logIn(r *real) {
	b.t.Helper()
	b.allow("401") // of the look whether it is logged in
	b.open(r.link(), "#submit")
	b.until(`document.activeElement?.id === 'submit'`)
	b.press(kb.Enter)
	b.until(`location.pathname === '/' && document.querySelector('main h1') !== null`)
}

// startReal starts one as the standalone program does, with a file of tokens or with the token that it makes, and more settings.
func startReal(t *testing.T, guarded bool, more ...string) *real {
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
public_url = %q
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
%s`, filepath.Join(dir, "store.db"), address, r.url, tokens, r.receiver.URL("/hook"), strings.Join(more, "\n")))
	stores := &store.Registry{}
	r.p, err = pipeline.New(pipeline.Options{ID: "real", Sources: config.Sources{Files: []string{rules}}, Stores: stores, LogTo: io.MultiWriter(t.Output(), &r.log), Origin: "output:trigger:real"})
	if err != nil {
		t.Fatal(err)
	}
	r.p.Start()
	registry := admin.NewRegistry(admin.Options{Program: "test", Version: "1.2.3", Links: true})
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

// TestRealProgram drives the page of the real administration: alerts that come, suppressed hits, containers, a line that is tried, dead letters.
func TestRealProgram(t *testing.T) {
	if found() == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	r := startReal(t, false)
	r.receiver.SetBehaviour(receiver.Always(receiver.Reply{Status: 400}))
	b := openTab(t, 1280, 900, false)
	b.logIn(r)
	b.shows("#live", "live")
	b.shows("main .empty", "No alerts yet")
	r.flush("panic: one "+hostile, "panic: one "+hostile, "panic: two", "all is well")
	b.shows(".alert", "panic: two")
	b.shows(".alert", "<img src=x onerror=")
	b.press("r")
	b.shows(".tiles", "cooldown 1")
	b.press("j", kb.Enter)
	b.shows(".detail", "ops dead")
	b.shot("alerts")
	b.press("t")
	b.shows("main", "Matched by 1 of 2 rules")
	b.shows("table", "suppressed: cooldown")
	b.shot("tried")
	b.press("2")
	b.shows("main table", "shop/api")
	b.shot("containers")
	b.press("3")
	b.shows("main table", "rules.toml:")
	b.shot("rules")
	b.press("4")
	b.shows("main table", "answered 400 Bad Request")
	b.shot("triggers")

	// The receiver is well again: a test arrives, and so do the dead letters.
	r.receiver.SetBehaviour(receiver.Always(receiver.Reply{Status: 200}))
	b.tabTo("[data-key=test-ops]")
	b.press(kb.Enter)
	b.shows("main table", "delivered: answered 200 OK")
	b.tabTo("[data-key=resend-all]")
	b.press(kb.Enter)
	b.shows("#toast", "2 dead letters queued again")
	b.shows("main .empty", "No dead letters")

	// A silence from an alert suppresses further hits, and can be ended.
	b.press("1")
	b.until(`document.querySelector('.alert') !== null`)
	b.press("/", "t", "w", "o", kb.Escape) // the program also reports refused alerts, by an alert of its own
	b.until(`document.querySelectorAll('.alert').length === 1`)
	b.press("j", "s")
	b.shows("dialog[open]", "Silence")
	b.press(kb.Enter)
	b.shows("#toast", "Silenced: go-panic in shop/api")
	r.flush("panic: three")
	b.press("r")
	b.shows(".tiles", "silence 1")
	b.press("5")
	b.shows("main table", "rule = go-panic")
	b.shows("main tbody td.num", "1") // suppressed
	b.shot("silences")
	b.tabTo("[data-key^=expire-]")
	b.press(kb.Enter)
	b.shows("dialog[open]", "Expire this silence now?")
	b.tabTo("dialog [type=submit]")
	b.press(kb.Enter)
	b.shows("#toast", "Silence expired")
	b.press("7") // the audit has the silence, the test alert and the dead letters that were sent again
	b.shows("main table", "expire")
	b.shows("main table", "redeliver")
	r.flush("panic: four")
	b.press("1")
	b.until(`document.querySelector('.alert') !== null`) // the view is there, and with it the field
	b.press("/", kb.Backspace, kb.Backspace, kb.Backspace, kb.Escape)
	b.shows(".alert", "panic: four")
}

// cookies returns how many cookies the browser has that scripts cannot read.
func (b *tab) cookies() (n int) {
	b.t.Helper()
	b.run(chromedp.ActionFunc(func(ctx context.Context) error {
		all, err := network.GetCookies().Do(ctx)
		for _, c := range all {
			if c.HTTPOnly && c.SameSite == network.CookieSameSiteStrict {
				n++
			}
		}
		return err
	}))
	return n
}

// TestALinkLogsOneBrowserIn opens the link of the first start: what previews do uses nothing up; the button logs in, once; another browser is not let in by
// it; and after the logout neither is this one.
func TestALinkLogsOneBrowserIn(t *testing.T) {
	if found() == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	r := startReal(t, false)
	link := r.link()
	for range 3 {
		resp, err := http.Get(link)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	preview := openTab(t, 1280, 900, false) // one that runs scripts, and presses nothing
	preview.open(link, "#submit")
	preview.shows("main", "It works once.")
	if preview.is(`location.href.includes('#') || document.cookie !== ''`) {
		t.Error("the code stays in the address, or scripts can read the cookie")
	}
	preview.shot("link")
	b := openTab(t, 1280, 900, true)
	b.logIn(r)
	b.shows("#live", "live")
	r.flush("panic: one")
	b.shows(".alert", "panic: one")
	if b.cookies() != 1 {
		t.Errorf("%d cookies", b.cookies())
	}
	b.run(chromedp.Reload())
	b.shows(".alert", "panic: one")
	b.open(r.url+"/login", "main")
	b.shows("#live", "live") // it is logged in, and led on

	preview.allow("401")
	preview.press(kb.Enter)
	preview.shows("#wrong", "invalid code or token")
	preview.shows("label", "Token")

	b.run(chromedp.Click("#logout", chromedp.ByQuery))
	b.shows("main", "docker-fluentbit page")
	if b.is(`Object.keys(localStorage).length > 0`) || b.cookies() != 0 {
		t.Error("the logout leaves something behind")
	}
	b.open(r.url, "main")
	b.shows("main", "docker-fluentbit page")
	b.shot("login")
}

// TestATokenLogsIn gives a wrong token of a file, then the right one, which no storage of the browser keeps.
func TestATokenLogsIn(t *testing.T) {
	if found() == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	r := startReal(t, true)
	if strings.Contains(r.log.String(), "/login#") {
		t.Error("a link is logged beside a file of tokens")
	}
	b := openTab(t, 390, 844, false)
	b.allow("401")
	b.open(r.url, "#token")
	b.until(`document.activeElement?.id === 'token'`)
	b.press("n", "o", kb.Enter)
	b.shows("#wrong", "invalid code or token")
	b.shot("wrong")
	b.run(chromedp.SetValue("#token", token, chromedp.ByQuery))
	b.press(kb.Enter)
	b.shows("#live", "live")
	r.flush("panic: one")
	b.shows(".alert", "panic: one")
	if b.is("JSON.stringify(localStorage).includes('" + token + "') || document.cookie !== '' || location.href.includes('" + token + "')") {
		t.Error("the token is kept in the browser")
	}
}

// TestASessionThatEndsIsAskedForAgain takes the key away, as a browser does that clears what pages keep: the page leads to the login.
func TestASessionThatEndsIsAskedForAgain(t *testing.T) {
	if found() == "" {
		t.Skip("no chromium on PATH: the page is not driven")
	}
	r := startReal(t, false)
	b := openTab(t, 1280, 900, false)
	b.logIn(r)
	b.shows("#live", "live")
	b.run(chromedp.Evaluate(`localStorage.clear()`, nil))
	b.press("r")
	b.shows("main", "docker-fluentbit page")
}
