package mail

import (
	"errors"
	"fmt"
	"net/textproto"
)

// Step is a step of a conversation.
type Step string

// The steps, in their order.
const (
	StepGreeting  Step = "the connection"
	StepHello     Step = "EHLO"
	StepTLS       Step = "STARTTLS"
	StepAuth      Step = "AUTH"
	StepSender    Step = "MAIL FROM"
	StepRecipient Step = "RCPT TO"
	StepMessage   Step = "the message"
)

// Answer is the answer of a server that refuses a step.
type Answer struct {
	Step Step
	Code int
	Text string // hostile: it can repeat texts of the message, and credentials
}

// Error returns the step and the code. It leaves out the text.
func (a *Answer) Error() string { return fmt.Sprintf("answered %d to %s", a.Code, a.Step) }

// Temporary reports whether the same step may succeed later (RFC 5321, section 4.2.1).
func (a *Answer) Temporary() bool { return a.Code < 500 }

// Errors of a conversation that no answer describes.
var (
	ErrNoStartTLS  = errors.New("the server does not offer STARTTLS")
	ErrNoMechanism = errors.New("the server offers neither AUTH PLAIN nor AUTH LOGIN")
	ErrInClear     = errors.New("the password is not sent over a connection without TLS")
)

// answered returns the error of a step: an Answer, or the error of the connection as it is.
func answered(step Step, err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return &Answer{step, reply.Code, reply.Msg}
	}
	return err
}
