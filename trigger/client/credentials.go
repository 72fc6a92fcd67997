package client

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// maxSecretFile bounds a file that contains a secret, in bytes.
const maxSecretFile = 64 << 10

// credentials are the secrets of a trigger, as read when its client was created.
type credentials struct {
	address    *url.URL
	proxy      *url.URL // nil: none
	token      setting.Secret
	password   setting.Secret
	routingKey setting.Secret
	headers    map[string]setting.Secret
	signer     signer
}

// readCredentials reads the secrets from the settings, files and environment variables. Its errors name settings, files and variables, never their
// contents.
func readCredentials(s *trigger.Settings, p *egress.Policy, lookupEnv func(string) (string, bool)) (*credentials, error) {
	var fs setting.Faults
	read := func(field string, source setting.SecretSource) setting.Secret {
		secret, err := readSecret(source, lookupEnv)
		if err != nil {
			fs.Unreadable(field, err)
		}
		return secret
	}
	get := func(key string, source setting.SecretSource) setting.Secret { return read(source.Key(key), source) }
	c := &credentials{
		token: get("token", s.Token), password: get("password", s.Password), routingKey: get("routing_key", s.RoutingKey),
		headers: map[string]setting.Secret{},
	}
	address, proxy := get("url", s.URL), get("proxy_url", s.ProxyURL)
	signing, hub := get("signing_secret", s.SigningSecret), get("hub_secret", s.HubSecret)
	for _, name := range slices.Sorted(maps.Keys(s.Headers)) {
		c.headers[name] = s.Headers[name]
	}
	// Sorted, so that the errors have the same order each time.
	for _, name := range slices.Sorted(maps.Keys(s.HeaderFiles)) {
		c.headers[name] = read("header_files."+name, setting.SecretSource{File: s.HeaderFiles[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(s.HeaderEnv)) {
		c.headers[name] = read("header_env."+name, setting.SecretSource{Env: s.HeaderEnv[name]})
	}
	for _, name := range slices.Sorted(maps.Keys(c.headers)) {
		if !isHeaderValue(c.headers[name].Reveal()) {
			fs.Add("headers."+name, setting.Placeholder, "must not contain control characters or be longer than 8 KiB", "")
		}
	}
	if !isHeaderValue(c.token.Reveal()) {
		fs.Add(s.Token.Key("token"), setting.Placeholder, "must not contain control characters or be longer than 8 KiB", "")
	}
	if len(fs) > 0 {
		return nil, setting.Join(fs)
	}
	return c, c.parse(s, p, address, proxy, signing, hub)
}

func (c *credentials) parse(s *trigger.Settings, p *egress.Policy, address, proxy, signing, hub setting.Secret) error {
	if address.IsZero() {
		address = setting.NewSecret(receiver.For(s).DefaultURL(s))
	}
	u, fault := parseAddress(s, address, p)
	if fault != nil {
		return setting.Fault{Field: s.URL.Key("url"), Message: fault.Message, Hint: fault.Hint}
	}
	c.address = u
	if !proxy.IsZero() {
		if c.proxy, fault = egress.ParseProxy(proxy.Reveal(), p); fault != nil {
			return setting.Fault{Field: s.ProxyURL.Key("proxy_url"), Message: fault.Message, Hint: fault.Hint}
		}
	}
	if !signing.IsZero() {
		keys, err := parseSigningKeys(signing)
		if err != nil {
			return setting.Fault{Field: s.SigningSecret.Key("signing_secret"), Message: err.Error()}
		}
		c.signer.keys = keys
	}
	if !hub.IsZero() {
		c.signer.hub = []byte(hub.Reveal())
	}
	return nil
}

// parseAddress parses the address of a trigger: that of a web or of a mail server, as its receiver needs.
func parseAddress(s *trigger.Settings, address setting.Secret, p *egress.Policy) (*url.URL, *egress.URLFault) {
	r := receiver.For(s)
	if !r.Mail {
		u, fault := egress.ParseAddress(address.Reveal(), p)
		if found := receiver.At(address); fault != nil && found != nil && found.Mail {
			fault.Hint = strings.TrimPrefix(formatHint(found.Format), "; ")
		}
		return u, fault
	}
	u, fault := egress.ParseMailServer(address.Reveal(), p)
	if fault != nil || s.StartTLS != trigger.StartTLSOff {
		return u, fault
	}
	switch {
	case u.Scheme == "smtps":
		return nil, &egress.URLFault{Message: "must begin with smtp:// where starttls is off", Hint: "smtps:// is encrypted in any case: remove starttls"}
	case s.Username != "" && !egress.IsLoopback(u.Hostname()):
		return nil, &egress.URLFault{
			Message: "must be on loopback where starttls is off and there is a password",
			Hint:    "or anyone on the way can read the password: use smtps://, or remove starttls",
		}
	}
	return u, nil
}

// readSecret returns a secret from the settings, a file or an environment variable. It trims white space of files and variables. It returns the
// empty secret when none of them is set, and an error for a file or variable that is missing or empty.
func readSecret(source setting.SecretSource, lookupEnv func(string) (string, bool)) (setting.Secret, error) {
	switch file, env := source.File, source.Env; {
	case file != "":
		content, err := namedfile.Read(file, maxSecretFile)
		if err != nil {
			return setting.Secret{}, fmt.Errorf("%s %w", shownFile(file), err)
		}
		text := strings.TrimSpace(string(content))
		if text == "" {
			return setting.Secret{}, fmt.Errorf("%s is empty", shownFile(file))
		}
		return setting.NewSecret(text), nil
	case env != "":
		text, _ := lookupEnv(env)
		if text = strings.TrimSpace(text); text == "" {
			return setting.Secret{}, fmt.Errorf("%s is not set", shownVariable(env))
		}
		return setting.NewSecret(text), nil
	}
	return source.Text, nil
}

// shownFile names a file in an error, unless the text may be a secret that was written in the place of a file.
func shownFile(file string) string {
	secret := strings.Contains(file, "://") || !strings.HasPrefix(file, "/") && slices.ContainsFunc(strings.Split(file, "/"), looksSecret)
	if secret {
		return "the file that it names (not shown, because it may be the secret itself)"
	}
	return "file " + file
}

// shownVariable names a variable in an error, unless the text may be a secret that was written in the place of a variable.
func shownVariable(name string) string {
	if !variableName.MatchString(name) && looksSecret(name) {
		return "the environment variable that it names (not shown, because it may be the secret itself)"
	}
	return "environment variable " + name
}

var variableName = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*$`)

// redactor returns the redactor of everything secret in the credentials.
func (c *credentials) redactor(s *trigger.Settings, endpoint *url.URL) *Redactor {
	var r redactorBuilder
	r.addURL(c.address.String())
	r.addURL(endpoint.String())
	if c.proxy != nil {
		r.addURL(c.proxy.String())
	}
	for _, secret := range []setting.Secret{c.token, c.password, c.routingKey} {
		r.addText(secret.Reveal())
	}
	if !c.password.IsZero() {
		r.addText(basicAuth(s.Username, c.password))
		// As AUTH PLAIN and AUTH LOGIN send it.
		r.addText(base64.StdEncoding.EncodeToString([]byte("\x00" + s.Username + "\x00" + c.password.Reveal())))
		r.addText(base64.StdEncoding.EncodeToString([]byte(c.password.Reveal())))
	}
	for name, value := range c.headers {
		if text := value.Reveal(); looksSecret(text) || namesSecret(name) {
			r.addHeader(text)
		}
	}
	r.addKeys(c.signer)
	return r.build()
}

// header returns the headers of every request of a trigger, without its identity and signatures.
func (c *credentials) header(s *trigger.Settings, userAgent string) http.Header {
	h := http.Header{}
	h.Set("User-Agent", userAgent)
	switch authorize := receiver.For(s).Authorize; {
	case c.token.IsZero():
	case authorize != nil:
		authorize(h, c.token)
	default:
		h.Set("Authorization", cmp.Or(receiver.For(s).Scheme, "Bearer")+" "+c.token.Reveal())
	}
	if s.Username != "" {
		h.Set("Authorization", "Basic "+basicAuth(s.Username, c.password))
	}
	// Last, so that a configured header replaces one that the client sets.
	for name, value := range c.headers {
		h.Set(name, value.Reveal())
	}
	return h
}

func basicAuth(username string, password setting.Secret) string {
	return base64.StdEncoding.EncodeToString([]byte(username + ":" + password.Reveal()))
}
