package ruletest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// Broken is a file whose tests cannot run.
type Broken struct {
	File     string
	Problems []string
}

// The elements of JUnit's XML, as far as CI servers read them.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string     `xml:"name,attr"`
		Class   string     `xml:"classname,attr"`
		File    string     `xml:"file,attr"`
		Line    int        `xml:"line,attr,omitempty"`
		Failure *junitText `xml:"failure"`
		Error   *junitText `xml:"error"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the results in JUnit's XML form: a suite for each file, a case for each test, and an error for each file that cannot run.
func WriteJUnit(w io.Writer, results []Result, broken []Broken) error {
	var all junitSuites
	suite := func(file string) *junitSuite {
		for i := range all.Suites {
			if all.Suites[i].Name == file {
				return &all.Suites[i]
			}
		}
		all.Suites = append(all.Suites, junitSuite{Name: file})
		return &all.Suites[len(all.Suites)-1]
	}
	for _, b := range broken {
		s := suite(b.File)
		s.Tests++
		s.Errors++
		all.Errors++
		s.Cases = append(s.Cases, junitCase{
			Name: "load", Class: b.File, File: b.File, Error: &junitText{Message: b.Problems[0], Text: valid(strings.Join(b.Problems, "\n"))},
		})
	}
	for i := range results {
		r := &results[i]
		s := suite(r.File)
		s.Tests++
		c := junitCase{Name: r.Name, Class: r.File, File: r.File, Line: r.Line}
		if !r.Passed {
			s.Failures++
			all.Failures++
			var text strings.Builder
			for _, f := range r.Failures {
				fmt.Fprintf(&text, "%s:%d: %s\n%s", f.File, f.Line, f.Message, f.Diff)
			}
			c.Failure = &junitText{Message: valid(r.Failures[0].Message), Text: valid(text.String())}
		}
		s.Cases = append(s.Cases, c)
	}
	for i := range all.Suites {
		all.Tests += all.Suites[i].Tests
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(&all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// valid drops what XML cannot hold; the encoder itself escapes the rest.
func valid(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return '\uFFFD'
		}
		return r
	}, s)
}
