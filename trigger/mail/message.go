package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/mail"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Message is one e-mail.
type Message struct {
	ID      string // the same for every attempt, and so is the Message-ID
	Thread  string // messages of one thread are shown together; "" for a message of its own
	From    Mailbox
	To      []Mailbox
	Date    time.Time
	Subject string // one line
	Urgent  bool
	Text    string            // the plain part; "" for none
	HTML    string            // the HTML part; "" for none
	Header  map[string]string // further headers: names that are valid, and values on one line
}

// Encode returns the message in its form for the wire (RFC 5322, MIME). Two messages with equal fields have equal bytes.
func (m *Message) Encode() ([]byte, error) {
	out := gomail.NewMsg(gomail.WithBoundary("alert-"+digest("boundary", m.ID)), gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent())
	out.FromMailAddress(&mail.Address{Name: m.From.Name, Address: m.From.Address})
	for _, to := range m.To {
		out.AddToMailAddress(&mail.Address{Name: to.Name, Address: to.Address})
	}
	out.SetDateWithValue(m.Date)
	out.SetMessageIDWithValue(digest("id", m.ID, m.From.Address) + "@" + m.From.Domain())
	if m.Thread != "" {
		// No message has this id. Programs that show threads put messages with the same unknown parent together.
		root := "<thread." + digest("thread", m.Thread) + "@" + m.From.Domain() + ">"
		out.SetGenHeader(gomail.HeaderReferences, root)
		out.SetGenHeader(gomail.HeaderInReplyTo, root)
	}
	out.Subject(m.Subject)
	if m.Urgent {
		out.SetImportance(gomail.ImportanceHigh)
	}
	// RFC 3834: no program answers with a notice of absence.
	out.SetGenHeader("Auto-Submitted", "auto-generated")
	out.SetGenHeader("X-Auto-Response-Suppress", "All")
	for name, value := range m.Header {
		out.SetGenHeader(gomail.Header(name), value)
	}
	if m.Text != "" || m.HTML == "" {
		out.SetBodyString(gomail.TypeTextPlain, m.Text)
	}
	if m.HTML != "" {
		out.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	}
	var b bytes.Buffer
	if _, err := out.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("encode the message: %w", err)
	}
	return b.Bytes(), nil
}

// digest returns 128 bits of a hash over the parts, as hexadecimal digits: ids of alerts are not made for headers.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
