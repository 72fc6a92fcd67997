// Package client sends the alerts of one trigger: it reads secrets, checks settings, signs requests, and sends them through the egress guard with a
// few retries. No error, result or printed value contains a secret.
package client

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
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// Deps are the dependencies of a client. The zero value of each field selects the default.
type Deps struct {
	Egress    egress.Settings             // zero: DefaultEgress
	Resolver  *net.Resolver               // nil: the system's
	Now       func() time.Time            // nil: time.Now
	LookupEnv func(string) (string, bool) // nil: os.LookupEnv
	UserAgent string                      // "": "fluentbit-trigger"
}

// Client sends the alerts of one trigger. It is safe for concurrent use. It starts no goroutines beside those of net/http, which Close ends when
// they are idle.
type Client struct {
	name     string
	method   string
	proxied  bool
	wire     *wire
	receiver *receiver.Receiver
	renderer *receiver.Renderer
	redactor *Redactor
	guard    *egress.Guard
	missing  string // the format that the address calls for and the settings leave out; usually ""
	http     *retryablehttp.Client
	now      func() time.Time
}

// wire has the secret parts of requests. Client points to it, so that even a printed copy of a Client shows a pointer and no secret.
type wire struct {
	to      receiver.Endpoint // where requests go
	address *url.URL          // as configured; checked before each request that a proxy dials
	header  http.Header       // of each request, without its identity and signatures
	signer  signer
	// routingKey is a part of payloads; Revision covers it too.
	routingKey setting.Secret
}

// New returns the client of a trigger, or the faults of its settings. It reads the files and variables that hold secrets; a client does not
// notice later changes of them. Errors contain no secret.
func New(s trigger.Settings, deps Deps) (*Client, error) {
	client, err := newClient(&s, deps)
	if err != nil {
		return nil, fmt.Errorf("trigger %q: %w", s.Name, err)
	}
	return client, nil
}

