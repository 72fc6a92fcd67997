package client

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// mailSettings are those of a trigger that sends to a server, whose certificate it trusts.
func mailSettings(address string, server *triggertest.MailServer) trigger.Settings {
	s := testSettings(address)
	s.Format, s.From, s.To = "email", "Alerts <alerts@example.com>", []string{"Ops <ops@example.com>", "dev@example.com"}
	if server != nil {
		s.TLS.CAFile = server.CAFile
	}
	return s
}

func sendSample(t *testing.T, c *Client) trigger.Result {
	t.Helper()
	return c.Send(t.Context(), "al_1", []trigger.Alert{triggertest.Sample()})
}

func TestMailArrives(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		security  triggertest.MailSecurity
		scheme    string
		starttls  string
		user      string
		mechanism string
		tls       bool
	}{
		"starttls":             {triggertest.MailStartTLS, "smtp", "required", "", "", true},
		"starttls and a user":  {triggertest.MailStartTLS, "smtp", "required", "alerts:x", "PLAIN", true},
		"implicit TLS":         {triggertest.MailImplicitTLS, "smtps", "required", "alerts", "LOGIN", true},
		"in clear":             {triggertest.MailClear, "smtp", "off", "", "", false},
		"in clear on loopback": {triggertest.MailClear, "smtp", "off", "alerts", "PLAIN", false},
		"not asked for":        {triggertest.MailStartTLS, "smtp", "off", "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := triggertest.NewMailServer(t, c.security)
			server.Username, server.Password, server.Mechanisms = c.user, "pa55word!x", []string{c.mechanism}
			s := mailSettings(c.scheme+"://"+server.Address, server)
			s.StartTLS = c.starttls
			if c.user != "" {
				s.Username, s.Password = c.user, setting.SecretText("pa55word!x")
			}
			got := sendSample(t, mustNew(t, s, loopback()))
			if got.Outcome != trigger.Delivered || got.Attempts != 1 || got.Reason != "accepted for 2 recipients" {
				t.Fatalf("got %s (%s)", got, got.Detail)
			}
			all := server.Messages()
			if len(all) != 1 {
				t.Fatalf("%d messages", len(all))
			}
			m := all[0]
			if m.From != "alerts@example.com" || !slices.Equal(m.To, []string{"ops@example.com", "dev@example.com"}) || m.TLS != c.tls || m.User != c.user {
				t.Errorf("from %s to %v, TLS %v, user %q", m.From, m.To, m.TLS, m.User)
			}
			if !strings.Contains(m.Data, "Subject: ") || !strings.Contains(m.Data, "assignment to entry in nil map") {
				t.Errorf("message %s", m.Data)
			}
		})
	}
}

// TestNothingIsSentWithoutTLS: a server, or somebody on the way, that hides STARTTLS gets neither password nor message.
func TestNothingIsSentWithoutTLS(t *testing.T) {
	t.Parallel()
	server := triggertest.NewMailServer(t, triggertest.MailClear)
	server.Username, server.Password = "alerts", "pa55word!x"
	s := mailSettings("smtp://"+server.Address, server)
	s.Username, s.Password = "alerts", setting.SecretText("pa55word!x")
	got := sendSample(t, mustNew(t, s, loopback()))
	if got.Outcome != trigger.RetryLater || got.Failure != trigger.FailureTLS || got.Reason != "the server does not offer STARTTLS, and starttls is required" {
		t.Errorf("got %s", got)
	}
	if commands := server.Commands(); !slices.Equal(commands, []string{"CONNECT"}) {
		t.Errorf("the server got %q", commands)
	}
}

