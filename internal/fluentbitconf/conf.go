package fluentbitconf

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// Conf is a configuration with everything that it includes.
type Conf struct {
	Sections []Section
	Files    []string // that were read
	Problems []Problem
}

// Section is one section: SERVICE, INPUT, OUTPUT and so on, its name in lower case and in the singular, as in "output".
type Section struct {
	Name    string
	Place   Place
	Entries []Entry
}

// Entry is a key with its value.
type Entry struct {
	Key   string
	Value string // with the variables in it replaced
	Place Place  // of the key
	// Text is the place of the lines of the value: line n of a block is at Text.Line + n - 1, its characters Text.Column
	// further; of any other value all at its place.
	Text  Place
	Block bool // the value is a block of lines, taken unchanged
	List  bool // the value is a list, of which it is the first element
	Map   bool // the value is a map, which no plugin gets
	Tab   bool // the key holds a tab: only a space ends it
	// Unset lists the variables of the value that are not set.
	Unset []string
}

// Place is the place of a key or a value; Line and Column count from 1, in characters.
type Place struct {
	File         string
	Line, Column int
}

// Problem is a fault of the form, or a file that cannot be read.
type Problem struct {
	Place    Place
	Message  string
	Hint     string
	Unusable bool // nothing of the file could be read
}

// Find returns the first entry with a key, in any case; nil when no entry has it.
func (s *Section) Find(key string) *Entry {
	for i := range s.Entries {
		if strings.EqualFold(s.Entries[i].Key, key) {
			return &s.Entries[i]
		}
	}
	return nil
}

// Bounds of what is read.
const (
	maxFile  = 4 << 20
	maxFiles = 1000
)

// IsYAML reports whether a file's name says that it is one of Fluent Bit's YAML configurations.
func IsYAML(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".yaml" || ext == ".yml"
}

// IsClassic reports whether a file's name says that it is one of Fluent Bit's classic configurations.
func IsClassic(path string) bool {
	ext := strings.ToLower(filepath.Ext(path))
	return ext == ".conf" || ext == ".cfg"
}

// Read reads a configuration. env is where variables come from that the configuration does not set itself.
func Read(path string, env func(name string) (string, bool)) *Conf {
	r := &reader{env: env, vars: map[string]string{}}
	r.file(path, Place{})
	return &r.conf
}

// reader reads a configuration and the files that it includes.
type reader struct {
	conf Conf
	env  func(string) (string, bool)
	vars map[string]string // set by the configuration
}

func (r *reader) problem(at Place, hint, format string, args ...any) {
	r.conf.Problems = append(r.conf.Problems, Problem{Place: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// file reads one file; from is where it is included.
func (r *reader) file(path string, from Place) {
	switch {
	case slices.Contains(r.conf.Files, path):
		r.problem(from, "", "%s is included already", path)
		return
	case len(r.conf.Files) >= maxFiles:
		r.problem(from, "", "more than %d files are included", maxFiles)
		return
	}
	text, err := namedfile.Read(path, maxFile)
	if err != nil {
		p := Problem{Place: Place{File: path}, Message: err.Error(), Unusable: true}
		if from.File != "" { // the fault is at the include
			p.Place, p.Message = from, path+" "+p.Message
		}
		r.conf.Problems = append(r.conf.Problems, p)
		return
	}
	r.conf.Files = append(r.conf.Files, path)
	if IsYAML(path) {
		r.yaml(path, text)
	} else {
		r.classic(path, string(text))
	}
}

// include reads the files that a pattern names, from the folder of the file beside.
func (r *reader) include(pattern, beside string, from Place) {
	if !filepath.IsAbs(pattern) {
		pattern = filepath.Join(filepath.Dir(beside), pattern)
	}
	if !strings.ContainsAny(pattern, "*?[") {
		r.file(pattern, from)
		return
	}
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		r.problem(from, "", "no file matches %s", pattern)
	}
	for _, f := range files {
		r.file(f, from)
	}
}

// expand replaces the variables in a value, ${NAME}, and returns those that are not set, which read as empty.
func (r *reader) expand(value string) (out string, unset []string) {
	var b strings.Builder
	for {
		start := strings.Index(value, "${")
		if start < 0 {
			break
		}
		end := strings.IndexByte(value[start:], '}')
		if end < 0 {
			break
		}
		name := value[start+2 : start+end]
		b.WriteString(value[:start])
		text, ok := r.vars[name]
		if !ok && name != "" {
			text, ok = r.env(name)
		}
		if !ok {
			unset = append(unset, name)
		}
		b.WriteString(text)
		value = value[start+end+1:]
	}
	b.WriteString(value)
	return b.String(), unset
}
