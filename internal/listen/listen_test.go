package listen

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

const (
	secret = "s3cr3t-t0ken-of-ops"
	made   = "t0ken-that-was-made"
)

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// start prepares a policy, listens on its address and starts to serve.
func start(o Options) (*Server, error) {
	p, err := Prepare(o)
	if err != nil {
		return nil, err
	}
	return p.Listen()
}

// open opens a server that answers with the caller's name.
func open(t *testing.T, set Settings, at *clock) *Server {
	t.Helper()
	if at == nil {
		at = &clock{at: time.Unix(1700000000, 0)}
	}
	s, err := start(Options{
		Settings: set, Now: at.now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return
			}
			_, _ = io.WriteString(w, "hello "+CallerOf(r.Context()).Name)
		}),
		Access: testAccess, Token: made, Logins: NewLogins(at.now),
		Refuse: func(w http.ResponseWriter, _ *http.Request, why Refusal) { http.Error(w, why.Detail, why.Status) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return s
}

// testAccess is as the admin API has it.
func testAccess(path string) Access {
	switch path {
	case "/healthz":
		return AccessAll
	case LoginPath:
		return AccessLogin
	case "/", "/app.js":
		return AccessPage
	}
	return AccessToken
}

// get asks a server, with the token that was made and with headers given in pairs, and returns the status and the answer. "Authorization", "" sends none.
func get(t *testing.T, client *http.Client, url string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(header, "Authorization") {
		r.Header.Set("Authorization", "Bearer "+made)
	}
	for i := 0; i < len(header); i += 2 {
		switch {
		case header[i] == "Host":
			r.Host = header[i+1]
		case header[i+1] != "" || header[i] != "Authorization":
			r.Header.Add(header[i], header[i+1])
		}
	}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}

