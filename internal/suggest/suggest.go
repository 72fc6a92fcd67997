package suggest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/template"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Result is the noisiest templates of a log. Its JSON form is what -o json prints.
type Result struct {
	Lines     int64        `json:"lines"` // that are not empty
	Templates int          `json:"templates"`
	Dropped   int64        `json:"dropped_lines"` // of templates that were evicted because there were too many
	Found     []Suggestion `json:"found"`
}

// Suggestion is a template with a rule and an exclusion for it.
type Suggestion struct {
	Template  string    `json:"template"`
	Count     int64     `json:"count"`
	Share     float64   `json:"share"` // of all lines, from 0 to 1
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	Workloads []string  `json:"workloads"` // up to five
	Sample    string    `json:"sample"`
	File      string    `json:"file,omitempty"`
	Line      int       `json:"line,omitempty"`
	Name      string    `json:"name"`
	Severity  string    `json:"severity"`
	Pattern   string    `json:"pattern"`
	// Rule is a [[rule]] block, and Exclusion a setting for other rules. Both were tried on all samples. They are empty where nothing can be
	// said that all lines have in common.
	Rule      string `json:"rule,omitempty"`
	Exclusion string `json:"exclusion,omitempty"`
	// Others names the templates listed whose samples the pattern matches too.
	Others int `json:"other_templates_matched,omitempty"`
}

// maskText matches the masks of secrets.
var maskText = regexp.MustCompile(`\[redacted:[a-z-]+\]`)

// Run finds the noisiest templates. Secrets in them and in the samples are masked.
func Run(ctx context.Context, o Options) (*Result, error) {
	c, err := count(ctx, o)
	if err != nil {
		return nil, err
	}
	out := &Result{Lines: c.lines, Templates: len(c.all), Dropped: c.dropped, Found: []Suggestion{}}
	all := c.sorted()
	top := all[:min(len(all), o.Top)]
	if at := slices.IndexFunc(top, func(f *found) bool { return f.count < o.Min }); at >= 0 {
		top = top[:at]
	}
	redactor, err := engine.NewRedactor(engine.DefaultRedact())
	if err != nil {
		return nil, err
	}
	for _, f := range top {
		// A secret that all lines have in common is part of the template: neither the template nor the pattern made of it may show it.
		f.template = maskText.ReplaceAllString(redactor.Text(f.template, nil), "<str>")
	}
	names := map[string]int{}
	for i, f := range top {
		s := Suggestion{
			Template: strings.ToValidUTF8(f.template, "\uFFFD"), Count: f.count, Share: float64(f.count) / float64(c.lines), First: utc(f.first), Last: utc(f.last),
			Workloads: f.workloads, Sample: redactor.Line([]byte(f.samples[0].text), 2*maxLooked), File: f.samples[0].file, Line: f.samples[0].number,
			Name: nameOf(f.template), Severity: severityOf(f).String(),
		}
		if names[s.Name]++; names[s.Name] > 1 {
			s.Name = fmt.Sprintf("%s-%d", s.Name, names[s.Name])
		}
		s.Pattern, s.Others = choose(top, i)
		if s.Pattern != "" && !s.write(f) {
			s.Pattern = ""
		}
		out.Found = append(out.Found, s)
	}
	return out, nil
}

// Line writes a rule for the lines of one line's template, with a name, a severity and a pattern that was tried on the line. Pattern is empty where nothing can
// be said that such lines have in common. Secrets in it are masked, those that the line itself has as masks too. severity is that of the record, if it is known.
func Line(text []byte, severity engine.Severity) Suggestion {
	one := string(text[:min(len(text), maxLooked)])
	f := &found{template: string(template.Append(nil, []byte(one))), samples: []sample{{text: one, severity: severity}}}
	redactor, _ := engine.NewRedactor(engine.DefaultRedact()) // the defaults are valid
	f.template = maskText.ReplaceAllString(redactor.Text(f.template, nil), "<str>")
	s := Suggestion{Template: strings.ToValidUTF8(f.template, "\uFFFD"), Count: 1, Name: nameOf(f.template), Severity: severityOf(f).String()}
	if s.Pattern, _ = choose([]*found{f}, 0); s.Pattern != "" && !s.write(f) {
		s.Pattern = ""
	}
	return s
}

