package lint

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
)

// seems looks for texts of a rule that are valid, but mean something else in other dialects.
func (l *linter) seems(r *rule) {
	s := &r.settings
	for _, list := range []struct {
		field string
		exprs []string
	}{{"pattern", []string{s.Pattern}}, {"any", s.Any}, {"all", s.All}, {"none", s.None}, {"resolve_on", []string{s.ResolveOn}}} {
		if !r.sets(list.field) {
			continue
		}
		for _, expr := range list.exprs {
			if code, message, hint := seeming(expr); code != "" {
				l.warn(r.part, code, list.field, expr, message, hint)
			}
		}
	}
	if r.sets("keywords") {
		for _, k := range s.Keywords {
			if m := pieceOfRegexp.FindString(k); m != "" {
				l.warn(r.part, CodeKeyword, "keywords", k, fmt.Sprintf("%s is plain text here: keywords are not regular expressions", strings.TrimSpace(m)),
					"use any for regular expressions; keywords ignore case")
			} else if strings.ContainsRune(k, '\b') {
				l.warn(r.part, CodeBackspace, "keywords", k, backspace, backspaceHint)
			}
		}
	}
	if r.sets("where") {
		l.delimiters(r.part, "where", s.Where)
	}
	l.globs(r.part, "workloads", s.Workloads, r.sets("workloads"))
	l.globs(r.part, "exclude_workloads", s.ExcludeWorkloads, r.sets("exclude_workloads"))
}

var (
	// pieceOfRegexp matches pieces that only regular expressions have, and no log line.
	pieceOfRegexp = regexp.MustCompile(`\(\?(?:[imsU]+\)|:|P?<)|\.\*|\.\+|\\[dsw][+*{]|^\\b|\\b$|^\^|\[[a-z0-9^]-?[a-z0-9-]*\][+*]`)
	// delimited is a regular expression as Perl and JavaScript write it, with flags.
	delimited = regexp.MustCompile(`^/(?:[^/\\]|\\.)+/[gimsux]+$`)
	// insideTraces is how lines of a trace begin that never begin the record of one that is joined.
	insideTraces = regexp.MustCompile(`^(?:Caused by|Suppressed: |\\s[+*]?at\b|\\t[+*]?at\b|\s+at |\\s[+*]\.\.\. |During handling of |The above exception |\\s[+*]File |  File )`)
)

const (
	backspace     = "contains a backspace, but no line does"
	backspaceHint = `in double quotes, TOML reads \b as a backspace: write regular expressions in single quotes`
)

// seeming returns the warnings about an expression.
func seeming(expr string) (code, message, hint string) {
	if strings.ContainsRune(expr, '\b') {
		return CodeBackspace, backspace, backspaceHint
	}
	if delimited.MatchString(expr) {
		return CodeDelimiters, "also matches the slashes and the text behind them: a pattern has no delimiters", "(?i)… ignores case"
	}
	if i := strings.LastIndex(expr, "(?"); i > 0 && lateFlag.MatchString(expr[i:]) {
		return CodeLateFlag, fmt.Sprintf("%s has no effect: a flag applies to the text behind it", expr[i:]), "move it to the beginning"
	}
	if rest, ok := strings.CutPrefix(expr, "^"); ok && insideTraces.MatchString(rest) {
		return CodeLineStart, "^ is the start of the record, so in a joined trace it matches only at the first line", "use (?m)^ for the start of each line"
	}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return "", "", ""
	}
	if r := besideBoundary(tree); r != 0 {
		return CodeBoundary, fmt.Sprintf(`\b beside %q matches only next to an ASCII letter, digit or _: no other characters form words`, r), `remove \b, or use (?:^|\PL) before and (?:\PL|$) behind`
	}
	if endsInNewline(tree) {
		return CodeLineEnd, "matches a line end at the end of the record, but rules see lines without it", "use $ alone"
	}
	return "", "", ""
}

var lateFlag = regexp.MustCompile(`^\(\?[imsU]+\)$`)

// besideBoundary returns a letter beyond ASCII that \b is next to and that every match has there; 0 if there is none.
func besideBoundary(re *syntax.Regexp) rune {
	if re.Op == syntax.OpConcat {
		for i, sub := range re.Sub {
			if sub.Op != syntax.OpWordBoundary {
				continue
			}
			if i+1 < len(re.Sub) {
				if r := edge(re.Sub[i+1], false); r != 0 {
					return r
				}
			}
			if i > 0 {
				if r := edge(re.Sub[i-1], true); r != 0 {
					return r
				}
			}
		}
	}
	for _, sub := range re.Sub {
		if r := besideBoundary(sub); r != 0 {
			return r
		}
	}
	return 0
}

