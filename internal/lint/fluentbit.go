package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/fluentbitconf"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// pluginName is the name of an output of this plugin.
const pluginName = "trigger"

// fluentBit checks a configuration of Fluent Bit.
func (r *Report) fluentBit(path string, options Options) {
	conf := fluentbitconf.Read(path, options.LookupEnv)
	for _, p := range conf.Problems {
		code := CodeInvalid
		if p.Unusable {
			code = CodeUnreadable
		}
		r.Findings = append(r.Findings, Finding{
			File: p.Place.File, Line: p.Place.Line, Column: p.Place.Column, Severity: Error, Code: code, Message: p.Message, Hint: p.Hint,
			unusable: p.Unusable,
		})
	}
	outputs, joins, events := 0, false, &eventRules{}
	for i := range conf.Sections {
		s := &conf.Sections[i]
		switch {
		case s.Name == "service":
			r.service(s)
		case isOutput(s):
			outputs++
			settings := r.output(s, options, readsOneNode(conf, s))
			joins = joins || settings != nil && settings.Records.Join == chunk.JoinOn
			events.add(settings)
			r.images(conf, s, settings)
		}
	}
	if joins {
		r.joins(conf)
	}
	r.inputs(conf, events)
	r.filters(conf, options)
	if outputs == 0 && len(conf.Problems) == 0 {
		r.Findings = append(r.Findings, Finding{
			File: path, Line: 1, Column: 1, Severity: Warning, Code: CodeNoOutput, Message: "has no output whose name is " + pluginName,
		})
	}
}

// entry adds a warning about an entry.
func (r *Report) entry(s *fluentbitconf.Section, e *fluentbitconf.Entry, severity Severity, code, message, hint string) {
	r.Findings = append(r.Findings, Finding{
		File: e.Place.File, Line: e.Place.Line, Column: e.Place.Column, Severity: severity, Code: code, Path: sectionPath(s), Field: shownKey(e.Key),
		Message: message, Hint: hint, head: s.Place.Line,
	})
}

// shownKey returns a key as findings show it: text behind a tab belongs to the value, and a key of an impossible form may be a value that slipped
// to the left, and so a secret.
func shownKey(key string) string {
	key, _, _ = strings.Cut(key, "\t")
	if len(key) > 80 || strings.ContainsAny(key, ":/=") {
		return setting.Placeholder
	}
	return key
}

func sectionPath(s *fluentbitconf.Section) string {
	for _, key := range []string{"id", "alias"} {
		if e := s.Find(key); e != nil && e.Value != "" {
			return fmt.Sprintf("%s %q", s.Name, e.Value)
		}
	}
	return s.Name
}

func (r *Report) service(s *fluentbitconf.Section) {
	if e := s.Find("daemon"); e != nil && isOn(e.Value) {
		r.entry(s, e, Warning, CodeDaemon, "a process that forks after loading a Go plugin hangs", "daemon off")
	}
}

func isOn(value string) bool {
	return slices.Contains([]string{"on", "true", "yes", "1"}, strings.ToLower(value))
}

// output checks an output of this plugin, by the code that the plugin itself reads its parameters with, and returns its settings.
func (r *Report) output(s *fluentbitconf.Section, options Options, oneNode bool) *config.Settings {
	result, asked, elsewhere := loadOutput(s, options.Offline)
	r.Elsewhere += elsewhere
	r.count(result, options)
	found := check(result, options, host{plugin: true, oneNode: oneNode})
	for i := range found {
		locate(&found[i], s)
	}
	r.Findings = append(r.Findings, found...)
	r.traps(s, asked)
	if elsewhere > 0 || slices.ContainsFunc(s.Entries, func(e fluentbitconf.Entry) bool { return len(e.Unset) > 0 }) {
		return &result.Settings // missing settings may come from there
	}
	if len(result.Settings.Triggers) == 0 && len(result.Settings.Rules) > 0 && len(result.Problems) == 0 {
		r.Findings = append(r.Findings, Finding{
			File: s.Place.File, Line: s.Place.Line, Column: s.Place.Column, Severity: Warning, Code: CodeNoTrigger, Path: sectionPath(s),
			Message: "has rules but no trigger: their alerts go nowhere", head: s.Place.Line,
		})
	}
	if len(result.Settings.Rules)+len(result.Settings.Workloads) == 0 && len(result.Problems) == 0 {
		r.Findings = append(r.Findings, Finding{
			File: s.Place.File, Line: s.Place.Line, Column: s.Place.Column, Severity: Warning, Code: CodeNoRules, Path: sectionPath(s),
			Message: "has no rules, so it never alerts", Hint: "set config, config_file or rules; Fluent Bit ignores keys that it does not know", head: s.Place.Line,
		})
	}
	return &result.Settings
}

