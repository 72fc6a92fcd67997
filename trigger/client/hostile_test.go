package client

import (
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// rawServer answers each connection with what the function writes, then closes it.
func rawServer(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
	return "http://" + listener.Addr().String()
}

func readRequest(conn net.Conn) {
	buffer := make([]byte, 64<<10)
	_, _ = conn.Read(buffer)
}

// untilClosed waits until the client has closed its end.
func untilClosed(conn net.Conn) {
	buffer := make([]byte, 4<<10)
	for {
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

func TestHostileReceivers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		serve   func(net.Conn)
		outcome trigger.Outcome
		failure trigger.Failure
	}{
		"hangs before the answer": {func(conn net.Conn) { untilClosed(conn) }, trigger.RetryLater, trigger.FailureTimeout},
		"hangs in the header": {func(conn net.Conn) {
			readRequest(conn)
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nX-Slow: "))
			untilClosed(conn)
		}, trigger.RetryLater, trigger.FailureTimeout},
		"hangs in the body": {func(conn net.Conn) {
			readRequest(conn)
			_, _ = conn.Write([]byte("HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nabc"))
			untilClosed(conn)
		}, trigger.RetryLater, trigger.FailureServer},
		"trickles the header": {func(conn net.Conn) {
			readRequest(conn)
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\n"))
			for {
				if _, err := conn.Write([]byte("X: y\r\n")); err != nil {
					return
				}
			}
		}, trigger.RetryLater, trigger.FailureNetwork},
		"sends a giant header": {func(conn net.Conn) {
			readRequest(conn)
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 1<<20) + "\r\n\r\n"))
		}, trigger.RetryLater, trigger.FailureNetwork},
		"sends an endless body": {func(conn net.Conn) {
			readRequest(conn)
			_, _ = conn.Write([]byte("HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n"))
			for {
				if _, err := fmt.Fprintf(conn, "400\r\n%s\r\n", strings.Repeat("b", 1024)); err != nil {
					return
				}
			}
		}, trigger.Dead, trigger.FailureClient},
		"sends no HTTP":  {func(conn net.Conn) { readRequest(conn); _, _ = conn.Write([]byte("SSH-2.0-x\r\n\r\n")) }, trigger.RetryLater, trigger.FailureNetwork},
		"closes at once": {func(net.Conn) {}, trigger.RetryLater, trigger.FailureNetwork},
		"sends many 1xx": {func(conn net.Conn) {
			readRequest(conn)
			for range 100_000 {
				if _, err := conn.Write([]byte("HTTP/1.1 103 Early Hints\r\n\r\n")); err != nil {
					return
				}
			}
		}, trigger.RetryLater, trigger.FailureNetwork},
		"says 200 and resets": {func(conn net.Conn) {
			readRequest(conn)
			_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"))
		}, trigger.Delivered, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testSettings(rawServer(t, c.serve))
			s.Timeout = time.Second
			got := mustNew(t, s, loopback()).Test(t.Context())
			if got.Outcome != c.outcome || got.Failure != c.failure {
				t.Errorf("got %s (%s), want %v (%s)", got, got.Failure, c.outcome, c.failure)
			}
			if len(got.Detail) > maxAnswer {
				t.Errorf("the detail has %d bytes", len(got.Detail))
			}
		})
	}
}

func TestCompressedAnswersAreNotExpanded(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("the client accepts %q", r.Header.Get("Accept-Encoding"))
		}
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(400)
		z := gzip.NewWriter(w)
		for range 1024 {
			_, _ = z.Write(make([]byte, 64<<10))
		}
		_ = z.Close()
	})
	got := mustNew(t, testSettings(server.URL), loopback()).Test(t.Context())
	if got.Outcome != trigger.Dead || len(got.Detail) > maxAnswer {
		t.Errorf("got %s with a detail of %d bytes", got, len(got.Detail))
	}
}

