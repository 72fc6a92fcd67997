package mail

import (
	"context"
	"errors"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

func TestParseMailbox(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Mailbox{
		"ops@example.com":                         {"", "ops@example.com"},
		"<ops@example.com>":                       {"", "ops@example.com"},
		"Ops <ops@example.com>":                   {"Ops", "ops@example.com"},
		`"Ops, on call" <ops+a.b@example.com>`:    {"Ops, on call", "ops+a.b@example.com"},
		"Bereitschaft für Ö <ops@xn--bcher.test>": {"Bereitschaft für Ö", "ops@xn--bcher.test"},
		"root@localhost":                          {"", "root@localhost"},
	} {
		if got, ok := ParseMailbox(text); !ok || got != want {
			t.Errorf("%q gives %+v, %v", text, got, ok)
		}
	}
	for _, text := range []string{
		"", "ops", "@example.com", "ops@", "a@b@c", "a b@example.com", `"a b"@example.com`, "a@[192.0.2.1]", "a@-b.test", "a..b@example.com", ".a@example.com",
		"a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com", "a@example.com\x00", "A\r\nB <a@example.com>", "ü@example.com", "a@bücher.example",
		"=?utf-8?q?a=0d=0aBcc:_b?= <a@example.com>", strings.Repeat("a", 65) + "@example.com", "a@" + strings.Repeat("a.", 130) + "com",
		strings.Repeat("n", 101) + " <a@example.com>", "a@example.com> SIZE=1", "undisclosed:;",
	} {
		if got, ok := ParseMailbox(text); ok {
			t.Errorf("%q gives %+v", text, got)
		}
	}
}

// FuzzParseMailbox: a mailbox that is accepted can stand in a command and in a header, and a header says it again.
func FuzzParseMailbox(f *testing.F) {
	f.Add("Ops <ops@example.com>")
	f.Add("=?utf-8?q?a=0d=0a?= <a@b>")
	f.Fuzz(func(t *testing.T, text string) {
		m, ok := ParseMailbox(text)
		if !ok {
			return
		}
		if strings.ContainsFunc(m.Address, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("<>,;:\"\\()", r) }) {
			t.Fatalf("address %q", m.Address)
		}
		if strings.ContainsAny(m.Name, "\r\n\x00") {
			t.Fatalf("name %q", m.Name)
		}
		if again, err := mail.ParseAddress((&mail.Address{Name: m.Name, Address: m.Address}).String()); err != nil || again.Address != m.Address {
			t.Fatalf("%+v, %v", again, err)
		}
	})
}

// FuzzEncode: whatever the texts are, the header has the fields that it has for plain texts, and lines that every server takes.
func FuzzEncode(f *testing.F) {
	f.Add("id", "key", "subject\r\nBcc: a@b", "text\r\n.\r\n", "<p>x</p>")
	f.Add("", "", strings.Repeat("x", 2000), strings.Repeat("y", 5000), "")
	f.Fuzz(func(t *testing.T, id, thread, subject, text, html string) {
		m := Message{
			ID: id, Thread: thread, From: Mailbox{"", "a@example.com"}, To: []Mailbox{{"", "b@example.com"}}, Date: time.Unix(0, 0).UTC(),
			Subject: strings.ToValidUTF8(strings.Join(strings.Fields(subject), " "), "?"), Text: text, HTML: html,
		}
		raw, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := mail.ReadMessage(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatalf("%v in %q", err, raw)
		}
		for name := range parsed.Header {
			switch name {
			case "Date", "From", "To", "Subject", "Message-Id", "References", "In-Reply-To", "Mime-Version", "Content-Type", "Content-Transfer-Encoding",
				"Auto-Submitted", "X-Auto-Response-Suppress":
			default:
				t.Fatalf("header %q in %q", name, raw)
			}
		}
	})
}

// elsewhere is a connection whose peer is not on this machine.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(203, 0, 113, 5), Port: 25} }
func (elsewhere) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 1} }

// TestAPasswordStaysInsideWithoutTLS: the address of the connection decides, even where the name is localhost.
func TestAPasswordStaysInsideWithoutTLS(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	got := make(chan string, 1)
	go func() {
		defer func() { _ = theirs.Close() }()
		var all strings.Builder
		buffer := make([]byte, 4096)
		for _, answer := range []string{"220 x\r\n", "250-x\r\n250 AUTH PLAIN LOGIN\r\n"} {
			if _, err := theirs.Write([]byte(answer)); err != nil {
				break
			}
			n, _ := theirs.Read(buffer)
			all.Write(buffer[:n])
		}
		got <- all.String()
	}()
	s := Server{
		Host: "localhost", Port: 25, Security: Clear, Username: "alerts", Password: setting.NewSecret("s3cr3t"), Timeout: 5 * time.Second,
		Dial: func(context.Context, string, string) (net.Conn, error) { return elsewhere{ours}, nil },
	}
	_, err := s.Deliver(t.Context(), &Envelope{From: "a@example.com", To: []string{"b@example.com"}, Data: []byte("x")})
	if !errors.Is(err, ErrInClear) {
		t.Errorf("got %v", err)
	}
	if sent := <-got; !strings.HasPrefix(sent, "EHLO ") || strings.Contains(sent, "AUTH") {
		t.Errorf("sent %q", sent)
	}
}

func TestHelloName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"192.0.2.1:25": "[192.0.2.1]", "[::ffff:192.0.2.1]:25": "[192.0.2.1]", "[2001:db8::1]:25": "[IPv6:2001:db8::1]"} {
		addr, err := net.ResolveTCPAddr("tcp", text)
		if err != nil {
			t.Fatal(err)
		}
		if got := addressLiteral(addr); got != want {
			t.Errorf("%s gives %s, want %s", text, got, want)
		}
	}
}
