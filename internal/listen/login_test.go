package listen

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// browser is a policy with a browser in front of it: it sends the cookies that it was given.
type browser struct {
	t       *testing.T
	at      *clock
	policy  *Policy
	logins  *Logins
	cookies map[string]*http.Cookie
	key     string
	from    string
	host    string
}

func newBrowser(t *testing.T, set Settings) *browser {
	t.Helper()
	b := &browser{t: t, at: &clock{at: time.Unix(1700000000, 0)}, cookies: map[string]*http.Cookie{}, from: "192.0.2.1:4000", host: "127.0.0.1:2021"}
	b.logins = NewLogins(b.at.now)
	set.Listen = "127.0.0.1:0"
	b.policy = b.prepare(set)
	return b
}

func (b *browser) prepare(set Settings) *Policy {
	b.t.Helper()
	var policy *Policy
	policy, err := Prepare(Options{
		Settings: set, Now: b.at.now, Log: slog.New(slog.DiscardHandler), Access: testAccess, Token: made, Logins: b.logins,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.Method == http.MethodPost && r.URL.Path == LoginPath:
				var body struct{ Code, Token string }
				if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				key, why := policy.Login(w, r, body.Code, body.Token)
				if why != nil {
					http.Error(w, why.Detail, why.Status)
					return
				}
				_, _ = io.WriteString(w, key)
			case r.URL.Path == "/logout":
				policy.Logout(w, r)
			default:
				of := CallerOf(r.Context())
				_, _ = fmt.Fprintf(w, "%s %v", of.Name, of.Session)
			}
		}),
		Refuse: func(w http.ResponseWriter, _ *http.Request, why Refusal) { http.Error(w, why.Detail, why.Status) },
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return policy
}

// ask sends a request as the page does, with headers in pairs.
func (b *browser) ask(method, path, body string, header ...string) (*http.Response, string) {
	b.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host, r.RemoteAddr = b.host, b.from
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	if b.key != "" {
		r.Header.Set(KeyHeader, b.key)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.policy.enforcer.ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	return w.Result(), strings.TrimSpace(w.Body.String())
}

func (b *browser) status(method, path string, header ...string) int {
	b.t.Helper()
	resp, _ := b.ask(method, path, "", header...)
	return resp.StatusCode
}

// login logs in by a code or a token, and returns the status.
func (b *browser) login(what, value string) int {
	b.t.Helper()
	resp, answer := b.ask("POST", LoginPath, fmt.Sprintf("{%q: %q}", what, value), "Origin", "http://"+b.host, "Sec-Fetch-Site", "same-origin")
	if resp.StatusCode == http.StatusOK {
		b.key = answer
	}
	return resp.StatusCode
}

func (b *browser) code() string {
	code, _ := b.logins.Code(b.policy.Owner())
	return code
}

func TestACodeLogsOneBrowserInOnce(t *testing.T) {
	b := newBrowser(t, Settings{})
	code := b.code()
	for _, path := range []string{"/x", "/app.js"} {
		if got := b.status("GET", path); got != 401 {
			t.Errorf("%s before: %d", path, got)
		}
	}
	if resp, _ := b.ask("GET", "/", "", "Accept", "text/html,*/*"); resp.StatusCode != 303 || resp.Header.Get("Location") != LoginPath {
		t.Errorf("the page of a browser that is not logged in: %d to %q", resp.StatusCode, resp.Header.Get("Location"))
	}
	for range 3 { // previews and scanners
		if got := b.status("GET", LoginPath); got != 200 {
			t.Errorf("the page that logs in: %d", got)
		}
		if got := b.status("HEAD", LoginPath); got != 200 {
			t.Errorf("HEAD of the page that logs in: %d", got)
		}
	}
	if got := b.login("code", code); got != 200 {
		t.Fatalf("the code: %d", got)
	}
	c := b.cookies["fluentbit-trigger-2021"]
	if c == nil || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
		t.Fatalf("the cookie: %v", c)
	}
	if _, answer := b.ask("GET", "/x", ""); answer != "local true" {
		t.Errorf("with cookie and key: %q", answer)
	}
	key := b.key
	b.key = ""
	if page, call := b.status("GET", "/app.js"), b.status("GET", "/x"); page != 200 || call != 401 {
		t.Errorf("with the cookie alone, as another port of the host has it: page %d, API %d", page, call)
	}
	b.key = key[1:] + "x"
	if got := b.status("GET", "/x"); got != 401 {
		t.Errorf("with a wrong key: %d", got)
	}
	b.key, b.cookies = key, map[string]*http.Cookie{}
	if got := b.status("GET", "/x"); got != 401 {
		t.Errorf("with the key alone: %d", got)
	}
	if got := b.login("code", code); got != 401 {
		t.Errorf("the code again: %d", got)
	}
}

