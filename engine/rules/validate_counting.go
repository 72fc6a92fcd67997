package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Bounds of thresholds, absences and escalations.
const (
	MaxCount         = 10_000 // hits that a threshold asks for
	maxDistinctCount = 1_000  // different values that one asks for
	maxWithin        = 31 * 24 * time.Hour
	minAbsent        = time.Second
	maxEscalations   = 10
	maxSequenceParts = 8 // of by
	minRateWithin    = time.Minute
	maxThan          = 31 * 24 * time.Hour
	maxAtLeast       = 1_000_000_000
)

// counting checks thresholds, absence, new templates and escalations, each by itself and beside the others.
func (p *checks) counting(r *RuleSettings) {
	p.threshold(r)
	p.rate(r)
	p.ratio(r)
	p.sequence(r)
	p.absence(r)
	if r.FirstSeen != FirstSeenImage {
		setting.AtMost(&p.Faults, "first_seen", time.Duration(r.FirstSeen), MaxCooldown)
	}
	switch {
	case r.FirstSeen != 0 && r.Count > 0:
		p.Excludes("first_seen", "", "count", "a template is new once, and count asks for several hits")
	case r.FirstSeen != 0 && r.Absent > 0:
		p.Excludes("first_seen", "", "absent", "hits of an absence rule make no alerts: write two rules")
	}
	p.resolve(r)
	p.escalation(r)
	p.deploy(r)
	p.scope(r)
}

// scope checks whose alerts a cooldown suppresses.
func (p *checks) scope(r *RuleSettings) {
	if r.Scope != "" {
		p.OneOf("scope", r.Scope, scopeWords)
	}
	if r.Fleet() {
		p.Faults = append(p.Faults, ScopeFaults(r)...)
	}
}

// ScopeFaults returns the faults that a rule would have with scope = "fleet": of settings that go by what one node knows.
func ScopeFaults(r *RuleSettings) []setting.Fault {
	var p checks
	const (
		ends  = "an incident goes on on other nodes when this one is quiet"
		usual = "a node does not know whether others have the hits that it lacks"
		rule  = `; write another rule with scope = "node"`
	)
	for _, one := range []struct {
		key string
		set bool
		why string
	}{
		{"resolve", r.Resolve != 0, ends}, {"resolve_on", r.ResolveOn != "", ends},
		{"rate.below", r.Rate.Below != 0, usual},
	} {
		if one.set {
			p.Conflict(one.key, "", "scope", `must not be set with scope = "fleet"`, one.why+rule)
		}
	}
	if r.After != "" && r.FirstSeen != 0 {
		p.Conflict("first_seen", r.FirstSeen.String(), "after", `must not be set together with after and scope = "fleet"`,
			"the alert of a hit that followed one on another node is made later, and nobody knows by then whether its template was new"+rule)
	}
	return p.Faults
}

func (p *checks) threshold(r *RuleSettings) {
	limit := MaxCount
	if r.Distinct != "" {
		limit = maxDistinctCount
	}
	switch {
	case r.Count == 1:
		p.OutOfRange("count", "1", fmt.Sprintf("must be from 2 to %d", limit), "without count, each hit alerts")
	case r.Count != 0:
		setting.Between(&p.Faults, "count", r.Count, 2, limit)
	}
	setting.AtMost(&p.Faults, "within", r.Within, maxWithin)
	const both = `as in count = 5, within = "1m"`
	switch {
	case r.Count != 0 && r.Within == 0:
		p.Conflict("within", "", "count", "must be set together with count", both)
	case r.Count == 0 && r.Within != 0 && r.Related() == "" && !r.Ratio.IsSet() && r.Rate == (rate.Settings{}):
		p.Conflict("within", setting.FormatDuration(r.Within), "count", "must be set together with count, rate, ratio, after or without", both)
	}
	if r.Distinct == "" {
		return
	}
	if r.Count == 0 {
		p.Needs("distinct", r.Distinct, "count")
	}
	if !p.value(r, "distinct", r.Distinct) {
		p.Unknown("distinct", r.Distinct, []string{"capture.NAME", "field.PATH"})
	}
}

