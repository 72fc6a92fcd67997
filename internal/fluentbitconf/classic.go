package fluentbitconf

import (
	"strings"
	"unicode/utf8"
)

// classic reads the classic format: [SECTION], then indented lines of a key, a space and a value; @SET and @INCLUDE.
func (r *reader) classic(path, text string) {
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		r.line(Place{File: path, Line: i + 1, Column: 1}, strings.TrimRight(line, "\r"))
	}
}

func (r *reader) line(at Place, line string) {
	body := strings.TrimLeft(line, " \t")
	indent := line[:len(line)-len(body)]
	at.Column += utf8.RuneCountInString(indent)
	body = strings.TrimRight(body, " \t")
	switch {
	case body == "" || body[0] == '#':
	case body[0] == '@':
		r.meta(at, body)
	case body[0] == '[' && indent == "":
		name, ok := strings.CutSuffix(body[1:], "]")
		if name = strings.ToLower(strings.TrimSpace(name)); !ok || name == "" {
			r.problem(at, "", "a section is written as [NAME]")
			return
		}
		r.conf.Sections = append(r.conf.Sections, Section{Name: name, Place: at})
	case len(r.conf.Sections) == 0:
		r.problem(at, "", "stands before the first section")
	case indent == "":
		r.problem(at, "", "must be indented: it belongs to a section")
	default:
		r.entry(at, body)
	}
}

// meta reads @SET NAME=VALUE and @INCLUDE PATH; other commands mean nothing to outputs.
func (r *reader) meta(at Place, body string) {
	command, rest, _ := strings.Cut(body, " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToUpper(command) {
	case "@SET":
		name, value, ok := strings.Cut(rest, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			r.problem(at, "", "a variable is set as @SET NAME=VALUE")
			return
		}
		r.vars[name], _ = r.expand(strings.TrimSpace(value))
	case "@INCLUDE":
		pattern, unset := r.expand(rest)
		if pattern == "" || len(unset) > 0 {
			r.problem(at, "", "@INCLUDE names no file that is known here")
			return
		}
		r.include(pattern, at)
	}
}

func (r *reader) entry(at Place, body string) {
	key, raw, ok := strings.Cut(body, " ")
	e := Entry{Key: key, Place: at}
	if i := strings.IndexByte(key, '\t'); i >= 0 {
		e.Tab = true
	}
	value := strings.TrimLeft(raw, " \t")
	e.Text = at
	e.Text.Column += utf8.RuneCountInString(key) + 1 + utf8.RuneCountInString(raw[:len(raw)-len(value)])
	if !ok {
		e.Text = at
		if !e.Tab {
			r.problem(at, "", "has no value")
			return
		}
	}
	e.Value, e.Unset = r.expand(value)
	section := &r.conf.Sections[len(r.conf.Sections)-1]
	section.Entries = append(section.Entries, e)
}