// choose returns the first candidate that matches all samples of the template and none of the others; else the one that matches the fewest
// others, with their number.
func choose(top []*found, i int) (pattern string, others int) {
	f := top[i]
	cut := slices.ContainsFunc(f.samples, func(s sample) bool { return len(s.text) >= maxLooked })
	best := -1
	for _, text := range candidates(strings.ToValidUTF8(f.template, "\uFFFD"), cut) {
		re, err := regexp.Compile(text)
		if err != nil || re.MatchString("") || !matchesAll(re, f) {
			continue
		}
		n := 0
		for k, other := range top {
			if k != i && slices.ContainsFunc(other.samples, func(s sample) bool { return re.MatchString(s.text) }) {
				n++
			}
		}
		if n == 0 {
			return text, 0
		}
		if best < 0 || n < best {
			pattern, best = text, n
		}
	}
	return pattern, max(0, best)
}

func matchesAll(re *regexp.Regexp, f *found) bool {
	return !slices.ContainsFunc(f.samples, func(s sample) bool { return !re.MatchString(s.text) })
}

// cooldown is that of a rule for lines of which there are so many.
const cooldown = "15m"

// write writes rule and exclusion, and reports whether they compile and hit, or exclude, all samples.
func (s *Suggestion) write(f *found) bool {
	rule := fmt.Sprintf("[[rule]]\nname = %s\npattern = %s\nseverity = %q\ncooldown = %q\n", safetext.TOML(s.Name), safetext.TOML(s.Pattern), s.Severity, cooldown)
	none := "none = [" + safetext.TOML(s.Pattern) + "]"
	if !hits(rule, f, true) || !hits("[[rule]]\nname = 'all'\npattern = '(?s).'\n"+none+"\n", f, false) {
		return false
	}
	s.Rule, s.Exclusion = rule, none
	return true
}

// hits reports whether the configuration loads, and its rule hits all samples, or none.
func hits(text string, f *found, want bool) bool {
	loaded := config.Load(config.Sources{Inline: text})
	if len(loaded.Problems) > 0 {
		return false
	}
	e := engine.New()
	snapshot, err := e.Compile(loaded.Settings.Engine())
	if err != nil || len(snapshot.Broken()) > 0 {
		return false
	}
	e.Apply(snapshot)
	w := e.Worker()
	defer w.Release()
	source := &engine.Source{Kind: "log", Workload: "suggest"}
	for _, one := range f.samples {
		if got := len(w.Find(&engine.Record{Text: []byte(one.text), Source: source}, nil)) > 0; got != want {
			return false
		}
	}
	return true
}

var (
	levelWord  = regexp.MustCompile(`(?i)\b(trace|debug|info|notice|warn|warning|error|err|severe|fatal|critical|crit|panic|emerg|alert)\b`)
	levelField = regexp.MustCompile(`(?i)"?\b(?:level|severity|lvl|levelname|log_level|loglevel)"?\s*[=:]\s*"?(\w+)`)
)

// severityOf guesses how grave lines are: by the level of their records, else by the first word in them that names a level.
func severityOf(f *found) engine.Severity {
	s := f.samples[0]
	if s.severity != engine.SeverityUnknown {
		return s.severity
	}
	for _, re := range []*regexp.Regexp{levelField, levelWord} {
		if m := re.FindStringSubmatch(s.text); m != nil {
			if level := engine.ParseLevel([]byte(m[1])); level != engine.SeverityUnknown {
				return level
			}
		}
	}
	return engine.SeverityWarning
}
