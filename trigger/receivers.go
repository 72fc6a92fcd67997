package trigger

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// receiver has everything that is particular to one format of a payload. Each receiver is one file, receiver_NAME.go, and one line of
// receivers; no other code names or compares a format.
type receiver struct {
	format string // the word of the format setting

	url       string       // the address to use when none is set; "" for services without one for everybody
	secretURL bool         // whoever knows the address can post to it
	domains   []string     // whose hosts are this service's
	ownHost   bool         // people run it themselves, and call its host by its format, as in "ntfy.example.com"
	rate      setting.Rate // the bound on requests where none is set; zero for none

	// check reports what is missing or wrong in the settings for this receiver. nil: any settings do.
	check func(s *Settings, fs *setting.Faults)
	// endpoint returns where requests go, made of the configured address, which is a copy of its own. nil: to the address itself.
	endpoint func(s *Settings, address *url.URL, token setting.Secret) (endpoint, error)
	// authorize puts the token into a request's header. nil: as a bearer token.
	authorize func(header http.Header, token setting.Secret)
	// retryAfter reads from the body of an answer how long the receiver asks to wait, 0 where it does not say. nil: the header alone counts.
	retryAfter func(answer []byte) time.Duration

	data        bool                           // programs read it, so texts go out unchanged
	contentType string                         // of the payload; "": application/json
	document    func(r *renderer, v *view) any // returns the payload before it is encoded
	escape      func(s string) string          // makes a plain text harmless that a body template shows; nil: it stays as it is
}

// receivers is the table of receivers, in the order in which they are listed to people.
var receivers = [...]*receiver{
	&generic, &cloudEvents, &slack, &discord, &teams, &pagerDuty, &ntfy, &gotify, &telegram, &alertmanager,
}

// endpoint is where the requests of a trigger go.
type endpoint struct {
	url   *url.URL
	topic string // that the payload names; "" for receivers without topics
}

// Formats returns the words that the format setting accepts.
func Formats() []string {
	words := make([]string, len(receivers))
	for i, r := range receivers {
		words[i] = r.format
	}
	return words
}

// receiver returns the receiver that the format setting names. Validate reports a word that names none; it counts as the default then.
func (s *Settings) receiver() *receiver {
	for _, r := range receivers {
		if r.format == s.Format {
			return r
		}
	}
	return &generic
}

// endpointOf returns where requests go, for the configured address.
func (r *receiver) endpointOf(s *Settings, address *url.URL, token setting.Secret) (endpoint, error) {
	copied := *address
	if r.endpoint == nil {
		return endpoint{url: &copied}, nil
	}
	return r.endpoint(s, &copied, token)
}

// withPath returns an endpoint that appends a path to the address of a server, unless the address ends in the last part of that path.
func withPath(path string) func(*Settings, *url.URL, setting.Secret) (endpoint, error) {
	last := "/" + path[strings.LastIndex(path, "/")+1:]
	return func(_ *Settings, address *url.URL, _ setting.Secret) (endpoint, error) {
		if strings.HasSuffix(strings.TrimRight(address.Path, "/"), last) {
			return endpoint{url: address}, nil
		}
		return endpoint{url: address.JoinPath(path)}, nil
	}
}

// escapeText returns a text of an alert as a body template for this receiver gets it.
func (r *receiver) escapeText(s string) string {
	if r.escape == nil {
		return s
	}
	return r.escape(plain(s))
}

// receiverAt returns the receiver that an address belongs to, judged by its host, and nil when the host is not known.
func receiverAt(address setting.Secret) *receiver {
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return nil
	}
	host := normalHost(u.Hostname())
	first, _, _ := strings.Cut(host, ".")
	for _, r := range receivers {
		for _, domain := range r.domains {
			if host == domain || strings.HasSuffix(host, "."+domain) {
				return r
			}
		}
	}
	for _, r := range receivers {
		if r.ownHost && first == r.format {
			return r
		}
	}
	return nil
}

// MissingFormat returns the format that a trigger's address calls for when the settings leave the default: the receiver would not understand
// the payload. It returns "" when nothing is missing or the host is not known. It reads the file or variable that holds the address, and
// returns "" when that fails.
func (s *Settings) MissingFormat(lookupEnv func(string) (string, bool)) string {
	if s.receiver() != &generic || s.Body != "" {
		return ""
	}
	address, err := readSecret(s.URL, lookupEnv)
	if err != nil {
		return ""
	}
	if r := receiverAt(address); r != nil {
		return r.format
	}
	return ""
}

// formatHint suggests a format; it returns "" for none.
func formatHint(format string) string {
	if format == "" {
		return ""
	}
	return `; the address belongs to ` + format + `, so set format = "` + format + `"`
}
