package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
)

func serve(t *testing.T, handler http.HandlerFunc, o Options) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	if o.URL == "" {
		o.URL = server.URL
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestDoSendsWhatIsNeeded(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("ETag", `"7"`)
		_ = json.NewEncoder(w).Encode([]string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get("Authorization"), r.Header.Get("If-Match"), r.Header.Get("Content-Type"), r.Header.Get("User-Agent"), string(body)})
	}, Options{Token: "t0ken", Instance: "ops", Agent: "test/1"})
	var got []string
	answer, err := c.Do(context.Background(), Request{Method: "PATCH", Path: "/api/v1/rules" + Path("a/b ?"), Query: url.Values{"limit": {"3"}}, Body: map[string]any{"cooldown": nil}, Match: `"6"`, Patch: true}, &got)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"PATCH", "/api/v1/rules/a%2Fb%20%3F", "instance=ops&limit=3", "Bearer t0ken", `"6"`, "application/merge-patch+json", "test/1", `{"cooldown":null}`}
	if fmt.Sprint(got) != fmt.Sprint(want) || answer.ETag != `"7"` || answer.Status != 200 {
		t.Errorf("got  %q\nwant %q\n%+v", got, want, answer)
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprintf(w, "%q", r.Host) })}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	c, err := New(Options{URL: "unix://" + path})
	if err != nil {
		t.Fatal(err)
	}
	var host string
	if _, err := c.Do(context.Background(), Request{Path: "/"}, &host); err != nil || host != "localhost" {
		t.Errorf("host %q: %v", host, err)
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for address, want := range map[string]string{
		"localhost:2021":            "must be http://HOST:PORT",
		"ftp://localhost":           "must be http://HOST:PORT",
		"unix://relative/path":      "an absolute path",
		"http://user:secret@host/":  "must not contain a user",
		"http://host/?token=secret": "must not contain a user, a query",
		"http://[::1":               "missing ']'",
	} {
		_, err := New(Options{URL: address})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error contains the secret: %v", address, err)
		}
	}
	if _, err := New(Options{Token: "a\nb"}); err == nil {
		t.Error("a token of two lines is taken")
	}
	if _, err := New(Options{CAFile: "client_test.go"}); err == nil || !strings.Contains(err.Error(), "contains no PEM certificate") {
		t.Errorf("a file without certificates: %v", err)
	}
}

