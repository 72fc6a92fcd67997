package setting

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
)

// ExplainRegexp turns an error of regexp/syntax into words, with a hint for constructs of other dialects that RE2 lacks.
func ExplainRegexp(err error) (message, hint string) {
	var se *syntax.Error
	if !errors.As(err, &se) {
		return err.Error(), ""
	}
	message = fmt.Sprintf("must be a regular expression: %s: `%s`", se.Code, se.Expr)
	switch {
	case strings.HasPrefix(se.Expr, "(?=") || strings.HasPrefix(se.Expr, "(?!") || strings.HasPrefix(se.Expr, "(?<"):
		hint = "RE2 has no look-around; the none = […] of a rule excludes lines"
	case strings.HasPrefix(se.Expr, "(?>"):
		hint = "RE2 has no atomic groups, and needs none: it does not backtrack"
	case strings.HasPrefix(se.Expr, "(?#"):
		hint = "RE2 has no comments in expressions"
	case se.Expr == "(?P" || strings.HasPrefix(se.Expr, "(?("):
		hint = "RE2 has no back-references"
	case strings.HasPrefix(se.Expr, "(?"):
		hint = "RE2 has the flags i, m, s and U"
	case se.Code == syntax.ErrInvalidEscape && dialects[se.Expr] != "":
		hint = dialects[se.Expr]
	case se.Code == syntax.ErrInvalidEscape && len(se.Expr) == 2 && se.Expr[1] >= '1' && se.Expr[1] <= '9':
		hint = "RE2 has no back-references"
	case se.Code == syntax.ErrInvalidRepeatOp:
		hint = "RE2 has no possessive quantifiers"
	case se.Code == syntax.ErrInvalidRepeatSize:
		hint = "RE2 repeats at most 1000 times"
	}
	return message, hint
}

// dialects has the RE2 form of other dialects' escapes.
var dialects = map[string]string{
	`\Z`: `RE2 has \z, and $`, `\h`: `RE2 has [ \t]`, `\H`: `RE2 has [^ \t]`, `\R`: `RE2 has \r?\n`, `\e`: `RE2 has \x1b`, `\u`: `RE2 has \x{1234}`, `\K`: "RE2 has no \\K: name a group instead", `\G`: "RE2 has no \\G", `\N`: "RE2 has .", `\X`: "RE2 has .",
}
