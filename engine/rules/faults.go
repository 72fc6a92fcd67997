package rules

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Bounds of settings that several checks share.
const (
	MaxPatternLen = 64 << 10
	MaxCooldown   = 366 * 24 * time.Hour
	maxListLen    = 10_000
)

// checks collects the faults of one rule, silence or inhibition.
type checks struct {
	setting.Faults
	parse func(expr string) error // of patterns; nil: syntax.Parse
}

// add reports a value that cannot be used for a reason of its own.
func (c *checks) add(field, value, format string, args ...any) {
	c.Add(field, value, fmt.Sprintf(format, args...), "")
}

// tooLong reports a text of more than most bytes, and returns whether it is one.
func (c *checks) tooLong(field, text string, most int) bool {
	c.Length(field, len(text), most, "bytes")
	return len(text) > most
}

func (p *checks) listLen(field string, n int) {
	p.Length(field, n, maxListLen, "entries")
}

func (p *checks) regexp(field, text string) {
	if len(text) > MaxPatternLen {
		p.add(field, safetext.Shorten(text, 32), "is %d bytes long: at most %d", len(text), MaxPatternLen)
		return
	}
	if text == "" {
		p.add(field, "", "an empty regular expression matches every line")
		return
	}
	parse := p.parse
	if parse == nil || field != "pattern" {
		parse = func(expr string) error { // as regexp.Compile does, which cannot fail after it
			_, err := syntax.Parse(expr, syntax.Perl)
			return err
		}
	}
	if err := parse(text); err != nil {
		message, hint := setting.ExplainRegexp(err)
		p.Add(field, text, message, hint)
	}
}

// value checks a capture.NAME or a field.PATH, and reports whether it is one.
func (p *checks) value(r *RuleSettings, field, word string) bool {
	if name, ok := strings.CutPrefix(word, "capture."); ok {
		re, err := regexp.Compile(r.Pattern)
		if err == nil && (name == "" || re.SubexpIndex(name) < 0) {
			hint := ""
			if len(r.Event) > 0 && slices.Contains(model.KnownFields[:], name) {
				hint = "it is a field of the event: field." + name
			}
			p.Add(field, word, fmt.Sprintf("the pattern has no group named %q", name), hint)
		}
		return true
	}
	path, ok := strings.CutPrefix(word, "field.")
	switch {
	case ok && path == "":
		p.add(field, word, "must name a field")
	case ok:
		p.eventField(r, field, word, path)
	}
	return ok
}

// eventField refuses a field that no event has.
func (p *checks) eventField(r *RuleSettings, field, value, name string) {
	if len(r.Event) > 0 && !slices.Contains(model.KnownFields[:], name) {
		p.Add(field, value, fmt.Sprintf("an event has no field %q", name), "it has "+strings.Join(model.KnownFields[:], ", "))
	}
}