func TestHTTP2AndTLS(t *testing.T) {
	t.Parallel()
	protocol := make(chan string, 10)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { protocol <- r.Proto }))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	writePEM(t, ca, server.Certificate().Raw)

	s := testSettings(server.URL)
	if got := mustNew(t, s, loopback()).Test(t.Context()); got.Failure != trigger.FailureTLS || !strings.Contains(got.Reason, "authority") {
		t.Errorf("an unknown authority gives %s", got)
	}
	s.TLS.CAFile = ca
	if got := mustNew(t, s, loopback()).Test(t.Context()); got.Outcome != trigger.Delivered {
		t.Errorf("got %s", got)
	}
	if p := <-protocol; p != "HTTP/2.0" {
		t.Errorf("spoke %s", p)
	}
	s.TLS.ServerName = "other.example.org"
	if got := mustNew(t, s, loopback()).Test(t.Context()); got.Failure != trigger.FailureTLS || !strings.Contains(got.Reason, "another name") {
		t.Errorf("another name gives %s", got)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server uint16
		least  string
		want   trigger.Outcome
	}{
		"1.1 is too old":       {tls.VersionTLS11, "1.2", trigger.RetryLater},
		"1.2 is enough":        {tls.VersionTLS12, "1.2", trigger.Delivered},
		"1.2 is not 1.3":       {tls.VersionTLS12, "1.3", trigger.RetryLater},
		"1.3 is always enough": {tls.VersionTLS13, "1.3", trigger.Delivered},
	} {
		server := httptest.NewUnstartedServer(answer(200, ""))
		server.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: c.server} //nolint:gosec // what the test is about
		server.StartTLS()
		ca := filepath.Join(t.TempDir(), "ca.pem")
		writePEM(t, ca, server.Certificate().Raw)
		s := testSettings(server.URL)
		s.TLS.CAFile, s.TLS.MinVersion = ca, c.least
		got := mustNew(t, s, loopback()).Test(t.Context())
		if got.Outcome != c.want || (c.want == trigger.RetryLater && got.Failure != trigger.FailureTLS) {
			t.Errorf("%s: %s", name, got)
		}
		server.Close()
	}
}

func TestMutualTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pool := clientCertificate(t, dir)
	server := httptest.NewUnstartedServer(answer(200, ""))
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool}
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(dir, "ca.pem")
	writePEM(t, ca, server.Certificate().Raw)
	s := testSettings(server.URL)
	s.TLS.CAFile = ca
	if got := mustNew(t, s, loopback()).Test(t.Context()); got.Outcome != trigger.RetryLater {
		t.Errorf("without a certificate: %s", got)
	}
	s.TLS.CertFile, s.TLS.KeyFile = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	if got := mustNew(t, s, loopback()).Test(t.Context()); got.Outcome != trigger.Delivered {
		t.Errorf("with the certificate: %s", got)
	}
	s.TLS.KeyFile = ca
	if _, err := New(s, loopback()); err == nil {
		t.Error("a certificate without its key is accepted")
	}
}

