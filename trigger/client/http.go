package client

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// overHTTP sends payloads as requests.
type overHTTP struct {
	method   string
	proxied  bool
	wire     *wire
	receiver *receiver.Receiver
	redactor *Redactor
	guard    *egress.Guard
	expect   *regexp.Regexp  // nil: every answer
	edits    *receiver.Edits // nil: messages are not edited
	http     *retryablehttp.Client
	now      func() time.Time
}

var _ transport = (*overHTTP)(nil)

// wire has the secret parts of requests. overHTTP points to it, so that even a printed copy of a Client shows a pointer and no secret.
type wire struct {
	to      receiver.Endpoint // where requests go
	address *url.URL          // as configured; checked before each request that a proxy dials
	header  http.Header       // of each request, without its identity and signatures
	signer  signer
	// routingKey is a part of payloads; Revision covers it too.
	routingKey setting.Secret
}

func newOverHTTP(s *trigger.Settings, c *credentials, to receiver.Endpoint, dials *egress.Guard, secured *tls.Config, redactor *Redactor, deps Deps) *overHTTP {
	o := &overHTTP{
		method: s.Method, proxied: c.proxy != nil,
		wire:     &wire{to, c.address, c.header(s, deps.UserAgent), c.signer, c.routingKey},
		receiver: receiver.For(s), redactor: redactor, guard: dials, now: deps.Now,
	}
	if s.Update {
		o.edits = o.receiver.Edits
	}
	if s.Expect != "" {
		o.expect = regexp.MustCompile(s.Expect) // Validate has compiled it
	}
	o.http = o.retrying(&http.Client{
		Transport: &timedTransport{newTransport(s, c, dials, secured), s.Timeout},
		// A redirect would send payload and credentials to an address that nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, s.Retries)
	return o
}

// retrying returns a retrying client that logs nothing and leaves each decision to the exchange of the request.
func (o *overHTTP) retrying(client *http.Client, retries int) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: client,
		// A logger would get URLs, which can contain a token.
		Logger:   nil,
		RetryMax: retries,
		CheckRetry: func(ctx context.Context, answer *http.Response, err error) (bool, error) {
			return exchangeOf(ctx).check(ctx, answer, err), nil
		},
		Backoff: func(_, _ time.Duration, attempt int, answer *http.Response) time.Duration {
			if answer == nil {
				return pause(0, attempt)
			}
			return pause(exchangeOf(answer.Request.Context()).result.RetryAfter, attempt)
		},
		PrepareRetry: func(request *http.Request) error {
			return exchangeOf(request.Context()).prepare(request)
		},
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

// plainID matches the ids of alerts and groups, which need no escapes in a path.
var plainID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`) })

// withID returns an address with {id} in its path replaced, for services that recognize a repeated request by an id in its address.
func withID(address *url.URL, id string) string {
	if !strings.Contains(address.Path, "{id}") {
		return address.String()
	}
	if !plainID().MatchString(id) {
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:16])
	}
	replaced := *address
	// From the path as it is configured: net/url has no escaped form of it with braces that keeps an escaped slash.
	replaced.RawPath = strings.NewReplacer("{id}", id, "%7Bid%7D", id).Replace(cmp.Or(address.RawPath, address.EscapedPath()))
	replaced.Path = strings.ReplaceAll(address.Path, "{id}", id)
	return replaced.String()
}

func (o *overHTTP) close() { o.http.HTTPClient.CloseIdleConnections() }

func (o *overHTTP) secrets() []string {
	headers, _ := json.Marshal(o.wire.header) // a map of strings always marshals, with sorted keys
	parts := []string{o.method, o.wire.to.URL.String(), o.wire.routingKey.Reveal(), string(headers)}
	for _, key := range o.wire.signer.keys {
		parts = append(parts, string(key))
	}
	return append(parts, string(o.wire.signer.hub))
}

// target returns the method and the address of a message's requests.
func (o *overHTTP) target(m *outgoing) (method string, address *url.URL) {
	if m.place == "" {
		return o.method, o.receiver.AddressOf(o.wire.to.URL, m.alerts)
	}
	return cmp.Or(o.edits.Method, o.method), o.edits.AddressOf(o.wire.to.URL, m.place)
}

// longestAnswer returns how much of an answer is read.
func (o *overHTTP) longestAnswer() int64 {
	if o.edits != nil {
		return maxNaming
	}
	return maxAnswer
}

func (o *overHTTP) send(ctx context.Context, m *outgoing) (result trigger.Result) {
	x := &exchange{via: o, id: m.id, place: m.place, body: m.payload.Body}
	defer func() { result.Attempts = x.attempts }()
	// Checked before the request is built: a proxy must never see a blocked address.
	if refused := x.checkAddress(ctx); refused != nil {
		return *refused
	}
	var payload any = x.body
	if o.method == http.MethodGet {
		payload, x.body = nil, nil
	}
	method, address := o.target(m)
	request, err := retryablehttp.NewRequestWithContext(withExchange(ctx, x), method, withID(address, m.id), payload)
	if err != nil { // not quoted, because it can contain the URL
		return trigger.Result{Outcome: trigger.Dead, Failure: trigger.FailureClient, Reason: "cannot build the request"}
	}
	request.Header = o.wire.header.Clone()
	if o.method != http.MethodGet {
		request.Header.Set("Content-Type", m.payload.ContentType)
	}
	if key := trigger.SharedKey(m.alerts); key != "" {
		request.Header.Set("Alert-Key", key)
	}
	// Signed last, because the signature covers the body and the time of this attempt.
	o.wire.signer.sign(request.Header, m.id, o.now(), x.body)
	answer, err := o.http.Do(request)
	if answer != nil {
		_ = answer.Body.Close() // the exchange has read and replaced it
	}
	if err != nil && ctx.Err() != nil && x.result.Outcome != trigger.Hold {
		x.result = errorResult(ctx, err) // cancelled in the pause before the next attempt
	}
	return x.result
}