// loadOutput reads the settings of an output of this plugin. asked holds the parameters that the plugin looks for, in lower case. With offline, the files
// that are not here are left out, and elsewhere counts them.
func loadOutput(s *fluentbitconf.Section, offline bool) (result *config.Result, asked map[string]bool, elsewhere int) {
	asked = map[string]bool{}
	get := func(key string) string {
		asked[strings.ToLower(key)] = true
		if e := s.Find(key); e != nil {
			return strings.TrimSpace(e.Value)
		}
		return ""
	}
	get("id") // the plugin looks for it by itself
	get("config")
	sources := config.Sources{Params: get}
	if e := s.Find("config"); e != nil {
		sources.Inline = e.Value // with its blank lines, for the places
	}
	if files := get("config_file"); files != "" {
		sources.Files = []string{beside(files, s.Place.File)}
		if offline {
			sources.Files, elsewhere = here(sources.Files[0])
		}
	}
	return config.Load(sources), asked, elsewhere
}

// here returns the entries of config_file that are on this machine, and counts the others.
func here(entries string) (found []string, elsewhere int) {
	for _, e := range strings.Split(entries, ",") {
		if e = strings.TrimSpace(e); e == "" {
			continue
		}
		if matches, err := filepath.Glob(e); err == nil && len(matches) == 0 && filepath.IsAbs(e) {
			elsewhere++
			continue
		}
		found = append(found, e)
	}
	return found, elsewhere
}

// isOutput reports whether a section is an output of this plugin.
func isOutput(s *fluentbitconf.Section) bool {
	name := s.Find("name")
	return s.Name == "output" && name != nil && strings.EqualFold(name.Value, pluginName)
}

// beside returns config_file's entries as they are meant: Fluent Bit takes them from the folder that it is started in. Where they are not
// there, the folder of the configuration is the best guess.
func beside(entries, file string) string {
	parts := strings.Split(entries, ",")
	for i, p := range parts {
		p = strings.TrimSpace(p)
		if _, err := os.Stat(p); p != "" && err != nil && !filepath.IsAbs(p) {
			p = filepath.Join(filepath.Dir(file), p)
		}
		parts[i] = p
	}
	return strings.Join(parts, ",")
}

// locate puts a finding about a parameter, or about the document in one, at its place in the configuration of Fluent Bit.
func locate(f *Finding, s *fluentbitconf.Section) {
	if f.origin.Kind != config.FromParameter {
		return
	}
	key := f.origin.Name
	if f.Path == "" {
		f.Path = sectionPath(s)
	} else {
		f.Path = sectionPath(s) + ": " + f.Path
	}
	e := s.Find(key)
	if e == nil { // a parameter that is not set: the first of the same part, else the section
		for i := range s.Entries {
			if strings.HasPrefix(strings.ToLower(s.Entries[i].Key), strings.ToLower(key)+".") {
				e = &s.Entries[i]
				break
			}
		}
	}
	switch {
	case e == nil:
		f.File, f.Line, f.Column = s.Place.File, s.Place.Line, s.Place.Column
	case e.Block && f.Line > 0:
		f.File, f.Line, f.Column = e.Text.File, e.Text.Line+f.Line-1, f.Column+e.Text.Column-1
		if f.head > 0 {
			f.head += e.Text.Line - 1
		}
	default:
		f.File, f.Line, f.Column, f.head = e.Text.File, e.Text.Line, e.Text.Column, e.Place.Line
	}
}

