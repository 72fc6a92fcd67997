package fluentbitconf

import (
	"strings"
	"unicode/utf8"
)

// classic reads the classic format: [SECTION], then lines of a key, a space and a value, all indented alike; @SET and @INCLUDE.
func (r *reader) classic(path, text string) {
	c := classicFile{reader: r}
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		c.line(Place{File: path, Line: i + 1, Column: 1}, strings.TrimRight(line, "\r"))
	}
}

// classicFile is one file as it is read.
type classicFile struct {
	*reader
	indent int  // of all indented lines; 0 = none came yet
	group  bool // the lines indented twice belong to a group within the section
}

func (c *classicFile) line(at Place, line string) {
	body := strings.TrimLeft(line, " \t")
	indent := len(line) - len(body)
	at.Column += indent
	if body = strings.TrimRight(body, " \t"); body == "" {
		return
	}
	if c.indent == 0 {
		c.indent = indent
	}
	switch {
	case indent != 0 && indent != c.indent && indent != 2*c.indent:
		c.problem(at, "comments too", "is indented by %d, lines before by %d: Fluent Bit requires the same indentation throughout a file", indent, c.indent)
	case body[0] == '#':
	case body[0] == '@' && indent == 0:
		c.meta(at, body)
	case body[0] == '[' && indent == 0:
		name, ok := strings.CutSuffix(body[1:], "]")
		if name = strings.ToLower(strings.TrimSpace(name)); !ok || name == "" {
			c.problem(at, "", "a section is written as [NAME]")
			return
		}
		c.group = false
		c.conf.Sections = append(c.conf.Sections, Section{Name: name, Place: at})
	case len(c.conf.Sections) == 0:
		c.problem(at, "", "is before the first section")
	case indent == 0:
		c.problem(at, "", "must be indented: it belongs to a section")
	case body[0] == '[':
		c.group = true
	case c.group && indent > c.indent: // no output of ours has groups
	default:
		c.group = false
		c.entry(at, body)
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
		r.include(pattern, r.conf.Files[0], at)
	}
}

func (r *reader) entry(at Place, body string) {
	key, raw, ok := strings.Cut(body, " ")
	if !ok {
		hint := ""
		if strings.Contains(key, "\t") {
			hint = "a key ends at a space, not at a tab"
		}
		r.problem(at, hint, "has no value")
		return
	}
	value := strings.TrimLeft(raw, " \t")
	e := Entry{Key: key, Place: at, Text: at, Tab: strings.Contains(key, "\t")}
	e.Text.Column += utf8.RuneCountInString(key) + 1 + utf8.RuneCountInString(raw[:len(raw)-len(value)])
	e.Value, e.Unset = r.expand(value)
	section := &r.conf.Sections[len(r.conf.Sections)-1]
	section.Entries = append(section.Entries, e)
}
