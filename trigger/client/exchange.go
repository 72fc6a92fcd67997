package client

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

// exchange is the state of one Send over its attempts. The context of the request carries it, because the hooks of go-retryablehttp belong to
// the client and get no other value of the request.
type exchange struct {
	via      *overHTTP
	id       string
	place    string // of the message to edit; "" for a new one
	body     []byte
	attempts int
	result   trigger.Result // of the last attempt
}

type exchangeKey struct{}

var errRefused = errors.New("egress refused")

func withExchange(ctx context.Context, x *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// check reads the answer of an attempt, sets the result and reports whether to try again at once.
func (x *exchange) check(ctx context.Context, answer *http.Response, err error) bool {
	x.attempts++
	if err != nil {
		x.result = errorResult(ctx, err)
		return ctx.Err() == nil && retriesNow(&x.result)
	}
	x.result = statusResult(answer.StatusCode)
	whole, _ := io.ReadAll(io.LimitReader(answer.Body, x.via.longestAnswer())) // the status decides, even when the body cannot be read
	_ = answer.Body.Close()
	answer.Body = http.NoBody // or go-retryablehttp would read the rest
	text := whole[:min(len(whole), maxAnswer)]
	if judge := x.via.receiver.Judge; judge != nil && x.result.Outcome == trigger.Delivered {
		judge(whole, &x.result)
	}
	same := x.place != "" && x.edited(text)
	if x.result.Outcome == trigger.Delivered {
		if same || x.via.expect == nil || x.via.expect.Match(text) {
			x.named(whole)
			return false
		}
		x.result.Outcome, x.result.Failure = trigger.RetryLater, trigger.FailureServer
		x.result.Reason += ", but the answer is not the one that expect describes"
	}
	// Redacted before it is cut, because a part of a secret would not be recognized.
	x.result.Detail = safetext.CutRunes(x.via.redactor.Redact(render.OneLine(string(text))), 300)
	if x.result.Outcome == trigger.RetryLater {
		x.result.RetryAfter = retryAfter(answer.Header, text, x.via.receiver, x.via.now())
	}
	return ctx.Err() == nil && retriesNow(&x.result)
}

// prepare signs the next attempt. It clones the header, because net/http may still read that of the previous attempt.
func (x *exchange) prepare(request *http.Request) error {
	if refused := x.checkAddress(request.Context()); refused != nil {
		x.result = *refused
		return errRefused
	}
	request.Header = request.Header.Clone()
	x.via.wire.signer.sign(request.Header, x.id, x.via.now(), x.body)
	return nil
}

// checkAddress checks the address of a request that a proxy dials. Without a proxy, the dial itself does.
func (x *exchange) checkAddress(ctx context.Context) *trigger.Result {
	if !x.via.proxied {
		return nil
	}
	err := x.via.guard.CheckProxied(ctx, x.via.wire.address)
	if err == nil {
		return nil
	}
	result := errorResult(ctx, err)
	return &result
}

// named notes the place of the message that an accepted request made.
func (x *exchange) named(answer []byte) {
	if x.via.edits != nil && x.place == "" {
		x.result.Place = x.via.edits.Named(x.id, answer)
	}
}
