package client

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

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// statusResult returns the result for the status of an answer.
func statusResult(status int) trigger.Result {
	r := trigger.Result{Status: status, Reason: strings.TrimSpace(fmt.Sprintf("answered %d %s", status, http.StatusText(status)))}
	switch {
	case status >= 200 && status < 300:
		r.Outcome = trigger.Delivered
	case status >= 300 && status < 400:
		r.Outcome, r.Failure = trigger.Dead, trigger.FailureClient
		r.Reason += ": redirects are not followed"
	case status == http.StatusTooManyRequests:
		r.Outcome, r.Failure = trigger.RetryLater, trigger.FailureRateLimited
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		r.Outcome, r.Failure = trigger.RetryLater, trigger.FailureClient
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		r.Outcome, r.Failure = trigger.Hold, trigger.FailureAuth
	case status == http.StatusNotFound:
		r.Outcome, r.Failure = trigger.Hold, trigger.FailureClient
	case status == http.StatusGone:
		r.Outcome, r.Failure = trigger.Disabled, trigger.FailureClient
	case status == http.StatusNotImplemented:
		r.Outcome, r.Failure = trigger.Dead, trigger.FailureServer
	case status >= 500 && status < 600:
		r.Outcome, r.Failure = trigger.RetryLater, trigger.FailureServer
	default:
		r.Outcome, r.Failure = trigger.Dead, trigger.FailureClient
	}
	return r
}

// errorResult returns the result for an attempt without an answer. It describes the class of the error and never quotes it, because errors of
// net/http contain the URL.
func errorResult(ctx context.Context, err error) trigger.Result {
	var refusal *egress.Refusal
	var dns *net.DNSError
	var operation *net.OpError
	switch {
	// The guard refuses within a dial, so its error has the classes below too.
	case errors.As(err, &refusal):
		return trigger.Result{Outcome: trigger.Hold, Failure: trigger.FailureEgress, Reason: refusal.Error()}
	// A cancelled attempt can fail with an error of any class below.
	case ctx.Err() != nil:
		return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureCancelled, Reason: "given up before an answer came"}
	case isTimeout(err):
		return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureTimeout, Reason: "no answer in time"}
	case isTLS(err):
		return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureTLS, Reason: "TLS failed: " + tlsWords(err)}
	case errors.As(err, &dns):
		return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureNetwork, Reason: "cannot resolve the host name"}
	case errors.As(err, &operation) && operation.Op == "dial":
		return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureNetwork, Reason: "cannot connect: " + systemWords(err)}
	}
	return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureNetwork, Reason: "the connection failed: " + systemWords(err)}
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
