package client

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/hours"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

// Bounds of settings.
const (
	maxTimeout     = 5 * time.Minute
	maxRetries     = 2
	maxConcurrency = 64
	maxGroupAlerts = 100
	maxGroupWait   = time.Hour
	maxAgeBound    = 30 * 24 * time.Hour
	maxBody        = 64 << 10
)

// Validate returns the faults of the settings that can be found without reading a file, the environment or the network. It also checks literal
// addresses against the egress policy. No fault contains a secret.
func Validate(s *trigger.Settings, policy egress.Settings) []setting.Fault {
	var fs setting.Faults
	if s.Name == "" {
		fs.Required("name", "")
	}
	fs.OneOf("format", s.Format, receiver.Formats())
	if _, err := regexp.Compile(s.Expect); err != nil {
		message, hint := setting.ExplainRegexp(err)
		fs.Add("expect", s.Expect, message, hint)
	}
	fs.OneOf("method", s.Method, []string{"POST", "PUT", "PATCH"})
	for _, secret := range s.Secrets() {
		secret.Source.Check(&fs, secret.Key)
	}
	validateURL(s, &fs, policy)
	validateSecrets(s, &fs)
	validateReceiver(s, &fs)
	validateFilter(s, &fs)
	validateHeaders(s, &fs)
	validateBody(s, &fs)
	validateTLS(s, &fs)
	validateGrouping(s, &fs)
	validateBounds(s, &fs)
	return fs
}

func validateURL(s *trigger.Settings, fs *setting.Faults, e egress.Settings) {
	if s.URL.IsZero() && receiver.For(s).DefaultURL(s) == "" && slices.Contains(receiver.Formats(), s.Format) {
		fs.Required("url", setting.SecretHint("url"))
	}
	p, faults := egress.NewPolicy(e)
	if len(faults) > 0 {
		return // Egress.Validate reports them
	}
	if !s.URL.Text.IsZero() {
		if _, fault := parseAddress(s, s.URL.Text, p); fault != nil {
			fs.Add("url", setting.Placeholder, fault.Message, fault.Hint)
		}
	}
	if !s.ProxyURL.Text.IsZero() {
		if _, fault := egress.ParseProxy(s.ProxyURL.Text.Reveal(), p); fault != nil {
			fs.Add("proxy_url", setting.Placeholder, fault.Message, fault.Hint)
		}
	}
}

func validateSecrets(s *trigger.Settings, fs *setting.Faults) {
	if !s.Password.IsZero() && s.Username == "" {
		fs.Required("username", "a password needs one")
	}
	if s.Username != "" && strings.Contains(s.Username, ":") && !receiver.For(s).Mail {
		fs.Add("username", s.Username, "must not contain a colon", "basic authentication cannot express it")
	}
	if s.Username != "" && !s.Token.IsZero() && receiver.For(s).Authorize == nil {
		fs.Excludes("token", "", "username", "a request carries one Authorization header")
	}
	if !s.SigningSecret.Text.IsZero() {
		if _, err := parseSigningKeys(s.SigningSecret.Text); err != nil {
			fs.Add("signing_secret", setting.Placeholder, err.Error(), "such as whsec_ followed by 24 to 64 bytes in base64")
		}
	}
}

// validateReceiver checks the settings that particular receivers use.
func validateReceiver(s *trigger.Settings, fs *setting.Faults) {
	receiver.Check(s, fs)
	if s.GeneratorURL != "" && !render.IsWebURL(s.GeneratorURL) {
		fs.Add("generator_url", s.GeneratorURL, "must be an http or https URL", "")
	}
}

func validateFilter(s *trigger.Settings, fs *setting.Faults) {
	for _, w := range s.Severity {
		fs.OneOf("severity", w, trigger.Severities())
	}
	for _, w := range s.Source {
		if strings.TrimSpace(w) == "" {
			fs.Add("source", w, "must not be empty", "")
		}
	}
	for field, globs := range map[string][]string{"workload": s.Workload, "rule": s.Rule} {
		for _, g := range globs {
			if g == "" {
				fs.Add(field, g, "must not be empty", `"*" matches everything`)
			}
		}
	}
	if _, err := regexp.Compile(s.Message); err != nil {
		message, hint := setting.ExplainRegexp(err)
		fs.Add("message", s.Message, message, hint)
	}
	where.CheckAlert(fs, "where", s.Where, where.Words{"kind": trigger.Kinds(), "severity": trigger.Severities()})
	zone := s.Zone
	if s.Digest != "" {
		hours.CheckMoments(fs, "digest", s.Digest, s.Zone)
		zone = "" // it is checked, and needs no during
	}
	hours.Check(fs, "", "during", s.During, zone)
}

