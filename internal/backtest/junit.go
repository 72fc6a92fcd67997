package backtest

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The elements of JUnit's XML, as far as CI servers read them.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string     `xml:"name,attr"`
		Class   string     `xml:"classname,attr"`
		Failure *junitText `xml:"failure"`
		Error   *junitText `xml:"error"`
	}
	junitText struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes what became of expectations in JUnit's XML form: a suite, a case for each, and one that fails where not all was read.
func (r *Result) WriteJUnit(w io.Writer, outcomes []Outcome) error {
	suite := junitSuite{Name: "backtest", Tests: len(outcomes)}
	for i := range outcomes {
		o := &outcomes[i]
		c := junitCase{Name: inXML(o.Expectation), Class: inXML("backtest." + o.Rule)}
		if !o.Met {
			suite.Failures++
			c.Failure = &junitText{Message: inXML(fmt.Sprintf("%s: got %d (%s)", o.Expectation, o.Got, o.Place))}
		}
		suite.Cases = append(suite.Cases, c)
	}
	if unread := r.Unread(); len(unread) > 0 && len(outcomes) > 0 {
		suite.Tests++
		suite.Failures++
		suite.Cases = append(suite.Cases, junitCase{
			Name: "inputs", Class: "backtest", Failure: &junitText{Message: inXML(unread[0]), Text: inXML(strings.Join(unread, "\n"))},
		})
	}
	return suite.write(w)
}

// WriteJUnitProblems writes what is wrong with rules that cannot be tried, one problem at least, as a case with an error.
func WriteJUnitProblems(w io.Writer, problems []string) error {
	suite := junitSuite{Name: "backtest", Tests: 1, Errors: 1, Cases: []junitCase{{
		Name: "load", Class: "backtest", Error: &junitText{Message: inXML(problems[0]), Text: inXML(strings.Join(problems, "\n"))},
	}}}
	return suite.write(w)
}

func (suite *junitSuite) write(w io.Writer) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// inXML drops what XML cannot hold; the encoder escapes the rest.
func inXML(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return '\uFFFD'
		}
		return r
	}, s)
}
