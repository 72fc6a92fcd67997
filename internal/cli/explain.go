package cli

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/silence"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

type explainCommand struct {
	Line      string            `arg:"" help:"The line, or - to read lines from stdin."`
	Rules     []string          `short:"c" name:"rules" required:"" placeholder:"FILE" help:"TOML files, folders or globs, or a configuration of Fluent Bit."`
	Workload  string            `default:"test" help:"The workload that the line comes from."`
	Container string            `default:"test-1" help:"The container's name."`
	ID        string            `placeholder:"ID" help:"The container's id, where the state of the store goes by it."`
	Host      string            `help:"The host."`
	Stream    string            `enum:"stdout,stderr,unknown" default:"unknown" help:"stdout, stderr or unknown."`
	Severity  string            `help:"The severity of the record."`
	Field     map[string]string `placeholder:"PATH=TEXT" help:"A field of the record."`
	Store     string            `type:"path" placeholder:"FILE" help:"A store, whose cooldowns, buckets and silences count. Without: as if nothing had come yet."`
	Instance  string            `placeholder:"ID" help:"The instance whose state in the store counts, where several share it."`
	Hits      bool              `help:"Tell only of rules that are hit."`
	Output    string            `short:"o" enum:"text,json" default:"text" help:"text or json."`
}

// Help gives an example.
func (explainCommand) Help() string {
	return "Example: docker-fluentbit explain --rules rules.toml --workload shop/api --stream stderr 'panic: nil map'\n\nTells for each rule of the workload why it is " +
		"hit or not, what would become of the hit now, and which triggers would get the alert. The exit code is 1 when no rule is hit."
}

// maxExplained bounds a line from stdin, in bytes; the engine looks at the first 64 KiB of a line.
const maxExplained = 1 << 20

// explained is what is told of one line. Its JSON form is stable.
type explained struct {
	Line  string          `json:"line"`
	Rules []explainedRule `json:"rules"`
}

type explainedRule struct {
	engine.Explanation
	// Summary and Severity are those of the alert.
	Severity string          `json:"severity,omitempty"`
	Summary  string          `json:"summary,omitempty"`
	Triggers []explainedWant `json:"triggers,omitempty"`
}

// explainedWant is whether a trigger wants an alert.
type explainedWant struct {
	Name  string `json:"name"`
	Wants bool   `json:"wants"`
	Why   string `json:"why,omitempty"` // it does not
}

// explainer explains lines.
type explainer struct {
	engine  *engine.Engine
	records *chunk.Settings
	now     int64
	record  engine.Record
	filters []namedFilter
}

type namedFilter struct {
	name   string
	filter *trigger.Filter
}

// Run explains lines.
func (cmd *explainCommand) Run(c *console) error {
	result := loadOne(cmd.Rules)
	for i := range result.Problems {
		_, _ = fmt.Fprintln(c.err, result.Problems[i].Error())
	}
	if result.Unusable() {
		return &codeError{exitUsage, "not everything could be read"}
	}
	x, err := cmd.prepare(&result.Settings)
	if err != nil {
		return err
	}
	any := false
	tell := func(line string) error {
		e := x.explain(line)
		for i := range e.Rules {
			any = any || e.Rules[i].Hit
		}
		if cmd.Hits {
			e.Rules = onlyHits(e.Rules)
		}
		if cmd.Output == "json" {
			encoder := json.NewEncoder(c.out)
			encoder.SetEscapeHTML(false)
			return encoder.Encode(e)
		}
		tellExplained(c, e)
		return nil
	}
	if cmd.Line == "-" {
		err = eachLine(os.Stdin, tell)
	} else {
		err = tell(cmd.Line)
	}
	switch {
	case err != nil:
		return err
	case len(result.Problems) > 0:
		return &codeError{exitRules, plural(len(result.Problems), "problem")}
	case !any:
		return &codeError{code: exitFindings}
	}
	return nil
}

func onlyHits(rules []explainedRule) []explainedRule {
	out := []explainedRule{}
	for i := range rules {
		if rules[i].Hit {
			out = append(out, rules[i])
		}
	}
	return out
}

// eachLine calls f for each line.
func eachLine(r io.Reader, f func(string) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxExplained)
	for lines.Scan() {
		if err := f(lines.Text()); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("a line is longer than %d bytes", maxExplained)
	}
	return lines.Err()
}

