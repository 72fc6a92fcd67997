package backtest

import (
	"fmt"
	"io"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/junit"
)

// WriteJUnit writes the outcomes as JUnit XML: one suite with a case for each, and a failing case if not all input could be read.
func (r *Result) WriteJUnit(w io.Writer, outcomes []Outcome) error {
	suite := junit.Suite{Name: "backtest", Tests: len(outcomes)}
	for i := range outcomes {
		o := &outcomes[i]
		c := junit.Case{Name: junit.Valid(o.Expectation), Class: junit.Valid("backtest." + o.Rule)}
		if !o.Met {
			suite.Failures++
			c.Failure = &junit.Text{Message: junit.Valid(fmt.Sprintf("%s: got %d (%s)", o.Expectation, o.Got, o.Place))}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if unread := r.Unread(); len(unread) > 0 && len(outcomes) > 0 {
		suite.Tests++
		suite.Failures++
		suite.Cases = append(suite.Cases, junit.Case{
			Name: "inputs", Class: "backtest", Failure: &junit.Text{Message: junit.Valid(unread[0]), Text: junit.Valid(strings.Join(unread, "\n"))},
		})
	}
	return junit.Write(w, &suite)
}

// WriteJUnitProblems writes the problems of rules that cannot run as one case with an error. It needs at least one problem.
func WriteJUnitProblems(w io.Writer, problems []string) error {
	suite := junit.Suite{Name: "backtest", Tests: 1, Errors: 1, Cases: []junit.Case{{
		Name: "load", Class: "backtest", Error: &junit.Text{Message: junit.Valid(problems[0]), Text: junit.Valid(strings.Join(problems, "\n"))},
	}}}
	return junit.Write(w, &suite)
}