func TestCodesThatLogNobodyIn(t *testing.T) {
	b := newBrowser(t, Settings{})
	late := b.code()
	b.at.pass(CodeLasts)
	if got := b.login("code", late); got != 401 {
		t.Errorf("after ten minutes: %d", got)
	}
	in := b.code()
	b.at.pass(CodeLasts - time.Second)
	if got := b.login("code", in); got != 200 {
		t.Errorf("just before ten minutes are over: %d", got)
	}
	first := b.code()
	for range maxCodes {
		b.code()
	}
	b.at.pass(attemptsIn)
	for name, code := range map[string]string{"one too many": first, "none": "", "a guess": "AAAA", "its hash": fmt.Sprintf("%x", b.logins.codes[0].sum)} {
		if got := b.login("code", code); got != 401 {
			t.Errorf("%s: %d", name, got)
		}
	}
	if len(b.logins.codes) != maxCodes {
		t.Errorf("%d codes are kept", len(b.logins.codes))
	}
}

// TestGuessesAreSlowedDown lets ten attempts of an address fail in a minute; the eleventh is not looked at, not even with the right code.
func TestGuessesAreSlowedDown(t *testing.T) {
	b := newBrowser(t, Settings{})
	code := b.code()
	for i := range maxFailures {
		if got := b.login("code", fmt.Sprint("guess", i)); got != 401 {
			t.Fatalf("attempt %d: %d", i, got)
		}
	}
	if got := b.login("code", code); got != 429 {
		t.Errorf("after too many failures: %d", got)
	}
	if got := b.login("token", made); got != 429 {
		t.Errorf("by token after too many failures: %d", got)
	}
	b.from = "192.0.2.2:4000"
	for i := range 2 * maxAddresses { // of so many addresses that they are not all known
		b.from = fmt.Sprintf("[2001:db8::%x]:1", i)
		b.login("code", "guess")
		if len(b.logins.failures.of) > maxAddresses {
			t.Fatalf("%d addresses are known", len(b.logins.failures.of))
		}
	}
	b.from = "192.0.2.1:5000"
	b.at.pass(attemptsIn)
	if got := b.login("code", code); got != 200 {
		t.Errorf("a minute later: %d", got)
	}
}

func TestSessionsEnd(t *testing.T) {
	b := newBrowser(t, Settings{})
	in := func() {
		t.Helper()
		if got := b.login("code", b.code()); got != 200 {
			t.Fatal(got)
		}
	}
	in()
	if got := b.status("POST", "/logout", "Origin", "http://127.0.0.1:2021"); got != 200 || len(b.cookies) != 0 {
		t.Errorf("logout: %d, %d cookies", got, len(b.cookies))
	}
	if len(b.logins.sessions) != 0 {
		t.Errorf("after the logout there are %d sessions", len(b.logins.sessions))
	}
	in()
	b.at.pass(sessionIdle)
	if got := b.status("GET", "/x"); got != 401 {
		t.Errorf("after a week without a request: %d", got)
	}
	in()
	for range int(sessionLasts / (sessionIdle / 2)) {
		b.at.pass(sessionIdle / 2)
		b.status("GET", "/x")
	}
	b.at.pass(sessionIdle / 2)
	if got := b.status("GET", "/x"); got != 401 {
		t.Errorf("after a month of requests: %d", got)
	}
	in()
	old := *b
	old.cookies = map[string]*http.Cookie{"fluentbit-trigger-2021": b.cookies["fluentbit-trigger-2021"]}
	for range maxSessions + 3 {
		b.at.pass(time.Second)
		in()
	}
	if got := old.status("GET", "/x"); got != 401 || len(b.logins.sessions) != maxSessions {
		t.Errorf("the session that was used longest ago: %d, of %d", got, len(b.logins.sessions))
	}
	if got := b.status("GET", "/x"); got != 200 {
		t.Errorf("the newest session: %d", got)
	}
}

