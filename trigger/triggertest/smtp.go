package triggertest

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// MailServer is a mail server on loopback that keeps what it gets. Set the fields before the first message; a nil function accepts.
type MailServer struct {
	Address string // host:port
	CAFile  string // a PEM file of the certificate that it shows

	Username, Password string       // that it expects
	Mechanisms         []string     // nil: PLAIN
	Connect            func() error // answers the connection
	Mail               func(from string) error
	Rcpt               func(to string) error
	Data               func(data string) error

	mu       sync.Mutex
	messages []ReceivedMail
	commands []string
}

// ReceivedMail is a message with its envelope.
type ReceivedMail struct {
	From string
	To   []string
	User string // that logged in
	TLS  bool
	Data string
}

// MailSecurity is how a server encrypts connections.
type MailSecurity int

// The ways of a server.
const (
	MailStartTLS MailSecurity = iota
	MailImplicitTLS
	MailClear
)

// NewMailServer starts a server, which ends with the test.
func NewMailServer(t testing.TB, security MailSecurity) *MailServer {
	t.Helper()
	// The certificate of httptest is for 127.0.0.1 and example.com.
	certified := httptest.NewTLSServer(nil)
	certified.Close()
	m := &MailServer{CAFile: filepath.Join(t.TempDir(), "ca.pem")}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certified.Certificate().Raw})
	if err := os.WriteFile(m.CAFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.Address = listener.Addr().String()
	config := &tls.Config{Certificates: certified.TLS.Certificates}
	server := smtp.NewServer(m)
	server.Domain, server.AllowInsecureAuth, server.ErrorLog = "mail.example.com", true, log.New(io.Discard, "", 0)
	switch security {
	case MailStartTLS:
		server.TLSConfig = config
	case MailImplicitTLS:
		listener = tls.NewListener(listener, config)
	case MailClear:
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return m
}

// Messages returns the messages so far.
func (m *MailServer) Messages() []ReceivedMail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.messages)
}

// Commands returns the steps that clients asked for so far, such as "MAIL a@b" and "AUTH PLAIN".
func (m *MailServer) Commands() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.commands)
}

func (m *MailServer) note(command string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.commands = append(m.commands, command)
}

// NewSession is for go-smtp.
func (m *MailServer) NewSession(c *smtp.Conn) (smtp.Session, error) {
	m.note("CONNECT")
	if m.Connect != nil {
		if err := m.Connect(); err != nil {
			return nil, err
		}
	}
	_, secured := c.TLSConnectionState()
	return &mailSession{server: m, mail: ReceivedMail{TLS: secured}}, nil
}

// mailSession is one conversation.
type mailSession struct {
	server *MailServer
	mail   ReceivedMail
}

var _ smtp.AuthSession = (*mailSession)(nil)

func (s *mailSession) AuthMechanisms() []string {
	if s.server.Username == "" {
		return nil
	}
	if s.server.Mechanisms != nil {
		return s.server.Mechanisms
	}
	return []string{sasl.Plain}
}

func (s *mailSession) Auth(mechanism string) (sasl.Server, error) {
	s.server.note("AUTH " + mechanism)
	check := func(username, password string) error {
		if username != s.server.Username || password != s.server.Password {
			// As some servers do: the answer repeats the credentials.
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "no user " + username + " with password " + password}
		}
		s.mail.User = username
		return nil
	}
	if mechanism == sasl.Login {
		return &loginServer{check: check}, nil
	}
	return sasl.NewPlainServer(func(_, username, password string) error { return check(username, password) }), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	s.server.note("MAIL " + from)
	s.mail.From, s.mail.To = from, nil
	return answerOf(s.server.Mail, from)
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.server.note("RCPT " + to)
	if err := answerOf(s.server.Rcpt, to); err != nil {
		return err
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	s.server.note("DATA")
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if err := answerOf(s.server.Data, string(data)); err != nil {
		return err
	}
	received := s.mail
	received.Data = string(data)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.messages = append(s.server.messages, received)
	return nil
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }

func answerOf(answer func(string) error, text string) error {
	if answer == nil {
		return nil
	}
	return answer(text)
}

// MailAnswer returns an answer with a code for the functions of a MailServer.
func MailAnswer(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: text}
}

// loginServer is the server's side of AUTH LOGIN.
type loginServer struct {
	check    func(username, password string) error
	username string
	step     int
}

func (l *loginServer) Next(response []byte) (challenge []byte, done bool, err error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.username = string(response)
		return []byte("Password:"), false, nil
	case 3:
		return nil, true, l.check(l.username, string(response))
	}
	return nil, false, errors.New("unexpected response")
}
