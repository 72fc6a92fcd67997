package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// Bounds of what counts.
const (
	MaxCount         = 10_000 // hits that a threshold asks for
	maxDistinctCount = 1_000  // different values that one asks for
	maxWithin        = 31 * 24 * time.Hour
	minAbsent        = time.Second
	maxEscalations   = 10
)

// counting checks thresholds, absence, new templates and escalations, each by itself and beside the others.
func (p *problems) counting(r *RuleSettings) {
	p.threshold(r)
	p.absence(r)
	p.span("first_seen", r.FirstSeen)
	switch {
	case r.FirstSeen > 0 && r.Count > 0:
		p.hint("first_seen", "", "a template is new once, and count asks for several hits", "leave one of them out")
	case r.FirstSeen > 0 && r.Absent > 0:
		p.hint("first_seen", "", "does not go with absent, whose hits make no alerts of their own", "make two rules of it")
	}
	p.escalation(r)
}

func (p *problems) hint(field, value, message, hint string) {
	*p = append(*p, FieldError{Field: field, Value: value, Message: message, Hint: hint})
}

// span checks a length of time that is off at zero.
func (p *problems) span(field string, d time.Duration) {
	switch {
	case d < 0:
		p.add(field, d.String(), "must not be negative")
	case d > MaxCooldown:
		p.add(field, d.String(), "must be at most %s", MaxCooldown)
	}
}

func (p *problems) threshold(r *RuleSettings) {
	limit := MaxCount
	if r.Distinct != "" {
		limit = maxDistinctCount
	}
	switch {
	case r.Count == 1:
		p.hint("count", "1", "must be at least 2", "without count, each hit alerts")
	case r.Count < 0 || r.Count > limit:
		p.add("count", fmt.Sprint(r.Count), "must be from 2 to %d", limit)
	}
	switch {
	case r.Within < 0:
		p.add("within", r.Within.String(), "must not be negative")
	case r.Within > maxWithin:
		p.add("within", r.Within.String(), "must be at most %s", maxWithin)
	case r.Count != 0 && r.Within == 0:
		p.hint("within", "", "must be set together with count", `as in count = 5, within = "1m"`)
	case r.Count == 0 && r.Within != 0:
		p.hint("within", r.Within.String(), "means nothing without count", `as in count = 5, within = "1m"`)
	}
	if r.Distinct == "" {
		return
	}
	if r.Count == 0 {
		p.hint("distinct", r.Distinct, "means nothing without count", "")
	}
	if !p.value(r, "distinct", r.Distinct) {
		p.add("distinct", r.Distinct, "want capture.NAME or field.PATH")
	}
}

func (p *problems) absence(r *RuleSettings) {
	p.span("absent", r.Absent)
	if r.Absent > 0 && r.Absent < minAbsent {
		p.add("absent", r.Absent.String(), "must be at least %s", minAbsent)
	}
	if r.Absent > 0 && r.Count != 0 {
		p.hint("absent", "", "does not go with count", "a rule waits for lines, or counts them: make two rules of it")
	}
	switch {
	case r.AbsentFrom != "" && !slices.Contains(absentFromWords, r.AbsentFrom):
		p.add("absent_from", r.AbsentFrom, "unknown word: want one of %s", strings.Join(absentFromWords, ", "))
	case r.AbsentFrom == AbsentFromStart && r.Absent == 0:
		p.hint("absent_from", r.AbsentFrom, "means nothing without absent", "")
	case r.AbsentFrom == AbsentFromStart:
		for _, g := range r.Workloads {
			if !IsLiteral(g) {
				p.hint("absent_from", r.AbsentFrom, fmt.Sprintf("cannot wait for the workloads of a glob, %q, before they are there", g),
					"name them one by one, or leave absent_from out")
			}
		}
	}
}

func (p *problems) escalation(r *RuleSettings) {
	if len(r.Escalate) > maxEscalations {
		p.add("escalate", fmt.Sprint(len(r.Escalate)), "has %d steps: at most %d", len(r.Escalate), maxEscalations)
	}
	if len(r.Escalate) > 0 && r.Absent > 0 {
		p.hint("escalate", "", "does not go with absent", "a second rule with a longer absent and a graver severity does it")
	}
	for i, e := range r.Escalate {
		field := fmt.Sprintf("escalate[%d]", i)
		switch {
		case e.After <= 0:
			p.hint(field+".after", "", "must be above zero", `as in { after = "10m", severity = "critical" }`)
		case e.After > MaxCooldown:
			p.add(field+".after", e.After.String(), "must be at most %s", MaxCooldown)
		case i > 0 && e.After <= r.Escalate[i-1].After:
			p.add(field+".after", e.After.String(), "must be longer than that of the step before, %s", r.Escalate[i-1].After)
		}
		switch {
		case e.Severity == model.SeverityUnknown || e.Severity > model.SeverityCritical:
			p.add(field+".severity", "", "must be set, to one of %s", strings.Join(model.SeverityNames(), ", "))
		case i > 0 && e.Severity <= r.Escalate[i-1].Severity:
			p.add(field+".severity", e.Severity.String(), "must be graver than that of the step before, %s", r.Escalate[i-1].Severity)
		case r.Severity != model.SeverityUnknown && e.Severity <= r.Severity:
			p.add(field+".severity", e.Severity.String(), "must be graver than the rule's, %s", r.Severity)
		}
	}
}