// For every format and every kind of failure, no text of the client contains a secret, even when the receiver repeats the whole request.
func TestNothingLeaksSecrets(t *testing.T) {
	t.Parallel()
	secrets := []string{
		"T0k3nInThePath", "qu3ryt0ken", "h3ader-value/+&", "bearer-t0ken-1234", "r0utingkey0123456789", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "hub-s3cret", "pa55word!x",
	}
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Url", r.URL.String())
		w.WriteHeader(500)
		_, _ = fmt.Fprintf(w, "%s %s %v", r.URL.RequestURI(), r.URL.Path, r.Header)
	}
	receivers := map[string]string{
		"echo": serve(t, echo).URL,
		"redirect": serve(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://other"+r.URL.String(), http.StatusFound)
		}).URL,
		"gone":    serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(410); _, _ = fmt.Fprint(w, r.URL) }).URL,
		"garbage": rawServer(t, func(conn net.Conn) { readRequest(conn); _, _ = conn.Write([]byte("T0k3nInThePath\r\n\r\n")) }),
		"hang":    rawServer(t, untilClosed),
		"close":   rawServer(t, func(net.Conn) {}),
		"refused": "http://127.0.0.1:1",
		"egress":  "http://egress.example.com",
		"dns":     "http://nowhere.example.com",
		"tls":     strings.Replace(rawServer(t, func(conn net.Conn) { readRequest(conn); _, _ = conn.Write([]byte("T0k3nInThePath")) }), "http:", "https:", 1),
	}
	dns := &triggertest.FakeDNS{Answers: map[string][]string{"egress.example.com": {"169.254.169.254"}}}
	deps := loopback()
	deps.Resolver = dns.Resolver(t)
	for name, base := range receivers {
		for _, format := range receiver.Formats() {
			if format == "email" {
				continue // TestHostileMailServers
			}
			if name == "hang" && format != "generic" && format != "telegram" {
				continue // each takes its whole timeout, and the formats differ by where the token is
			}
			t.Run(name+"/"+format, func(t *testing.T) {
				t.Parallel()
				s := testSettings(base + "/services/T0k3nInThePath?token=qu3ryt0ken")
				s.Format, s.Timeout, s.Retries = format, time.Second, 1
				s.Headers = map[string]setting.Secret{"X-Key": setting.NewSecret(secrets[2])}
				s.Token, s.RoutingKey, s.ChatID, s.Topic = setting.SecretText(secrets[3]), setting.SecretText(secrets[4]), "1", "alerts"
				s.SigningSecret, s.HubSecret = setting.SecretText(triggertest.Key1), setting.SecretText(secrets[6])
				if format == "mattermost" {
					s.Channel = strings.Repeat("a", 26)
				}
				if format == "telegram" || format == "gotify" {
					s.Username, s.Password = "me", setting.SecretText(secrets[7])
				}
				c := mustNew(t, s, deps)
				got := c.Send(t.Context(), "al_1", []trigger.Alert{triggertest.Sample()})
				if got.Outcome == trigger.Delivered {
					t.Fatalf("got %s", got)
				}
				triggertest.AssertNoSecret(t, secrets, got.Reason, got.Detail, got.String(),
					fmt.Sprintf("%+v %#v %v %s", got, got, c, c), fmt.Sprintf("%+v", *c), fmt.Sprintf("%+v %#v %v", s, s, &s))
			})
		}
	}
}

func TestErrorsOfNewContainNoSecret(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("ftp://x/T0k3nInThePath\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*trigger.Settings){
		"url":      func(s *trigger.Settings) { s.URL = setting.SecretText("ftp://x/T0k3nInThePath") },
		"url_file": func(s *trigger.Settings) { s.URL = setting.SecretSource{File: file} },
		"no file":  func(s *trigger.Settings) { s.URL = setting.SecretSource{File: file + "x"} },
		"url_env":  func(s *trigger.Settings) { s.URL = setting.SecretSource{Env: "NO_SUCH_VARIABLE"} },
		"signing":  func(s *trigger.Settings) { s.SigningSecret = setting.SecretText("whsec_T0k3nInThePath") },
		"header": func(s *trigger.Settings) {
			s.Headers = map[string]setting.Secret{"X-A": setting.NewSecret("T0k3nInThePath\n")}
		},
		"token":     func(s *trigger.Settings) { s.Token = setting.SecretText("T0k3nInThePath\r\nX: y") },
		"proxy_url": func(s *trigger.Settings) { s.ProxyURL = setting.SecretText("ftp://u:T0k3nInThePath@x") },
	} {
		s := testSettings("http://example.com/x")
		change(&s)
		_, err := New(s, Deps{})
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		triggertest.AssertNoSecret(t, []string{"T0k3nInThePath"}, err.Error(), fmt.Sprintf("%+v", err))
	}
}
