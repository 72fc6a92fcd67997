package redact

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Settings say which secrets are masked in alerts.
type Settings struct {
	// Masks secrets with a known form: tokens of well-known services, JSON Web Tokens, private keys, Authorization headers,
	// cookies, passwords in URLs and assignments, and card numbers.
	Builtin bool `toml:"builtin"`
	// Masks e-mail addresses too.
	Email bool `toml:"email"`
	// Regular expressions (RE2 syntax) for other texts to mask, as in ['\bsess-[0-9a-f]{32}\b']. The whole match is replaced by [redacted:custom];
	// with a named group, as in 'customer (?P<customer>\d+)', only the group is replaced, by [redacted:customer].
	Patterns []string `toml:"patterns"`
}

// Bounds of Settings.
const (
	maxPatterns = 100
	maxPattern  = 1 << 10
	maxName     = 32
)

// customName names the mask of a pattern without a named group.
const customName = "custom"

// DefaultSettings returns the settings in force when none are set.
func DefaultSettings() Settings { return Settings{Builtin: true} }

// Validate returns everything that is wrong with the settings.
func (s Settings) Validate() []setting.Fault {
	var fs setting.Faults
	fs.Length("patterns", len(s.Patterns), maxPatterns, "patterns")
	for _, text := range s.Patterns {
		if f := faultOf(text); f != nil {
			fs = append(fs, *f)
		}
	}
	return fs
}

// Sound returns the settings without the patterns that Validate refuses, and with the built-in ones: a mistake must not show secrets.
func (s Settings) Sound() Settings {
	out := Settings{Builtin: true, Email: s.Email}
	for _, text := range s.Patterns[:min(len(s.Patterns), maxPatterns)] {
		if faultOf(text) == nil {
			out.Patterns = append(out.Patterns, text)
		}
	}
	return out
}

func faultOf(text string) *setting.Fault {
	var fs setting.Faults
	switch fs.Length("patterns", len(text), maxPattern, "bytes in a pattern"); {
	case len(fs) > 0:
	case text == "":
		fs.Add("patterns", "", "must not hold an empty text", "")
	default:
		f, err := custom(text)
		switch {
		case err != nil:
			fs.Add("patterns", text, err.Error(), "")
		case f.re().MatchString(""):
			fs.Add("patterns", text, "matches the empty text", "")
		}
	}
	if len(fs) == 0 {
		return nil
	}
	return &fs[0]
}

// custom returns the form of a pattern.
func custom(text string) (form, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		if e, ok := err.(*syntax.Error); ok {
			return form{}, fmt.Errorf("must be a regular expression: %s: `%s`", e.Code, e.Expr)
		}
		return form{}, err
	}
	f := form{name: customName, expr: text, re: func() *regexp.Regexp { return re }}
	for i, name := range re.SubexpNames() {
		switch {
		case name == "":
		case f.group > 0:
			return form{}, fmt.Errorf("must have at most one named group")
		case len(name) > maxName:
			return form{}, fmt.Errorf("must have at most %d bytes in the name of its group", maxName)
		default:
			f.name, f.group = strings.ReplaceAll(name, "_", "-"), i
		}
	}
	return f, nil
}