// traps looks for settings that Fluent Bit ignores or changes in silence. asked holds the parameters that the plugin looked for.
func (r *Report) traps(s *fluentbitconf.Section, asked map[string]bool) {
	seen := map[string]bool{}
	var known []string
	for key := range asked {
		known = append(known, key)
	}
	slices.Sort(known)
	for i := range s.Entries {
		e := &s.Entries[i]
		key := strings.ToLower(e.Key)
		switch {
		case e.Tab:
			r.entry(s, e, Warning, CodeTab, "a tab follows the key: Fluent Bit ends a key at the first space, so the plugin does not find it", "use spaces")
			continue
		case seen[key]:
			r.entry(s, e, Warning, CodeTwice, "is set twice: only the first one counts", "")
			continue
		case e.Map:
			r.entry(s, e, Error, CodeInvalid, "a map in an output stops Fluent Bit's start", "use config: | with the whole text as a document")
			continue
		case e.List && !ownKey(key):
			r.entry(s, e, Warning, CodeList, "is a list: Fluent Bit passes only its first element", `a text, as in '["a", "b"]'`)
		case len(e.Unset) > 0:
			r.entry(s, e, Warning, CodeVariable, fmt.Sprintf("the variable %s is not set here, so it reads as empty", e.Unset[0]), "")
		}
		seen[key] = true
		if quoted(e.Value) && !fluentbitconf.IsYAML(e.Place.File) {
			r.entry(s, e, Warning, CodeQuotes, "the quotes become part of the value", "remove the quotes")
		}
		if comment.MatchString(e.Value) && !e.Block && !fluentbitconf.IsYAML(e.Place.File) {
			r.entry(s, e, Warning, CodeComment, "# and the text behind it become part of the value", "write the comment on its own line")
		}
		if !asked[key] && !ownKey(key) {
			r.entry(s, e, Warning, CodeParameter, "is not a parameter of the plugin: Fluent Bit ignores it", unknownHint(key, known))
		}
	}
	r.workers(s)
}

// quoted reports whether a value as a whole is in quotes: one with further quotes within, as "status":"5\d\d", only begins and ends with some.
func quoted(value string) bool {
	return len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] && strings.Count(value, value[:1]) == 2
}

// comment finds a comment behind a value. In Fluent Bit's classic format, comments are on lines of their own.
var comment = regexp.MustCompile(`\s#(?:\s|$)`)

// unknownHint names the parameter that an unknown one was probably meant to be.
func unknownHint(key string, known []string) string {
	kind, rest, ok := strings.Cut(key, ".")
	if ok && (kind == "rule" || kind == "workload" || kind == "trigger") {
		name, _, _ := strings.Cut(rest, ".")
		if !slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(k, kind+"."+name+".") }) {
			return fmt.Sprintf("%ss does not name %q", kind, name)
		}
	}
	if hint := setting.DidYouMean(key, known); hint != "" {
		return hint
	}
	if i := strings.LastIndexByte(key, '.'); i >= 0 { // the keys of the same part are nearer than all
		var beside []string
		for _, k := range known {
			if strings.HasPrefix(k, key[:i+1]) {
				beside = append(beside, k[i+1:])
			}
		}
		return setting.DidYouMean(key[i+1:], beside)
	}
	return ""
}

// ownKey reports whether Fluent Bit keeps a parameter of an output for itself.
func ownKey(key string) bool {
	if strings.HasPrefix(key, "tls.") || strings.HasPrefix(key, "net.") || strings.HasPrefix(key, "storage.") || strings.HasPrefix(key, "oauth2.") {
		return true
	}
	return slices.Contains([]string{
		"name", "match", "match_regex", "alias", "log_level", "log_suppress_interval", "host", "port", "ipv6", "workers", "retry_limit", "tls",
		"no_multiplex", "processors",
	}, key)
}

func (r *Report) workers(s *fluentbitconf.Section) {
	if e := s.Find("workers"); e != nil && e.Value != "0" {
		r.entry(s, e, Warning, CodeWorkers, "starts threads that the plugin does not use, and every hot reload leaks them", "workers 0")
	}
	const message = "by default Fluent Bit drops a chunk after two refusals, and chunks are refused while the store is full"
	switch e := s.Find("retry_limit"); {
	case e == nil:
		r.Findings = append(r.Findings, Finding{
			File: s.Place.File, Line: s.Place.Line, Column: s.Place.Column, Severity: Warning, Code: CodeRetryLimit, Path: sectionPath(s),
			Field: "retry_limit", Message: "is not set: " + message, Hint: "retry_limit no_limits", head: s.Place.Line,
		})
	case !slices.Contains([]string{"no_limits", "false", "off"}, strings.ToLower(e.Value)):
		r.entry(s, e, Warning, CodeRetryLimit, "Fluent Bit drops a chunk after so many refusals, and chunks are refused while the store is full", "retry_limit no_limits")
	}
}
