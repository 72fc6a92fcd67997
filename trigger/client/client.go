// Package client sends the alerts of one trigger: it reads secrets, checks settings, and sends payloads over HTTP or SMTP through the egress guard, with a
// few retries. No error, result or printed value contains a secret.
package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

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
	// Links returns the links of an alert at the moment at which it is sent; nil: messages have none.
	Links func(a *trigger.Alert) trigger.Links
}

// Client sends the alerts of one trigger. It is safe for concurrent use. It starts no goroutines beside those of net/http, which Close ends when
// they are idle.
type Client struct {
	name     string
	via      transport
	renderer *receiver.Renderer
	redactor *Redactor
	missing  string // the format that the address calls for and the settings leave out; usually ""
	now      func() time.Time
	links    func(a *trigger.Alert) trigger.Links // nil: none

	edits       *receiver.Edits // nil: this trigger edits no messages
	destination string
}

// transport sends payloads over one protocol.
type transport interface {
	// send makes attempts until one succeeds, none is left, or a retry would be of no use now. The result may contain secrets in Reason and Detail only as
	// far as the redactor knows them.
	send(ctx context.Context, m *outgoing) trigger.Result
	// secrets returns texts that change with the address and the credentials. Revision is a digest of them.
	secrets() []string
	close()
}

// outgoing is one message on its way.
type outgoing struct {
	id      string // of the alert or group; every attempt carries it
	alerts  []trigger.Alert
	payload receiver.Payload
	place   string // of the message to edit; "" sends a new one
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
	to, err := receiver.For(s).EndpointOf(s, creds.address, creds.token)
	if err != nil {
		return nil, err
	}
	messages, err := receiver.NewRenderer(s, creds.routingKey, to.Topic, deps.Now)
	if err != nil {
		return nil, err
	}
	c := &Client{
		name: s.Name, renderer: messages, redactor: creds.redactor(s, to.URL), now: deps.Now, missing: MissingFormat(s, deps.LookupEnv), links: deps.Links,
	}
	if s.Update {
		c.edits, c.destination = receiver.For(s).Edits, destinationOf(s, to)
	}
	secured, err := tlsConfig(s.TLS)
	if err != nil {
		return nil, err
	}
	dials := egress.NewGuard(policy, deps.Resolver)
	if receiver.For(s).Mail {
		c.via = newOverSMTP(s, creds, dials, secured, c.redactor)
	} else {
		c.via = newOverHTTP(s, creds, to, dials, secured, c.redactor, deps)
	}
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

// Get has the client send requests without a payload by GET. It is called before the first Send, and does nothing where there are no requests.
func (c *Client) Get() {
	if over, ok := c.via.(*overHTTP); ok {
		over.method = http.MethodGet
	}
}

// Name returns the trigger's name.
func (c *Client) Name() string { return c.name }

// Redactor returns the redactor of this trigger's secrets.
func (c *Client) Redactor() *Redactor { return c.redactor }

// String returns the name, which is all of a client that can be printed.
func (c *Client) String() string { return "trigger " + c.name }

// Format writes the name for every verb.
func (c *Client) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, c.String()) }

// Close ends idle connections. It does not stop a running Send, which ends with its context.
func (c *Client) Close() { c.via.close() }

// Send sends one alert, or a group as one message, with up to retries immediate retries. The id identifies the alert or group: every attempt
// carries it, and a later delivery of the same alerts must use the same id. Send never panics, and takes no longer than the timeouts and pauses
// of its attempts.
func (c *Client) Send(ctx context.Context, id string, alerts []trigger.Alert) trigger.Result {
	return c.timed(func() trigger.Result {
		alerts := c.linked(alerts)
		payload, err := c.renderer.Render(ctx, id, alerts)
		return c.deliver(ctx, &outgoing{id: id, alerts: alerts, payload: payload}, err)
	})
}

// timed adds the duration of a send to its result, hints, and the last redaction. It returns a panic as a result.
func (c *Client) timed(send func() trigger.Result) trigger.Result {
	start := c.now()
	result := safely(send)
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

func safely(send func() trigger.Result) (result trigger.Result) {
	defer func() {
		// Dead, because the same alert would panic at each attempt.
		if recover() != nil {
			result = trigger.Result{Outcome: trigger.Dead, Failure: trigger.FailureClient, Reason: "internal error: sending this alert panicked"}
		}
	}()
	return send()
}

// deliver sends a message, unless its payload could not be rendered.
func (c *Client) deliver(ctx context.Context, m *outgoing, err error) trigger.Result {
	switch {
	case err == nil:
		return c.via.send(ctx, m)
	case ctx.Err() != nil: // an interrupted rendering says nothing about the alerts
		return errorResult(ctx, err)
	}
	return trigger.Result{Outcome: trigger.Dead, Failure: trigger.FailureClient, Reason: "cannot render the payload: " + err.Error()}
}

// linked returns the alerts with their links. The caller's stay as they are.
func (c *Client) linked(alerts []trigger.Alert) []trigger.Alert {
	if c.links == nil {
		return alerts
	}
	out := slices.Clone(alerts)
	for i := range out {
		out[i].Links = c.links(&out[i])
	}
	return out
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
