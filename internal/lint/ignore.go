package lint

import (
	"regexp"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
)

// ignoreComment is a comment that switches warnings off: "# check: ignore no-literal", behind the setting, or on a line of its own above it
// or above its part; "# check: ignore-file no-literal" anywhere in a file. Several codes are separated by commas or spaces; the text that
// follows a dash is the reason.
var ignoreComment = regexp.MustCompile(`#\s*check:\s*ignore(-file)?((?:[\s,]+[a-z]+(?:-[a-z]+)*)+)`)

// ignores are the comments of one file.
type ignores struct {
	file  []string         // codes switched off in all of it
	lines map[int][]string // codes by line
	alone map[int]bool     // lines that hold nothing but a comment
}

func parseIgnores(text string) *ignores {
	out := &ignores{lines: map[int][]string{}, alone: map[int]bool{}}
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			out.alone[i+1] = true
		}
		m := ignoreComment.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		codes := strings.FieldsFunc(m[2], func(r rune) bool { return r == ' ' || r == '\t' || r == ',' })
		if m[1] != "" {
			out.file = append(out.file, codes...)
		} else {
			out.lines[i+1] = codes
		}
	}
	return out
}

// covers reports whether a comment switches a finding off.
func (s *ignores) covers(f *Finding) bool {
	if slices.Contains(s.file, f.Code) {
		return true
	}
	for _, at := range []int{f.Line, f.head} {
		if slices.Contains(s.lines[at], f.Code) {
			return true
		}
		for above := at - 1; s.alone[above]; above-- {
			if slices.Contains(s.lines[above], f.Code) {
				return true
			}
		}
	}
	return false
}

// wanted returns the findings that neither the codes nor a comment in their file switches off. Errors always are.
func wanted(all []Finding, codes []string) []Finding {
	files := map[string]*ignores{}
	out := []Finding{}
	for i := range all {
		f := &all[i]
		if f.Severity == Warning {
			if slices.Contains(codes, f.Code) {
				continue
			}
			if files[f.File] == nil {
				text, _ := config.ReadFile(f.File) // one that is no file has no comments
				files[f.File] = parseIgnores(string(text))
			}
			if files[f.File].covers(f) {
				continue
			}
		}
		out = append(out, *f)
	}
	return out
}