func TestProblemsTellEachFaultOnceWithItsHint(t *testing.T) {
	one := &Problem{Problem: adminapi.Problem{Detail: `rule "x": severity: "crit": unknown severity (did you mean "critical"?)`, Errors: []adminapi.ProblemField{
		{Field: "severity", Detail: `"crit": unknown severity`, Hint: `did you mean "critical"?`},
	}}}
	if one.Error() != one.Detail {
		t.Errorf("one fault: %s", one)
	}
	two := &Problem{Problem: adminapi.Problem{Detail: "2 problems", Errors: []adminapi.ProblemField{
		{Field: "cooldwn", Detail: "unknown key", Hint: `did you mean "cooldown"?`}, {Field: "pattern", Detail: "missing )"},
	}}}
	if want := "2 problems\n  cooldwn: unknown key (did you mean \"cooldown\"?)\n  pattern: missing )"; two.Error() != want {
		t.Errorf("two faults: %s", two)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	answer := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + gone.Addr().String()
	_ = gone.Close()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		options Options
		want    string
	}{
		"nobody":      {nil, Options{URL: nobody}, "is it running, and is this the address in [admin] listen? Use --url for another address"},
		"no socket":   {nil, Options{URL: "unix:///nowhere/at/all.sock"}, "is it running"},
		"no token":    {answer(401, "application/problem+json", `{"title":"a token is needed"}`), Options{}, "a token is needed; use --token-file or FLUENTBIT_TRIGGER_TOKEN"},
		"wrong token": {answer(401, "application/problem+json", `{"title":"a token is needed"}`), Options{Token: "s3cr3t"}, "the token is not valid for this instance"},
		"fields":      {answer(422, "application/problem+json", `{"title":"bad rule","detail":"rule \"x\": 2 problems","errors":[{"field":"cooldown","detail":"-5s must not be negative"},{"detail":"pattern: missing )"}]}`), Options{}, "rule \"x\": 2 problems\n  cooldown: -5s must not be negative\n  pattern: missing )"},
		"text":        {answer(502, "text/plain", "bad gateway\nmore"), Options{}, "unexpected response: 502 Bad Gateway: bad gateway"},
		"elsewhere":   {answer(302, "text/html", ""), Options{}, "this is not fluentbit-trigger"},
		"not JSON":    {answer(200, "text/html", "<html>"), Options{}, "may be another version of fluentbit-trigger"},
	} {
		client := serve(t, c.handler, c.options)
		var out any
		_, err := client.Do(context.Background(), Request{Path: "/api/v1/stats"}, &out)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: the error contains the token", name)
		}
	}
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	client := serve(t, nil, Options{URL: secure.URL})
	if _, err := client.Do(context.Background(), Request{}, nil); err == nil || !strings.Contains(err.Error(), "--ca-file") {
		t.Errorf("an unknown certificate: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := client.Do(ctx, Request{}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// TestPlainToTLS calls a TLS server without TLS.
func TestPlainToTLS(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "https://")
	c, err := New(Options{URL: "http://" + address, Token: "t0ken"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Do(t.Context(), Request{Path: "/api/v1/stats"}, nil)
	var unreachable *Unreachable
	if !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "requires TLS") || !strings.Contains(err.Error(), "https://"+address) {
		t.Errorf("%v", err)
	}
}

// TestStreamComesBack ends a stream after each event: every reconnection continues after the last event, and each event arrives once and in order.
func TestStreamComesBack(t *testing.T) {
	var connections atomic.Int64
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := connections.Add(1)
		if last := r.Header.Get("Last-Event-ID"); n > 1 && last != fmt.Sprint(n-1) {
			t.Errorf("connection %d asks from %q", n, last)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprintf(w, "retry: 1\r\n: comment\r\n\r\nid: %d\r\nevent: alert\r\ndata: {\"a\":\r\ndata: %d}\r\n\r\ndata: half", n, n)
	}, Options{})
	enough := errors.New("enough")
	var got []string
	err := c.Stream(context.Background(), Request{Path: "/api/v1/alerts/stream"}, func(e Event) error {
		got = append(got, e.ID+" "+e.Name+" "+string(e.Data))
		if len(got) == 3 {
			return enough
		}
		return nil
	})
	want := "[1 alert {\"a\":\n1} 2 alert {\"a\":\n2} 3 alert {\"a\":\n3}]"
	if !errors.Is(err, enough) || fmt.Sprint(got) != want {
		t.Errorf("got %v: %v, want %s", got, err, want)
	}
}

func TestStreamThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"no stream": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, "instead of events"},
		"refused":   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, "403"},
		"too long": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: "+strings.Repeat("x", maxEvent+1)+"\n\n")
		}, "longer than 1024 KiB"},
		"too many lines": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for range 3000 {
				_, _ = io.WriteString(w, "data: "+strings.Repeat("x", 1000)+"\n")
			}
		}, "longer than 1024 KiB"},
	} {
		err := serve(t, c.handler, Options{}).Stream(context.Background(), Request{Path: "/"}, func(Event) error { return nil })
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// FuzzStream: reading any response ends without a panic, and no event exceeds its bound.
func FuzzStream(f *testing.F) {
	f.Add("id: 1\ndata: x\n\n")
	f.Add("data\ndata:\n\nretry: 99999999999\n\nid: \x00\n\n:\n")
	f.Fuzz(func(t *testing.T, text string) {
		s := &stream{fn: func(e Event) error {
			if len(e.Data) > maxEvent || e.Name == "" {
				t.Errorf("event %+v", e)
			}
			return nil
		}}
		if err := s.read(strings.NewReader(text)); err != nil && !errors.Is(err, errEvent) {
			t.Errorf("unexpected: %v", err)
		}
		if s.retry > 60e9 || strings.ContainsRune(s.lastID, 0) {
			t.Errorf("retry %s, id %q", s.retry, s.lastID)
		}
	})
}
