package trigger

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Outcome is the state of a delivery after a Send.
type Outcome uint8

// The outcomes.
const (
	// Delivered: the receiver accepted it.
	Delivered Outcome = iota + 1
	// RetryLater: a later attempt may succeed.
	RetryLater
	// Dead: no attempt will succeed. The delivery becomes a dead letter.
	Dead
	// Hold: no delivery of this trigger will succeed until someone acts. The trigger pauses, and one delivery is tried from time to time.
	Hold
	// Disabled: the receiver is gone for good (410).
	Disabled
)

// String returns the outcome in words.
func (o Outcome) String() string {
	switch o {
	case Delivered:
		return "delivered"
	case RetryLater:
		return "retry later"
	case Dead:
		return "dead"
	case Hold:
		return "hold"
	case Disabled:
		return "disabled"
	}
	return fmt.Sprintf("outcome(%d)", o)
}

// Failure is the class of an error, as metrics name it. "" stands for no failure.
type Failure string

// The failures.
const (
	FailureClient      Failure = "clientError" // 3xx, other 4xx, and payloads that cannot be rendered
	FailureServer      Failure = "serverError" // 5xx
	FailureAuth        Failure = "authError"   // 401, 403, 407
	FailureRateLimited Failure = "rateLimited" // 429
	FailureTimeout     Failure = "timeout"
	FailureEgress      Failure = "egress" // the egress policy blocks the address
	FailureNetwork     Failure = "network"
	FailureTLS         Failure = "tls"
	FailureCancelled   Failure = "cancelled" // the context ended, as at shutdown
)

// Failures returns all classes.
func Failures() []Failure {
	return []Failure{
		FailureClient, FailureServer, FailureAuth, FailureRateLimited, FailureTimeout, FailureEgress, FailureNetwork, FailureTLS, FailureCancelled,
	}
}

// Result is the result of a Send. It contains no secret.
type Result struct {
	Outcome    Outcome
	Failure    Failure
	Status     int           // of the last answer; 0 when there was none
	RetryAfter time.Duration // the wait that the receiver asked for, 0 to 24 h
	Reason     string        // for logs: "answered 503 Service Unavailable"
	Detail     string        // the start of an error answer, on one line, without secrets; it can repeat texts of the alert
	Attempts   int           // number of requests
	Elapsed    time.Duration
}

// String returns the result on one line: "delivered: answered 200 OK (1 attempt, 12ms)".
func (r Result) String() string {
	attempts := "1 attempt"
	if r.Attempts != 1 {
		attempts = fmt.Sprintf("%d attempts", r.Attempts)
	}
	text := fmt.Sprintf("%s: %s (%s, %s)", r.Outcome, r.Reason, attempts, r.Elapsed.Round(time.Millisecond))
	if r.RetryAfter > 0 {
		text += fmt.Sprintf(", asked to wait %s", r.RetryAfter.Round(time.Second))
	}
	return text
}

// OfContent reports whether a Dead result can be due to the content of one alert, so that the other alerts of a group may be accepted without it.
func (r Result) OfContent() bool {
	switch r.Status {
	case http.StatusMethodNotAllowed, http.StatusLengthRequired, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return false
	}
	return r.Outcome == Dead && (r.Status < 300 || r.Status >= 400)
}

// statusResult returns the result for the status of an answer.
func statusResult(status int) Result {
	r := Result{Status: status, Reason: strings.TrimSpace(fmt.Sprintf("answered %d %s", status, http.StatusText(status)))}
	switch {
	case status >= 200 && status < 300:
		r.Outcome = Delivered
	case status >= 300 && status < 400:
		r.Outcome, r.Failure = Dead, FailureClient
		r.Reason += ": redirects are not followed"
	case status == http.StatusTooManyRequests:
		r.Outcome, r.Failure = RetryLater, FailureRateLimited
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		r.Outcome, r.Failure = RetryLater, FailureClient
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		r.Outcome, r.Failure = Hold, FailureAuth
	case status == http.StatusNotFound:
		r.Outcome, r.Failure = Hold, FailureClient
	case status == http.StatusGone:
		r.Outcome, r.Failure = Disabled, FailureClient
	case status == http.StatusNotImplemented:
		r.Outcome, r.Failure = Dead, FailureServer
	case status >= 500 && status < 600:
		r.Outcome, r.Failure = RetryLater, FailureServer
	default:
		r.Outcome, r.Failure = Dead, FailureClient
	}
	return r
}

// errorResult returns the result for an attempt without an answer. It describes the class of the error and never quotes it, because errors of
// net/http contain the URL.
func errorResult(ctx context.Context, err error) Result {
	var refusal *Refusal
	var dns *net.DNSError
	var operation *net.OpError
	switch {
	case errors.As(err, &refusal):
		return Result{Outcome: Hold, Failure: FailureEgress, Reason: refusal.Error()}
	case ctx.Err() != nil:
		return Result{Outcome: RetryLater, Failure: FailureCancelled, Reason: "given up before an answer came"}
	case isTimeout(err):
		return Result{Outcome: RetryLater, Failure: FailureTimeout, Reason: "no answer in time"}
	case isTLS(err):
		return Result{Outcome: RetryLater, Failure: FailureTLS, Reason: "TLS failed: " + tlsWords(err)}
	case errors.As(err, &dns):
		return Result{Outcome: RetryLater, Failure: FailureNetwork, Reason: "cannot resolve the host name"}
	case errors.As(err, &operation) && operation.Op == "dial":
		return Result{Outcome: RetryLater, Failure: FailureNetwork, Reason: "cannot connect: " + systemWords(err)}
	}
	return Result{Outcome: RetryLater, Failure: FailureNetwork, Reason: "the connection failed: " + systemWords(err)}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
}

func isTLS(err error) bool {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var authority x509.UnknownAuthorityError
	return errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &authority) ||
		strings.Contains(err.Error(), "tls: ") // most of crypto/tls's errors have no type
}

func tlsWords(err error) string {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		return "the certificate is signed by an unknown authority"
	case errors.As(err, &hostname):
		return "the certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate has expired or is not valid yet"
	case errors.As(err, &record):
		return "the receiver does not speak TLS"
	case strings.Contains(err.Error(), "protocol version"):
		return "the receiver does not support tls.min_version"
	case strings.Contains(err.Error(), "certificate required"):
		return "the receiver asks for a client certificate"
	}
	return "the handshake failed"
}

// systemWords returns the system's text for an error, such as "connection refused".
func systemWords(err error) string {
	var system *os.SyscallError
	if errors.As(err, &system) {
		return system.Err.Error()
	}
	return "no valid answer"
}
