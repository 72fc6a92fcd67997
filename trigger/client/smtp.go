package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/mail"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

// maxPartial bounds the messages of one trigger that only some recipients have.
const maxPartial = 1000

// overSMTP sends payloads as e-mails. Each attempt has a connection of its own.
type overSMTP struct {
	server   *mail.Server // a pointer, so that a printed copy shows no secret
	from     string
	to       []string
	retries  int
	redactor *Redactor
	// partial has the recipients that took a message which others were asked to take later. It keeps them from getting the message twice. It is lost at a
	// restart and a reload; then they get the message again, with the same Message-ID.
	partial *lru.Cache[string, []string]
}

var _ transport = (*overSMTP)(nil)

func newOverSMTP(s *trigger.Settings, c *credentials, dials *egress.Guard, secured *tls.Config, redactor *Redactor) *overSMTP {
	if secured.ServerName == "" {
		secured.ServerName = c.address.Hostname()
	}
	o := &overSMTP{
		server: &mail.Server{
			Host: c.address.Hostname(), Port: egress.Port(c.address), TLS: secured, Username: s.Username, Password: c.password,
			Timeout: s.Timeout, Dial: dials.DialContext,
		},
		retries: s.Retries, redactor: redactor,
	}
	switch {
	case c.address.Scheme == "smtps":
		o.server.Security = mail.Implicit
	case s.StartTLS == trigger.StartTLSOff:
		o.server.Security = mail.Clear
	}
	// Validate has checked them.
	from, _ := mail.ParseMailbox(s.From)
	o.from = from.Address
	for _, text := range s.To {
		to, _ := mail.ParseMailbox(text)
		o.to = append(o.to, to.Address)
	}
	o.partial, _ = lru.New[string, []string](maxPartial) // it fails for a size below 1 only
	return o
}

func (o *overSMTP) close() {}

func (o *overSMTP) secrets() []string {
	s := o.server
	return append([]string{s.Host, fmt.Sprint(s.Port, s.Security), s.TLS.ServerName, s.Username, s.Password.Reveal(), o.from}, o.to...)
}

func (o *overSMTP) send(ctx context.Context, m *outgoing) trigger.Result {
	for attempt := 0; ; attempt++ {
		result := o.attempt(ctx, m)
		result.Attempts = attempt + 1
		// A server that answered wants time, which later deliveries from the store give it.
		if attempt == o.retries || result.Status != 0 || result.Partial || !retriesNow(&result) {
			return result
		}
		timer := time.NewTimer(pause(0, attempt))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			cancelled := errorResult(ctx, ctx.Err())
			cancelled.Attempts = result.Attempts
			return cancelled
		}
	}
}

func (o *overSMTP) attempt(ctx context.Context, m *outgoing) trigger.Result {
	have, _ := o.partial.Get(m.id)
	to := slices.DeleteFunc(slices.Clone(o.to), func(one string) bool { return slices.Contains(have, one) })
	receipt, err := o.server.Deliver(ctx, &mail.Envelope{From: o.from, To: to, Data: m.payload.Body})
	if err != nil {
		return o.failed(ctx, err)
	}
	if have = append(have, receipt.Accepted...); len(receipt.Refused) == 0 {
		o.partial.Remove(m.id)
		return trigger.Result{Outcome: trigger.Delivered, Status: 250, Reason: "accepted for " + quantity.Plural(len(o.to), "recipient")}
	}
	return o.refused(m.id, have, receipt.Refused)
}

// refused returns the result for a message that not every recipient got.
func (o *overSMTP) refused(id string, have []string, refused []mail.Refused) trigger.Result {
	later := slices.IndexFunc(refused, func(r mail.Refused) bool { return r.Answer.Temporary() })
	first := refused[max(0, later)]
	result := trigger.Result{Status: first.Answer.Code, Partial: len(have) > 0, Detail: o.quote(first.Recipient + ": " + first.Answer.Text)}
	result.Reason = fmt.Sprintf("answered %d: refused for %d of %s", first.Answer.Code, len(refused), quantity.Plural(len(o.to), "recipient"))
	switch {
	case later >= 0:
		result.Outcome, result.Failure = trigger.RetryLater, trigger.FailureServer
		if result.Partial {
			o.partial.Add(id, have)
		}
	case result.Partial:
		// The others have the alert. A dead letter would be sent to all of them again.
		result.Outcome = trigger.Delivered
		o.partial.Remove(id)
	default:
		// The addresses are at fault, and not this alert.
		result.Outcome, result.Failure = trigger.Hold, trigger.FailureClient
	}
	return result
}

// failed returns the result for an attempt in which the server did not take the message.
func (o *overSMTP) failed(ctx context.Context, err error) trigger.Result {
	var answer *mail.Answer
	switch {
	case errors.Is(err, mail.ErrInClear), errors.Is(err, mail.ErrNoMechanism):
		return trigger.Result{Outcome: trigger.Hold, Failure: trigger.FailureAuth, Reason: err.Error()}
	case errors.Is(err, mail.ErrNoStartTLS):
		return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureTLS, Reason: err.Error() + ", and starttls is required"}
	case !errors.As(err, &answer):
		return errorResult(ctx, err)
	}
	result := answerResult(answer)
	result.Status, result.Reason, result.Detail = answer.Code, answer.Error(), o.quote(answer.Text)
	return result
}

// answerResult returns outcome and failure for an answer (RFC 5321, section 4.2): 4xx may succeed later. Of 5xx, a refused message concerns this alert;
// a refused connection, login or sender concerns every alert.
func answerResult(a *mail.Answer) trigger.Result {
	failure := trigger.FailureClient
	if a.Step == mail.StepAuth {
		failure = trigger.FailureAuth
	}
	switch {
	case a.Temporary() && a.Step != mail.StepAuth:
		return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureServer}
	case a.Temporary():
		return trigger.Result{Outcome: trigger.RetryLater, Failure: failure}
	case a.Step == mail.StepTLS:
		return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureTLS}
	case a.Step == mail.StepMessage:
		return trigger.Result{Outcome: trigger.Dead, Failure: failure}
	}
	return trigger.Result{Outcome: trigger.Hold, Failure: failure}
}

// quote returns the beginning of an answer without secrets. It redacts before it cuts, because a part of a secret would not be recognized.
func (o *overSMTP) quote(text string) string {
	return safetext.CutRunes(o.redactor.Redact(render.OneLine(strings.TrimSpace(text))), 300)
}
