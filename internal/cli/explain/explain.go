// Package explain is the command explain.
package explain

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/join"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/silence"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

type explainCommand struct {
	Line      string
	Rules     []string
	Workload  string
	Container string
	Image     string
	ID        string
	Host      string
	Stream    string
	Severity  string
	Field     []string
	Store     string
	Instance  string
	Hits      bool
	Output    string
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &explainCommand{Workload: "test", Container: "test-1", Stream: "unknown"}
	c := &cobra.Command{
		Use: "explain LINE", Short: "Explain why rules match a line or not, and the decision for each hit.", Args: command.Arguments("LINE"), ValidArgsFunction: cobra.NoFileCompletions,
		Long: "Explain for each rule of a workload why it matches a line or not, how the hit would be decided now, and which triggers would get the alert.\n\nA LINE of - reads lines from standard " +
			"input. The exit code is 1 if no rule matches, neither its conditions nor resolve_on.",
		Example: "  docker-fluentbit explain --rules rules.toml --workload shop/api --stream stderr 'panic: nil map'",
		RunE: func(_ *cobra.Command, args []string) error {
			cmd.Line = args[0]
			return cmd.run(env)
		},
	}
	f := command.FlagsOf(env, c)
	f.List(&cmd.Rules, "rules", "c", "FILE", "TOML files, folders or globs, or a Fluent Bit configuration.").Required().File()
	f.Text(&cmd.Workload, "workload", "", "NAME", "Workload of the line.")
	f.Text(&cmd.Container, "container", "", "NAME", "Container name.")
	f.Text(&cmd.Image, "image", "", "NAME", "Image of the container.")
	f.Text(&cmd.ID, "id", "", "ID", "Container id, if the state in the store is kept by container.")
	f.Text(&cmd.Host, "host", "", "NAME", "Host name.")
	f.Choice(&cmd.Stream, "stream", "", []string{"stdout", "stderr", "unknown"}, "Stream of the line.")
	f.Text(&cmd.Severity, "severity", "", "NAME", "Severity of the record.").Complete(cobra.FixedCompletions(trigger.Severities(), cobra.ShellCompDirectiveNoFileComp))
	f.Texts(&cmd.Field, "field", "", "PATH=TEXT", "A field of the record.")
	f.Text(&cmd.Store, "store", "", "FILE", "Store whose cooldowns, buckets and silences apply. Default: none, as before the first line.").File()
	f.Text(&cmd.Instance, "instance", "", "ID", "Instance whose state applies, if several share the store.")
	f.Switch(&cmd.Hits, "hits", "", "Show only rules that match.")
	f.Output(&cmd.Output, "Output: text or json.")
	return c
}

// maxExplained bounds a line from stdin, in bytes; the engine looks at the first 64 KiB of a line.
const maxExplained = 1 << 20

// explained is the explanation of one line. Its JSON form is stable.
type explained struct {
	Line  string          `json:"line"`
	Rules []explainedRule `json:"rules"`
}

type explainedRule struct {
	engine.Explanation
	// Summary and Severity are those of the alert.
	Severity string                     `json:"severity,omitempty"`
	Summary  string                     `json:"summary,omitempty"`
	Triggers []adminapi.TriggerDecision `json:"triggers,omitempty"`
	// Fleet says what an alert of a rule with scope = "fleet" would do: ask, or leave, since there is no [fleet].
	Fleet string `json:"fleet,omitempty"`
}

// explainer explains lines.
type explainer struct {
	engine  *engine.Engine
	records *chunk.Settings
	now     int64
	record  engine.Record
	filters []namedFilter
	fleet   bool // the configuration has [fleet]
}

type namedFilter struct {
	name   string
	filter *trigger.Filter
}

