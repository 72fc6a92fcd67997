package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
)

// Severity says whether the subject of a finding runs.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // it does not run
	Warning Severity = "warning" // it runs, and is probably not meant
)

// Finding is one thing that is wrong or doubtful. Its JSON form is stable.
type Finding struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`   // from 1; 0 where the source has no lines
	Column   int      `json:"column"` // likewise, in characters
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Path     string   `json:"path"`  // the part, such as `rule "oom"`; "" at the top level
	Field    string   `json:"field"` // the setting; "" when the part as a whole is meant
	Value    string   `json:"value"` // as the source writes it; "" where it is secret or does not help
	Message  string   `json:"message"`
	Hint     string   `json:"hint"`

	head     int           // line at which the part begins, for comments
	origin   config.Origin // of File
	unusable bool          // of a source nothing could be read
}

// String returns the finding on one line: file:line:column: path: field: value: message (hint) [code].
func (f *Finding) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
		if f.Column > 0 {
			fmt.Fprintf(&b, ":%d", f.Column)
		}
	}
	parts := []string{f.Path, f.Field, f.Value, f.Message}
	if f.Severity == Warning {
		parts = append([]string{"warning"}, parts...)
	}
	for _, part := range parts {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if f.Hint != "" {
		b.WriteString(" (" + f.Hint + ")")
	}
	if f.Severity == Warning {
		b.WriteString(" [" + f.Code + "]")
	}
	return b.String()
}

// The codes of errors.
const (
	CodeUnreadable  = "unreadable"
	CodeInvalid     = "invalid"
	CodeUnavailable = "unavailable" // well written, and not to be had on this machine
)

// The codes of warnings.
const (
	CodeBoundary   = "ascii-boundary"
	CodeLineStart  = "line-start"
	CodeLineEnd    = "line-end"
	CodeLateFlag   = "late-flag"
	CodeDelimiters = "delimiters"
	CodeBackspace  = "backspace"
	CodeKeyword    = "literal-keyword"
	CodeGlob       = "no-glob"
	CodeComment    = "comment-in-value"

	CodeEverything   = "matches-everything"
	CodeNothing      = "matches-nothing"
	CodeNeverHits    = "never-hits"
	CodeNoLiteral    = "no-literal"
	CodeCapture      = "unknown-capture"
	CodeDuplicate    = "duplicate-rule"
	CodeShadowed     = "shadowed-rule"
	CodeUnreachable  = "unreachable-trigger"
	CodeUnwanted     = "unwanted-alert"
	CodeNoRules      = "no-rules"
	CodeNoTrigger    = "no-trigger"
	CodeFormat       = "missing-format"
	CodeUnboundedKey = "unbounded-key"

	CodeShortCooldown = "short-cooldown"
	CodeNoEffect      = "no-effect"
	CodeNoImage       = "no-image"
	CodeSecret        = "secret-in-clear"
	CodeSharedFile    = "shared-secret-file"
	CodeParameter     = "unknown-parameter"
	CodeWorkers       = "workers"
	CodeDaemon        = "daemon"
	CodeRetryLimit    = "retry-limit"
	CodeTwice         = "set-twice"
	CodeList          = "yaml-list"
	CodeTab           = "tab"
	CodeQuotes        = "quotes"
	CodeVariable      = "unset-variable"
	CodeEventParser   = "event-parser"
	CodeEventTag      = "event-tag"
	CodeMerged        = "merged-line"
	CodeDropped       = "dropped-keys"
	CodeNoOutput      = "no-output"
)

// Codes lists the codes of warnings, each with its subject, in the order of the documentation.
func Codes() [][2]string {
	return [][2]string{
		{CodeEverything, "a pattern matches every line, by an empty alternative or by `.*`"},
		{CodeNothing, "a pattern can match no line, as `a^b`"},
		{CodeNeverHits, "what a rule asks for is what its none excludes"},
		{CodeNoLiteral, "nothing finds the lines that are worth trying, so the pattern is tried on each; with what that costs here"},
		{CodeCapture, "a summary or a label shows a capture that the pattern has not"},
		{CodeDuplicate, "two rules ask for the same"},
		{CodeShadowed, "a rule can only hit where an earlier one, of the same key and no lower severity, hits too"},
		{CodeUnreachable, "no alert passes a trigger's filters"},
		{CodeUnwanted, "no trigger wants a rule's alerts"},
		{CodeNoTrigger, "a Fluent Bit output has rules, and no trigger"},
		{CodeFormat, "a trigger's address is that of a receiver with a format of its own, and no format is set"},
		{CodeBoundary, `\b stands beside a letter beyond ASCII, where it does not hold`},
		{CodeLineStart, "^ stands before what begins a line within a trace, and not the record of a joined one"},
		{CodeLineEnd, "a pattern asks for the line end, which is cut off"},
		{CodeLateFlag, "a flag such as (?i) stands at the end, where it has no effect"},
		{CodeDelimiters, "a regular expression stands between slashes, with flags behind, as in /…/i"},
		{CodeBackspace, `a text holds a backspace, which TOML makes of \b in double quotes`},
		{CodeKeyword, "a keyword is written as a regular expression, and is looked for as it stands"},
		{CodeGlob, "a glob has braces, a slash in front, or is written as a regular expression"},
		{CodeComment, "a # stands behind a value of the classic format, of which it is a part"},
		{CodeNoRules, "a Fluent Bit output has no rules, as after a typing error in a key"},
		{CodeUnboundedKey, "a part of cooldown_by is different for nearly every line, so that the cooldown holds nothing back"},

		{CodeShortCooldown, "a cooldown is shorter than the window of the threshold, so that one burst alerts several times"},
		{CodeNoEffect, "a workload block changes nothing, or a silence or an inhibition is about no rule, or images are compared by no rule, or not at all"},
		{CodeNoImage, "rules go by the image of a workload, and all records are of files, which name none"},
		{CodeSecret, "a secret stands in a file that everyone may read"},
		{CodeSharedFile, "a file that holds a secret may be read by everyone on the machine"},
		{CodeParameter, "a parameter of the output is none of the plugin's, which Fluent Bit passes over"},
		{CodeWorkers, "workers is not 0"},
		{CodeDaemon, "daemon is on, which hangs after a Go plugin was loaded"},
		{CodeRetryLimit, "retry_limit is not no_limits, so that Fluent Bit drops chunks that are refused for a while"},
		{CodeTwice, "a parameter is set twice, of which the first counts"},
		{CodeList, "a parameter is a list, of which Fluent Bit passes the first element only"},
		{CodeTab, "a tab stands behind a key, which Fluent Bit takes for a part of it"},
		{CodeQuotes, "quotes stand around a value, of which they are a part"},
		{CodeVariable, "a variable is not set here, which reads as empty"},
		{CodeEventParser, "an input docker_events has a parser, so that Fluent Bit gives up events that it reads at once"},
		{CodeEventTag, "an input docker_events has a tag that is not in records.event_tags, so that rules with event do not see it"},
		{CodeMerged, "a filter makes members of a line keys of the record, beside those that say whose the line is"},
		{CodeDropped, "a parser filter without reserve_data takes away the keys that say whose a line is"},
		{CodeNoOutput, "a Fluent Bit configuration has no output of this plugin"},
	}
}

// sortFindings orders findings by place; those of one place stay as they are found.
func sortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// problem turns a problem of the configuration into a finding.
func problem(p *config.Problem) Finding {
	code := CodeInvalid
	if p.Unusable {
		code = CodeUnreadable
	}
	return Finding{
		File: p.Origin.String(), origin: p.Origin, Line: p.Line, Column: p.Column, Severity: Error, Code: code, Path: p.Path, Field: p.Field, Value: p.Value,
		Message: p.Message, Hint: p.Hint, unusable: p.Unusable,
	}
}