func TestMailServersCertificate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*trigger.Settings)
		want   string
	}{
		"an unknown authority": {func(s *trigger.Settings) { s.TLS.CAFile = "" }, "TLS failed: the certificate is signed by an unknown authority"},
		"another name":         {func(s *trigger.Settings) { s.TLS.ServerName = "other.test" }, "TLS failed: the certificate is for another name"},
		"the name it has":      {func(s *trigger.Settings) { s.TLS.ServerName = "example.com" }, "accepted for 2 recipients"},
	} {
		for _, security := range []triggertest.MailSecurity{triggertest.MailStartTLS, triggertest.MailImplicitTLS} {
			t.Run(fmt.Sprint(name, security), func(t *testing.T) {
				t.Parallel()
				server := triggertest.NewMailServer(t, security)
				s := mailSettings([]string{"smtp://", "smtps://"}[security]+server.Address, server)
				c.change(&s)
				if got := sendSample(t, mustNew(t, s, loopback())); got.Reason != c.want || len(server.Messages()) > 0 != (got.Outcome == trigger.Delivered) {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		}
	}
}

// TestAnswersOfMailServers: 4xx is tried again. Of 5xx, a refused message is dead, and all else puts the trigger on hold.
func TestAnswersOfMailServers(t *testing.T) {
	t.Parallel()
	all := func(code int) func(string) error {
		return func(string) error { return triggertest.MailAnswer(code, "because") }
	}
	for name, c := range map[string]struct {
		set     func(*triggertest.MailServer)
		status  int
		outcome trigger.Outcome
		failure trigger.Failure
		reason  string
	}{
		"no service now": {func(m *triggertest.MailServer) {
			m.Connect = func() error { return triggertest.MailAnswer(421, "busy") }
		}, 421, trigger.RetryLater, trigger.FailureServer, "answered 421 to EHLO"},
		"no service":            {func(m *triggertest.MailServer) { m.Connect = func() error { return triggertest.MailAnswer(554, "no") } }, 554, trigger.Hold, trigger.FailureClient, "answered 554 to EHLO"},
		"the login later":       {func(m *triggertest.MailServer) { m.Password = "" }, 535, trigger.Hold, trigger.FailureAuth, "answered 535 to AUTH"},
		"the sender later":      {func(m *triggertest.MailServer) { m.Mail = all(451) }, 451, trigger.RetryLater, trigger.FailureServer, "answered 451 to MAIL FROM"},
		"the sender":            {func(m *triggertest.MailServer) { m.Mail = all(550) }, 550, trigger.Hold, trigger.FailureClient, "answered 550 to MAIL FROM"},
		"all recipients later":  {func(m *triggertest.MailServer) { m.Rcpt = all(450) }, 450, trigger.RetryLater, trigger.FailureServer, "answered 450: refused for 2 of 2 recipients"},
		"all recipients":        {func(m *triggertest.MailServer) { m.Rcpt = all(550) }, 550, trigger.Hold, trigger.FailureClient, "answered 550: refused for 2 of 2 recipients"},
		"the message later":     {func(m *triggertest.MailServer) { m.Data = all(452) }, 452, trigger.RetryLater, trigger.FailureServer, "answered 452 to the message"},
		"the message":           {func(m *triggertest.MailServer) { m.Data = all(554) }, 554, trigger.Dead, trigger.FailureClient, "answered 554 to the message"},
		"a message too large":   {func(m *triggertest.MailServer) { m.Data = all(552) }, 552, trigger.Dead, trigger.FailureClient, "answered 552 to the message"},
		"an unknown mechanism":  {func(m *triggertest.MailServer) { m.Mechanisms = []string{"GSSAPI"} }, 0, trigger.Hold, trigger.FailureAuth, "the server offers neither AUTH PLAIN nor AUTH LOGIN"},
		"closed at a recipient": {func(m *triggertest.MailServer) { m.Rcpt = all(421) }, 421, trigger.RetryLater, trigger.FailureServer, "answered 421 to RCPT TO"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := triggertest.NewMailServer(t, triggertest.MailStartTLS)
			server.Username, server.Password = "alerts", "pa55word!x"
			c.set(server)
			s := mailSettings("smtp://"+server.Address, server)
			s.Username, s.Password, s.Retries = "alerts", setting.SecretText("pa55word!x"), 2
			got := sendSample(t, mustNew(t, s, loopback()))
			if got.Outcome != c.outcome || got.Failure != c.failure || got.Status != c.status || got.Reason != c.reason || got.Attempts != 1 || got.Partial {
				t.Errorf("got %+v, want %+v", got, c)
			}
			triggertest.AssertNoSecret(t, []string{"pa55word!x"}, got.Reason, got.Detail, got.String())
			if len(server.Messages()) != 0 {
				t.Error("a message arrived")
			}
		})
	}
}

// TestRecipientsAreAnsweredOneByOne: those who were asked to come later get the message later, and nobody gets it twice.
func TestRecipientsAreAnsweredOneByOne(t *testing.T) {
	t.Parallel()
	server := triggertest.NewMailServer(t, triggertest.MailStartTLS)
	var ops, dev atomic.Int64 // how they are answered
	ops.Store(450)
	server.Rcpt = func(to string) error {
		code := dev.Load()
		if to == "ops@example.com" {
			code = ops.Load()
		}
		if code != 0 {
			return triggertest.MailAnswer(int(code), "mailbox full")
		}
		return nil
	}
	c := mustNew(t, mailSettings("smtp://"+server.Address, server), loopback())
	got := sendSample(t, c)
	if got.Outcome != trigger.RetryLater || !got.Partial || got.Reason != "answered 450: refused for 1 of 2 recipients" || got.Detail != "ops@example.com: 4.1.1 mailbox full" {
		t.Fatalf("got %+v", got)
	}
	ops.Store(0)
	if got = sendSample(t, c); got.Outcome != trigger.Delivered || got.Partial {
		t.Fatalf("got %+v", got)
	}
	var to [][]string
	for _, m := range server.Messages() {
		to = append(to, m.To)
	}
	if len(to) != 2 || !slices.Equal(to[0], []string{"dev@example.com"}) || !slices.Equal(to[1], []string{"ops@example.com"}) {
		t.Errorf("messages to %v", to)
	}
	if id := messageID(server.Messages()[0].Data); id == "" || id != messageID(server.Messages()[1].Data) {
		t.Errorf("the second message has another id than %q", id)
	}
	// Who is refused for good does not keep the others from being served, and the result names him.
	dev.Store(550)
	got = c.Send(t.Context(), "al_2", []trigger.Alert{triggertest.Sample()})
	if got.Outcome != trigger.Delivered || !got.Partial || got.Detail != "dev@example.com: 5.1.1 mailbox full" {
		t.Errorf("got %+v", got)
	}
}

func messageID(data string) string {
	for line := range strings.SplitSeq(data, "\r\n") {
		if id, found := strings.CutPrefix(line, "Message-ID: "); found {
			return id
		}
	}
	return ""
}

// TestMailStaysWithinTheGuard: the address of the connection decides, whatever its name resolved to before.
func TestMailStaysWithinTheGuard(t *testing.T) {
	t.Parallel()
	server := triggertest.NewMailServer(t, triggertest.MailStartTLS)
	_, port, err := net.SplitHostPort(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ host, answer string }{
		"loopback by a name":   {"mail.example.com", "127.0.0.1"},
		"a metadata service":   {"meta.example.com", "169.254.169.254"},
		"an unspecified one":   {"zero.example.com", "0.0.0.0"},
		"a link-local address": {"link.example.com", "169.254.1.1"},
	} {
		dns := &triggertest.FakeDNS{Answers: map[string][]string{c.host: {c.answer}}}
		got := sendSample(t, mustNew(t, mailSettings("smtp://"+c.host+":"+port, server), Deps{Resolver: dns.Resolver(t)}))
		if got.Outcome != trigger.Hold || got.Failure != trigger.FailureEgress || !strings.Contains(got.Reason, "blocked by the egress policy") {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if _, err := New(mailSettings("smtp://"+server.Address, server), Deps{}); err == nil {
		t.Error("loopback is allowed by default")
	}
	if commands := server.Commands(); len(commands) != 0 {
		t.Errorf("the server got %q", commands)
	}
}

// TestHostileMailServers: no answer hangs, grows without bound or shows a secret.
func TestHostileMailServers(t *testing.T) {
	t.Parallel()
	const password = "pa55word!x"
	script := func(lines ...string) func(net.Conn) {
		return func(conn net.Conn) {
			for _, line := range lines {
				if _, err := io.WriteString(conn, line+"\r\n"); err != nil {
					return
				}
				buffer := make([]byte, 4<<10)
				if _, err := conn.Read(buffer); err != nil {
					return
				}
			}
		}
	}
	for name, c := range map[string]struct {
		serve   func(net.Conn)
		outcome trigger.Outcome
		failure trigger.Failure
	}{
		"silence":         {untilClosed, trigger.RetryLater, trigger.FailureTimeout},
		"a closed door":   {func(net.Conn) {}, trigger.RetryLater, trigger.FailureNetwork},
		"HTTP":            {script("HTTP/1.1 400 Bad Request"), trigger.RetryLater, trigger.FailureNetwork},
		"garbage":         {script("\x00\xff\x00"), trigger.RetryLater, trigger.FailureNetwork},
		"an endless line": {flood("220-" + strings.Repeat("x", 1000)), trigger.RetryLater, trigger.FailureNetwork},
		"endless lines":   {flood("220-x\r\n"), trigger.RetryLater, trigger.FailureNetwork},
		"an echo":         {script("220 x", "250-x\r\n250 AUTH PLAIN", "535 "+plainResponse("alerts", password), "250 x", "250 x"), trigger.Hold, trigger.FailureAuth},
		"another echo":    {script("220 x", "250-x\r\n250 AUTH LOGIN", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "535 "+password+"\x1b[31m", "250 x", "250 x"), trigger.Hold, trigger.FailureAuth},
		"endless questions": {func(conn net.Conn) {
			script("220 x", "250-x\r\n250 AUTH LOGIN", "334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6", "334 VXNlcm5hbWU6")(conn)
			untilClosed(conn)
		}, trigger.RetryLater, trigger.FailureNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mailSettings(strings.Replace(rawServer(t, c.serve), "http:", "smtp:", 1), nil)
			s.StartTLS, s.Username, s.Password, s.Timeout = "off", "alerts", setting.SecretText(password), time.Minute
			if name == "silence" || name == "endless questions" { // the others end by themselves
				s.Timeout = time.Second
			}
			client := mustNew(t, s, loopback())
			got := sendSample(t, client)
			if got.Outcome != c.outcome || got.Failure != c.failure {
				t.Errorf("got %+v", got)
			}
			if strings.ContainsRune(got.Detail, 0x1b) {
				t.Errorf("detail %q", got.Detail)
			}
			triggertest.AssertNoSecret(t, []string{password, plainResponse("alerts", password)}, got.Reason, got.Detail, got.String(),
				fmt.Sprintf("%+v %#v", *client, client), fmt.Sprintf("%+v", client.via))
		})
	}
}

// plainResponse is the response of AUTH PLAIN.
func plainResponse(username, password string) string {
	return base64.StdEncoding.EncodeToString([]byte("\x00" + username + "\x00" + password))
}

// flood sends a text over and over.
func flood(text string) func(net.Conn) {
	return func(conn net.Conn) {
		for {
			if _, err := io.WriteString(conn, text); err != nil {
				return
			}
		}
	}
}

// TestNoLineEndsTheMessage: a log line that looks like the end of a message, with commands behind it, arrives as text.
func TestNoLineEndsTheMessage(t *testing.T) {
	t.Parallel()
	server := triggertest.NewMailServer(t, triggertest.MailStartTLS)
	a := triggertest.Sample()
	const trick = "\r\n.\r\nMAIL FROM:<eve@evil.example>\r\nRCPT TO:<eve@evil.example>\r\nDATA\r\nx\n.\nQUIT\r\n.\r\n"
	a.Message, a.Summary, a.Rule, a.Source.Workload, a.Source.Host = trick, trick, trick, trick, trick
	c := mustNew(t, mailSettings("smtp://"+server.Address, server), loopback())
	if got := c.Send(t.Context(), "al_1"+trick, []trigger.Alert{a}); got.Outcome != trigger.Delivered {
		t.Fatal(got)
	}
	want := []string{"CONNECT", "CONNECT", "MAIL alerts@example.com", "RCPT ops@example.com", "RCPT dev@example.com", "DATA"} // a session before TLS and one behind it
	if commands := server.Commands(); !slices.Equal(commands, want) {
		t.Errorf("the server got %q", commands)
	}
	if all := server.Messages(); len(all) != 1 || !strings.Contains(all[0].Data, "RCPT TO") {
		t.Errorf("messages %+v", all)
	}
}

// TestOnlyTheNetworkIsTriedAgainAtOnce: a server that did not answer may do so now.
func TestOnlyTheNetworkIsTriedAgainAtOnce(t *testing.T) {
	t.Parallel()
	s := mailSettings(strings.Replace(rawServer(t, func(net.Conn) {}), "http:", "smtp:", 1), nil)
	s.Retries = 2
	if got := sendSample(t, mustNew(t, s, loopback())); got.Outcome != trigger.RetryLater || got.Attempts != 3 {
		t.Errorf("got %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := mustNew(t, s, loopback()).Send(ctx, "al_1", []trigger.Alert{triggertest.Sample()}); got.Failure != trigger.FailureCancelled {
		t.Errorf("got %s", got)
	}
}

func TestValidateMail(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("smtp://mail.example.com"), 0o600); err != nil {
		t.Fatal(err)
	}
	login := func(s *trigger.Settings) { s.Username, s.Password = "alerts", setting.SecretText("s3cr3t-token") }
	for _, c := range []struct {
		want   string // of the only fault; "" for none
		change func(*trigger.Settings)
	}{
		{"", func(*trigger.Settings) {}},
		{"", login},
		{"", func(s *trigger.Settings) {
			s.URL, s.To = setting.SecretText("smtps://[2606:4700::1111]:465/"), []string{"a@b"}
		}},
		{`url ••••: must begin with smtp:// or smtps://`, func(s *trigger.Settings) { s.URL = setting.SecretText("https://mail.example.com") }},
		{`url ••••: must not contain a user or password (set username and password)`, func(s *trigger.Settings) { s.URL = setting.SecretText("smtp://u:s3cr3t-token@mail.example.com") }},
		{`url ••••: must not contain a path or a query (such as smtp://mail.example.com:587)`, func(s *trigger.Settings) { s.URL = setting.SecretText("smtp://mail.example.com/x") }},
		{`url ••••: must be on loopback where starttls is off and there is a password (or anyone on the way can read the password: use smtps://, or remove starttls)`, func(s *trigger.Settings) {
			login(s)
			s.StartTLS = "off"
		}},
		{`url_file: must be on loopback where starttls is off and there is a password (or anyone on the way can read the password: use smtps://, or remove starttls)`, func(s *trigger.Settings) {
			login(s)
			s.StartTLS, s.URL = "off", setting.SecretSource{File: file}
		}},
		{`url ••••: must begin with smtp:// where starttls is off (smtps:// is encrypted in any case: remove starttls)`, func(s *trigger.Settings) {
			s.StartTLS, s.URL = "off", setting.SecretText("smtps://mail.example.com")
		}},
		{`from: must be set (e-mail needs a sender, such as "Alerts <alerts@example.com>")`, func(s *trigger.Settings) { s.From = "" }},
		{`to: must be set (e-mail needs recipients, such as ["ops@example.com"])`, func(s *trigger.Settings) { s.To = nil }},
		{`from "Alerts": must be an e-mail address (such as "ops@example.com" or "Ops <ops@example.com>", in ASCII)`, func(s *trigger.Settings) { s.From = "Alerts" }},
		{`to "a@b\r\nBcc: c@d": must be an e-mail address (such as "ops@example.com" or "Ops <ops@example.com>", in ASCII)`, func(s *trigger.Settings) { s.To = []string{"a@b\r\nBcc: c@d"} }},
		{`to "dev@example.com": must not be listed twice`, func(s *trigger.Settings) { s.To = []string{"dev@example.com", "dev@example.com"} }},
		{`to: must have at most 50 recipients, has 51`, func(s *trigger.Settings) {
			s.To = nil
			for i := range 51 {
				s.To = append(s.To, fmt.Sprintf("u%d@example.com", i))
			}
		}},
		{`password: must be set (set one of password, password_file and password_env)`, func(s *trigger.Settings) { s.Username = "alerts" }},
		{`starttls "no": must be one of required, off`, func(s *trigger.Settings) { s.StartTLS = "no" }},
		{`headers: must not be set: e-mail goes over SMTP, which has no such thing`, func(s *trigger.Settings) { s.Headers = map[string]setting.Secret{"X-A": setting.NewSecret("x")} }},
		{`token: must not be set: e-mail goes over SMTP, which has no such thing`, func(s *trigger.Settings) { s.Token = setting.SecretText("s3cr3t-token") }},
		{`proxy_url_env: must not be set: e-mail goes over SMTP, which has no such thing`, func(s *trigger.Settings) { s.ProxyURL.Env = "P" }},
		{`content_type "application/json": must be text/plain or text/html: a body is the text of the e-mail`, func(s *trigger.Settings) { s.Body = "{}" }},
		{"", func(s *trigger.Settings) { s.Body, s.ContentType = "<p>{{ .Summary }}</p>", "text/html; charset=utf-8" }},
		{`from "a@b": must not be set: only e-mail has a sender`, func(s *trigger.Settings) {
			s.Format, s.URL, s.From, s.To = "slack", setting.SecretText("https://hooks.slack.com/x"), "a@b", nil
		}},
		{`url ••••: must begin with http:// or https:// (the address belongs to email, so set format = "email")`, func(s *trigger.Settings) { s.Format, s.From, s.To = "generic", "", nil }},
	} {
		s := mailSettings("smtp://mail.example.com", nil)
		c.change(&s)
		got := ""
		if _, err := New(s, Deps{Egress: egress.DefaultSettings(), LookupEnv: func(string) (string, bool) { return "x", true }}); err != nil {
			got = strings.TrimPrefix(err.Error(), `trigger "ops": `)
		}
		if got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
		triggertest.AssertNoSecret(t, []string{"s3cr3t-token"}, got)
	}
}

// TestRevisionOfMail: a trigger on hold is tried again when anything that may have been at fault changes.
func TestRevisionOfMail(t *testing.T) {
	t.Parallel()
	base := mailSettings("smtp://mail.example.com", nil)
	base.Username, base.Password = "alerts", setting.SecretText("s3cr3t-token")
	seen := map[string]string{}
	for name, change := range map[string]func(*trigger.Settings){
		"none":     func(*trigger.Settings) {},
		"host":     func(s *trigger.Settings) { s.URL = setting.SecretText("smtp://mail2.example.com") },
		"port":     func(s *trigger.Settings) { s.URL = setting.SecretText("smtp://mail.example.com:25") },
		"scheme":   func(s *trigger.Settings) { s.URL = setting.SecretText("smtps://mail.example.com:587") },
		"user":     func(s *trigger.Settings) { s.Username = "other" },
		"password": func(s *trigger.Settings) { s.Password = setting.SecretText("an0ther-token") },
		"from":     func(s *trigger.Settings) { s.From = "other@example.com" },
		"to":       func(s *trigger.Settings) { s.To = s.To[:1] },
	} {
		s := base
		change(&s)
		revision := mustNew(t, s, Deps{}).Revision()
		if other := seen[revision]; other != "" {
			t.Errorf("%s and %s have the same revision", name, other)
		}
		seen[revision] = name
	}
	if receiver.SendRate(&base) != (setting.Rate{Count: 1, Per: time.Second}) {
		t.Error("mail has no default rate")
	}
}