// rate checks the comparison of a key with its past.
func (p *checks) rate(r *RuleSettings) {
	set := &r.Rate
	if *set == (rate.Settings{}) {
		return
	}
	const form = `as in rate = { above = "3x", than = "1h", at_least = 20 }`
	switch {
	case !set.IsSet():
		p.Required("rate.above", "or below, "+form)
	case set.Above != 0 && set.Below != 0:
		p.Excludes("rate.below", set.Below.String(), "rate.above", "hits of a rule with below make no alerts: write two rules")
	case set.Above != 0 && set.Above < rate.Unit:
		p.OutOfRange("rate.above", set.Above.String(), "must be at least 1x", "usual lines would alert")
	case set.Below >= rate.Unit:
		p.OutOfRange("rate.below", set.Below.String(), "must be below 1x", "usual lines would alert half of the time")
	}
	switch {
	case r.Within == 0:
		p.Conflict("within", "", "rate", "must be set together with rate", `as in within = "5m"`)
	case set.Than == 0:
		p.Required("rate.than", form)
	default:
		p.rateWithin(r, "rate")
		if set.Than < 2*r.Within || set.Than > maxThan {
			p.OutOfRange("rate.than", setting.FormatDuration(set.Than),
				fmt.Sprintf("must be at least twice within, %s, and at most %s", setting.FormatDuration(r.Within), setting.FormatDuration(maxThan)), "")
		}
	}
	p.atLeast("rate.at_least", set.AtLeast, form)
	p.countsAlone(r, "rate", "")
	switch {
	case r.Other() != "":
		p.Excludes("rate", "", p.sequenceKey(r), "write two rules: the other one may name this one")
	case set.Below == 0:
	case len(r.Escalate) > 0:
		p.Excludes("escalate", "", "rate.below", "write a second rule with a smaller factor and a graver severity")
	case r.Context != (Context{}):
		p.Excludes("context", "", "rate.below", "time makes the alert, and keeps no lines")
	case r.Deploy:
		p.Excludes("deploy", "", "rate.below", "hits of this rule are what is to be expected: write two rules")
	}
}

// rateWithin checks the time span of rate and ratio, which the validation of thresholds has bounded above.
func (p *checks) rateWithin(r *RuleSettings, with string) {
	if r.Within < minRateWithin {
		p.OutOfRange("within", setting.FormatDuration(r.Within), "must be at least "+setting.FormatDuration(minRateWithin)+" with "+with, "")
	}
}

func (p *checks) atLeast(field string, n int, form string) {
	if n == 0 {
		p.Required(field, form)
		return
	}
	setting.Between(&p.Faults, field, n, 1, maxAtLeast)
}

// countsAlone refuses other settings that count.
func (p *checks) countsAlone(r *RuleSettings, field, value string) {
	switch {
	case r.Count != 0:
		p.Excludes(field, value, "count", "a rule counts in one way: write two rules")
	case r.Absent > 0:
		p.Excludes(field, value, "absent", "a rule waits for lines or counts them: write two rules")
	case r.FirstSeen != 0:
		p.Excludes(field, value, "first_seen", "a template is new once, and this asks for several hits")
	}
}

// ratio checks the comparison with the hits of another rule.
func (p *checks) ratio(r *RuleSettings) {
	if !r.Ratio.IsSet() {
		if r.Of != "" {
			p.Needs("of", r.Of, "ratio")
		}
		if r.AtLeast != 0 {
			p.Conflict("at_least", fmt.Sprint(r.AtLeast), "ratio", "must be set together with ratio", "that of a rate is rate.at_least")
		}
		return
	}
	const form = `as in ratio = ">5%", of = "requests", within = "5m", at_least = 100`
	switch {
	case r.Of == "":
		p.Required("of", "the name of another rule, "+form)
	case r.Of == r.Name:
		p.Add("of", r.Of, "must be the name of another rule", "")
	}
	if r.Within == 0 {
		p.Conflict("within", "", "ratio", "must be set together with ratio", form)
	} else {
		p.rateWithin(r, "ratio")
	}
	p.atLeast("at_least", r.AtLeast, form)
	p.countsAlone(r, "ratio", r.Ratio.String())
	switch {
	case r.Rate.IsSet():
		p.Excludes("ratio", r.Ratio.String(), "rate", "a rule counts in one way: write two rules")
	case r.Other() != "":
		p.Excludes("ratio", r.Ratio.String(), p.sequenceKey(r), "write two rules: the other one may name this one")
	}
	p.by(r)
}

func (p *checks) sequenceKey(r *RuleSettings) string {
	if r.After != "" {
		return "after"
	}
	return "without"
}

// sequence checks after, without and by.
func (p *checks) sequence(r *RuleSettings) {
	other, key := r.Other(), p.sequenceKey(r)
	if other == "" {
		return
	}
	const twoRules = "write two rules: the other one may name this one"
	switch {
	case r.After != "" && r.Without != "":
		p.Excludes("after", r.After, "without", twoRules)
	case other == r.Name:
		p.Add(key, other, "must be the name of another rule", "")
	case r.Within == 0:
		p.Conflict("within", "", key, "must be set together with "+key, `as in within = "10m"`)
	}
	switch {
	case r.Count != 0:
		p.Excludes(key, other, "count", twoRules)
	case r.Absent > 0:
		p.Excludes(key, other, "absent", twoRules)
	case r.Without == "":
	case r.FirstSeen != 0:
		p.Excludes(key, other, "first_seen", twoRules)
	case len(r.Escalate) > 0:
		p.Excludes(key, other, "escalate", "time makes one alert for each wait")
	case r.Context != (Context{}):
		p.Excludes(key, other, "context", "time makes the alert, and keeps no lines")
	}
	p.by(r)
}

