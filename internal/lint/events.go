package lint

import (
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/fluentbitconf"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
)

// eventRules are the rules about events of containers that the outputs of a configuration have, and the tags that bring such events.
type eventRules struct {
	any  bool
	tags []string
}

// add notes an output.
func (e *eventRules) add(s *config.Settings) {
	about := func(r engine.RuleSettings) bool { return len(r.Event) > 0 }
	if slices.ContainsFunc(s.Rules, about) || slices.ContainsFunc(s.Workloads, func(w engine.WorkloadSettings) bool { return slices.ContainsFunc(w.Rules, about) }) {
		e.any = true
		e.tags = append(e.tags, s.Records.EventTags...)
	}
}

// inputs looks for inputs of events whose events do not come, or not as events.
func (r *Report) inputs(conf *fluentbitconf.Conf, e *eventRules) {
	for i := range conf.Sections {
		s := &conf.Sections[i]
		if name := s.Find("name"); s.Name != "input" || name == nil || !strings.EqualFold(name.Value, "docker_events") {
			continue
		}
		if p := s.Find("parser"); p != nil {
			r.entry(s, p, Warning, CodeEventParser, "Fluent Bit drops events that arrive in one read, because no parser accepts several", "remove the parser")
		}
		tag := s.Find("tag")
		if tag != nil && e.any && !glob.MatchAny(e.tags, tag.Value) {
			r.entry(s, tag, Warning, CodeEventTag, "rules with event do not see these records: their tag makes them log lines", "remove the tag, or add it to records.event_tags")
		}
	}
}