// run explains lines.
func (cmd *explainCommand) run(c *command.Env) error {
	result := command.LoadOne(cmd.Rules)
	for i := range result.Problems {
		_, _ = fmt.Fprintln(c.Err, result.Problems[i].Error())
	}
	if result.Unusable() {
		return &command.Error{Code: command.Usage, Text: "not everything could be read"}
	}
	x, err := cmd.prepare(c, &result.Settings)
	if err != nil {
		return err
	}
	any := false
	show := func(line string) error {
		e := x.explain(line)
		for i := range e.Rules {
			any = any || concerned(&e.Rules[i])
		}
		if cmd.Hits {
			e.Rules = onlyHits(e.Rules)
		}
		if cmd.Output == "json" {
			encoder := json.NewEncoder(c.Out)
			encoder.SetEscapeHTML(false)
			return encoder.Encode(e)
		}
		writeExplained(c, e)
		return nil
	}
	if cmd.Line == "-" {
		err = eachRecord(c.In, &result.Settings.Records, show)
	} else {
		err = show(cmd.Line)
	}
	switch {
	case err != nil:
		return err
	case len(result.Problems) > 0:
		return &command.Error{Code: command.Rules, Text: quantity.Plural(len(result.Problems), "problem")}
	case !any:
		return &command.Error{Code: command.Findings}
	}
	return nil
}

// concerned reports whether a line is a hit of a rule, or ends its incidents.
func concerned(r *explainedRule) bool { return r.Hit || r.Ends != nil }

func onlyHits(rules []explainedRule) []explainedRule {
	out := []explainedRule{}
	for i := range rules {
		if concerned(&rules[i]) {
			out = append(out, rules[i])
		}
	}
	return out
}

