// Package receiver has the table of receivers, and for each one a file with everything that is particular to it. It renders payloads. A log line can
// neither change the structure of a payload, nor mention anyone, nor exceed the limits of a receiver.
package receiver

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

// Receiver has everything that is particular to one format of a payload. Each receiver is one file, named after its format, and one line of
// receivers. No other code names or compares a format.
type Receiver struct {
	Format string // the word that the format setting accepts

	URL string // the default address; "" when every user has one of their own
	// url returns the default address where it depends on the settings. nil: it is URL.
	url       func(s *trigger.Settings) string
	SecretURL bool         // the address is a secret: whoever knows it can post
	domains   []string     // the domains of the service
	ownHost   bool         // people host it themselves and name the host after it, as in "ntfy.example.com"
	rate      setting.Rate // the default limit on requests; zero for none

	// need reports required settings that are missing. nil: only the address is required.
	need func(s *trigger.Settings, fs *setting.Faults)
	// check reports invalid values of the settings that only this receiver uses. It runs for triggers of every format. nil: there are no such settings.
	check func(s *trigger.Settings, fs *setting.Faults)
	// endpoint returns where requests go. It may change the address, which is a copy. nil: requests go to the address.
	endpoint func(s *trigger.Settings, address *url.URL, token setting.Secret) (Endpoint, error)
	// address returns where one message goes, at or below the endpoint. nil: every message goes to the endpoint.
	address func(endpoint *url.URL, v *render.View) *url.URL
	// Scheme is the word before the token in the header Authorization. "": Bearer.
	Scheme string
	// Authorize sets the header that carries the token. nil: Authorization does.
	Authorize func(header http.Header, token setting.Secret)
	// Judge changes the result of an accepted request by what the answer says, for services that answer 200 in any case. nil: the status says all.
	Judge func(answer []byte, r *trigger.Result)
	// Edits is how it edits messages. nil: it cannot.
	Edits *Edits
	// instead is what to do where update cannot be set.
	instead string
	// AsksToWait returns the wait that the body of an answer asks for, or 0. nil: only the header Retry-After counts.
	AsksToWait func(answer []byte) (seconds float64)

	// Lapses: alerts stop firing there by themselves, after the setting resolve_after.
	Lapses bool
	// Mail: the address is that of a mail server, and payloads are e-mails.
	Mail bool

	byLabels    bool                                  // it knows an alert by its labels
	data        bool                                  // programs read the payload, so its texts stay unchanged
	contentType string                                // of the payload; "": application/json
	document    func(r *Renderer, v *render.View) any // the payload, before it is encoded as JSON
	// message returns the payload of a receiver that reads no JSON. own is the output of the body setting, or nil. nil: there is a document.
	message    func(r *Renderer, v *render.View, own *Payload) ([]byte, error)
	escape     func(s string) string // escapes the texts of body templates; nil: they stay unchanged
	escapeHTML func(s string) string // of those with the content type text/html; nil: as escape
}

// receivers is the table of receivers, in the order of help texts and errors.
var receivers = [...]*Receiver{
	&generic, &cloudEvents, &slack, &discord, &mattermost, &teams, &pagerDuty, &ntfy, &gotify, &telegram, &alertmanager, &opsgenie, &email,
}

// Endpoint is where the requests of a trigger go.
type Endpoint struct {
	URL   *url.URL
	Topic string // for the payload; "" for receivers without topics
}

// Formats returns the words that the format setting accepts.
func Formats() []string {
	words := make([]string, len(receivers))
	for i, r := range receivers {
		words[i] = r.Format
	}
	return words
}

// For returns the receiver of a trigger. An unknown format, which client.Validate reports, counts as the default.
func For(s *trigger.Settings) *Receiver {
	for _, r := range receivers {
		if r.Format == s.Format {
			return r
		}
	}
	return &generic
}

// DefaultURL returns the address where the settings have none; "" where every user has one of their own.
func (r *Receiver) DefaultURL(s *trigger.Settings) string {
	if r.url != nil {
		return r.url(s)
	}
	return r.URL
}

// EndpointOf returns where requests go, for the configured address.
func (r *Receiver) EndpointOf(s *trigger.Settings, address *url.URL, token setting.Secret) (Endpoint, error) {
	copied := *address
	if r.endpoint == nil {
		return Endpoint{URL: &copied}, nil
	}
	return r.endpoint(s, &copied, token)
}

// AddressOf returns where a message with these alerts goes. It has the host of the endpoint.
func (r *Receiver) AddressOf(endpoint *url.URL, alerts []trigger.Alert) *url.URL {
	if r.address == nil || len(alerts) == 0 {
		return endpoint
	}
	return r.address(endpoint, render.NewView("", alerts, 1))
}

// withPath returns an endpoint that appends a path to the address of a server, unless the address ends in the last part of that path.
func withPath(path string) func(*trigger.Settings, *url.URL, setting.Secret) (Endpoint, error) {
	last := "/" + path[strings.LastIndex(path, "/")+1:]
	return func(_ *trigger.Settings, address *url.URL, _ setting.Secret) (Endpoint, error) {
		if strings.HasSuffix(strings.TrimRight(address.Path, "/"), last) {
			return Endpoint{URL: address}, nil
		}
		return Endpoint{URL: address.JoinPath(path)}, nil
	}
}

// needsKey reports a group_by that combines alerts of several keys, for receivers that identify what they were sent by its key.
func needsKey(s *trigger.Settings, fs *setting.Faults, reason string) {
	if len(s.GroupBy) > 0 && !slices.Contains(s.GroupBy, "key") {
		fs.Add("group_by", strings.Join(s.GroupBy, ", "), "must hold key for "+s.Format, reason)
	}
}

// KnowsByLabels reports whether the receiver takes alerts with other labels for other alerts.
func (r *Receiver) KnowsByLabels() bool { return r.byLabels }

// escaper returns the function that escapes the texts of an alert for a body template, which may be one of HTML.
func (r *Receiver) escaper(isHTML bool) func(string) string {
	escape := r.escape
	if r.escapeHTML != nil && isHTML {
		escape = r.escapeHTML
	}
	if escape == nil {
		return func(s string) string { return s }
	}
	return func(s string) string { return escape(render.Plain(s)) }
}

// At returns the receiver to which the host of an address belongs, or nil when the host is not known.
func At(address setting.Secret) *Receiver {
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return nil
	}
	if u.Scheme == "smtp" || u.Scheme == "smtps" {
		return receivers[slices.IndexFunc(receivers[:], func(r *Receiver) bool { return r.Mail })]
	}
	host := egress.NormalHost(u.Hostname())
	first, _, _ := strings.Cut(host, ".")
	for _, r := range receivers {
		for _, domain := range r.domains {
			if host == domain || strings.HasSuffix(host, "."+domain) {
				return r
			}
		}
	}
	for _, r := range receivers {
		if r.ownHost && first == r.Format {
			return r
		}
	}
	return nil
}

// SendRate returns the limit on requests that is in force. A Count of 0 means no limit.
func SendRate(s *trigger.Settings) setting.Rate {
	if s.Rate != (setting.Rate{}) {
		return s.Rate
	}
	return For(s).rate
}

// Check reports required settings of this trigger's receiver that are missing, and invalid values of settings that belong to any receiver.
func Check(s *trigger.Settings, fs *setting.Faults) {
	if need := For(s).need; need != nil {
		need(s, fs)
	}
	for _, r := range receivers {
		if r.check != nil {
			r.check(s, fs)
		}
	}
	checkUpdate(s, fs)
}