// validateHeaders reports headers that would break a request, and headers that the client sets itself.
func validateHeaders(s *trigger.Settings, fs *setting.Faults) {
	seen := map[string]string{}
	check := func(field, name string) {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !isHeaderName(name):
			fs.Add(field, name, "must be a header name", "")
		case slices.Contains(reservedHeaders(), canonical):
			fs.Add(field, name, "must not be set: the client sets it", "")
		case seen[canonical] != "":
			fs.Add(field, name, "must not be set twice", "header names ignore case")
		}
		seen[canonical] = name
	}
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		check("headers", name)
		if !isHeaderValue(s.Headers[name].Reveal()) {
			fs.Add("headers."+name, setting.Placeholder, "must not contain control characters or be longer than 8 KiB", "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.HeaderFiles)) {
		check("header_files", name)
		if s.HeaderFiles[name] == "" {
			fs.Add("header_files."+name, "", "must name a file", "")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.HeaderEnv)) {
		check("header_env", name)
		if s.HeaderEnv[name] == "" {
			fs.Add("header_env."+name, "", "must name a variable", "")
		}
	}
}

func validateBody(s *trigger.Settings, fs *setting.Faults) {
	if media, _, err := mime.ParseMediaType(s.ContentType); err != nil || !strings.Contains(media, "/") {
		fs.Add("content_type", s.ContentType, "must be a media type", "such as application/json or text/plain")
		return
	}
	if s.Body == "" {
		return
	}
	if len(s.Body) > maxBody {
		fs.Length("body", len(s.Body), maxBody, "bytes")
		return
	}
	b, err := render.NewBody(s.Body, s.ContentType)
	if err != nil {
		fs.Add("body", "", err.Error(), "JSON with a template in each string, or a content_type text/…")
	} else if err := b.Try(); err != nil {
		fs.Add("body", "", err.Error(), "")
	}
}

func validateTLS(s *trigger.Settings, fs *setting.Faults) {
	s.TLS.AddFaults(fs)
	if s.TLS.ServerName != "" {
		if _, fault := egress.CheckHost(s.TLS.ServerName); fault != nil {
			fs.Add("tls.server_name", s.TLS.ServerName, fault.Message, fault.Hint)
		}
	}
}

func validateGrouping(s *trigger.Settings, fs *setting.Faults) {
	words := trigger.GroupKeys()
	for _, key := range s.GroupBy {
		prefix, name, dotted := strings.Cut(key, ".")
		if dotted && (prefix == "label" || prefix == "capture" || prefix == "field") && name != "" {
			continue
		}
		if !slices.Contains(words, key) {
			fs.Unknown("group_by", key, append(slices.Clone(words), "label.NAME", "capture.NAME", "field.PATH"), words...)
		}
	}
	setting.Between(fs, "group_wait", s.GroupWait, 0, maxGroupWait)
	setting.Between(fs, "group_interval", s.GroupInterval, 0, 24*time.Hour)
}

func validateBounds(s *trigger.Settings, fs *setting.Faults) {
	setting.Between(fs, "timeout", s.Timeout, time.Second, maxTimeout)
	setting.Between(fs, "max_age", s.MaxAge, time.Minute, maxAgeBound)
	setting.Between(fs, "retries", s.Retries, 0, maxRetries)
	setting.Between(fs, "concurrency", s.Concurrency, 1, maxConcurrency)
	setting.Between(fs, "max_alerts", s.MaxAlerts, 1, maxGroupAlerts)
	if s.Rate.Count < 0 || s.Rate.Per < 0 || (s.Rate.Count > 0 && s.Rate.Per == 0) {
		fs.Add("rate", fmt.Sprintf("%d/%s", s.Rate.Count, s.Rate.Per), "must be a number per time", `such as "1/s"`)
	}
}