// edge returns a letter with which every match of an expression begins, or ends, when all of those are beyond ASCII; else 0.
func edge(re *syntax.Regexp, end bool) rune {
	at := func(n int) int {
		if end {
			return n - 1
		}
		return 0
	}
	switch re.Op {
	case syntax.OpLiteral:
		r := re.Rune[at(len(re.Rune))]
		if r > unicode.MaxASCII && unicode.IsLetter(r) && unicode.SimpleFold(r) > unicode.MaxASCII {
			return r
		}
	case syntax.OpCharClass:
		if len(re.Rune) > 0 && re.Rune[0] > unicode.MaxASCII && unicode.IsLetter(re.Rune[0]) && len(re.Rune) <= 8 {
			return re.Rune[0]
		}
	case syntax.OpCapture, syntax.OpPlus:
		return edge(re.Sub[0], end)
	case syntax.OpConcat:
		return edge(re.Sub[at(len(re.Sub))], end)
	case syntax.OpAlternate:
		r := rune(0)
		for _, sub := range re.Sub {
			if r = edge(sub, end); r == 0 {
				return 0
			}
		}
		return r
	}
	return 0
}

// endsInNewline reports whether an expression asks for a line feed as the last character of the record.
func endsInNewline(re *syntax.Regexp) bool {
	if re.Op != syntax.OpConcat {
		return false
	}
	last := len(re.Sub) - 1
	before := re.Sub[last-1]
	return re.Sub[last].Op == syntax.OpEndText && before.Op == syntax.OpLiteral && before.Rune[len(before.Rune)-1] == '\n'
}

// globs looks for texts that are no globs of ours.
func (l *linter) globs(p config.Part, field string, globs []string, sets bool) {
	if !sets {
		return
	}
	for _, g := range globs {
		if message, hint := noGlob(g); message != "" {
			l.warn(p, CodeGlob, field, g, message, hint)
		}
	}
}

var (
	braces     = regexp.MustCompile(`\{[^{}]*,[^{}]*\}`)
	regexpGlob = regexp.MustCompile(`^\^|\$$|^\.[*+]$|/\.[*+]$|\(|\)|\|`)
)

// noGlob explains why a glob does not work as it seems to; "" where it does.
func noGlob(g string) (message, hint string) {
	switch {
	case strings.TrimSpace(g) != g:
		return "begins or ends with a space, but no name does", "remove the spaces"
	case braces.MatchString(g):
		return "braces have no special meaning: only * and ? do", "use one entry for each"
	case regexpGlob.MatchString(g):
		return "is a glob, not a regular expression: only * and ? have a special meaning", "* stands for any text"
	case strings.HasPrefix(g, "/"):
		return "begins with a slash, but names of containers and workloads do not", g[1:]
	}
	return "", ""
}

// delimiters looks for conditions that are regular expressions to other programs.
func (l *linter) delimiters(p config.Part, field string, entries map[string]string) {
	for _, name := range sortedKeys(entries) {
		if delimited.MatchString(entries[name]) {
			l.warn(p, CodeDelimiters, field+"."+name, "", "is compared as plain text: flags after the slashes are not supported", "/(?i)…/")
		}
	}
}

// otherGlobs looks at the globs and conditions outside of rules.
func (l *linter) otherGlobs() {
	s, parts := &l.result.Settings, &l.result.Parts
	for i := range s.Workloads {
		l.globs(parts.Workloads[i].Part, "match", []string{s.Workloads[i].Match}, true)
	}
	for i := range s.Triggers {
		l.globs(parts.Triggers[i], "workload", s.Triggers[i].Workload, true)
		l.globs(parts.Triggers[i], "rule", s.Triggers[i].Rule, true)
		l.delimiters(parts.Triggers[i], "where", s.Triggers[i].Where)
	}
	matchers := func(p config.Part, prefix string, m *engine.Matchers) {
		for _, g := range [][2]string{{"rule", m.Rule}, {"workload", m.Workload}, {"container", m.Container}} {
			if g[1] != "" {
				l.globs(p, prefix+g[0], []string{g[1]}, true)
			}
		}
		l.delimiters(p, prefix+"where", m.Where)
	}
	for i := range s.Silences {
		matchers(parts.Silences[i], "", &s.Silences[i].Matchers)
	}
	for i := range s.Inhibits {
		matchers(parts.Inhibits[i], "source.", &s.Inhibits[i].Source)
		matchers(parts.Inhibits[i], "target.", &s.Inhibits[i].Target)
	}
	for _, list := range []struct {
		field string
		globs []string
	}{{"docker.containers", s.Docker.Containers}, {"docker.exclude", s.Docker.Exclude}} {
		at, ok := parts.Single(list.field)
		for _, g := range list.globs {
			if message, hint := noGlob(g); ok && message != "" && !strings.Contains(g, "=") { // the value of a label may be anything
				l.findings = append(l.findings, Finding{
					File: at.Origin.String(), origin: at.Origin, Line: at.Line, Column: at.Column, Severity: Warning, Code: CodeGlob, Field: list.field, Value: fmt.Sprintf("%q", g),
					Message: message, Hint: hint, head: at.Line,
				})
			}
		}
	}
}