// eachRecord calls f for each record: a line, or the lines of a stack trace.
func eachRecord(r io.Reader, records *chunk.Settings, f func(string) error) error {
	if !records.JoinsStandalone() {
		return eachLine(r, f)
	}
	var lines join.Sequence
	show := func(text []byte) error { return f(string(text)) }
	err := eachLine(r, func(line string) error {
		text, _ := records.Line(nil, []byte(line))
		return lines.Add(text, 0, show)
	})
	return errors.Join(err, lines.End(show))
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

// prepare makes an engine with the rules, in the state of the store.
func (cmd *explainCommand) prepare(c *command.Env, s *config.Settings) (*explainer, error) {
	x := &explainer{engine: engine.New(), records: &s.Records, now: c.Now().UnixNano(), fleet: s.Fleet.On()}
	snapshot, err := x.engine.Compile(s.Engine())
	if err != nil {
		return nil, err
	}
	x.engine.Apply(snapshot)
	if x.fleet {
		x.engine.SetFleet(silentFleet{})
	}
	if cmd.Store == "" {
		err = x.engine.SetSilences(silence.Configured(s))
	} else {
		ctx, stop := command.Interruptible()
		defer stop()
		err = command.WithStore(ctx, cmd.Store, func(from *store.Store) error {
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
		Kind: "log", Workload: cmd.Workload, Host: cmd.Host, Container: engine.Container{ID: cmd.ID, Name: cmd.Container, Image: cmd.Image},
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
	fields := map[string]string{}
	for _, text := range cmd.Field {
		path, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("--field: %q: must be PATH=TEXT", text)
		}
		fields[path] = value
	}
	x.record.Fields = x.records.FieldsOf(fields)
	return x, nil
}

func (x *explainer) explain(line string) *explained {
	rec := x.record
	rec.Text, _ = x.records.Line(nil, []byte(line))
	out := &explained{Line: x.engine.Snapshot().Redactor.Line(rec.Text, 2*maxExplained), Rules: []explainedRule{}}
	for _, e := range x.engine.Explain(&rec, x.now) {
		r := explainedRule{Explanation: e}
		if e.Alert != nil {
			event := pipeline.NewAlert(e.Alert, "")
			r.Severity, r.Summary = event.Severity, event.Summary
			for _, f := range x.filters {
				why := f.filter.Explain(&event, time.Unix(0, x.now))
				r.Triggers = append(r.Triggers, adminapi.TriggerDecision{Name: f.name, Sends: why == "", Why: why})
			}
		}
		if rule := x.engine.Snapshot().Find(e.RuleID, rec.Source.Workload); e.Hit && rule != nil && rule.Settings.Fleet() {
			r.Fleet = x.fleetWords(e.Preview, &rule.Settings)
		}
		out.Rules = append(out.Rules, r)
	}
	return out
}

// fleetWords describes the fleet's part in a hit. Nobody is asked: that is done by the API of a running instance.
func (x *explainer) fleetWords(p *engine.Preview, rule *engine.RuleSettings) string {
	switch {
	case !x.fleet:
		return "there is no [fleet], so each node alerts by itself"
	case p == nil || rule.DryRun:
		return "not asked about a dry run"
	case p.Overflow:
		return "not asked, because the container's templates are too many"
	case rule.Absent > 0:
		return "waits for the line on all nodes, and hears of this one"
	case p.OfFleet && p.Reason == engine.ReasonThreshold.String() && rule.Count > 0:
		return "counts the hit with those of all nodes, and says when they reach the threshold"
	case p.OfFleet && p.Reason == engine.ReasonThreshold.String():
		return "compares the hits of all nodes, and says when they are too many"
	case p.OfFleet && rule.After != "":
		return "is asked whether " + safetext.Visible(rule.After) + " was hit on another node before, and alerts if so"
	case p.OfFleet && rule.Without != "":
		return "waits for " + safetext.Visible(rule.Without) + " on all nodes, and reports if none is hit"
	case p.Alerts && rule.FirstSeen != 0:
		return "asked before the alert leaves: it is withdrawn if another node has alerted, or has seen the template"
	case p.Alerts:
		return "asked before the alert leaves: it is withdrawn if another node has alerted"
	}
	return "not asked about a hit that this node suppresses; its roll-up counts the hit"
}

// silentFleet stands for the fleet, so that the engine decides as that of a node: nothing is counted or reported.
type silentFleet struct{}

func (silentFleet) Count(engine.FleetHit) bool  { return true }
func (silentFleet) Rate(engine.FleetRated) bool { return true }
func (silentFleet) Saw(engine.FleetSight)       {}
func (silentFleet) Heard(engine.FleetLine)      {}
func (silentFleet) Await([]engine.FleetLine)    {}
func (silentFleet) Step(engine.FleetStep)       {}
func (silentFleet) Wait(engine.FleetWait)       {}

func (silentFleet) Follow(engine.FleetFollow) bool { return false }
func (silentFleet) DownSince() (int64, bool)       { return 0, false }

// writeExplained writes the explanation of a line, the hits first.
func writeExplained(c *command.Env, e *explained) {
	c.Printf("%s\n", safetext.Visible(e.Line))
	if len(e.Rules) == 0 {
		c.Printf("  no rule\n")
	}
	for i := range e.Rules {
		if e.Rules[i].Hit {
			writeHit(c, &e.Rules[i])
		}
	}
	for i := range e.Rules {
		if r := &e.Rules[i]; !r.Hit {
			c.Printf("  miss %s: %s\n", r.RuleID, r.Failed())
			if ending := r.Ending(); ending != "" {
				c.Printf("       %s\n", ending)
			}
		}
	}
}

func writeHit(c *command.Env, r *explainedRule) {
	s := r.Preview
	fate := "alerts"
	if !s.Alerts {
		fate = "is suppressed: " + strings.ReplaceAll(s.Reason, "_", " ")
		if r.Silence != "" {
			fate += " " + r.Silence
		}
	}
	c.Printf("  HIT  %s: %s\n", r.RuleID, fate)
	c.Printf("       %s: %s\n", r.Severity, safetext.Visible(r.Summary))
	for i := range r.Checks {
		c.Printf("       %s\n", r.Checks[i].String())
	}
	for _, path := range slices.Sorted(maps.Keys(r.Fields)) {
		c.Printf("       field %s = %s\n", safetext.Visible(path), safetext.Visible(r.Fields[path]))
	}
	if len(r.Redacted) > 0 {
		c.Printf("       masks %s\n", masks(r.Redacted))
	}
	if s.Template != "" {
		c.Printf("       template %s\n", safetext.Visible(s.Template))
	}
	if !s.ImageSince.IsZero() {
		c.Printf("       image %s, since %s\n", safetext.Visible(s.Image), s.ImageSince.Format(time.RFC3339))
	}
	if s.Needed > 0 {
		where := ""
		if s.OfFleet {
			where = " on this node; the fleet counts those of all nodes"
		}
		c.Printf("       threshold: %d of %d%s\n", s.Counted, s.Needed, where)
	}
	if s.Rate != nil {
		c.Printf("       rate: %s\n", s.Rate)
	}
	if s.Ratio != nil {
		c.Printf("       ratio: %s\n", safetext.Visible(s.Ratio.String()))
	}
	if other := cmp.Or(s.After, s.Without); other != "" {
		c.Printf("       %s\n", safetext.Visible(sequenceWords(s, other)))
	}
	c.Printf("       %s\n", safetext.Visible(keyWords(s)))
	if r.Fleet != "" {
		c.Printf("       fleet: %s\n", r.Fleet)
	}
	if s.Burst > 0 {
		more := ""
		if s.TokenIn > 0 {
			more = ", one more in " + seconds(s.TokenIn)
		}
		c.Printf("       bucket of the container: %d of %d%s\n", s.Tokens, s.Burst, more)
	}
	for _, t := range r.Triggers {
		if t.Sends {
			c.Printf("       trigger %s sends it\n", safetext.Visible(t.Name))
		} else {
			c.Printf("       trigger %s does not: %s\n", safetext.Visible(t.Name), safetext.Visible(t.Why))
		}
	}
}

// masks writes how many secrets the alert masks, by the names of their masks.
func masks(redacted map[string]int) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(redacted)) {
		out = append(out, fmt.Sprintf("%s %d", name, redacted[name]))
	}
	return strings.Join(out, ", ")
}

// sequenceWords returns the part of the other rule of a sequence in words.
func sequenceWords(s *engine.Preview, other string) string {
	last := "was not hit with the same values"
	if !s.OtherHit.IsZero() {
		last = "was last hit at " + s.OtherHit.Format(time.RFC3339) + " with the same values"
	}
	if s.After != "" {
		return fmt.Sprintf("alerts after %s, which %s", other, last)
	}
	return fmt.Sprintf("waits for %s, which %s", other, last)
}

// keyWords returns the state of a hit's key in words.
func keyWords(s *engine.Preview) string {
	suppressed := ""
	if s.Suppressed > 0 {
		suppressed = fmt.Sprintf(", %d suppressed since %s", s.Suppressed, s.SuppressedSince.Format(time.RFC3339))
	}
	if s.Waits {
		last := "none came yet"
		if !s.LastHit.IsZero() {
			last = "the last came at " + s.LastHit.Format(time.RFC3339)
		}
		return fmt.Sprintf("waits for lines of %s: %s%s", cmp.Or(strings.Join(s.Key, ", "), "all workloads"), last, suppressed)
	}
	last := "never alerted"
	if !s.LastAlert.IsZero() {
		last = "last alerted at " + s.LastAlert.Format(time.RFC3339)
	}
	if s.CooldownLeft > 0 {
		last += ", cools down for " + seconds(s.CooldownLeft)
	}
	if !s.RollupAt.IsZero() {
		suppressed += ", next roll-up at " + s.RollupAt.Format(time.RFC3339) + " if no further hit comes"
	}
	if !s.ResolvesAt.IsZero() {
		suppressed += fmt.Sprintf(", would be resolved at %s if no further hit comes", s.ResolvesAt.Format(time.RFC3339))
	}
	if s.ResolvesOn != "" {
		suppressed += fmt.Sprintf(", would be resolved by a line that matches /%s/", s.ResolvesOn)
	}
	return fmt.Sprintf("key %s: %s%s", cmp.Or(strings.Join(s.Key, ", "), "of the rule alone"), last, suppressed)
}

// seconds writes a number of seconds as a duration, to the tenth.
func seconds(n float64) string {
	return time.Duration(n * float64(time.Second)).Round(100 * time.Millisecond).String()
}