// by checks what the hits of a sequence or a ratio have in common.
func (p *checks) by(r *RuleSettings) {
	p.Length("by", len(r.By), maxSequenceParts, "parts")
	for _, word := range r.By {
		if !slices.Contains(sequenceWords, word) && !p.value(r, "by", word) {
			p.Unknown("by", word, append(slices.Clone(sequenceWords), "capture.NAME", "field.PATH"), sequenceWords...)
		}
	}
}

// sequenceWords are the words of by beside capture.NAME and field.PATH. A template is not among them, because the lines of the two rules have different ones.
var sequenceWords = []string{"container", "workload", "host", "stream", "tag"}

func (p *checks) absence(r *RuleSettings) {
	setting.AtMost(&p.Faults, "absent", r.Absent, MaxCooldown)
	if r.Absent > 0 {
		setting.AtLeast(&p.Faults, "absent", r.Absent, minAbsent)
	}
	if r.Absent > 0 && r.Count != 0 {
		p.Excludes("absent", "", "count", "a rule waits for lines or counts them: write two rules")
	}
	switch {
	case r.AbsentFrom != "" && !slices.Contains(absentFromWords, r.AbsentFrom):
		p.OneOf("absent_from", r.AbsentFrom, absentFromWords)
	case r.AbsentFrom == AbsentFromStart && r.Absent == 0:
		p.Needs("absent_from", r.AbsentFrom, "absent")
	case r.AbsentFrom == AbsentFromStart:
		for _, g := range r.Workloads {
			if !glob.IsLiteral(g) {
				p.Add("absent_from", r.AbsentFrom, fmt.Sprintf("cannot wait for the workloads of a glob, %q, before they are there", g),
					"name them one by one, or leave absent_from out")
			}
		}
	}
}

func (p *checks) resolve(r *RuleSettings) {
	setting.AtMost(&p.Faults, "resolve", r.Resolve, MaxCooldown)
	if r.Resolve != 0 {
		setting.AtLeast(&p.Faults, "resolve", r.Resolve, minAbsent)
	}
	if r.ResolveOn != "" {
		p.regexp("resolve_on", r.ResolveOn)
	}
	for _, one := range []struct {
		field string
		set   bool
	}{{"resolve", r.Resolve != 0}, {"resolve_on", r.ResolveOn != ""}} {
		if one.set && r.Absent > 0 {
			p.Excludes(one.field, "", "absent", "an absence ends by itself, with the next line")
		}
		if one.set && r.Without != "" {
			p.Excludes(one.field, "", "without", "hits of a rule that waits for another one make no alerts that could go on")
		}
		if one.set && r.Rate.Below != 0 {
			p.Excludes(one.field, "", "rate.below", "the end of a key that went quiet is sent by itself")
		}
	}
}

func (p *checks) escalation(r *RuleSettings) {
	p.Length("escalate", len(r.Escalate), maxEscalations, "steps")
	if len(r.Escalate) > 0 && r.Absent > 0 {
		p.Excludes("escalate", "", "absent", "write a second rule with a longer absent and a graver severity")
	}
	for i, e := range r.Escalate {
		field := fmt.Sprintf("escalate[%d]", i)
		switch {
		case e.After <= 0:
			p.OutOfRange(field+".after", "", "must be above zero", `as in { after = "10m", severity = "critical" }`)
		case e.After > MaxCooldown:
			p.add(field+".after", e.After.String(), "must be at most %s", MaxCooldown)
		case i > 0 && e.After <= r.Escalate[i-1].After:
			p.OutOfRange(field+".after", setting.FormatDuration(e.After), "must be longer than that of the step before, "+setting.FormatDuration(r.Escalate[i-1].After), "")
		}
		switch {
		case e.Severity == model.SeverityUnknown || e.Severity > model.SeverityCritical:
			p.Required(field+".severity", "one of "+strings.Join(model.SeverityNames(), ", "))
		case i > 0 && e.Severity <= r.Escalate[i-1].Severity:
			p.add(field+".severity", e.Severity.String(), "must be graver than that of the step before, %s", r.Escalate[i-1].Severity)
		case r.Severity != model.SeverityUnknown && e.Severity <= r.Severity:
			p.add(field+".severity", e.Severity.String(), "must be graver than the rule's, %s", r.Severity)
		}
	}
}

// Bounds of a comparison: a shorter one sees too little, and one that lasts longer is of two times of the day.
const (
	minCompare = time.Minute
	maxCompare = 24 * time.Hour
)

// Validate returns everything that is wrong with the settings.
func (d *DeploySettings) Validate() []setting.Fault {
	var faults setting.Faults
	if d.Compare != 0 {
		setting.Between(&faults, "compare", d.Compare, minCompare, maxCompare)
	}
	if d.Severity == model.SeverityUnknown {
		faults.Required("severity", "one of "+strings.Join(model.SeverityNames(), ", "))
	}
	return faults
}

// deploy checks whether hits of the rule can be counted for comparisons.
func (p *checks) deploy(r *RuleSettings) {
	if r.Deploy && r.Absent > 0 {
		p.Excludes("deploy", "", "absent", "hits of an absence rule are what is to be expected: write two rules")
	}
}
