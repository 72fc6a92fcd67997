package client

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/internal/links"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

// leastSecret is the length in bytes of the shortest text to redact. Shorter texts occur everywhere.
const leastSecret = 4

// Redactor replaces known secrets in a text by Placeholder, and the tokens of links. It is immutable and safe for concurrent use. A nil Redactor changes
// nothing.
type Redactor struct {
	replacer *strings.Replacer
}

// NewRedactor returns a redactor of the secrets. Of a URL it also redacts the user, the password, and the parts of path and query that look like
// tokens. It finds each text also percent-encoded, and as JSON encodes it.
func NewRedactor(secrets ...setting.Secret) *Redactor {
	var b redactorBuilder
	for _, s := range secrets {
		if strings.Contains(s.Reveal(), "://") {
			b.addURL(s.Reveal())
		} else {
			b.addHeader(s.Reveal())
		}
	}
	return b.build()
}

// Redact returns the text without the secrets.
func (r *Redactor) Redact(text string) string {
	if r == nil {
		return text
	}
	text = links.Mask(text, setting.Placeholder)
	if r.replacer == nil {
		return text
	}
	return r.replacer.Replace(text)
}

// redactorBuilder collects the texts to redact.
type redactorBuilder struct {
	texts map[string]bool
}

func (b *redactorBuilder) addText(text string) {
	for _, form := range []string{text, strings.TrimSpace(text), url.QueryEscape(text), url.PathEscape(text), render.JSONForm(text)} {
		b.add(form)
		b.add(lowerEscapes(form))
	}
}

func (b *redactorBuilder) add(form string) {
	if len(form) < leastSecret {
		return
	}
	if b.texts == nil {
		b.texts = map[string]bool{}
	}
	b.texts[form] = true
}

// addHeader adds a value, and the part after a scheme such as Bearer.
func (b *redactorBuilder) addHeader(value string) {
	b.addText(value)
	if _, rest, found := strings.Cut(value, " "); found {
		b.addText(rest)
	}
}

func (b *redactorBuilder) addURL(raw string) {
	// First, because an address that cannot be parsed is a secret as a whole.
	b.addText(raw)
	u, err := url.Parse(raw)
	if err != nil {
		return
	}
	if u.User != nil {
		b.addText(u.User.String())
		if password, set := u.User.Password(); set {
			b.addText(password)
			b.addText(base64.StdEncoding.EncodeToString([]byte(u.User.Username() + ":" + password)))
		} else {
			b.addText(u.User.Username())
		}
	}
	secret := false // whether the path contains a token: plain words of an address occur in log lines too, so they stay
	// A request has an id in the place of {id}, see withID, so the text beside it is looked at by itself.
	for _, segment := range strings.Split(strings.ReplaceAll(u.Path, "{id}", "/"), "/") {
		if looksSecret(segment) {
			b.addText(segment)
			secret = true
		}
		if token, ok := strings.CutPrefix(segment, "bot"); ok && looksSecret(token) { // Telegram's
			b.addText(token)
		}
	}
	if secret {
		b.addText(u.Path)
		b.addText(u.EscapedPath())
		b.addText(strings.Trim(u.Path, "/"))
	}
	query := false
	for name, values := range u.Query() {
		for _, value := range values {
			if looksSecret(value) || namesSecret(name) {
				b.addText(value)
				query = true
			}
		}
	}
	if query {
		b.addText(u.RawQuery)
	}
	if secret || query {
		b.addText(u.RequestURI())
	}
}

// addKeys adds the signing keys, decoded and as configured.
func (b *redactorBuilder) addKeys(s signer) {
	for _, key := range s.keys {
		b.add(string(key))
		text := base64.StdEncoding.EncodeToString(key)
		b.addText(text)
		b.addText("whsec_" + text)
	}
	b.addText(string(s.hub))
}

// build returns the redactor. Longer texts come first, so that the longest match wins.
func (b *redactorBuilder) build() *Redactor {
	texts := make([]string, 0, len(b.texts))
	for text := range b.texts {
		texts = append(texts, text)
	}
	if len(texts) == 0 {
		return &Redactor{}
	}
	slices.SortFunc(texts, func(x, y string) int {
		return cmp.Or(cmp.Compare(len(y), len(x)), strings.Compare(x, y))
	})
	pairs := make([]string, 0, 2*len(texts))
	for _, text := range texts {
		pairs = append(pairs, text, setting.Placeholder)
	}
	return &Redactor{strings.NewReplacer(pairs...)}
}

// looksSecret reports whether a text looks like a token, unlike plain words such as "services", "fluent-bit-alerts", "Payments" or "v2". In doubt
// it returns true.
func looksSecret(text string) bool {
	if len(text) < leastSecret {
		return false
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("-_. ", r) })
	return len(words) == 0 || slices.ContainsFunc(words, func(word string) bool { return !plainWord().MatchString(word) })
}

// plainWord matches a short word in lower case, in upper case or with a capital, and a number or version of at most three digits.
var plainWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(\p{Lu}?\p{Ll}{0,10}|\p{Lu}{1,8}|v?[0-9]{1,3})$`) })

// namesSecret reports whether the name of a header or query parameter suggests that its value is a secret.
func namesSecret(name string) bool {
	return secretName().MatchString(name)
}

var secretName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)auth|token|key|secret|pass|cookie|session|signature|sig$|credential|code$`)
})

// lowerEscapes writes percent escapes with lower case digits.
func lowerEscapes(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	b := []byte(text)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			b[i+1], b[i+2] = lowerByte(b[i+1]), lowerByte(b[i+2])
		}
	}
	return string(b)
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'F' {
		return c + 'a' - 'A'
	}
	return c
}
