package trigger

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Deps is what a client needs beside its settings. The zero value of each field stands for the usual.
type Deps struct {
	Egress    Egress                      // zero: DefaultEgress
	Resolver  *net.Resolver               // nil: the system's
	Now       func() time.Time            // nil: time.Now
	LookupEnv func(string) (string, bool) // nil: os.LookupEnv
	UserAgent string                      // "": "fluentbit-trigger"
}

// Client sends alerts to one target. It is safe for concurrent use; it starts no goroutine beside those of net/http, which Close ends once
// they are idle.
type Client struct {
	name     string
	method   string
	proxied  bool
	wire     *wire
	renderer *renderer
	redactor *Redactor
	guard    *guard
	missing  string // the format that the address asks for and the settings do not set
	http     *retryablehttp.Client
	now      func() time.Time
}

// wire is what goes over the wire and is secret. It sits behind a pointer, so that even a printed copy of a Client shows an address only.
type wire struct {
	url     *url.URL    // where requests go
	address *url.URL    // as configured; checked before each request that a proxy dials
	header  http.Header // of each request, without its identity and signatures
	signer  signer
}

// New builds the client of a trigger. It reads the files and variables that hold secrets; a file that changes later counts when the next
// client is built. The settings are those that Validate found no fault in. Errors hold no secret.
func New(s Settings, deps Deps) (*Client, error) {
	client, err := newClient(&s, deps)
	if err != nil {
		return nil, fmt.Errorf("trigger %q: %w", s.Name, err)
	}
	return client, nil
}

func newClient(s *Settings, deps Deps) (*Client, error) {
	deps = deps.withDefaults()
	policy, faults := newPolicy(deps.Egress)
	if faults = append(setting.In("egress.", faults), s.Validate(deps.Egress)...); len(faults) > 0 {
		return nil, setting.Join(faults)
	}
	creds, err := readCredentials(s, policy, deps.LookupEnv)
	if err != nil {
		return nil, err
	}
	dials := &guard{policy: policy, resolver: deps.Resolver}
	transport, err := newTransport(s, creds, dials)
	if err != nil {
		return nil, err
	}
	to, err := s.receiver().endpointOf(s, creds.address, creds.token)
	if err != nil {
		return nil, err
	}
	render := &renderer{settings: s, receiver: s.receiver(), routingKey: creds.routingKey, topic: to.topic, now: deps.Now}
	if s.Body != "" {
		if render.body, err = newBodyTemplate(s.Body, s.ContentType); err != nil {
			return nil, setting.Fault{Field: "body", Message: err.Error()}
		}
	}
	c := &Client{
		name: s.Name, method: s.Method, proxied: creds.proxy != nil,
		wire:     &wire{to.url, creds.address, creds.header(s, deps.UserAgent), creds.signer},
		renderer: render, redactor: creds.redactor(s, to.url), guard: dials, now: deps.Now,
		missing: s.MissingFormat(deps.LookupEnv),
	}
	c.http = c.retrying(&http.Client{
		Transport:     transport,
		Timeout:       s.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, s.Retries)
	return c, nil
}

func (d Deps) withDefaults() Deps {
	if d.Egress.Mode == "" {
		d.Egress.Mode = EgressDefault
	}
	if d.Resolver == nil {
		d.Resolver = net.DefaultResolver
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.LookupEnv == nil {
		d.LookupEnv = os.LookupEnv
	}
	if d.UserAgent == "" {
		d.UserAgent = "fluentbit-trigger"
	}
	return d
}

// retrying wraps a client so that it logs nothing and decides by the exchange of each request.
func (c *Client) retrying(client *http.Client, retries int) *retryablehttp.Client {
	return &retryablehttp.Client{
		HTTPClient: client,
		Logger:     nil,
		RetryMax:   retries,
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

// Name returns the trigger's name.
func (c *Client) Name() string { return c.name }

// Redactor returns what takes this trigger's secrets out of a text.
func (c *Client) Redactor() *Redactor { return c.redactor }

// String returns the name: nothing of a client can be printed but that.
func (c *Client) String() string { return "trigger " + c.name }

// Format writes the name, whatever the verb.
func (c *Client) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, c.String()) }

// Close ends idle connections. A Send under way ends by its context.
func (c *Client) Close() { c.http.HTTPClient.CloseIdleConnections() }

// Send delivers one alert, or a group of them as one message, with a few attempts at once. The id is that of the alert or the group; the
// receiver is told it with each attempt, and it must be the same when the delivery is tried again later. Send never panics and never takes
// longer than the attempts' timeouts and pauses.
func (c *Client) Send(ctx context.Context, id string, alerts []Alert) Result {
	start := c.now()
	result := c.send(ctx, id, alerts)
	result.Elapsed = max(0, c.now().Sub(start))
	if result.Status >= 400 && result.Status < 500 {
		result.Reason += formatHint(c.missing)
	}
	result.Reason = c.redactor.Redact(result.Reason)
	return result
}

func (c *Client) send(ctx context.Context, id string, alerts []Alert) (result Result) {
	x := &exchange{client: c, id: id}
	defer func() {
		if recover() != nil {
			result = Result{Outcome: Dead, Failure: FailureClient, Reason: "sending this alert made the program fail", Attempts: x.attempts}
		}
	}()
	message, err := c.renderer.render(ctx, id, alerts)
	if err != nil && ctx.Err() != nil {
		return errorResult(ctx, err)
	}
	if err != nil {
		return Result{Outcome: Dead, Failure: FailureClient, Reason: "no payload: " + err.Error()}
	}
	x.body = message.body
	if refused := x.checkAddress(ctx); refused != nil {
		return *refused
	}
	request, err := retryablehttp.NewRequestWithContext(withExchange(ctx, x), c.method, c.wire.url.String(), message.body)
	if err != nil { // its text may hold the URL
		return Result{Outcome: Dead, Failure: FailureClient, Reason: "no request can be made"}
	}
	request.Header = c.wire.header.Clone()
	request.Header.Set("Content-Type", message.contentType)
	c.wire.signer.sign(request.Header, id, c.now(), message.body)
	answer, err := c.http.Do(request)
	if answer != nil {
		_ = answer.Body.Close() // read and replaced by the exchange
	}
	if err != nil && ctx.Err() != nil && x.result.Outcome != Hold {
		x.result = errorResult(ctx, err) // given up in the pause before the next attempt
	}
	x.result.Attempts = x.attempts
	return x.result
}