func TestSettings(t *testing.T) {
	for listen, want := range map[string]string{
		"":                                    "",
		"off":                                 "",
		"127.0.0.1:2021":                      "",
		"[::1]:0":                             "",
		"localhost:2021":                      "",
		"unix:///run/a.sock":                  "",
		"0.0.0.0:2021":                        "",
		":2021":                               "",
		"[::]:2021":                           "",
		"192.0.2.1:2021":                      "",
		"[::ffff:192.0.2.1]:2021":             "",
		"trigger.example.org:2021":            "",
		"2021":                                "must be an address and a port",
		"127.0.0.1:http":                      "port",
		"127.0.0.1:70000":                     "port",
		"unix://run/a.sock":                   "absolute path",
		"unix:///run/../a.sock":               "absolute path",
		"unix:///" + strings.Repeat("a", 100): "at most 90",
	} {
		err := setting.Join(Settings{Listen: listen}.Validate())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", listen, err, want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "listen") {
			t.Errorf("%q: the error does not begin with its key: %v", listen, err)
		}
	}
	if faults := (Settings{Listen: "0.0.0.0:2021", TokenFile: "x", Hosts: []string{"a.example"}}).Validate(); len(faults) > 0 {
		t.Error(faults)
	}
	for _, s := range []Settings{
		{CertFile: "a"}, {KeyFile: "a"}, {Listen: "unix:///a", CertFile: "a", KeyFile: "b"}, {Hosts: []string{"http://a"}}, {Hosts: []string{""}},
	} {
		if s.Validate() == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

func TestTokens(t *testing.T) {
	file := write(t, "tokens", "# of the team\nops:"+secret+"\n\n  another-token-of-nobody  \n")
	s := open(t, Settings{Listen: "127.0.0.1:0", TokenFile: file}, nil)
	url := "http://" + s.Address().String()
	for _, c := range []struct {
		path   string
		header []string
		status int
		answer string
	}{
		{"/healthz", nil, 200, "hello"},
		{"/x", nil, 401, ""},
		{"/", nil, 401, ""},
		{"/healthz/", nil, 401, ""},
		{"/x", []string{"Authorization", "Bearer " + secret}, 200, "hello ops"},
		{"/x", []string{"Authorization", "bearer  " + secret}, 200, "hello ops"},
		{"/x", []string{"Authorization", "Bearer another-token-of-nobody"}, 200, "hello token"},
		{"/x", []string{"Authorization", "Bearer " + secret + "x"}, 401, ""},
		{"/x", []string{"Authorization", "Bearer " + secret[1:]}, 401, ""},
		{"/x", []string{"Authorization", "Bearer "}, 401, ""},
		{"/x", []string{"Authorization", secret}, 401, ""},
		{"/x", []string{"Authorization", "Basic b3BzOnMzY3IzdC10MGtlbi1vZi1vcHM="}, 200, "hello ops"},
		{"/x", []string{"Authorization", "Basic b3BzOng="}, 401, ""},
		{"/x?token=" + secret, nil, 401, ""},
		{"/x", []string{"Authorization", "Bearer " + made}, 401, ""}, // there is a file: no token is made
	} {
		status, answer := get(t, http.DefaultClient, url+c.path, c.header...)
		if status != c.status || status == 200 && answer != c.answer {
			t.Errorf("%s with %q: %d %q, want %d %q", c.path, c.header, status, answer, c.status, c.answer)
		}
		if strings.Contains(answer, secret) {
			t.Errorf("the answer %q holds the token", answer)
		}
	}
}

func TestTokensAreReadAgain(t *testing.T) {
	at := &clock{at: time.Unix(1700000000, 0)}
	file := write(t, "tokens", secret)
	s := open(t, Settings{Listen: "127.0.0.1:0", TokenFile: file}, at)
	with := func(token string) int {
		at.pass(2 * time.Second)
		status, _ := get(t, http.DefaultClient, "http://"+s.Address().String()+"/", "Authorization", "Bearer "+token)
		return status
	}
	change := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := with(secret); got != 200 {
		t.Fatal(got)
	}
	change("ops:the-new-token-of-ops\n")
	if old, now := with(secret), with("the-new-token-of-ops"); old != 401 || now != 200 {
		t.Errorf("after the change: old token %d, new one %d", old, now)
	}
	change("ops:short\n")
	if got := with("the-new-token-of-ops"); got != 401 {
		t.Errorf("a file that cannot be used lets in: %d", got)
	}
	change(secret)
	if got := with(secret); got != 200 {
		t.Errorf("the file is mended, and nobody enters: %d", got)
	}
}

func TestTokenFilesThatCannotBeUsed(t *testing.T) {
	for text, want := range map[string]string{
		"": "contains no token", "# nothing\n": "contains no token", "ops:short": "line 1: the token has 5 characters: must have at least 16",
		"\nop s:" + secret: "line 2: the name", "ops:with a space in it, long": "line 1: a token may only contain", strings.Repeat("a", 70<<10): "longer than",
		strings.Repeat(secret+"\n", 1001): "more than 1000",
	} {
		_, err := newTokens(write(t, "tokens", text), time.Now, slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds a token: %v", err)
		}
	}
	if _, err := newTokens("/nowhere/tokens", time.Now, slog.New(slog.DiscardHandler)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

// TestOtherSites plays what a browser sends for a page of another site, and for a name that was made to point here.
func TestOtherSites(t *testing.T) {
	s := open(t, Settings{Listen: "127.0.0.1:0", Hosts: []string{"trigger.example.org"}}, nil)
	url := "http://" + s.Address().String()
	_, port, err := net.SplitHostPort(s.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		header []string
		status int
	}{
		{nil, 200},
		{[]string{"Host", "localhost:" + port}, 200},
		{[]string{"Host", "LOCALHOST"}, 200},
		{[]string{"Host", "[::1]:" + port}, 200},
		{[]string{"Host", "192.0.2.7"}, 200},
		{[]string{"Host", "trigger.example.org"}, 200},
		{[]string{"Host", "Trigger.Example.org.:80"}, 200},
		{[]string{"Host", "evil.example"}, 403},
		{[]string{"Host", "localhost.evil.example"}, 403},
		{[]string{"Host", "127.0.0.1.evil.example"}, 403},
		{[]string{"Origin", url}, 200},
		{[]string{"Origin", "http://evil.example"}, 403},
		{[]string{"Origin", "https://127.0.0.1:" + port}, 403},
		{[]string{"Origin", "http://127.0.0.1:1"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Origin", url, "Origin", "http://evil.example"}, 403},
		{[]string{"Host", "evil.example", "Origin", "http://evil.example"}, 403},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Sec-Fetch-Site", "none"}, 200},
		{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
		{[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
	} {
		if status, answer := get(t, http.DefaultClient, url+"/x", c.header...); status != c.status {
			t.Errorf("%q: %d %s, want %d", c.header, status, answer, c.status)
		}
	}
}

func TestBounds(t *testing.T) {
	s := open(t, Settings{Listen: "127.0.0.1:0"}, nil)
	url := "http://" + s.Address().String() + "/"
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // a refusal may reset its connection
	for i, want := range []int{200, 413} {
		size := MaxBody + i
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(strings.Repeat("a", size)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+made)
		resp, err := client.Do(r)
		if err != nil {
			if want == 200 || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) { // the server answered before it received all
				t.Fatal(err)
			}
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("a body of %d bytes: %d, want %d", size, resp.StatusCode, want)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X", strings.Repeat("a", 17<<10))
	if resp, err := client.Do(r); err == nil { // else the connection was reset
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a long header: %d", resp.StatusCode)
		}
	} else if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
		t.Error(err)
	}
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	set := Settings{Listen: "unix://" + path}
	s := open(t, set, nil)
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	if status, answer := get(t, client, "http://whatever/x"); status != 200 || answer != "hello local" {
		t.Errorf("%d %s", status, answer)
	}
	client.CloseIdleConnections()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
	if _, err := start(Options{Settings: set, Token: made, Log: slog.Default()}); err == nil || !strings.Contains(err.Error(), "in use by another") {
		t.Errorf("a second server at the socket: %v", err)
	}
	if err := s.Free(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// What a process that died left behind is replaced; a file is not.
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, set, nil)
	file := write(t, "file", "precious")
	if _, err := start(Options{Settings: Settings{Listen: "unix://" + file}, Token: made, Log: slog.Default()}); err == nil || !strings.Contains(err.Error(), "is not a socket") {
		t.Errorf("a file in the socket's place: %v", err)
	}
}

// TestSocketThatMayBeServed holds that a socket is replaced only when nobody serves it: not when it cannot be connected to for another reason.
func TestSocketThatMayBeServed(t *testing.T) {
	refused := func(path string) {
		t.Helper()
		before, err := os.Lstat(path)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := start(Options{Settings: Settings{Listen: "unix://" + path}, Token: made, Log: slog.Default()}); err == nil || !strings.Contains(err.Error(), "cannot determine whether") {
			t.Errorf("a socket that is served, and cannot be connected to: %v", err)
			if err == nil {
				_ = s.Close(t.Context())
			}
		}
		if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
			t.Errorf("it was replaced: %v", err)
		}
	}
	other := filepath.Join(t.TempDir(), "datagrams.sock")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: other, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	refused(other)
	if os.Geteuid() == 0 {
		return // who may do everything
	}
	foreign := filepath.Join(t.TempDir(), "foreign.sock")
	ln, err := net.Listen("unix", foreign)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	if err := os.Chmod(foreign, 0); err != nil {
		t.Fatal(err)
	}
	refused(foreign)
}

func TestAddressIsFreeAtOnce(t *testing.T) {
	s := open(t, Settings{Listen: "127.0.0.1:0"}, nil)
	address := s.Address().String()
	for range 20 {
		get(t, http.DefaultClient, "http://"+address+"/")
		if err := s.Free(); err != nil {
			t.Fatal(err)
		}
		s = open(t, Settings{Listen: address}, nil)
	}
}

// makeCert writes a certificate for 127.0.0.1 with its key to two files.
func makeCert(t *testing.T, certFile, keyFile string, serial int64) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	first := makeCert(t, certFile, keyFile, 1)
	at := &clock{at: time.Unix(1700000000, 0)}
	s := open(t, Settings{Listen: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile}, at)
	ask := func(trusted *x509.Certificate) (int, string) {
		pool := x509.NewCertPool()
		pool.AddCert(trusted)
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
		defer transport.CloseIdleConnections()
		return get(t, &http.Client{Transport: transport}, "https://"+s.Address().String()+"/", "Origin", "https://"+s.Address().String())
	}
	if status, answer := ask(first); status != 200 || answer != "hello local" {
		t.Errorf("%d %s", status, answer)
	}
	second := makeCert(t, certFile, keyFile, 2)
	at.pass(2 * time.Second)
	if status, _ := ask(second); status != 200 {
		t.Errorf("with a new certificate: %d", status)
	}
	if err := os.WriteFile(keyFile, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	at.pass(2 * time.Second)
	if status, _ := ask(second); status != 200 {
		t.Errorf("a broken key closed the listener: %d", status)
	}
	if _, err := start(Options{Settings: Settings{Listen: "127.0.0.1:0", CertFile: certFile, KeyFile: keyFile}, Log: slog.Default()}); err == nil {
		t.Error("a broken key opens")
	}
}

// TestAnotherPolicyAtTheAddress changes who may enter at an address, and how, while it is open: with TLS instead of without, and a stream that was there before.
func TestAnotherPolicyAtTheAddress(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "crt"), filepath.Join(dir, "key")
	cert := makeCert(t, certFile, keyFile, 1)
	began, ended := make(chan struct{}), make(chan struct{})
	o := Options{
		Settings: Settings{Listen: "127.0.0.1:0"}, Log: slog.Default(), Access: testAccess, Token: made,
		Refuse: func(w http.ResponseWriter, _ *http.Request, why Refusal) { http.Error(w, why.Detail, why.Status) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/stream" {
				close(began)
				<-r.Context().Done()
				close(ended)
			}
			_, _ = io.WriteString(w, r.Proto)
		}),
	}
	s, err := start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(t.Context()); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	address := s.Address().String()
	plain := &http.Client{Transport: &http.Transport{}}
	stream, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream.Header.Set("Authorization", "Bearer "+made)
	go func() {
		if resp, err := plain.Do(stream); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-began
	if status, answer := get(t, plain, "http://"+address+"/"); status != 200 || answer != "HTTP/1.1" {
		t.Errorf("before: %d %s", status, answer)
	}
	o.Settings.CertFile, o.Settings.KeyFile = certFile, keyFile
	next, err := Prepare(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Use(next)
	<-ended
	if status, _ := get(t, plain, "http://"+address+"/"); status != http.StatusMisdirectedRequest {
		t.Errorf("a connection that was open before: %d", status)
	}
	if status, _ := get(t, plain, "http://"+address+"/"); status != http.StatusBadRequest {
		t.Errorf("without TLS: %d", status)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	secure := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	defer secure.CloseIdleConnections()
	if status, answer := get(t, &http.Client{Transport: secure}, "https://"+address+"/"); status != 200 || answer != "HTTP/2.0" {
		t.Errorf("with TLS: %d %s", status, answer)
	}
}

func FuzzTokenFile(f *testing.F) {
	f.Add([]byte("ops:" + secret + "\n# x\n"))
	f.Add([]byte("a:b:c\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseTokens(text)
		if err == nil && (len(all) == 0 || len(all) > maxTokens) {
			t.Errorf("%d tokens", len(all))
		}
		for _, k := range all {
			if k.name == "" {
				t.Error("a token has no name")
			}
		}
		if err != nil && len(err.Error()) > 200 {
			t.Error(fmt.Errorf("a long error: %w", err))
		}
	})
}
