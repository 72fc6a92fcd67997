package setting

import (
	"fmt"
	"io"
	"log/slog"
)

// Placeholder is shown in place of a secret.
const Placeholder = "••••"

// Secret is a text that cannot be printed: every way of formatting or encoding it gives Placeholder, or nothing when it is empty. The text
// sits behind a pointer because fmt ignores methods on unexported fields: a struct that holds a Secret prints an address, never the text.
// The zero value is the empty secret.
type Secret struct {
	text *string
}

// NewSecret wraps a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text. Its result must reach neither a log line nor an error.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal reports whether two secrets hold the same text.
func (s Secret) Equal(other Secret) bool { return s.Reveal() == other.Reveal() }

// String returns Placeholder, or "" for the empty secret.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Placeholder
}

// GoString returns what String returns.
func (s Secret) GoString() string { return s.String() }

// Format writes what String returns, whatever the verb.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, s.String()) }

// MarshalText returns what String returns; encoders of JSON and TOML use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue returns what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// UnmarshalText sets the secret to the text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// The endings of the keys that name the file and the variable of a secret.
const (
	FileSuffix = "_file"
	EnvSuffix  = "_env"
)

// SecretSource says where a secret comes from. A setting KEY of this type is written as one of three: KEY is the text itself, KEY_file names a
// file that holds it, KEY_env an environment variable. The zero value is no secret.
type SecretSource struct {
	Text Secret
	File string
	Env  string
}

// SecretText returns the source of a secret that is written out.
func SecretText(text string) SecretSource { return SecretSource{Text: NewSecret(text)} }

// IsZero reports whether the secret is not set.
func (s SecretSource) IsZero() bool { return s == SecretSource{} }

// Key returns the key that sets the secret, and key itself when none does.
func (s SecretSource) Key(key string) string {
	switch {
	case s.File != "":
		return key + FileSuffix
	case s.Env != "":
		return key + EnvSuffix
	}
	return key
}

// Check reports a secret that is set in more than one way.
func (s SecretSource) Check(fs *Faults, key string) {
	var set []string
	if !s.Text.IsZero() {
		set = append(set, key)
	}
	if s.File != "" {
		set = append(set, key+FileSuffix)
	}
	if s.Env != "" {
		set = append(set, key+EnvSuffix)
	}
	if len(set) > 1 {
		fs.Excludes(set[1], "", set[0], SecretHint(key))
	}
}

// SecretHint says how a secret is set.
func SecretHint(key string) string {
	return "set one of " + key + ", " + key + FileSuffix + " and " + key + EnvSuffix
}
