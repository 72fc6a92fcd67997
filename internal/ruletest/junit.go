package ruletest

import (
	"fmt"
	"io"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/junit"
)

// Broken is a file whose tests cannot run.
type Broken struct {
	File     string
	Problems []string
}

// WriteJUnit writes the results in JUnit's XML form: a suite for each file, a case for each test, and an error for each file that cannot run.
func WriteJUnit(w io.Writer, results []Result, broken []Broken) error {
	var all junit.Suites
	suite := func(file string) *junit.Suite {
		for i := range all.Suites {
			if all.Suites[i].Name == file {
				return &all.Suites[i]
			}
		}
		all.Suites = append(all.Suites, junit.Suite{Name: file})
		return &all.Suites[len(all.Suites)-1]
	}
	for _, b := range broken {
		s := suite(b.File)
		s.Tests++
		s.Errors++
		all.Errors++
		s.Cases = append(s.Cases, junit.Case{
			Name: "load", Class: b.File, File: b.File, Error: &junit.Text{Message: b.Problems[0], Text: junit.Valid(strings.Join(b.Problems, "\n"))},
		})
	}
	for i := range results {
		r := &results[i]
		s := suite(r.File)
		s.Tests++
		c := junit.Case{Name: r.Name, Class: r.File, File: r.File, Line: r.Line}
		if !r.Passed {
			s.Failures++
			all.Failures++
			var text strings.Builder
			for _, f := range r.Failures {
				fmt.Fprintf(&text, "%s:%d: %s\n%s", f.File, f.Line, f.Message, f.Diff)
			}
			c.Failure = &junit.Text{Message: junit.Valid(r.Failures[0].Message), Text: junit.Valid(text.String())}
		}
		s.Cases = append(s.Cases, c)
	}
	for i := range all.Suites {
		all.Tests += all.Suites[i].Tests
	}
	return junit.Write(w, &all)
}
