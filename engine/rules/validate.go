package rules

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/templates"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
)

// Bounds of a rule's settings.
const (
	maxContextLines = 50
	maxNameLen      = 128
	maxBurst        = 1_000_000
	maxKeysAllowed  = 10_000_000
)

var (
	streamWords     = []string{"stdout", "stderr", "both"}
	cooldownByWords = []string{"container", "workload", "host", "stream", "tag", "template"}
)

// StreamNames lists the words that a rule's stream accepts.
func StreamNames() []string { return slices.Clone(streamWords) }

// CooldownByNames lists the words that a rule's cooldown_by accepts beside capture.NAME and field.PATH.
func CooldownByNames() []string { return slices.Clone(cooldownByWords) }

// Validate returns everything that is wrong with the rule, in the order of its settings, and nil when it can be compiled.
func (r *RuleSettings) Validate() []setting.Fault { return r.validate(nil) }

// validate is Validate with a function that parses the pattern, as syntax.Parse does; nil is that.
func (r *RuleSettings) validate(parse func(expr string) error) []setting.Fault {
	p := checks{parse: parse}
	p.name(r.Name)
	p.text(r)
	p.identity(r)
	p.counting(r)
	p.output(r)
	return p.Faults
}

func (p *checks) name(name string) {
	switch {
	case name == "":
		p.Required("name", "")
	case p.tooLong("name", name, maxNameLen):
	case strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c == 0x7f }):
		p.add("name", name, "must not hold control characters")
	}
}

// text checks the conditions on the line.
func (p *checks) text(r *RuleSettings) {
	if r.Pattern == "" && len(r.Keywords)+len(r.Any)+len(r.All)+len(r.None)+len(r.Where)+len(r.Event) == 0 {
		p.Required("pattern", "a rule needs at least one of pattern, keywords, any, all, none, event and where")
	}
	if r.Pattern != "" {
		p.regexp("pattern", r.Pattern)
	}
	for _, list := range []struct {
		field string
		texts []string
	}{{"any", r.Any}, {"all", r.All}, {"none", r.None}} {
		p.listLen(list.field, len(list.texts))
		for _, text := range list.texts {
			p.regexp(list.field, text)
		}
	}
	p.listLen("keywords", len(r.Keywords))
	for _, k := range r.Keywords {
		if k == "" {
			p.add("keywords", "", "an empty keyword occurs in every line")
		}
	}
	for _, path := range slices.Sorted(maps.Keys(r.Where)) {
		if where.Check(&p.Faults, "where."+path, path, r.Where[path]) {
			p.eventField(r, "where."+path, r.Where[path], path)
		}
	}
	for _, name := range r.Event {
		p.OneOf("event", name, model.KnownEvents)
	}
	p.listLen("event", len(r.Event))
	if len(r.Event) > 0 && (r.Stream == "stdout" || r.Stream == "stderr") {
		p.Conflict("stream", r.Stream, "event", "must not be set together with event", "an event belongs to no stream")
	}
	if r.Stream != "" {
		p.OneOf("stream", r.Stream, streamWords)
	}
}

// identity checks the workloads of the rule, and the parts of its cooldown key.
func (p *checks) identity(r *RuleSettings) {
	for _, list := range []struct {
		field string
		globs []string
	}{{"workloads", r.Workloads}, {"exclude_workloads", r.ExcludeWorkloads}} {
		for _, g := range list.globs {
			if err := glob.Check(g); err != nil {
				p.add(list.field, g, "%v", err)
			}
		}
	}
	setting.AtMost(&p.Faults, "cooldown", r.Cooldown, MaxCooldown)
	p.cooldownMax(r)
	for _, by := range r.CooldownBy {
		p.cooldownBy(r, by)
	}
}

