package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Security is how a connection is encrypted.
type Security int

// The ways to encrypt a connection.
const (
	StartTLS Security = iota // from the command STARTTLS on, which the server must offer
	Implicit                 // from the first byte on
	Clear                    // not at all
)

// Server is where messages are handed over. It is immutable, and each delivery has a connection of its own.
type Server struct {
	Host     string
	Port     uint16
	Security Security
	TLS      *tls.Config // with a ServerName
	Username string      // "": no authentication
	Password setting.Secret
	Timeout  time.Duration // of one delivery
	Dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// maxAnswers bounds what a server sends in one conversation, in bytes: certificates, extensions and answers have a few KiB.
const maxAnswers = 256 << 10

// goodbye bounds the wait for the answer to QUIT.
const goodbye = 2 * time.Second

// Envelope is a message with its sender and recipients.
type Envelope struct {
	From string
	To   []string
	Data []byte // with CR LF as line ends
}

// Receipt says for which recipients a server took a message.
type Receipt struct {
	Accepted []string
	Refused  []Refused
}

// Refused is a recipient that the server did not accept.
type Refused struct {
	Recipient string
	Answer    *Answer
}

// Deliver hands over a message for all recipients that the server accepts. Where it accepts none, no message is sent and the receipt has all answers.
// An error means that the server did not say that it took the message; it is an *Answer, one of the errors of this package, or that of the connection.
func (s *Server) Deliver(ctx context.Context, e *Envelope) (Receipt, error) {
	deadline := time.Now().Add(s.Timeout)
	dialing, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := s.Dial(dialing, "tcp", net.JoinHostPort(s.Host, strconv.Itoa(int(s.Port))))
	if err != nil {
		return Receipt{}, err
	}
	defer func() { _ = conn.Close() }()
	// A deadline in the past ends a read or write at once.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if err := conn.SetDeadline(deadline); err != nil {
		return Receipt{}, err
	}
	if ctx.Err() != nil { // or the deadline just set replaces that of a context that ended before
		return Receipt{}, ctx.Err()
	}
	client, err := s.open(conn)
	if err != nil {
		return Receipt{}, err
	}
	receipt, err := transfer(client, e)
	if err == nil {
		// Polite, and the result is known.
		_ = conn.SetDeadline(time.Now().Add(min(goodbye, max(0, time.Until(deadline)))))
		_ = client.Quit()
	}
	return receipt, err
}

// open returns a conversation that is encrypted and authenticated as the server's settings say.
func (s *Server) open(conn net.Conn) (*smtp.Client, error) {
	secured := net.Conn(&bounded{conn, maxAnswers})
	if s.Security == Implicit {
		secured = tls.Client(secured, s.TLS)
	}
	client, err := smtp.NewClient(secured, s.Host)
	if err != nil {
		return nil, answered(StepGreeting, err)
	}
	// Addresses are ASCII, and some servers refuse to pass on what asks for more.
	client.SkipSMTPUTF8(true)
	if err := client.Hello(helloName(conn.LocalAddr())); err != nil {
		return nil, answered(StepHello, err)
	}
	if s.Security == StartTLS {
		if offered, _ := client.Extension("STARTTLS"); !offered {
			return nil, ErrNoStartTLS
		}
		if err := client.StartTLS(s.TLS); err != nil {
			return nil, answered(StepTLS, err)
		}
	}
	if s.Username == "" {
		return client, nil
	}
	return client, s.authenticate(client, conn)
}

func (s *Server) authenticate(client *smtp.Client, conn net.Conn) error {
	// The address of the connection decides: a name says nothing about the way.
	if s.Security == Clear && !isLoopback(conn.RemoteAddr()) {
		return ErrInClear
	}
	_, offer := client.Extension("AUTH")
	mechanisms := strings.Fields(strings.ToUpper(offer))
	var auth smtp.Auth
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		auth = smtp.PlainAuth("", s.Username, s.Password.Reveal(), s.Host, true)
	case slices.Contains(mechanisms, "LOGIN"):
		auth = smtp.LoginAuth(s.Username, s.Password.Reveal(), s.Host, true)
	default:
		return ErrNoMechanism
	}
	return answered(StepAuth, client.Auth(auth))
}

// transfer sends one message.
func transfer(client *smtp.Client, e *Envelope) (Receipt, error) {
	var receipt Receipt
	if err := client.Mail("<" + e.From + ">"); err != nil {
		return receipt, answered(StepSender, err)
	}
	var accepted []string
	for _, to := range e.To {
		err := answered(StepRecipient, client.Rcpt("<"+to+">"))
		var refusal *Answer
		switch {
		case err == nil:
			accepted = append(accepted, to)
		case errors.As(err, &refusal) && refusal.Code != 421: // 421: the server closes the connection
			receipt.Refused = append(receipt.Refused, Refused{to, refusal})
		default:
			return Receipt{}, err
		}
	}
	if len(accepted) == 0 {
		return receipt, nil
	}
	writer, err := client.Data()
	if err != nil {
		return Receipt{}, answered(StepMessage, err)
	}
	if _, err := writer.Write(e.Data); err != nil {
		return Receipt{}, fmt.Errorf("write the message: %w", err)
	}
	if err := writer.Close(); err != nil {
		return Receipt{}, answered(StepMessage, err)
	}
	receipt.Accepted = accepted
	return receipt, nil
}

// helloName returns the name for EHLO: the host's if it is a whole domain name, or else its address (RFC 5321, section 4.1.3).
func helloName(local net.Addr) string {
	if name, err := os.Hostname(); err == nil && strings.Contains(name, ".") && addressPattern.MatchString("a@"+name) {
		return name
	}
	return addressLiteral(local)
}

func addressLiteral(local net.Addr) string {
	addr, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return "[127.0.0.1]"
	}
	ip := addr.Addr().Unmap().WithZone("")
	if ip.Is6() {
		return "[IPv6:" + ip.String() + "]"
	}
	return "[" + ip.String() + "]"
}

func isLoopback(remote net.Addr) bool {
	addr, err := netip.ParseAddrPort(remote.String())
	return err == nil && addr.Addr().Unmap().IsLoopback()
}

// bounded is a connection that fails when its peer sends too much.
type bounded struct {
	net.Conn
	left int
}

var errTooMuch = errors.New("the server sends too much")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
