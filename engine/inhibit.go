package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// InhibitSettings says which alerts keep others from leaving: while an alert that the source matches is not older than For, hits that the
// target matches are held back and counted with the reason inhibited. What both match is never held back by what both match, so that no
// alert inhibits itself.
type InhibitSettings struct {
	// Which alerts hold others back.
	Source Matchers `toml:"source"`
	// Which hits are held back.
	Target Matchers `toml:"target"`
	// For how long after an alert of the source.
	For time.Duration `toml:"for"`
	// In what source and target must agree: workload, host, container, tag. Empty: in nothing.
	Equal []string `toml:"equal"`
}

var equalWords = []string{"workload", "host", "container", "tag"}

// EqualNames lists the words that the equal of an inhibition accepts.
func EqualNames() []string { return slices.Clone(equalWords) }

// DefaultInhibit returns the settings of an inhibition that sets none.
func DefaultInhibit() InhibitSettings { return InhibitSettings{For: 5 * time.Minute} }

// maxInhibit bounds how long an alert holds others back.
const maxInhibit = 24 * time.Hour

// Validate returns everything that is wrong with the settings, in their order.
func (s *InhibitSettings) Validate() []FieldError {
	var p problems
	s.Source.check(&p, "source.")
	s.Target.check(&p, "target.")
	switch {
	case s.For <= 0:
		p.add("for", s.For.String(), "must be above zero")
	case s.For > maxInhibit:
		p.add("for", s.For.String(), "must be at most %s", maxInhibit)
	}
	for _, word := range s.Equal {
		if !slices.Contains(equalWords, word) {
			p.add("equal", word, "unknown word: want %s", strings.Join(equalWords, ", "))
		}
	}
	return p
}

// inhibit is one inhibition, compiled.
type inhibit struct {
	id             string // a digest of source, target and equal: state is kept under it
	source, target matcher
	lasts          int64 // ns
	equal          []string
}

func (s *InhibitSettings) compile() (*inhibit, error) {
	i := &inhibit{lasts: int64(s.For), equal: append([]string{}, s.Equal...)}
	slices.Sort(i.equal)
	i.equal = slices.Compact(i.equal)
	text, err := json.Marshal([]any{s.Source, s.Target, i.equal})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	i.id = hex.EncodeToString(sum[:8])
	if i.source, err = s.Source.compile(); err != nil {
		return nil, fmt.Errorf("source.message: %w", err)
	}
	if i.target, err = s.Target.compile(); err != nil {
		return nil, fmt.Errorf("target.message: %w", err)
	}
	return i, nil
}

// appendKey appends what the state of the inhibition is kept under for a source.
func (i *inhibit) appendKey(key []byte, s *Source) []byte {
	key = append(key, i.id...)
	for _, word := range i.equal {
		key = append(key, keySeparator)
		start := len(key)
		switch word {
		case "workload":
			key = append(key, s.Workload...)
		case "host":
			key = append(key, s.Host...)
		case "container":
			key = appendContainer(key, s)
		case "tag":
			key = append(key, s.Tag...)
		}
		key = key[:min(len(key), start+maxKeyPart)]
	}
	return key
}

func (i *inhibit) active(at, now int64) bool { return at != 0 && at <= now && now-at < i.lasts }
