package lint

import (
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/fluentbitconf"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
)

// filters looks for filters that mix the members of a line with the keys that say whose the line is, in records that an output of ours gets.
func (r *Report) filters(conf *fluentbitconf.Conf, options Options) {
	var outputs []*fluentbitconf.Section
	formats := map[string]string{"json": "json", "docker": "json"} // of the parsers that Fluent Bit brings along
	parsers := func(conf *fluentbitconf.Conf) {
		for i := range conf.Sections {
			if s := &conf.Sections[i]; s.Name == "parser" {
				formats[valueOf(s, "name")] = valueOf(s, "format")
			}
		}
	}
	parsers(conf)
	for i := range conf.Sections {
		switch s := &conf.Sections[i]; {
		case s.Name == "output" && valueOf(s, "name") == pluginName:
			outputs = append(outputs, s)
		case s.Name == "service":
			if e := s.Find("parsers_file"); e != nil { // one that cannot be read says nothing of its parsers
				parsers(fluentbitconf.Read(beside(e.Value, s.Place.File), options.LookupEnv))
			}
		}
	}
	for i := range conf.Sections {
		s := &conf.Sections[i]
		if s.Name != "filter" || !slices.ContainsFunc(outputs, func(o *fluentbitconf.Section) bool { return matchesMeet(s, o) }) {
			continue
		}
		switch valueOf(s, "name") {
		case "kubernetes":
			r.mergedLog(s)
		case "parser":
			r.parsed(conf, s, formats)
		}
	}
}

// mergedLog warns of a kubernetes filter that makes members of a line keys of the record.
func (r *Report) mergedLog(s *fluentbitconf.Section) {
	e := s.Find("merge_log")
	if e == nil || !isOn(e.Value) || valueOf(s, "merge_log_key") != "" {
		return
	}
	r.entry(s, e, Warning, CodeMerged, "members of a JSON line become keys of the record, where they can replace its text and its stream", "merge_log_key log_processed")
}

// parsed warns of a parser filter that removes keys of a driver, or lets lines add to them.
func (r *Report) parsed(conf *fluentbitconf.Conf, s *fluentbitconf.Section, formats map[string]string) {
	if !slices.ContainsFunc(conf.Sections, func(input fluentbitconf.Section) bool { return keysIdentify(&input) && inputMeets(&input, s) }) {
		return
	}
	at := s.Find("name")
	if !isOn(valueOf(s, "reserve_data")) {
		r.entry(s, at, Warning, CodeDropped, "without reserve_data all other keys are lost, including those that identify the container or unit, so a line can pretend to be from another one", "reserve_data on")
		return
	}
	if p := s.Find("parser"); p != nil && slices.Contains([]string{"json", "logfmt", "ltsv"}, strings.ToLower(formats[strings.ToLower(p.Value)])) {
		r.entry(s, p, Warning, CodeMerged, "members of a line become keys next to those of the log driver, so a line can add labels",
			"leave the line as it is: where reads JSON in it; or put what is parsed under a key of its own before it is lifted")
	}
}

// keysIdentify reports whether an input's records say by keys at their top whose they are.
func keysIdentify(s *fluentbitconf.Section) bool {
	return s.Name == "input" && slices.Contains([]string{"forward", "systemd", "udp", "tcp"}, valueOf(s, "name"))
}

// inputMeets reports whether a filter can get records of an input. Those of forward have any tag, unless it sets one.
func inputMeets(input, filter *fluentbitconf.Section) bool {
	match, tag := filter.Find("match"), input.Find("tag")
	switch {
	case match == nil || valueOf(input, "tag_prefix") != "":
		return true
	case tag == nil && valueOf(input, "name") == "forward":
		return true
	case tag == nil:
		return tagsMeet(match.Value, valueOf(input, "name")+".*")
	}
	return tagsMeet(match.Value, tag.Value)
}

// matchesMeet reports whether two sections can get the same records.
func matchesMeet(a, b *fluentbitconf.Section) bool {
	x, y := a.Find("match"), b.Find("match")
	return x == nil || y == nil || tagsMeet(x.Value, y.Value)
}

// tagsMeet reports whether some tag can match both expressions of Fluent Bit, in which * stands for any text and \ for itself.
func tagsMeet(a, b string) bool { return strings.Contains(a+b, `\`) || glob.Meet(a, b) }

// valueOf returns the value of a key in lower case, "" without it.
func valueOf(s *fluentbitconf.Section, key string) string {
	if e := s.Find(key); e != nil {
		return strings.ToLower(strings.TrimSpace(e.Value))
	}
	return ""
}
