package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

var equalWords = []string{"workload", "host", "container", "tag"}

// EqualNames lists the words that the equal of an inhibition accepts.
func EqualNames() []string { return slices.Clone(equalWords) }

// DefaultInhibit returns the settings of an inhibition that sets none.
func DefaultInhibit() InhibitSettings { return InhibitSettings{For: 5 * time.Minute} }

// MaxInhibit bounds how long an alert suppresses others.
const MaxInhibit = 24 * time.Hour

// Validate returns everything that is wrong with the settings, in their order.
func (s *InhibitSettings) Validate() []setting.Fault {
	var p checks
	s.Source.check(&p, "source.")
	s.Target.check(&p, "target.")
	if s.For <= 0 {
		p.OutOfRange("for", setting.FormatDuration(s.For), "must be above zero", "")
	}
	if s.For > MaxInhibit {
		setting.AtMost(&p.Faults, "for", s.For, MaxInhibit)
	}
	for _, word := range s.Equal {
		p.OneOf("equal", word, equalWords)
	}
	return p.Faults
}

// Inhibit is one inhibition, compiled.
type Inhibit struct {
	id             string // a digest of source, target and equal: state is kept under it
	Source, Target Matcher
	lasts          int64 // ns
	equal          []string
}

func (s *InhibitSettings) compile() (*Inhibit, error) {
	i := &Inhibit{lasts: int64(s.For), equal: append([]string{}, s.Equal...)}
	slices.Sort(i.equal)
	i.equal = slices.Compact(i.equal)
	text, err := json.Marshal([]any{s.Source, s.Target, i.equal})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	i.id = hex.EncodeToString(sum[:8])
	if i.Source, err = s.Source.Compile(); err != nil {
		return nil, fmt.Errorf("source.%w", err)
	}
	if i.Target, err = s.Target.Compile(); err != nil {
		return nil, fmt.Errorf("target.%w", err)
	}
	return i, nil
}

// AppendKey appends the key that the inhibition has its state under for a source.
func (i *Inhibit) AppendKey(key []byte, s *model.Source) []byte {
	key = append(key, i.id...)
	for _, word := range i.equal {
		key = append(key, model.KeySeparator)
		start := len(key)
		switch word {
		case "workload":
			key = append(key, s.Workload...)
		case "host":
			key = append(key, s.Host...)
		case "container":
			key = model.AppendContainer(key, s)
		case "tag":
			key = append(key, s.Tag...)
		}
		key = key[:min(len(key), start+model.MaxKeyPart)]
	}
	return key
}

func (i *Inhibit) Active(at, now int64) bool { return at != 0 && at <= now && now-at < i.lasts }
