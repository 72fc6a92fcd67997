// Package heartbeat sends a request at regular times while an instance can alert, to a service that raises an alarm when the requests stop.
//
// It promises: a request is sent only if the check of the moment finds nothing wrong; each reason to withhold it is reported once; no error, log line or
// status contains the address. It uses the client of triggers, and so their egress guard, secrets, retries and TLS.
package heartbeat

import (
	"net/http"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// Settings say where the requests go, and when.
type Settings struct {
	// The address of the service that expects the requests, http or https. It can contain tokens and is never shown. Unset: no heartbeat.
	URL setting.SecretSource `toml:"url"`
	// How often a request is sent: from 10s to 1h. Let the service wait at least three times as long.
	Every time.Duration `toml:"every"`
	// In Fluent Bit: if no record came for this long, no request is sent, because the input may have stopped. "0s": requests do not depend on
	// records.
	Quiet time.Duration `toml:"quiet"`
	// The HTTP method: POST, with a small JSON object, or GET.
	Method string `toml:"method"`
	// Headers to add to each request. Their values are never shown.
	Headers map[string]setting.Secret `toml:"headers"`
	// Headers whose values are read from files: name and path.
	HeaderFiles map[string]string `toml:"header_files"`
	// Headers whose values are read from the environment: name and variable.
	HeaderEnv map[string]string `toml:"header_env"`
	// A bearer token.
	Token setting.SecretSource `toml:"token"`
	// The longest time of one attempt, from the connection to the end of the answer.
	Timeout time.Duration `toml:"timeout"`
	// Immediate retries of a failed attempt: 0 to 2.
	Retries int `toml:"retries"`
	// A proxy to send through (http, https or socks5), with user and password if needed. Proxy variables of the environment are ignored.
	ProxyURL setting.SecretSource `toml:"proxy_url"`
	// How the connection is secured.
	TLS trigger.TLS `toml:"tls"`
}

// Bounds of Settings.
const (
	minEvery = 10 * time.Second
	maxEvery = time.Hour
	maxQuiet = 30 * 24 * time.Hour
)

// DefaultSettings returns the settings in force when none are set.
func DefaultSettings() Settings {
	return Settings{
		Every: time.Minute, Quiet: time.Hour, Method: http.MethodPost, Timeout: 10 * time.Second, Retries: 2, TLS: trigger.TLS{MinVersion: "1.2"},
	}
}

// On reports whether there is a heartbeat.
func (s *Settings) On() bool { return !s.URL.IsZero() }

// body is the payload.
const body = `{"status": "ok", "instance": "{{ .Labels.instance }}", "host": "{{ .Source.Host }}", "time": "{{ rfc3339 .Time }}"}`

// target returns the settings of a trigger that sends the requests.
func (s *Settings) target() *trigger.Settings {
	t := trigger.DefaultSettings()
	t.Name, t.URL, t.Headers, t.HeaderFiles, t.HeaderEnv, t.Token = "heartbeat", s.URL, s.Headers, s.HeaderFiles, s.HeaderEnv, s.Token
	t.Timeout, t.Retries, t.ProxyURL, t.TLS, t.Body = s.Timeout, s.Retries, s.ProxyURL, s.TLS, body
	return &t
}

// Files returns the files that the settings name.
func (s *Settings) Files() []string { return s.target().Files() }

// SecretFiles returns the files of secrets that the settings name.
func (s *Settings) SecretFiles() []trigger.SecretFile { return s.target().SecretFiles() }

// InClear returns the settings that hold a secret as a text.
func (s *Settings) InClear() []string { return client.InClear(s.target()) }

// Validate returns everything that is wrong with the settings, as far as neither a file, nor the environment, nor the network is needed. No fault contains
// a secret.
func (s *Settings) Validate(policy egress.Settings) []setting.Fault {
	var fs setting.Faults
	setting.Between(&fs, "every", s.Every, minEvery, maxEvery)
	setting.AtMost(&fs, "quiet", s.Quiet, maxQuiet)
	fs.OneOf("method", s.Method, []string{http.MethodPost, http.MethodGet})
	if s.Quiet > 0 && s.Quiet < s.Every {
		fs.Conflict("quiet", setting.FormatDuration(s.Quiet), "every", "must not be shorter than every", "")
	}
	if s.On() {
		return append(fs, client.Validate(s.target(), policy)...)
	}
	t := s.target()
	t.URL = setting.SecretText("https://example.com/") // the other settings are checked all the same
	return append(fs, client.Validate(t, policy)...)
}

// NewSender returns the client that sends the requests; nil where there is no heartbeat. It reads the files and variables of secrets.
func NewSender(s *Settings, deps client.Deps) (*client.Client, error) {
	if !s.On() {
		return nil, nil
	}
	c, err := client.New(*s.target(), deps)
	if err != nil {
		return nil, setting.Join(setting.FaultsIn(err))
	}
	if s.Method == http.MethodGet {
		c.Get()
	}
	return c, nil
}