// TestASessionEndsWithItsToken takes the token from the file by which a browser logged in, and puts another policy in force.
func TestASessionEndsWithItsToken(t *testing.T) {
	file := write(t, "tokens", "alice:token-of-alice-0001\nbob:token-of-bob-00000001\n")
	b := newBrowser(t, Settings{TokenFile: file})
	if got := b.login("token", "token-of-alice-0001"); got != 200 {
		t.Fatal(got)
	}
	if _, answer := b.ask("GET", "/x", ""); answer != "alice true" {
		t.Errorf("by token: %q", answer)
	}
	code, _ := b.logins.Code(Caller{Name: "alice", sum: firstSession(b).of.sum})
	b.policy = b.prepare(Settings{Listen: "127.0.0.1:0", TokenFile: file, Hosts: []string{"a.example"}})
	if got := b.status("GET", "/x"); got != 200 {
		t.Errorf("after other settings: %d", got)
	}
	b.policy = b.prepare(Settings{Listen: "127.0.0.1:0", TokenFile: write(t, "tokens", "bob:token-of-bob-00000001\n")})
	if got := b.status("GET", "/x"); got != 401 {
		t.Errorf("without the token there is still the session: %d", got)
	}
	if got := b.login("code", code); got != 401 {
		t.Errorf("a code of a token that is gone: %d", got)
	}
	if got := b.login("token", made); got != 401 {
		t.Errorf("the token that was made, beside a file: %d", got)
	}
}

func firstSession(b *browser) *session {
	for _, s := range b.logins.sessions {
		return s
	}
	b.t.Fatal("there is no session")
	return nil
}

// TestOtherPagesLogNobodyIn plays pages of other origins, one of them on another port of the host, which is of the same site.
func TestOtherPagesLogNobodyIn(t *testing.T) {
	b := newBrowser(t, Settings{})
	if got := b.login("code", b.code()); got != 200 {
		t.Fatal(got)
	}
	for _, header := range [][]string{
		{"Origin", "http://evil.example"}, {"Origin", "http://127.0.0.1:9999"}, {"Origin", "null"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "cross-site"},
	} {
		for _, path := range []string{"/x", LoginPath, "/logout"} {
			if got := b.status("POST", path, header...); got != 403 {
				t.Errorf("POST %s with %q: %d", path, header, got)
			}
		}
	}
	if len(b.logins.sessions) != 1 {
		t.Error("another page ended the session")
	}
}

func TestCookiesUnderTLSAndOfPorts(t *testing.T) {
	b := newBrowser(t, Settings{})
	b.policy.enforcer.tls = true
	for host, name := range map[string]string{"127.0.0.1:3000": "3000", "nas.local:2021": "2021", "nas.local": "default", "[::1]:2021": "2021", "a:b;c": "default"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = host
		if c := b.policy.enforcer.cookie(r, "x", 1); c.Name != "fluentbit-trigger-"+name || !c.Secure || !strings.Contains(c.String(), "SameSite=Strict") {
			t.Errorf("%s: %s", host, c)
		}
	}
}

// TestPublishedPorts has names that the settings do not list: the page opens by each, where [admin] hosts is not set.
func TestPublishedPorts(t *testing.T) {
	b := newBrowser(t, Settings{})
	for _, host := range []string{"nas.local:2021", "192.0.2.9:3000", "trigger.example.org"} {
		b.host, b.cookies = host, map[string]*http.Cookie{}
		if got := b.login("code", b.code()); got != 200 {
			t.Errorf("%s: %d", host, got)
		}
		if got := b.status("GET", "/x"); got != 200 {
			t.Errorf("%s after the login: %d", host, got)
		}
	}
}
