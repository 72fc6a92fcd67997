package mail

import (
	"net/mail"
	"regexp"
	"strings"
)

// Mailbox is an address with an optional name, as in "Alerts <alerts@example.com>".
type Mailbox struct {
	Name    string
	Address string // local@domain, in ASCII
}

// Domain returns the part of the address after the @.
func (m Mailbox) Domain() string { return m.Address[strings.LastIndexByte(m.Address, '@')+1:] }

// addressPattern accepts the addresses that every server accepts: a local part without quotes, and a domain in ASCII.
var addressPattern = regexp.MustCompile(`^` + atom + `(\.` + atom + `)*@` + label + `(\.` + label + `)*$`)

const (
	atom  = `[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+`
	label = `[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?`
)

// Bounds of addresses (RFC 5321, section 4.5.3.1), and of names.
const (
	maxLocal   = 64
	maxAddress = 254
	maxName    = 100
)

// ParseMailbox reads a mailbox. ok is false for one that a header or a command could not carry as it is.
func ParseMailbox(text string) (m Mailbox, ok bool) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return m, false
	}
	parsed, err := mail.ParseAddress(text)
	if err != nil {
		return m, false
	}
	// An encoded word (RFC 2047) of the text may carry what the text itself must not.
	if strings.ContainsFunc(parsed.Name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return m, false
	}
	if !addressPattern.MatchString(parsed.Address) || len(parsed.Address) > maxAddress ||
		strings.LastIndexByte(parsed.Address, '@') > maxLocal || len(parsed.Name) > maxName {
		return m, false
	}
	return Mailbox{parsed.Name, parsed.Address}, true
}
