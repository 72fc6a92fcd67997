package starter

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// Trigger is the trigger of a new configuration: its settings as a file has them, secrets included.
type Trigger struct {
	Set map[string]any
	// Allow are the entries of egress.allow that its address needs.
	Allow []string
}

// FormatOf returns the format for an address, and whether its host is one that the receivers know. The format for others is generic.
func FormatOf(address string) (format string, known bool) {
	if r := receiver.At(setting.NewSecret(address)); r != nil {
		return r.Format, true
	}
	return trigger.DefaultFormat, false
}

// HasAddress reports whether the format has an address of its own, so that none must be set.
func HasAddress(format string) bool { return receiver.For(&trigger.Settings{Format: format}).URL != "" }

// SecretKeys returns the settings of a trigger that are secrets, without those for their files and variables.
func SecretKeys() []string {
	var keys []string
	s := trigger.DefaultSettings()
	for _, secret := range s.Secrets() {
		keys = append(keys, secret.Key)
	}
	return keys
}

// IsText reports whether a setting of a trigger is a text, so that a value such as -100123 is one, too.
func IsText(key string) bool {
	of := reflect.TypeFor[trigger.Settings]()
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Tag.Get("toml") == key {
			return f.Type.Kind() == reflect.String || f.Type == reflect.TypeFor[setting.SecretSource]()
		}
	}
	return false
}

// Problems returns everything that is wrong with the trigger, as a start would report it. No problem contains a secret.
func (t *Trigger) Problems() []config.Problem {
	return config.Load(config.Sources{Inline: egressTable(t.Allow) + table(t.Set)}).Problems
}

// AllowOwn adds the address of the trigger to Allow if the default policy blocks it and would not with the entry: whoever names the address of a service on
// this machine wants to reach it. Metadata services stay blocked. It returns the entry, "" for none.
func (t *Trigger) AllowOwn() string {
	address, ok := t.Set["url"].(string)
	u, err := url.Parse(address)
	if !ok || err != nil || u.Hostname() == "" {
		return ""
	}
	entry := fmt.Sprintf("%s:%d", u.Hostname(), egress.Port(u))
	if strings.Contains(u.Hostname(), ":") {
		entry = fmt.Sprintf("[%s]:%d", u.Hostname(), egress.Port(u))
	}
	blocked := func() bool {
		return slices.ContainsFunc(t.Problems(), func(p config.Problem) bool {
			return p.Field == "egress.allow" || p.Field == "url" && strings.Contains(p.Message, "blocked")
		})
	}
	if !blocked() {
		return ""
	}
	t.Allow = []string{entry}
	if blocked() {
		t.Allow = nil
		return ""
	}
	return entry
}

var fileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

// Secret is a secret that goes into a file of its own.
type Secret struct {
	Key  string // of the trigger
	File string
	Text setting.Secret
}

// TakeSecrets replaces secrets in the settings by the names of files, which begin with base, and returns the files. An address counts as a secret unless it
// names a server only: a path or a query is often all that one needs to post there.
func (t *Trigger) TakeSecrets(base string) ([]Secret, error) {
	name, _ := t.Set["name"].(string)
	if !fileName.MatchString(name) {
		return nil, fmt.Errorf("name: %q must be letters, digits, _, . and -: files are named after it", name)
	}
	if headers, ok := t.Set["headers"].(map[string]any); ok && len(headers) > 0 {
		one := slices.Min(slices.Collect(maps.Keys(headers)))
		return nil, fmt.Errorf("headers.%s: its value may be a secret (set header_files.%s or header_env.%s)", one, one, one)
	}
	var secrets []Secret
	for _, key := range SecretKeys() {
		text, ok := t.Set[key].(string)
		if !ok || text == "" || key == "url" && serverOnly(text) {
			continue
		}
		s := Secret{Key: key, File: base + "." + name + "." + strings.ReplaceAll(key, "_", "-"), Text: setting.NewSecret(text)}
		delete(t.Set, key)
		t.Set[key+setting.FileSuffix] = s.File
		secrets = append(secrets, s)
	}
	return secrets, nil
}

// serverOnly reports whether an address names a server and nothing on it.
func serverOnly(address string) bool {
	u, err := url.Parse(address)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return false
	}
	return len(client.InClear(&trigger.Settings{URL: setting.SecretText(address)})) == 0
}

// first are the keys that a table begins with.
var first = []string{"name", "url", "url_file", "url_env", "format"}

// table returns settings as a [[trigger]] table.
func table(set map[string]any) string {
	keys := slices.Collect(maps.Keys(set))
	slices.SortFunc(keys, func(a, b string) int {
		rank := func(key string) int {
			if i := slices.Index(first, key); i >= 0 {
				return i
			}
			return len(first)
		}
		if rank(a) != rank(b) {
			return rank(a) - rank(b)
		}
		return strings.Compare(a, b)
	})
	var b strings.Builder
	b.WriteString("[[trigger]]\n")
	for _, key := range keys {
		fmt.Fprintf(&b, "%s = %s\n", keyOf(key), literal(set[key]))
	}
	return b.String()
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func keyOf(key string) string {
	if bareKey.MatchString(key) {
		return key
	}
	return safetext.TOML(key)
}

// literal returns a value as TOML writes it.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		return safetext.TOML(v)
	case []any:
		parts := make([]string, len(v))
		for i, one := range v {
			parts[i] = literal(one)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, keyOf(key)+" = "+literal(v[key]))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	}
	return fmt.Sprint(v)
}

// egressTable returns the table that allows addresses, "" for none.
func egressTable(allow []string) string {
	if len(allow) == 0 {
		return ""
	}
	all := make([]any, len(allow))
	for i := range allow {
		all[i] = allow[i]
	}
	return "[egress]\nallow = " + literal(all) + "\n"
}