// prepare makes an engine with the rules, in the state that the store holds.
func (cmd *explainCommand) prepare(s *config.Settings) (*explainer, error) {
	x := &explainer{engine: engine.New(), records: &s.Records, now: time.Now().UnixNano()}
	snapshot, err := x.engine.Compile(s.Engine())
	if err != nil {
		return nil, err
	}
	x.engine.Apply(snapshot)
	if cmd.Store == "" {
		err = x.engine.SetSilences(silence.Configured(s))
	} else {
		with := queueCommand{Store: cmd.Store}
		err = with.with(func(ctx context.Context, from *store.Store) error {
			return pipeline.RestoreSaved(ctx, x.engine, s, from, cmd.Instance, x.now)
		})
	}
	if err != nil {
		return nil, err
	}
	regexps := &trigger.Regexps{}
	for i := range s.Triggers {
		f, err := trigger.NewFilter(&s.Triggers[i], regexps)
		if err != nil {
			return nil, err
		}
		x.filters = append(x.filters, namedFilter{s.Triggers[i].Name, f})
	}
	x.record = engine.Record{Time: x.now, Source: &engine.Source{
		Kind: "log", Workload: cmd.Workload, Host: cmd.Host, Container: engine.Container{ID: cmd.ID, Name: cmd.Container},
	}}
	switch cmd.Stream {
	case "stdout":
		x.record.Stream = engine.Stdout
	case "stderr":
		x.record.Stream = engine.Stderr
	}
	if cmd.Severity != "" {
		if err := x.record.Severity.UnmarshalText([]byte(cmd.Severity)); err != nil {
			return nil, fmt.Errorf("--severity: %w", err)
		}
	}
	x.record.Fields = x.records.FieldsOf(cmd.Field)
	return x, nil
}

func (x *explainer) explain(line string) *explained {
	rec := x.record
	rec.Text, _ = x.records.Line(nil, []byte(line))
	out := &explained{Line: string(rec.Text), Rules: []explainedRule{}}
	for _, e := range x.engine.Explain(&rec, x.now) {
		r := explainedRule{Explanation: e}
		if e.Alert != nil {
			event := pipeline.NewAlert(e.Alert, "")
			r.Severity, r.Summary = event.Severity, event.Summary
			for _, f := range x.filters {
				why := f.filter.Explain(&event)
				r.Triggers = append(r.Triggers, explainedWant{Name: f.name, Wants: why == "", Why: why})
			}
		}
		out.Rules = append(out.Rules, r)
	}
	return out
}

// tellExplained writes what there is to say of a line, the hits first.
func tellExplained(c *console, e *explained) {
	c.printf("%s\n", safetext.Visible(e.Line))
	if len(e.Rules) == 0 {
		c.printf("  no rule\n")
	}
	for i := range e.Rules {
		if e.Rules[i].Hit {
			tellHit(c, &e.Rules[i])
		}
	}
	for i := range e.Rules {
		if r := &e.Rules[i]; !r.Hit {
			c.printf("  miss %s: %s\n", r.RuleID, r.Failed())
		}
	}
}

func tellHit(c *console, r *explainedRule) {
	s := r.Preview
	fate := "alerts"
	if !s.Alerts {
		fate = "is held back: " + strings.ReplaceAll(s.Reason, "_", " ")
		if r.Silence != "" {
			fate += " " + r.Silence
		}
	}
	c.printf("  HIT  %s: %s\n", r.RuleID, fate)
	c.printf("       %s: %s\n", r.Severity, safetext.Visible(r.Summary))
	for i := range r.Checks {
		c.printf("       %s\n", r.Checks[i].String())
	}
	for _, path := range slices.Sorted(maps.Keys(r.Fields)) {
		c.printf("       field %s = %s\n", safetext.Visible(path), safetext.Visible(r.Fields[path]))
	}
	if s.Template != "" {
		c.printf("       template %s\n", safetext.Visible(s.Template))
	}
	if s.Needed > 0 {
		c.printf("       threshold: %d of %d\n", s.Counted, s.Needed)
	}
	c.printf("       %s\n", safetext.Visible(tellKey(s)))
	if s.Burst > 0 {
		more := ""
		if s.TokenIn > 0 {
			more = ", one more in " + seconds(s.TokenIn)
		}
		c.printf("       bucket of the container: %d of %d%s\n", s.Tokens, s.Burst, more)
	}
	for _, t := range r.Triggers {
		if t.Wants {
			c.printf("       trigger %s wants it\n", t.Name)
		} else {
			c.printf("       trigger %s does not: %s\n", t.Name, t.Why)
		}
	}
}

// tellKey tells what is known of a hit's key.
func tellKey(s *engine.Preview) string {
	held := ""
	if s.Suppressed > 0 {
		held = fmt.Sprintf(", %d suppressed since %s", s.Suppressed, s.SuppressedSince.Format(time.RFC3339))
	}
	if s.Waits {
		last := "none came yet"
		if !s.LastHit.IsZero() {
			last = "the last came at " + s.LastHit.Format(time.RFC3339)
		}
		return fmt.Sprintf("waits for lines of %s: %s%s", cmp.Or(strings.Join(s.Key, ", "), "all workloads"), last, held)
	}
	last := "never alerted"
	if !s.LastAlert.IsZero() {
		last = "last alerted at " + s.LastAlert.Format(time.RFC3339)
	}
	if s.CooldownLeft > 0 {
		last += ", cools down for " + seconds(s.CooldownLeft)
	}
	return fmt.Sprintf("key %s: %s%s", cmp.Or(strings.Join(s.Key, ", "), "of the rule alone"), last, held)
}

// seconds writes a number of seconds as a duration, to the tenth.
func seconds(n float64) string {
	return time.Duration(n * float64(time.Second)).Round(100 * time.Millisecond).String()
}
