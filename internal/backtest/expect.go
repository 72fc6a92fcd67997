package backtest

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Expectation is a condition on one count of a rule.
type Expectation struct {
	// The rule's name, or NAME@MATCH for a rule of a workload.
	Rule string `toml:"rule"`
	// The count: alerts (all that are sent), hits, suppressed, pending, or the alerts of one kind: log, threshold, absence, resolved, rollup.
	Of      string `toml:"of"`
	Exactly int64  `toml:"exactly"`
	AtLeast int64  `toml:"at_least"`
	AtMost  int64  `toml:"at_most"`

	bounds []bound
	place  string // the file and line, or the flag
}

// bound is one comparison.
type bound struct {
	op string // =, >= or <=
	n  int64
}

// String returns the expectation in the form of the command line.
func (e *Expectation) String() string {
	all := make([]string, len(e.bounds))
	for i, b := range e.bounds {
		all[i] = fmt.Sprintf("%s %s %d", e.Rule, b.op, b.n)
	}
	text := strings.Join(all, ", ")
	if e.Of != "alerts" {
		text += " " + e.Of
	}
	return text
}

func countedWords() []string {
	words := []string{"alerts", "hits", "suppressed", "pending"}
	for k := range engine.NumKinds {
		words = append(words, k.String())
	}
	return words
}

var expression = regexp.MustCompile(`^\s*(.+?)\s*(>=|<=|==|=)\s*(\d+)(?:\s+([a-z_]+))?\s*$`)

// ParseExpectation parses "RULE >= 3", also with <= or =. The count may follow, as in "RULE = 0 hits"; the default is alerts.
func ParseExpectation(text string) (Expectation, error) {
	m := expression.FindStringSubmatch(text)
	if m == nil {
		return Expectation{}, fmt.Errorf("expectation %q: %smust be RULE, one of >= <= =, and a number, as in \"oom >= 1\"", text, slip(text))
	}
	n, err := strconv.ParseInt(m[3], 10, 64)
	if err != nil {
		return Expectation{}, fmt.Errorf("expectation %q: %s is more than %d", text, m[3], int64(math.MaxInt64))
	}
	e := Expectation{Rule: m[1], Of: m[4], bounds: []bound{{strings.TrimPrefix(m[2], "=="), n}}, place: "--expect " + text}
	if m[2] == "==" {
		e.bounds[0].op = "="
	}
	if e.Of == "" {
		e.Of = "alerts"
	}
	if !slices.Contains(countedWords(), e.Of) {
		return e, fmt.Errorf("expectation %q: %q must be one of %s", text, e.Of, strings.Join(countedWords(), ", "))
	}
	return e, nil
}

// IsExpression reports whether a text looks like an expectation, even a malformed one, rather than the name of a file.
func IsExpression(text string) bool { return operator.MatchString(text) }

var operator = regexp.MustCompile(`^\s*(.*?)\s*([<>=!~]+)\s*([^<>=!~]*)$`)

// slip returns which part of a malformed expression is wrong, or "" if that is unclear.
func slip(text string) string {
	m := operator.FindStringSubmatch(text)
	if m == nil || m[1] == "" {
		return ""
	}
	number, _, _ := strings.Cut(strings.TrimSpace(m[3]), " ")
	switch {
	case !slices.Contains([]string{">=", "<=", "==", "="}, m[2]):
		return fmt.Sprintf("%q is no comparison: ", m[2])
	case strings.Trim(number, "0123456789") != "":
		return fmt.Sprintf("%q is no whole number from 0 on: ", number)
	}
	return ""
}

// ReadExpectations parses a TOML document of [[expect]] tables.
func ReadExpectations(file, text string) ([]Expectation, []config.Problem) {
	var doc struct {
		Expect []Expectation `toml:"expect"`
	}
	root, problems := config.Decode(file, text, &doc)
	if len(problems) > 0 {
		return nil, problems
	}
	if len(doc.Expect) == 0 {
		return nil, []config.Problem{root.Problem("", "", "holds no [[expect]]", "")}
	}
	for i := range doc.Expect {
		e, part := &doc.Expect[i], root.Item("expect", i)
		at := part.Place("", "")
		e.place = at.String()
		for _, b := range []struct {
			field, op string
			n         int64
		}{{"exactly", "=", e.Exactly}, {"at_least", ">=", e.AtLeast}, {"at_most", "<=", e.AtMost}} {
			if !part.Sets(b.field) {
				continue
			}
			if b.n < 0 {
				problems = append(problems, part.Problem(b.field, "", "must not be negative", ""))
			}
			e.bounds = append(e.bounds, bound{b.op, b.n})
		}
		switch {
		case e.Rule == "":
			problems = append(problems, part.Problem("rule", "", "must be set", ""))
		case len(e.bounds) == 0:
			problems = append(problems, part.Problem("exactly", "", "one of exactly, at_least and at_most must be set", ""))
		case part.Sets("exactly") && len(e.bounds) > 1:
			problems = append(problems, part.Problem("exactly", "", "does not go with at_least and at_most", ""))
		case part.Sets("at_least") && part.Sets("at_most") && e.AtLeast > e.AtMost:
			problems = append(problems, part.Problem("at_least", "", fmt.Sprintf("is more than at_most, %d", e.AtMost), ""))
		}
		if e.Of == "" {
			e.Of = "alerts"
		} else if !slices.Contains(countedWords(), e.Of) {
			problems = append(problems, part.Problem("of", "", "must be one of "+strings.Join(countedWords(), ", "),
				setting.DidYouMean(e.Of, countedWords())))
		}
	}
	return doc.Expect, problems
}

// Outcome is an expectation with the actual count.
type Outcome struct {
	Expectation string `json:"expectation"`
	Rule        string `json:"rule"`
	Place       string `json:"place"`
	Got         int64  `json:"got"`
	Met         bool   `json:"met"`
}

// Unknown returns an error if an expectation names a rule that does not exist.
func Unknown(rules *engine.Settings, all []Expectation) error {
	var names []string
	for i := range rules.Rules {
		names = append(names, rules.Rules[i].Name)
	}
	for i := range rules.Workloads {
		w := &rules.Workloads[i]
		for j := range w.Rules {
			names = append(names, w.Rules[j].Name+"@"+w.Match)
		}
	}
	for i := range all {
		if !slices.Contains(names, all[i].Rule) {
			text := fmt.Sprintf("%s: there is no rule %q", all[i].place, all[i].Rule)
			if hint := setting.DidYouMean(all[i].Rule, names); hint != "" {
				text += " (" + hint + ")"
			}
			return fmt.Errorf("%s", text)
		}
	}
	return nil
}

// Check compares the result with expectations.
func (r *Result) Check(all []Expectation) []Outcome {
	out := make([]Outcome, len(all))
	for i := range all {
		e := &all[i]
		got := int64(0)
		if at := slices.IndexFunc(r.Rules, func(one Rule) bool { return one.ID == e.Rule }); at >= 0 {
			got = r.Rules[at].counted(e.Of)
		}
		out[i] = Outcome{Expectation: e.String(), Rule: e.Rule, Place: e.place, Got: got, Met: true}
		for _, b := range e.bounds {
			switch {
			case b.op == "=" && got != b.n, b.op == ">=" && got < b.n, b.op == "<=" && got > b.n:
				out[i].Met = false
			}
		}
	}
	return out
}

func (r *Rule) counted(of string) int64 {
	switch of {
	case "alerts":
		return r.SentTotal()
	case "hits":
		return r.Hits
	case "suppressed":
		return r.SuppressedTotal()
	case "pending":
		return r.Pending
	}
	return r.Sent[of]
}
