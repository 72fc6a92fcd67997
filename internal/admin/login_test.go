package admin

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/listen"
)

// firstStart starts an instance without token_file, as a first start is; more is added to its settings of [admin].
func firstStart(t *testing.T, links bool, more string) *bench {
	t.Helper()
	b := newBench(t, "")
	b.stop()
	b.registry = NewRegistry(Options{Program: "test", Links: links})
	b.setAdmin("token_file", "")
	if more != "" {
		b.write(b.rulesFile(), strings.Replace(b.read(b.rulesFile()), "[admin]\n", "[admin]\n"+more+"\n", 1))
	}
	b.start()
	b.token = b.made()
	return b
}

// made returns the token that the instance made.
func (b *bench) made() string {
	b.t.Helper()
	return listen.FirstToken(b.read(listen.TokenPath(filepath.Join(b.dir, "store.db"))))
}

var linkPattern = regexp.MustCompile(`http://[^ ]*/login#([A-Za-z0-9_-]+)`)

// links returns the codes of the links that were logged.
func (b *bench) links() (codes []string) {
	for _, m := range linkPattern.FindAllStringSubmatch(b.log.String(), -1) {
		codes = append(codes, m[1])
	}
	return codes
}

// TestTheFirstStartMakesATokenAndALink goes the way of somebody who starts the program for the first time: the link of the log logs in once, the command line
// finds the token, and nobody else enters.
func TestTheFirstStartMakesATokenAndALink(t *testing.T) {
	b := firstStart(t, true, "")
	path := listen.TokenPath(filepath.Join(b.dir, "store.db"))
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the token: %v, %v", info, err)
	}
	codes := b.links()
	if len(codes) != 1 || !strings.Contains(b.log.String(), b.url+"/login#") {
		t.Fatalf("the log has no link to %s:\n%s", b.url, b.log)
	}
	if got := listen.Find(b.url); got != b.token {
		t.Errorf("the command line finds %q", got)
	}
	token := b.token
	b.token = ""
	b.want(401, "GET", "/api/v1/stats", nil)
	r := b.want(200, "POST", "/login", map[string]string{"code": codes[0]}, "Origin", b.url)
	key, _ := r.body["key"].(string)
	cookie, err := http.ParseSetCookie(r.header.Get("Set-Cookie"))
	if err != nil || !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode {
		t.Fatalf("the cookie: %v, %v", cookie, err)
	}
	session := []string{"Cookie", cookie.Name + "=" + cookie.Value, listen.KeyHeader, key}
	b.want(200, "GET", "/api/v1/stats", nil, session...)
	b.want(200, "POST", "/api/v1/silences", `{"rule": "boom", "until": "`+time.Now().Add(time.Hour).UTC().Format(time.RFC3339)+`"}`, session...)
	if audit := b.want(200, "GET", "/api/v1/audit", nil, session...).text; !strings.Contains(audit, `"local"`) {
		t.Errorf("the audit does not name the user: %s", audit)
	}
	b.want(403, "POST", "/api/v1/login-codes", nil, session...)
	b.want(401, "GET", "/api/v1/stats", nil, session[:2]...)
	b.want(401, "POST", "/login", map[string]string{"code": codes[0]}, "Origin", b.url)
	b.want(400, "POST", "/login", `{"code": "a", "token": "b"}`)
	b.want(400, "POST", "/login", `{}`)
	b.want(204, "POST", "/logout", nil, session...)
	b.want(401, "GET", "/api/v1/stats", nil, session...)

	b.token = token
	more := b.want(200, "POST", "/api/v1/login-codes", nil)
	b.token = ""
	code, _ := more.body["code"].(string)
	if more.body["path"] != "/login#"+code {
		t.Errorf("the path %v", more.body["path"])
	}
	b.want(200, "POST", "/login", map[string]string{"code": code})
	if text := b.log.String(); strings.Contains(text, token) || strings.Contains(text, key) || strings.Contains(text, cookie.Value) || strings.Contains(text, code) {
		t.Errorf("the log has a secret:\n%s", text)
	}
	b.stop()
	if got := listen.Find(b.url); got != "" {
		t.Error("the token of a listener that is closed is sent to whoever is there now")
	}
	b.start()
	if again := b.made(); again != token {
		t.Error("the next start has another token")
	}
	b.want(401, "GET", "/api/v1/stats", nil, session...)
	if codes := b.links(); len(codes) != 2 {
		t.Errorf("%d links of two starts", len(codes))
	}
}

// TestALoopbackAddressTakesAToken has the listeners that once took none: those of this machine alone, of a program that logs no link.
func TestALoopbackAddressTakesAToken(t *testing.T) {
	b := firstStart(t, false, "")
	if len(b.links()) != 0 {
		t.Error("a link is logged")
	}
	token := b.token
	for _, wrong := range []string{"", "wrong", token + "x", token[1:]} {
		b.token = wrong
		b.want(401, "GET", "/api/v1/stats", nil)
	}
	b.token = token
	b.want(200, "GET", "/api/v1/stats", nil)
	b.want(200, "POST", "/api/v1/login-codes", nil)
}

// TestATokenOfAStoreInMemory cannot be kept: with a link, it lasts as long as the process, and without one there is nothing to enter by.
func TestATokenOfAStoreInMemory(t *testing.T) {
	b := newBench(t, "")
	b.stop()
	b.inMemory()
	b.setAdmin("token_file", "")
	b.registry = NewRegistry(Options{Links: true})
	b.start()
	if b.token = listen.Find(b.url); b.token == "" {
		t.Fatal("the command line finds no token")
	}
	b.want(200, "GET", "/api/v1/stats", nil)
	codes := b.links()
	b.token = ""
	b.want(200, "POST", "/login", map[string]string{"code": codes[len(codes)-1]})
	b.stop()
	b.registry = NewRegistry(Options{})
	if _, err := b.attach("t", b.rulesFile()); err == nil || !strings.Contains(err.Error(), "token_file: must be set") {
		t.Errorf("without a link: %v", err)
	}
}

// TestTokensOfAFileComeAndGo sets token_file by a reload, and takes it away again.
func TestTokensOfAFileComeAndGo(t *testing.T) {
	b := firstStart(t, true, "")
	made := b.token
	file := filepath.Join(b.dir, "tokens")
	reload := func() {
		t.Helper()
		if report := b.p.Reload(); !report.Applied || len(report.Problems) > 0 {
			t.Fatalf("%+v", report)
		}
	}
	b.setAdmin("token_file", file)
	reload()
	b.want(401, "GET", "/api/v1/stats", nil)
	if got := listen.Find(b.url); got != "" {
		t.Error("the token that was made is still published")
	}
	b.token = token
	b.want(200, "GET", "/api/v1/stats", nil)
	if n := len(b.links()); n != 1 {
		t.Errorf("%d links, want that of the start", n)
	}
	b.setAdmin("token_file", "")
	reload()
	b.want(401, "GET", "/api/v1/stats", nil)
	b.token = made
	b.want(200, "GET", "/api/v1/stats", nil)
	if got := listen.Find(b.url); got != made {
		t.Error("the token is not published again")
	}
}
