package trigger

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// maxSecretFile bounds a file that holds a secret, in bytes.
const maxSecretFile = 64 << 10

// credentials are the secrets of a trigger as they were when its client was built.
type credentials struct {
	address    *url.URL
	proxy      *url.URL // nil: none
	token      setting.Secret
	password   setting.Secret
	routingKey setting.Secret
	headers    map[string]setting.Secret
	signer     signer
}

// readCredentials gathers the secrets from the settings, the files and the environment. Its errors name settings, files and variables, never
// what they hold.
func readCredentials(s *Settings, p *policy, lookupEnv func(string) (string, bool)) (*credentials, error) {
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
	for _, name := range sortedKeys(s.Headers) {
		c.headers[name] = s.Headers[name]
	}
	for _, name := range sortedKeys(s.HeaderFiles) {
		c.headers[name] = read("header_files."+name, setting.SecretSource{File: s.HeaderFiles[name]})
	}
	for _, name := range sortedKeys(s.HeaderEnv) {
		c.headers[name] = read("header_env."+name, setting.SecretSource{Env: s.HeaderEnv[name]})
	}
	for _, name := range sortedKeys(c.headers) {
		if !isHeaderValue(c.headers[name].Reveal()) {
			fs.Add("headers."+name, setting.Placeholder, "must not hold control characters, nor be too long", "")
		}
	}
	if !isHeaderValue(c.token.Reveal()) {
		fs.Add(s.Token.Key("token"), setting.Placeholder, "must not hold control characters, nor be too long", "")
	}
	if len(fs) > 0 {
		return nil, setting.Join(fs)
	}
	return c, c.parse(s, p, address, proxy, signing, hub)
}

func (c *credentials) parse(s *Settings, p *policy, address, proxy, signing, hub setting.Secret) error {
	if address.IsZero() {
		address = setting.NewSecret(s.receiver().url)
	}
	u, fault := parseAddress(address.Reveal(), p)
	if fault != nil {
		return setting.Fault{Field: s.URL.Key("url"), Message: fault.message, Hint: fault.hint}
	}
	c.address = u
	if !proxy.IsZero() {
		if c.proxy, fault = parseProxy(proxy.Reveal(), p); fault != nil {
			return setting.Fault{Field: s.ProxyURL.Key("proxy_url"), Message: fault.message, Hint: fault.hint}
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

// readSecret returns the text from where it is given, without white space around it where it was read. Nothing given is the empty secret; a
// file or variable that is missing or empty is an error.
func readSecret(source setting.SecretSource, lookupEnv func(string) (string, bool)) (setting.Secret, error) {
	switch file, env := source.File, source.Env; {
	case file != "":
		content, err := namedfile.Read(file, maxSecretFile)
		if err != nil {
			return setting.Secret{}, fmt.Errorf("file %s %w", file, err)
		}
		text := strings.TrimSpace(string(content))
		if text == "" {
			return setting.Secret{}, fmt.Errorf("file %s is empty", file)
		}
		return setting.NewSecret(text), nil
	case env != "":
		text, _ := lookupEnv(env)
		if text = strings.TrimSpace(text); text == "" {
			return setting.Secret{}, fmt.Errorf("environment variable %s is not set", env)
		}
		return setting.NewSecret(text), nil
	}
	return source.Text, nil
}

// redactor knows all that must not leave the client in words.
func (c *credentials) redactor(s *Settings, endpoint *url.URL) *Redactor {
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
	}
	for name, value := range c.headers {
		if text := value.Reveal(); looksSecret(text) || namesSecret(name) {
			r.addHeader(text)
		}
	}
	r.addKeys(c.signer)
	return r.build()
}
