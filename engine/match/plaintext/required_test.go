package plaintext

import (
	"fmt"
	"regexp"
	"testing"
)

func TestRequiredTexts(t *testing.T) {
	for expr, want := range map[string]string{
		`^panic: (?P<reason>.+)`:    `["panic: "]`,
		`(?i)out of memory`:         `["out of memory" in any case]`,
		`a\d+bc+d?e`:                `["a" "b" "c" "e"]`,
		`(?:one|two\d)x`:            `["one" or "two" "x"]`,
		`(?:one|\d)x`:               `["x"]`,
		`[45]\d\d`:                  `[]`,
		`(ab){2,}(cd){0,2}`:         `["ab"]`,
		`.*`:                        `[]`,
		"\uFFFDx":                   `[]`,
		`a(b`:                       `[]`,
		`(?:(?i:one)|two)`:          `[]`,
		`(?i:error|fatal) in (?:a)`: `["error" or "fatal" in any case " in a"]`,
	} {
		if got := fmt.Sprint(RequiredTexts(expr)); got != want {
			t.Errorf("%s: %s, want %s", expr, got, want)
		}
	}
}

// FuzzRequiredTexts holds the promise: a line that lacks a required text is no match.
func FuzzRequiredTexts(f *testing.F) {
	for _, expr := range []string{`^panic: (?P<reason>.+)`, `(?i)ſort of K`, `(?:one|two\d)x`, `(a|b)*c{1,3}`, `é+\b(?i:x)`} {
		for _, line := range []string{"panic: x", "SORT OF k", "two2x", "ababcc", "\xffé x", ""} {
			f.Add(expr, []byte(line))
		}
	}
	f.Fuzz(func(t *testing.T, expr string, line []byte) {
		re, err := regexp.Compile(expr)
		if err != nil || len(expr) > 1000 {
			return
		}
		for _, r := range RequiredTexts(expr) {
			if !r.In(line) && re.Match(line) {
				t.Errorf("%q matches %q, which does not hold %s", expr, line, r)
			}
		}
	})
}
