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
	CodeLongCooldown  = "long-cooldown"
	CodeLabel         = "changing-label"
	CodeSequence      = "sequence"
	CodeQuiet         = "quiet-container"
	CodeNoEffect      = "no-effect"
	CodeNoImage       = "no-image"
	CodeOneNode       = "one-node"
	CodeNoFleet       = "no-fleet"
	CodeFleetWait     = "fleet-wait"
	CodeFleetAbsent   = "fleet-absent"
	CodeSecret        = "secret-in-clear"
	CodeSharedFile    = "shared-secret-file"
	CodeHeartbeat     = "heartbeat-to-trigger"
	CodeParameter     = "unknown-parameter"
	CodeWorkers       = "workers"
	CodeDaemon        = "daemon"
	CodeRetryLimit    = "retry-limit"
	CodeFlush         = "flush"
	CodeNotJoined     = "not-joined"
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
		{CodeEverything, "a pattern matches every line, because of an empty alternative or `.*`"},
		{CodeNothing, "a pattern cannot match any line, such as `a^b`"},
		{CodeNeverHits, "a rule's none excludes every line that its other conditions match"},
		{CodeNoLiteral, "a pattern has no fixed text, so it runs on every line; the warning includes the measured cost"},
		{CodeCapture, "a summary or a label uses a capture that the pattern does not have"},
		{CodeDuplicate, "two rules match the same lines"},
		{CodeShadowed, "an earlier rule with the same key and at least the same severity hits whenever this one does"},
		{CodeUnreachable, "a trigger's filters accept no alert of any rule"},
		{CodeUnwanted, "no trigger accepts a rule's alerts"},
		{CodeNoTrigger, "a Fluent Bit output has rules but no trigger"},
		{CodeFormat, "a trigger's URL belongs to a receiver with its own format, but no format is set"},
		{CodeBoundary, `\b is next to a letter beyond ASCII, where it does not match`},
		{CodeLineStart, "^ is before text that begins a line inside a stack trace, but a joined trace is one record"},
		{CodeLineEnd, "a pattern contains a line end, but lines have none"},
		{CodeLateFlag, "a flag such as (?i) is at the end, where it has no effect"},
		{CodeDelimiters, "a regular expression is between slashes with flags after them, as in /…/i"},
		{CodeBackspace, `a text contains a backspace: in double quotes, TOML reads \b as one`},
		{CodeKeyword, "a keyword is written as a regular expression, but keywords are plain text"},
		{CodeGlob, "a glob has braces, begins with a slash, or is written as a regular expression"},
		{CodeComment, "a value of the classic format has a # comment behind it, which becomes part of the value"},
		{CodeNoRules, "a Fluent Bit output has no rules, for example because of a typing error in a key"},
		{CodeUnboundedKey, "a part of cooldown_by differs on nearly every line, so the cooldown suppresses nothing"},

		{CodeShortCooldown, "a cooldown is shorter than the window of the threshold, so one burst alerts several times"},
		{CodeLongCooldown, "with cooldown_max, a rule's alerts can be further apart than the time for which one of them inhibits, or fires in Alertmanager"},
		{CodeLabel, "a label differs between alerts of one key, so Alertmanager shows several alerts, and their end resolves the first"},
		{CodeSequence, "a rule names another one in after, without or of that does not exist, that names it in turn, that is for other workloads, or whose hits lack a value of by"},
		{CodeQuiet, "a rule with rate.below counts each container by itself, so each one that is replaced alerts"},
		{CodeNoEffect, "a workload block changes nothing, a silence or an inhibition applies to no rule, settings of deploy compare nothing, or resolve_on ends nothing"},
		{CodeNoImage, "rules depend on a workload's image, but all records are from files, which have none"},
		{CodeOneNode, "a rule counts or waits per workload, but Fluent Bit reads the logs of one node of a cluster; or a part of a fleet rule's key is of one node"},
		{CodeNoFleet, "a rule has scope = fleet, but there is no [fleet]"},
		{CodeFleetWait, "a trigger's group_wait is shorter than the wait of the fleet"},
		{CodeFleetAbsent, "a rule of the fleet waits for a line for less than a minute"},
		{CodeSecret, "a secret is written in a file that everyone can read"},
		{CodeSharedFile, "everyone on the machine can read a file that contains a secret"},
		{CodeHeartbeat, "the heartbeat goes to the address of a trigger"},
		{CodeParameter, "the plugin has no such parameter, so Fluent Bit ignores it"},
		{CodeWorkers, "workers is not 0"},
		{CodeDaemon, "daemon is on, which hangs after a Go plugin is loaded"},
		{CodeRetryLimit, "retry_limit is not no_limits, so Fluent Bit drops chunks that are refused for a while"},
		{CodeFlush, "flush is more than a second, so stack traces that records.join joins can be cut"},
		{CodeNotJoined, "records.join is on, but the records of an input name no container, so their lines are not joined"},
		{CodeTwice, "a parameter is set twice: only the first one counts"},
		{CodeList, "a parameter is a list: Fluent Bit passes only its first element"},
		{CodeTab, "a tab follows a key: Fluent Bit makes it part of the key"},
		{CodeQuotes, "a value is in quotes, which become part of it"},
		{CodeVariable, "a variable is not set here, so it reads as empty"},
		{CodeEventParser, "an input docker_events has a parser, so Fluent Bit drops events that arrive in one read"},
		{CodeEventTag, "an input docker_events has a tag that is not in records.event_tags, so rules with event do not see its events"},
		{CodeMerged, "a filter turns members of a line into keys of the record, next to the keys that identify the container"},
		{CodeDropped, "a parser filter without reserve_data removes the keys that identify the container"},
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
