package client

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// loopback lets tests reach their own servers.
func loopback() Deps {
	return Deps{Egress: egress.Settings{Mode: egress.ModeDefault, Allow: []string{"127.0.0.1/32", "::1"}}}
}

func testSettings(address string) trigger.Settings {
	s := trigger.DefaultSettings()
	s.Name = "ops"
	s.URL = setting.SecretText(address)
	s.Timeout = 5 * time.Second
	s.Retries = 0
	return s
}

func mustNew(t testing.TB, s trigger.Settings, deps Deps) *Client {
	t.Helper()
	c, err := New(s, deps)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// overHTTPOf returns the HTTP side of a client.
func overHTTPOf(c *Client) *overHTTP { return c.via.(*overHTTP) }

func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		outcome trigger.Outcome
		failure trigger.Failure
	}{
		200: {trigger.Delivered, ""}, 201: {trigger.Delivered, ""}, 202: {trigger.Delivered, ""}, 204: {trigger.Delivered, ""}, 299: {trigger.Delivered, ""},
		301: {trigger.Dead, trigger.FailureClient}, 302: {trigger.Dead, trigger.FailureClient}, 304: {trigger.Dead, trigger.FailureClient}, 307: {trigger.Dead, trigger.FailureClient}, 308: {trigger.Dead, trigger.FailureClient},
		400: {trigger.Dead, trigger.FailureClient}, 405: {trigger.Dead, trigger.FailureClient}, 409: {trigger.Dead, trigger.FailureClient}, 413: {trigger.Dead, trigger.FailureClient},
		415: {trigger.Dead, trigger.FailureClient}, 422: {trigger.Dead, trigger.FailureClient}, 418: {trigger.Dead, trigger.FailureClient},
		401: {trigger.Hold, trigger.FailureAuth}, 403: {trigger.Hold, trigger.FailureAuth}, 407: {trigger.Hold, trigger.FailureAuth}, 404: {trigger.Hold, trigger.FailureClient}, 410: {trigger.Disabled, trigger.FailureClient},
		408: {trigger.RetryLater, trigger.FailureClient}, 425: {trigger.RetryLater, trigger.FailureClient}, 429: {trigger.RetryLater, trigger.FailureRateLimited},
		500: {trigger.RetryLater, trigger.FailureServer}, 502: {trigger.RetryLater, trigger.FailureServer}, 503: {trigger.RetryLater, trigger.FailureServer}, 504: {trigger.RetryLater, trigger.FailureServer},
		520: {trigger.RetryLater, trigger.FailureServer}, 501: {trigger.Dead, trigger.FailureServer}, 600: {trigger.Dead, trigger.FailureClient}, 999: {trigger.Dead, trigger.FailureClient},
	} {
		server := serve(t, answer(status, ""))
		got := mustNew(t, testSettings(server.URL), loopback()).Test(t.Context())
		if got.Outcome != want.outcome || got.Failure != want.failure || got.Status != status || got.Attempts != 1 {
			t.Errorf("status %d gives %+v, want %v %q", status, got, want.outcome, want.failure)
		}
	}
}

func TestRetriesWithinASend(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler  func(attempt int32, w http.ResponseWriter)
		attempts int
		outcome  trigger.Outcome
	}{
		"a passing failure": {func(n int32, w http.ResponseWriter) {
			if n == 1 {
				w.WriteHeader(503)
			}
		}, 2, trigger.Delivered},
		"a lasting failure": {func(_ int32, w http.ResponseWriter) { w.WriteHeader(500) }, 3, trigger.RetryLater},
		"a refusal":         {func(_ int32, w http.ResponseWriter) { w.WriteHeader(400) }, 1, trigger.Dead},
		"a short wait": {func(n int32, w http.ResponseWriter) {
			if n == 1 {
				w.Header().Set("Retry-After", "0.05")
				w.WriteHeader(429)
			}
		}, 2, trigger.Delivered},
		"a long wait": {func(_ int32, w http.ResponseWriter) {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(429)
		}, 1, trigger.RetryLater},
		"a reset": {func(_ int32, w http.ResponseWriter) { panic(http.ErrAbortHandler) }, 3, trigger.RetryLater},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen atomic.Int32
			var ids, stamps = make(chan string, 10), make(chan string, 10)
			server := serve(t, func(w http.ResponseWriter, r *http.Request) {
				ids <- r.Header.Get("Webhook-Id")
				stamps <- r.Header.Get("Webhook-Timestamp")
				c.handler(seen.Add(1), w)
			})
			s := testSettings(server.URL)
			s.Retries = 2
			s.SigningSecret = setting.SecretText(triggertest.Key1)
			deps := loopback()
			var clock atomic.Int64
			deps.Now = func() time.Time { return time.Unix(1_800_000_000+clock.Add(1), 0) }
			got := mustNew(t, s, deps).Send(t.Context(), "al_1", []trigger.Alert{triggertest.Sample()})
			if got.Outcome != c.outcome || got.Attempts != c.attempts {
				t.Fatalf("got %s, want %v after %d attempts", got, c.outcome, c.attempts)
			}
			known := map[string]bool{}
			for range len(stamps) {
				if id := <-ids; id != "al_1" {
					t.Errorf("the id became %q", id)
				}
				known[<-stamps] = true
			}
			if len(known) != c.attempts {
				t.Errorf("%d attempts were signed at %d times", c.attempts, len(known))
			}
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	inner := serve(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		outer := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inner.URL, status) })
		if got := mustNew(t, testSettings(outer.URL), loopback()).Test(t.Context()); got.Outcome != trigger.Dead {
			t.Errorf("status %d gives %s", status, got)
		}
	}
	if reached.Load() {
		t.Error("a redirect was followed")
	}
}

func TestNamesThatResolveToBlockedAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1", "169.254.169.254", "0.0.0.0", "169.254.1.1", "100.64.0.1", "168.63.129.16", "240.0.0.1"} {
		dns := &triggertest.FakeDNS{Answers: map[string][]string{"hook.example.com": {address}}}
		got := mustNew(t, testSettings("http://hook.example.com:8080/"), Deps{Resolver: dns.Resolver(t)}).Test(t.Context())
		if got.Outcome != trigger.Hold || got.Failure != trigger.FailureEgress || got.Attempts != 1 {
			t.Errorf("%s: %s", address, got)
		}
		if dns.Queries == 0 {
			t.Error("the test's resolver was not asked")
		}
	}
}

// The name resolves to a public address when it is looked at, and to this machine when it is dialled.
func TestRebindingBetweenCheckAndDial(t *testing.T) {
	t.Parallel()
	var reached atomic.Bool
	server := serve(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	dns := &triggertest.FakeDNS{Answers: map[string][]string{"rebind.example.com": {"93.184.215.14", "127.0.0.1"}}}
	resolver := dns.Resolver(t)
	c := mustNew(t, testSettings("http://rebind.example.com:"+port+"/"), Deps{Resolver: resolver})
	address, _ := url.Parse("http://rebind.example.com:" + port)
	if err := overHTTPOf(c).guard.CheckProxied(t.Context(), address); err != nil {
		t.Fatalf("the check refuses the public address: %v", err)
	}
	got := c.Test(t.Context())
	if got.Outcome != trigger.Hold || got.Failure != trigger.FailureEgress || reached.Load() {
		t.Errorf("got %s, receiver reached: %v", got, reached.Load())
	}
}

func TestProxyIsUsedOnlyWhenSetAndAddressIsChecked(t *testing.T) {
	var viaProxy atomic.Int32
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		viaProxy.Add(1)
		if r.URL.Host == "" {
			w.WriteHeader(500)
		}
	})
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	server := serve(t, answer(200, ""))
	if got := mustNew(t, testSettings(server.URL), loopback()).Test(t.Context()); got.Outcome != trigger.Delivered || viaProxy.Load() != 0 {
		t.Errorf("without proxy_url: %s, %d requests by the proxy", got, viaProxy.Load())
	}
	deps := loopback()
	dns := &triggertest.FakeDNS{Answers: map[string][]string{
		"good.example.com": {"93.184.215.14"}, "evil.example.com": {"169.254.169.254"}, "turning.example.com": {"93.184.215.14", "10.0.0.1", "100.64.0.1"},
	}}
	deps.Resolver = dns.Resolver(t)
	for host, want := range map[string]trigger.Outcome{
		"good.example.com": trigger.Delivered, "unknown.example.com": trigger.Delivered, "evil.example.com": trigger.Hold, "93.184.215.14": trigger.Delivered,
	} {
		s := testSettings("http://" + host + "/x")
		s.ProxyURL = setting.SecretText(proxy.URL)
		before := viaProxy.Load()
		got := mustNew(t, s, deps).Test(t.Context())
		if got.Outcome != want || (viaProxy.Load() > before) != (want == trigger.Delivered) {
			t.Errorf("%s by the proxy: %s, proxy reached: %v", host, got, viaProxy.Load() > before)
		}
	}
	s := testSettings("http://169.254.169.254/latest")
	s.ProxyURL = setting.SecretText(proxy.URL)
	if _, err := New(s, deps); err == nil {
		t.Error("a denied address behind a proxy is accepted")
	}
	s = testSettings("http://good.example.com/")
	s.ProxyURL = setting.SecretText(proxy.URL)
	if _, err := New(s, Deps{}); err == nil {
		t.Error("a proxy at a denied address is accepted")
	}
}

func TestSendEndsWithItsContext(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	c := mustNew(t, testSettings(server.URL), loopback())
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	if got := c.Test(ctx); got.Outcome != trigger.RetryLater || got.Failure != trigger.FailureCancelled {
		t.Errorf("got %s", got)
	}
}

func TestResultInWords(t *testing.T) {
	t.Parallel()
	r := trigger.Result{Outcome: trigger.RetryLater, Reason: "answered 429 Too Many Requests", Attempts: 2, Elapsed: 1500 * time.Millisecond, RetryAfter: 30 * time.Second}
	want := "retry later: answered 429 Too Many Requests (2 attempts, 1.5s), asked to wait 30s"
	if r.String() != want {
		t.Errorf("got %q, want %q", r, want)
	}
	for _, o := range []trigger.Outcome{trigger.Delivered, trigger.RetryLater, trigger.Dead, trigger.Hold, trigger.Disabled} {
		if strings.HasPrefix(o.String(), "outcome(") {
			t.Errorf("outcome %d has no word", o)
		}
	}
}
