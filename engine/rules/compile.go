package rules

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/engine/match/plaintext"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
)

// texts returns the expressions that must all match for the rule to hit: the pattern, the keywords as one, any as one, and each of all.
func texts(s *RuleSettings) []string {
	var out []string
	if s.Pattern != "" {
		out = append(out, s.Pattern)
	}
	if len(s.Keywords) > 0 {
		out = append(out, plaintext.Expr(s.Keywords, true))
	}
	if len(s.Any) > 0 {
		out = append(out, "(?:"+strings.Join(s.Any, ")|(?:")+")")
	}
	return append(out, s.All...)
}

// rarest returns the index of the expression that the fewest lines are candidates for. Rarity is not asked for where there is no choice: it
// costs more than the rest of compiling a rule.
func rarest(exprs []string, rarity func(string) float64) int {
	if len(exprs) == 1 {
		return 0
	}
	best, bestShare := 0, rarity(exprs[0])
	for i, e := range exprs[1:] {
		if share := rarity(e); share < bestShare {
			best, bestShare = i+1, share
		}
	}
	return best
}

// ruleCompiler compiles rules that share expressions: equal texts become one *regexp.Regexp and one id of the match.Set.
type ruleCompiler struct {
	ids     map[string]int32 // expression → id in the set
	exprs   []string         // id → expression
	regexps map[string]*regexp.Regexp
	shares  map[string]float64
	sealed  bool // the set is built: no expression can be added
}

func newRuleCompiler() *ruleCompiler {
	return &ruleCompiler{ids: map[string]int32{}, regexps: map[string]*regexp.Regexp{}, shares: map[string]float64{}}
}

func (c *ruleCompiler) rarity(expr string) float64 {
	share, ok := c.shares[expr]
	if !ok {
		share = match.Rarity(expr)
		c.shares[expr] = share
	}
	return share
}

// add makes an expression part of the set and returns its id, or noLead when the set is built without it.
func (c *ruleCompiler) add(expr string) int32 {
	id, ok := c.ids[expr]
	if !ok {
		if c.sealed {
			return noPrefilter
		}
		id = int32(len(c.exprs))
		c.ids[expr] = id
		c.exprs = append(c.exprs, expr)
	}
	return id
}

func (c *ruleCompiler) regexp(expr string) (*regexp.Regexp, error) {
	if re, ok := c.regexps[expr]; ok {
		return re, nil
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		message, _ := setting.ExplainRegexp(err)
		return nil, fmt.Errorf("%s", message)
	}
	c.regexps[expr] = re
	return re, nil
}

// compile compiles validated settings. A rule whose lead is not in a set that is built already is tried on every line.
func (c *ruleCompiler) compile(id string, s RuleSettings) (*Rule, error) {
	r := &Rule{ID: id, Index: -1, Settings: s, prefilter: noPrefilter, resolveID: noPrefilter, KeyForm: strings.Join(s.CooldownBy, " ")}
	exprs := texts(&s)
	if len(exprs) > 0 {
		lead := rarest(exprs, c.rarity)
		if len(s.Event) == 0 { // events are few: they are not searched with the lines
			r.prefilter = c.add(exprs[lead])
		}
		for i, e := range exprs {
			if i == lead && r.prefilter != noPrefilter {
				continue
			}
			re, err := c.regexp(e)
			if err != nil {
				return nil, err
			}
			r.rest = append(r.rest, re)
		}
	}
	for _, e := range s.None {
		re, err := c.regexp(e)
		if err != nil {
			return nil, err
		}
		r.none = append(r.none, re)
	}
	if mayNameGroups(s.Pattern) {
		re, err := c.regexp(s.Pattern)
		if err != nil {
			return nil, err
		}
		if hasNamedGroup(re) {
			r.pattern = re
		}
	}
	if s.ResolveOn != "" {
		re, err := c.regexp(s.ResolveOn)
		if err != nil {
			return nil, err
		}
		if r.resolveOn = re; len(s.Event) == 0 {
			r.resolveID = c.add(s.ResolveOn)
		}
	}
	switch s.Stream {
	case "stdout":
		r.stream = model.Stdout
	case "stderr":
		r.stream = model.Stderr
	}
	var err error
	if r.where, err = where.Compile(s.Where); err != nil {
		return nil, fmt.Errorf("where: %w", err)
	}
	if r.Summary, err = parseSummary(s.Summary); err != nil {
		return nil, fmt.Errorf("summary: %w", err)
	}
	if r.LabelTemplates, err = parseLabels(s.Labels); err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	for _, word := range s.CooldownBy {
		part := parseKeyPart(word)
		r.Captured = r.Captured || part.Kind == KeyCapture
		r.Grouped = r.Grouped || part.Kind == KeyTemplate
		r.By = append(r.By, part)
	}
	if s.Related() != "" {
		for _, word := range s.By {
			r.Sequence = append(r.Sequence, parseKeyPart(word))
		}
	}
	if s.Without != "" { // a wait is for the values of by
		r.By, r.Grouped = r.Sequence, false
	}
	if s.Distinct != "" {
		part := parseKeyPart(s.Distinct)
		r.Captured = r.Captured || part.Kind == KeyCapture
		r.Distinct = &part
	}
	r.Compares = s.Rate.IsSet() || s.Ratio.IsSet()
	r.Plain = !r.Compares && s.Related() == "" && s.Count == 0 && s.Distinct == "" && s.FirstSeen == 0 && s.Absent == 0 && s.CooldownMax == 0 &&
		len(s.Escalate) == 0 && !s.Resolves() && !s.Fleet() && !s.DryRun
	r.Templated = r.Grouped || s.FirstSeen != 0 || s.Deploy
	return r, nil
}

// mayNameGroups is false for an expression that has no named group, most of which then need not be compiled here.
func mayNameGroups(expr string) bool {
	return strings.Contains(expr, "(?P<") || strings.Contains(expr, "(?<")
}

func hasNamedGroup(re *regexp.Regexp) bool {
	for _, name := range re.SubexpNames() {
		if name != "" {
			return true
		}
	}
	return false
}