func (p *checks) cooldownMax(r *RuleSettings) {
	setting.AtMost(&p.Faults, "cooldown_max", r.CooldownMax, MaxCooldown)
	text := setting.FormatDuration(r.CooldownMax)
	switch {
	case r.CooldownMax <= 0:
	case r.Absent > 0:
		p.Excludes("cooldown_max", text, "absent", "a rule that waits for lines has no cooldown")
	case r.Without != "":
		p.Excludes("cooldown_max", text, "without", "a rule that waits for another one has no cooldown")
	case r.Rate.Below != 0:
		p.Excludes("cooldown_max", text, "rate.below", "hits of a rule that reports what went quiet have no cooldown")
	case r.Cooldown == 0:
		p.Needs("cooldown_max", text, "cooldown")
	case r.Cooldown > 0:
		setting.AtLeast(&p.Faults, "cooldown_max", r.CooldownMax, r.Cooldown)
	}
}

func (p *checks) cooldownBy(r *RuleSettings, by string) {
	if p.value(r, "cooldown_by", by) {
		return
	}
	if !slices.Contains(cooldownByWords, by) {
		p.Unknown("cooldown_by", by, append(slices.Clone(cooldownByWords), "capture.NAME", "field.PATH"), cooldownByWords...)
	}
}

// output checks the parts of the alert.
func (p *checks) output(r *RuleSettings) {
	r.Context.check(p)
	if len(r.Event) > 0 && r.Context != (Context{}) {
		p.Add("context", "", "an event belongs to no stream: there are no lines before and after it", "a rule about lines can have one")
	}
	if r.Severity > model.SeverityCritical {
		p.OneOf("severity", r.Severity.String(), model.SeverityNames())
	}
	if _, err := parseSummary(r.Summary); err != nil {
		hint, wrong := templates.Error(err, &summaryData{}, nil)
		p.Add("summary", r.Summary, wrong.Error(), hint)
	}
	if r.Runbook != "" && !isWebAddress(r.Runbook) {
		p.Add("runbook", safetext.Cut(r.Runbook, model.ShortLine), "must be an address that begins with http:// or https://", "such as https://wiki.example.com/runbooks/oom")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			p.add("labels", name, "a label's name must not be empty nor hold spaces or control characters")
		}
		if _, err := parseLabel(r.Labels[name]); err != nil {
			hint, wrong := templates.Error(err, &summaryData{}, nil)
			p.Add("labels."+name, r.Labels[name], wrong.Error(), hint)
		}
	}
	p.Length("fields", len(r.Fields), MaxFields, "entries")
	for i, path := range r.Fields {
		switch {
		case path == "":
			p.add("fields", "", "a field's path must not be empty")
		case p.tooLong("fields", path, maxFieldPath):
		case slices.Contains(r.Fields[:i], path):
			p.add("fields", path, "is given twice")
		}
	}
}

// isWebAddress reports whether a text is a link that a message may carry: anything else, such as javascript:, does not lead to a page.
func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil
}

// Validate returns everything that is wrong with the limits.
func (l *Limits) Validate() []setting.Fault {
	var p checks
	b := l.PerContainer
	switch {
	case b.Rate.Count < 0 || b.Rate.Per < 0:
		p.add("per_container.rate", fmt.Sprintf("%d/%s", b.Rate.Count, b.Rate.Per), "must not be negative")
	case b.Rate.Count > 0 && b.Rate.Per <= 0:
		p.add("per_container.rate", fmt.Sprintf("%d/%s", b.Rate.Count, b.Rate.Per), "needs a length of time, as in \"30/m\"")
	case b.Rate.Count > 0:
		setting.Between(&p.Faults, "per_container.burst", b.Burst, 1, maxBurst)
	}
	setting.Between(&p.Faults, "max_keys", l.MaxKeys, 1, maxKeysAllowed)
	return p.Faults
}

// Validate returns everything that is wrong with the block itself. Its rules are validated by RuleSettings.Validate, and its overrides
// by applying them (see Override.Apply) and validating the result.
func (w *WorkloadSettings) Validate() []setting.Fault {
	var p checks
	if err := glob.Check(w.Match); err != nil {
		p.add("match", w.Match, "%v", err)
	}
	return p.Faults
}

func (c *Context) check(p *checks) {
	for _, n := range []struct {
		field string
		lines int
	}{{"context.before", c.Before}, {"context.after", c.After}} {
		setting.Between(&p.Faults, n.field, n.lines, 0, maxContextLines)
	}
}