func newClient(s *trigger.Settings, deps Deps) (*Client, error) {
	deps = deps.withDefaults()
	policy, faults := egress.NewPolicy(deps.Egress)
	if faults = append(setting.In("egress.", faults), Validate(s, deps.Egress)...); len(faults) > 0 {
		return nil, setting.Join(faults)
	}
	creds, err := readCredentials(s, policy, deps.LookupEnv)
	if err != nil {
		return nil, err
	}
	dials := egress.NewGuard(policy, deps.Resolver)
	transport, err := newTransport(s, creds, dials)
	if err != nil {
		return nil, err
	}
	to, err := receiver.For(s).EndpointOf(s, creds.address, creds.token)
	if err != nil {
		return nil, err
	}
	messages, err := receiver.NewRenderer(s, creds.routingKey, to.Topic, deps.Now)
	if err != nil {
		return nil, err
	}
	c := &Client{
		name: s.Name, method: s.Method, proxied: creds.proxy != nil,
		wire:     &wire{to, creds.address, creds.header(s, deps.UserAgent), creds.signer, creds.routingKey},
		receiver: receiver.For(s), renderer: messages, redactor: creds.redactor(s, to.URL), guard: dials, now: deps.Now,
		missing: MissingFormat(s, deps.LookupEnv),
	}
	c.http = c.retrying(&http.Client{
		Transport: transport,
		Timeout:   s.Timeout,
		// A redirect would send payload and credentials to an address that nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, s.Retries)
	return c, nil
}

func (d Deps) withDefaults() Deps {
	if d.Egress.Mode == "" {
		d.Egress.Mode = egress.ModeDefault
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

// retrying returns a retrying client that logs nothing and leaves each decision to the exchange of the request.
func (c *Client) retrying(client *http.Client, retries int) *retryablehttp.Client {
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

// Get has the client send requests without a payload by GET. It is called before the first Send.
func (c *Client) Get() { c.method = http.MethodGet }

// Name returns the trigger's name.
func (c *Client) Name() string { return c.name }

// Redactor returns the redactor of this trigger's secrets.
func (c *Client) Redactor() *Redactor { return c.redactor }

// String returns the name, which is all of a client that can be printed.
func (c *Client) String() string { return "trigger " + c.name }

// Format writes the name for every verb.
func (c *Client) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, c.String()) }

// Close ends idle connections. It does not stop a running Send, which ends with its context.
func (c *Client) Close() { c.http.HTTPClient.CloseIdleConnections() }

// Send sends one alert, or a group as one message, with up to retries immediate retries. The id identifies the alert or group: every attempt
// carries it, and a later delivery of the same alerts must use the same id. Send never panics, and takes no longer than the timeouts and pauses
// of its attempts.
func (c *Client) Send(ctx context.Context, id string, alerts []trigger.Alert) trigger.Result {
	start := c.now()
	result := c.send(ctx, id, alerts)
	// The clock may have been set back meanwhile.
	result.Elapsed = max(0, c.now().Sub(start))
	// A receiver that expects a format of its own refuses any other payload with such a status.
	if result.Status >= 400 && result.Status < 500 {
		result.Reason += formatHint(c.missing)
	}
	// Last, so that it covers every text added above.
	result.Reason = c.redactor.Redact(result.Reason)
	return result
}

func (c *Client) send(ctx context.Context, id string, alerts []trigger.Alert) (result trigger.Result) {
	x := &exchange{client: c, id: id}
	defer func() {
		// Dead, because the same alert would panic at each attempt.
		if recover() != nil {
			result = trigger.Result{Outcome: trigger.Dead, Failure: trigger.FailureClient, Reason: "internal error: sending this alert panicked", Attempts: x.attempts}
		}
	}()
	message, err := c.renderer.Render(ctx, id, alerts)
	// An interrupted rendering says nothing about the alerts.
	if err != nil && ctx.Err() != nil {
		return errorResult(ctx, err)
	}
	if err != nil {
		return trigger.Result{Outcome: trigger.Dead, Failure: trigger.FailureClient, Reason: "cannot render the payload: " + err.Error()}
	}
	x.body = message.Body
	// Checked before the request is built: a proxy must never see a blocked address.
	if refused := x.checkAddress(ctx); refused != nil {
		return *refused
	}
	var payload any = message.Body
	if c.method == http.MethodGet {
		payload, x.body, message.Body = nil, nil, nil
	}
	request, err := retryablehttp.NewRequestWithContext(withExchange(ctx, x), c.method, c.receiver.AddressOf(c.wire.to.URL, alerts).String(), payload)
	if err != nil { // not quoted, because it can contain the URL
		return trigger.Result{Outcome: trigger.Dead, Failure: trigger.FailureClient, Reason: "cannot build the request"}
	}
	request.Header = c.wire.header.Clone()
	if c.method != http.MethodGet {
		request.Header.Set("Content-Type", message.ContentType)
	}
	if key := trigger.SharedKey(alerts); key != "" {
		request.Header.Set("Alert-Key", key)
	}
	// Signed last, because the signature covers the body and the time of this attempt.
	c.wire.signer.sign(request.Header, id, c.now(), message.Body)
	answer, err := c.http.Do(request)
	if answer != nil {
		_ = answer.Body.Close() // the exchange has read and replaced it
	}
	if err != nil && ctx.Err() != nil && x.result.Outcome != trigger.Hold {
		x.result = errorResult(ctx, err) // cancelled in the pause before the next attempt
	}
	x.result.Attempts = x.attempts
	return x.result
}

// Test sends a TestAlert in the same way as every other alert, and returns the result.
func (c *Client) Test(ctx context.Context) trigger.Result {
	alert := trigger.TestAlert(c.now().UTC())
	result := c.Send(ctx, alert.ID, []trigger.Alert{alert})
	if result.Outcome == trigger.Delivered { // some receivers accept any payload and show it as raw JSON
		result.Reason += formatHint(c.missing)
	}
	return result
}
