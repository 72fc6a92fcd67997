// Package receiver has the table of receivers, and for each one a file with everything that is particular to it. It renders payloads. A log line can
// neither change the structure of a payload, nor mention anyone, nor exceed the limits of a receiver.
package receiver

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

// Receiver has everything that is particular to one format of a payload. Each receiver is one file, named after its format, and one line of
// receivers. No other code names or compares a format.
type Receiver struct {
	Format string // the word of the format setting

	URL       string       // the address to use when none is set; "" for services without one for everybody
	SecretURL bool         // whoever knows the address can post to it
	domains   []string     // whose hosts are this service's
	ownHost   bool         // people run it themselves, and call its host by its format, as in "ntfy.example.com"
	rate      setting.Rate // the bound on requests where none is set; zero for none

	// need reports settings that this receiver cannot do without. nil: it needs nothing beside the address.
	need func(s *trigger.Settings, fs *setting.Faults)
	// check reports invalid values of settings that exist for this receiver, in a trigger of any format. nil: there are none.
	check func(s *trigger.Settings, fs *setting.Faults)
	// endpoint returns where requests go, made of the configured address, which is a copy of its own. nil: to the address itself.
	endpoint func(s *trigger.Settings, address *url.URL, token setting.Secret) (Endpoint, error)
	// authorize puts the token into a request's header. nil: as a bearer token.
	Authorize func(header http.Header, token setting.Secret)
	// asksToWait returns the wait that the body of an answer asks for, or 0. nil: only the header Retry-After counts.
	AsksToWait func(answer []byte) (seconds float64)

	data        bool                                  // programs read it, so texts go out unchanged
	contentType string                                // of the payload; "": application/json
	document    func(r *Renderer, v *render.View) any // returns the payload before it is encoded
	escape      func(s string) string                 // makes a plain text harmless that a body template shows; nil: it stays as it is
}

// receivers is the table of receivers, in the order in which they are listed to people.
var receivers = [...]*Receiver{
	&generic, &cloudEvents, &slack, &discord, &teams, &pagerDuty, &ntfy, &gotify, &telegram, &alertmanager,
}

// Endpoint is where the requests of a trigger go.
type Endpoint struct {
	URL   *url.URL
	Topic string // that the payload names; "" for receivers without topics
}

// Formats returns the words that the format setting accepts.
func Formats() []string {
	words := make([]string, len(receivers))
	for i, r := range receivers {
		words[i] = r.Format
	}
	return words
}

// For returns the receiver that the format setting names. Validate reports a word that names none; it counts as the default then.
func For(s *trigger.Settings) *Receiver {
	for _, r := range receivers {
		if r.Format == s.Format {
			return r
		}
	}
	return &generic
}

// EndpointOf returns where requests go, for the configured address.
func (r *Receiver) EndpointOf(s *trigger.Settings, address *url.URL, token setting.Secret) (Endpoint, error) {
	copied := *address
	if r.endpoint == nil {
		return Endpoint{URL: &copied}, nil
	}
	return r.endpoint(s, &copied, token)
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

// escapeText returns a text of an alert as a body template for this receiver gets it.
func (r *Receiver) escapeText(s string) string {
	if r.escape == nil {
		return s
	}
	return r.escape(render.Plain(s))
}

// At returns the receiver that an address belongs to, judged by its host, and nil when the host is not known.
func At(address setting.Secret) *Receiver {
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return nil
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

// SendRate returns the bound on requests that is in force; a Count of 0 is no bound.
func SendRate(s *trigger.Settings) setting.Rate {
	if s.Rate != (setting.Rate{}) {
		return s.Rate
	}
	return For(s).rate
}

// Check reports the faults of settings that belong to single receivers: those that this trigger's receiver cannot do without, and invalid
// values of all others.
func Check(s *trigger.Settings, fs *setting.Faults) {
	if need := For(s).need; need != nil {
		need(s, fs)
	}
	for _, r := range receivers {
		if r.check != nil {
			r.check(s, fs)
		}
	}
}
