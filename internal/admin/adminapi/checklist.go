package adminapi

import (
	"fmt"
	"strings"
)

// ChecklistItem is one thing that an instance needs before it can alert anybody.
type ChecklistItem struct {
	Name   string `json:"name"` // containers (standalone), records (plugin), rules, triggers or test
	Done   bool   `json:"done"`
	Detail string `json:"detail"`         // a sentence without a full stop
	Hint   string `json:"hint,omitempty"` // what to do, as a command or a setting; only if it is not done
	// Triggers are the configured triggers whose receiver accepted neither a test nor an alert yet; of test only.
	Triggers []string `json:"triggers,omitempty"`
}

// tailsLeft are the states of containers whose lines are not read.
var tailsLeft = []string{"unreadable", "gone"}

// NewChecklist returns the checklist of an instance, in the order in which people do these things.
func NewChecklist(s *StatsResponse) []ChecklistItem {
	first := ChecklistItem{Name: "records", Done: s.Lines+s.ContainerEvents > 0, Detail: count(s.Lines, "line") + " came from Fluent Bit"}
	if !first.Done {
		first.Detail, first.Hint = "no record came from Fluent Bit yet", "look at Match of the output, and at the inputs"
	}
	if s.Tails != nil {
		n := sum(s.Tails)
		for _, state := range tailsLeft {
			n -= s.Tails[state]
		}
		first = ChecklistItem{Name: "containers", Done: n > 0, Detail: count(n, "container") + " followed"}
		if !first.Done {
			first.Detail, first.Hint = "no container is followed", "docker-fluentbit containers"
		}
	}
	rules := ChecklistItem{Name: "rules", Done: len(s.Rules) > 0, Detail: count(int64(len(s.Rules)), "rule") + " in force"}
	if !rules.Done {
		rules.Detail, rules.Hint = "no rule is in force", "add a [[rule]], or: docker-fluentbit rules add"
	}
	n, untested := int64(0), []string(nil)
	for i := range s.Triggers {
		t := &s.Triggers[i]
		if !t.Configured {
			continue
		}
		n++
		if !t.Tested && t.Delivered == 0 {
			untested = append(untested, t.Name)
		}
	}
	triggers := ChecklistItem{Name: "triggers", Done: n > 0, Detail: count(n, "trigger") + " in force"}
	test := ChecklistItem{Name: "test", Done: n > 0 && len(untested) == 0, Detail: "each trigger has delivered a test or an alert", Triggers: untested}
	switch {
	case !triggers.Done:
		triggers.Detail, triggers.Hint = "no trigger is in force", "add a [[trigger]], or: docker-fluentbit triggers add"
		test.Detail = "no trigger to test"
	case !test.Done:
		test.Detail = fmt.Sprintf("%s delivered neither a test nor an alert: %s", count(int64(len(untested)), "trigger"), strings.Join(untested[:min(len(untested), 10)], ", "))
		test.Hint = "docker-fluentbit triggers test " + untested[0]
	}
	return []ChecklistItem{first, rules, triggers, test}
}

// count returns a number with its noun.
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
