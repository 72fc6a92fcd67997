package trigger

import (
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
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

// Severities lists the words of the severity filter, least grave first.
func Severities() []string { return []string{"debug", "info", "warning", "error", "critical"} }

// Validate returns every fault of the settings that can be seen without reading a file, the environment or the network; the egress policy
// judges addresses that are written out. No problem holds a secret.
func (s *Settings) Validate(egress Egress) []Problem {
	var ps problems
	if s.Name == "" {
		ps.add("name", "", "is required", "")
	}
	ps.word("format", s.Format, Formats())
	if !slices.Contains([]string{"POST", "PUT", "PATCH"}, s.Method) {
		ps.add("method", s.Method, "must be POST, PUT or PATCH", "")
	}
	s.validateURL(&ps, egress)
	s.validateSecrets(&ps)
	s.validateReceiver(&ps)
	s.validateFilter(&ps)
	s.validateHeaders(&ps)
	s.validateBody(&ps)
	s.validateTLS(&ps)
	s.validateGrouping(&ps)
	s.validateBounds(&ps)
	return ps
}

// given reports whether a secret is set in any of the three ways.
func given(plain setting.Secret, file, env string) bool {
	return !plain.IsZero() || file != "" || env != ""
}

// oneSource reports a secret that is given in more than one way, and says whether it is given at all.
func oneSource(ps *problems, field string, plain setting.Secret, file, env string) bool {
	var given []string
	if !plain.IsZero() {
		given = append(given, field)
	}
	if file != "" {
		given = append(given, field+"_file")
	}
	if env != "" {
		given = append(given, field+"_env")
	}
	if len(given) > 1 {
		ps.add(given[1], "", "is set together with "+given[0], "exactly one of them says where "+field+" comes from")
	}
	return len(given) > 0
}

func (s *Settings) validateURL(ps *problems, egress Egress) {
	given := oneSource(ps, "url", s.URL, s.URLFile, s.URLEnv)
	if !given && s.receiver().url == "" && slices.Contains(Formats(), s.Format) {
		ps.add("url", "", "is required", "set url, url_file or url_env")
	}
	policy, faults := newPolicy(egress)
	if len(faults) > 0 {
		return // they are told once, as the egress settings' own
	}
	if !s.URL.IsZero() {
		if _, fault := parseAddress(s.URL.Reveal(), policy); fault != nil {
			ps.add("url", setting.Placeholder, fault.message, fault.hint)
		}
	}
	oneSource(ps, "proxy_url", s.ProxyURL, s.ProxyURLFile, s.ProxyURLEnv)
	if !s.ProxyURL.IsZero() {
		if _, fault := parseProxy(s.ProxyURL.Reveal(), policy); fault != nil {
			ps.add("proxy_url", setting.Placeholder, fault.message, fault.hint)
		}
	}
}

func (s *Settings) validateSecrets(ps *problems) {
	token := oneSource(ps, "token", s.Token, s.TokenFile, s.TokenEnv)
	password := oneSource(ps, "password", s.Password, s.PasswordFile, s.PasswordEnv)
	if password && s.Username == "" {
		ps.add("username", "", "is required with password", "")
	}
	if s.Username != "" && strings.Contains(s.Username, ":") {
		ps.add("username", s.Username, "must not hold a colon", "basic authentication cannot express it")
	}
	if s.Username != "" && token && s.receiver().authorize == nil {
		ps.add("token", "", "is set together with username", "a request carries one Authorization header")
	}
	oneSource(ps, "signing_secret", s.SigningSecret, s.SigningSecretFile, s.SigningSecretEnv)
	if !s.SigningSecret.IsZero() {
		if _, err := parseSigningKeys(s.SigningSecret); err != nil {
			ps.add("signing_secret", setting.Placeholder, err.Error(), "such as whsec_ followed by 24 to 64 bytes in base64")
		}
	}
	oneSource(ps, "hub_secret", s.HubSecret, s.HubSecretFile, s.HubSecretEnv)
}

// validateReceiver checks the settings that particular receivers use.
func (s *Settings) validateReceiver(ps *problems) {
	oneSource(ps, "routing_key", s.RoutingKey, s.RoutingKeyFile, s.RoutingKeyEnv)
	if check := s.receiver().check; check != nil {
		check(s, ps)
	}
	if s.ChatID != "" && !chatIDPattern.MatchString(s.ChatID) {
		ps.add("chat_id", s.ChatID, "must be a number or @channel", "")
	}
	if s.ThreadID < 0 {
		ps.add("thread_id", strconv.Itoa(s.ThreadID), "must not be negative", "")
	}
	if s.Topic != "" && !topicPattern.MatchString(s.Topic) {
		ps.add("topic", s.Topic, "must be 1 to 64 letters, digits, - or _", "")
	}
	if s.GeneratorURL != "" && !isWebURL(s.GeneratorURL) {
		ps.add("generator_url", s.GeneratorURL, "must be an http or https URL", "")
	}
	if s.ResolveAfter < 0 {
		ps.add("resolve_after", s.ResolveAfter.String(), "must not be negative", "")
	}
}

var (
	chatIDPattern = regexp.MustCompile(`^(-?[0-9]{1,19}|@[A-Za-z0-9_]{1,64})$`)
	topicPattern  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
)

func (s *Settings) validateFilter(ps *problems) {
	for _, w := range s.Severity {
		ps.word("severity", w, Severities())
	}
	for _, w := range s.Source {
		if strings.TrimSpace(w) == "" {
			ps.add("source", w, "must not be empty", "")
		}
	}
	for field, globs := range map[string][]string{"workload": s.Workload, "rule": s.Rule} {
		for _, g := range globs {
			if g == "" {
				ps.add(field, g, "must not be empty", `"*" matches everything`)
			}
		}
	}
	if _, err := regexp.Compile(s.Message); err != nil {
		ps.add("message", s.Message, "is not a regular expression: "+err.Error(), "RE2 syntax")
	}
}

// validateHeaders refuses headers that would break a request, and those that the client itself sets.
func (s *Settings) validateHeaders(ps *problems) {
	seen := map[string]string{}
	check := func(field, name string) {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !isHeaderName(name):
			ps.add(field, name, "is not a header name", "")
		case slices.Contains(reservedHeaders(), canonical):
			ps.add(field, name, "is set by the client itself", "")
		case seen[canonical] != "":
			ps.add(field, name, "is given twice", "header names ignore case")
		}
		seen[canonical] = name
	}
	for _, name := range sortedKeys(s.Headers) {
		check("headers", name)
		if !isHeaderValue(s.Headers[name].Reveal()) {
			ps.add("headers."+name, setting.Placeholder, "holds a control character", "")
		}
	}
	for _, name := range sortedKeys(s.HeaderFiles) {
		check("header_files", name)
		if s.HeaderFiles[name] == "" {
			ps.add("header_files."+name, "", "must name a file", "")
		}
	}
	for _, name := range sortedKeys(s.HeaderEnv) {
		check("header_env", name)
		if s.HeaderEnv[name] == "" {
			ps.add("header_env."+name, "", "must name a variable", "")
		}
	}
}

func (s *Settings) validateBody(ps *problems) {
	if media, _, err := mime.ParseMediaType(s.ContentType); err != nil || !strings.Contains(media, "/") {
		ps.add("content_type", s.ContentType, "is not a media type", "such as application/json or text/plain")
		return
	}
	if s.Body == "" {
		return
	}
	if len(s.Body) > maxBody {
		ps.add("body", "", "is longer than 64 KiB", "")
		return
	}
	b, err := newBodyTemplate(s.Body, s.ContentType)
	if err != nil {
		ps.add("body", "", err.Error(), "JSON with a template in each string, or a content_type text/…")
	} else if err := b.try(); err != nil {
		ps.add("body", "", err.Error(), "")
	}
}

func (s *Settings) validateTLS(ps *problems) {
	if s.TLS.MinVersion != "1.2" && s.TLS.MinVersion != "1.3" {
		ps.add("tls.min_version", s.TLS.MinVersion, "must be 1.2 or 1.3", "")
	}
	if (s.TLS.CertFile == "") != (s.TLS.KeyFile == "") {
		ps.add("tls.cert_file", s.TLS.CertFile, "cert_file and key_file belong together", "")
	}
	if s.TLS.ServerName != "" {
		if _, fault := checkHost(s.TLS.ServerName); fault != nil {
			ps.add("tls.server_name", s.TLS.ServerName, fault.message, fault.hint)
		}
	}
}

func (s *Settings) validateGrouping(ps *problems) {
	words := GroupKeys()
	for _, key := range s.GroupBy {
		prefix, name, dotted := strings.Cut(key, ".")
		if dotted && (prefix == "label" || prefix == "capture" || prefix == "field") && name != "" {
			continue
		}
		ps.word("group_by", key, words)
	}
	between(ps, "group_wait", s.GroupWait, 0, maxGroupWait)
	between(ps, "group_interval", s.GroupInterval, 0, 24*time.Hour)
}

func (s *Settings) validateBounds(ps *problems) {
	between(ps, "timeout", s.Timeout, time.Second, maxTimeout)
	between(ps, "max_age", s.MaxAge, time.Minute, maxAgeBound)
	for _, b := range []struct {
		field            string
		value, low, high int
	}{
		{"retries", s.Retries, 0, maxRetries},
		{"concurrency", s.Concurrency, 1, maxConcurrency},
		{"max_alerts", s.MaxAlerts, 1, maxGroupAlerts},
	} {
		if b.value < b.low || b.value > b.high {
			ps.add(b.field, strconv.Itoa(b.value), "must be from "+strconv.Itoa(b.low)+" to "+strconv.Itoa(b.high), "")
		}
	}
	if s.Rate.Count < 0 || s.Rate.Per < 0 || (s.Rate.Count > 0 && s.Rate.Per == 0) {
		ps.add("rate", strconv.Itoa(s.Rate.Count)+"/"+s.Rate.Per.String(), "must be a number in a length of time", `such as "1/s"`)
	}
}

func between(ps *problems, field string, value, low, high time.Duration) {
	if value < low || value > high {
		ps.add(field, value.String(), "must be from "+low.String()+" to "+high.String(), "")
	}
}
