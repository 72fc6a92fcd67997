package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fluentbitconf"
	"github.com/tinyforge/fluentbit-trigger/internal/reach"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// sequences looks for rules with after, without or ratio that can never see the other rule's hit.
func (l *linter) sequences() {
	others := map[string][]*rule{}
	var names []string
	for i := range l.rules {
		if r := &l.rules[i]; !r.override {
			others[r.settings.Name] = append(others[r.settings.Name], r)
			names = append(names, r.settings.Name)
		}
	}
	for i := range l.rules {
		r := &l.rules[i]
		field, other := "after", r.settings.Related()
		switch {
		case other == "" || r.override:
			continue
		case r.settings.Without != "":
			field = "without"
		case r.settings.Of != "":
			field = "of"
		}
		switch {
		case len(others[other]) == 0 && l.half(): // it may be in a file that was not given
		case len(others[other]) == 0:
			// The other rule may be made through the API, or by a label.
			hint := setting.DidYouMean(other, names)
			if hint == "" {
				hint = "it may be made through the API or by a label"
			}
			effect := "the rule never alerts"
			if field == "without" {
				effect = "each hit makes an alert"
			}
			l.warn(r.part, CodeSequence, field, other, "there is no rule of this name here: until there is one, "+effect, hint)
		case field == "after" && circular(others, other, r.settings.Name):
			l.warn(r.part, CodeSequence, field, other, "that rule asks for a hit of this one in turn, so that neither ever alerts", "")
		case l.apart(r, others[other]):
			l.warn(r.part, CodeSequence, field, other, "that rule and this one are for other workloads, and by asks for hits of one workload", "")
		default:
			l.sequenceValues(r, others[other])
			l.ofFleet(r, field, others[other])
		}
	}
}

// ofFleet looks for sequences of the fleet whose hits never meet on two nodes, or that ask for hits about which the fleet decides later than a hit is noted.
func (l *linter) ofFleet(r *rule, field string, others []*rule) {
	if !r.settings.Fleet() || !l.result.Settings.Fleet.On() || r.settings.Other() == "" {
		return
	}
	for _, part := range []string{"container", "host"} {
		if slices.Contains(r.settings.By, part) {
			l.warn(r.part, CodeOneNode, "by", part, "is of one node, so hits of two nodes never have it in common", `by = ["workload"]`)
		}
	}
	for _, other := range others {
		s := &other.settings
		if !s.Fleet() || s.Count == 0 && s.FirstSeen == 0 && s.After == "" && !s.Rate.IsSet() && !s.Ratio.IsSet() {
			continue
		}
		l.warn(r.part, CodeSequence, field, s.Name, "that rule is of the fleet too, so a hit of it is part of the sequence only if it would alert by the hits of its own node",
			`give that rule scope = "node", or leave its condition out`)
		return
	}
}

// apart reports whether by asks for hits of one workload, and no workload has both rules.
func (l *linter) apart(r *rule, others []*rule) bool {
	if !slices.Contains(r.settings.By, "workload") && !slices.Contains(r.settings.By, "container") {
		return false
	}
	return !slices.ContainsFunc(others, func(other *rule) bool {
		return reach.AnyMeet(r.settings.Workloads, other.settings.Workloads) && reach.AnyMeet(r.globs, other.globs) &&
			reach.AnyMeet(r.settings.Workloads, other.globs) && reach.AnyMeet(r.globs, other.settings.Workloads)
	})
}

// quiet looks for rules with rate.below whose keys end with their containers.
func (l *linter) quiet() {
	for i := range l.rules {
		r := &l.rules[i]
		if r.settings.Rate.Below == 0 || r.override || !slices.Contains(r.settings.CooldownBy, "container") {
			continue
		}
		l.warn(r.part, CodeQuiet, "rate.below", r.settings.Rate.Below.String(),
			"each container is a key of its own, so one that is replaced goes quiet, and alerts", `cooldown_by = ["workload"] counts the hits of all containers together`)
	}
}

// circular reports whether a rule can only be hit in order after another one, through any number of rules with after.
func circular(others map[string][]*rule, from, to string) bool {
	seen := map[string]bool{}
	for !seen[from] && len(others[from]) == 1 {
		seen[from] = true
		if from = others[from][0].settings.After; from == to {
			return true
		}
	}
	return false
}

// sequenceValues looks for captures of by that no pattern of the other rule has.
func (l *linter) sequenceValues(r *rule, others []*rule) {
	for _, word := range r.settings.By {
		name, ok := strings.CutPrefix(word, "capture.")
		part := "sequence"
		if r.settings.Of != "" {
			part = "ratio"
		}
		if !ok || slices.ContainsFunc(others, func(other *rule) bool { return captures(&other.settings, name) }) {
			continue
		}
		l.warn(r.part, CodeSequence, "by", word, fmt.Sprintf("the pattern of rule %q has no group named %q: its hits are never part of the %s", r.settings.Related(), name, part), "")
	}
}

func captures(s *engine.RuleSettings, name string) bool {
	if len(s.Event) > 0 && slices.Contains(engine.EventFields(), name) {
		return true
	}
	re, err := regexp.Compile(s.Pattern)
	return err != nil || re.SubexpIndex(name) >= 0
}

// readsOneNode reports whether an output gets the records of one node of a cluster only: all inputs read files or the journal of their own machine, and a filter
// kubernetes sees what the output gets.
func readsOneNode(conf *fluentbitconf.Conf, output *fluentbitconf.Section) bool {
	inputs, cluster := 0, false
	for i := range conf.Sections {
		switch s := &conf.Sections[i]; s.Name {
		case "input":
			if !slices.Contains([]string{"tail", "systemd"}, valueOf(s, "name")) {
				return false
			}
			inputs++
		case "filter":
			cluster = cluster || valueOf(s, "name") == "kubernetes" && matchesMeet(s, output)
		}
	}
	return inputs > 0 && cluster
}

// fleet looks for rules whose scope has no effect, or makes a fleet of each node, and for settings of the fleet that do not fit the triggers.
func (l *linter) fleet() {
	s := &l.result.Settings
	for i := range l.rules {
		r := &l.rules[i]
		if !r.settings.Fleet() {
			continue
		}
		if !s.Fleet.On() && r.sets("scope") {
			l.warn(r.part, CodeNoFleet, "scope", "", "there is no [fleet], so each node alerts by itself", "set fleet.address and fleet.namespace")
		}
		if a := r.settings.Absent; s.Fleet.On() && a > 0 && a < time.Minute && r.sets("absent") {
			l.warn(r.part, CodeFleetAbsent, "absent", setting.FormatDuration(a), "is short for a fleet: while the engine is away for as long, each node that heard the line reports its absence",
				`absent = "1m" or more`)
		}
		for _, part := range []string{"container", "host"} {
			if r.settings.Of != "" && slices.Contains(r.settings.By, part) && r.sets("by") {
				l.warn(r.part, CodeOneNode, "by", part, "is of one node, so each node compares its own hits", `by = ["workload"]`)
			}
			if slices.Contains(r.settings.CooldownBy, part) && r.sets("cooldown_by") {
				l.warn(r.part, CodeOneNode, "cooldown_by", part, "is of one node, so each node alerts by itself", `cooldown_by = ["workload"]`)
			}
		}
	}
	if !s.Fleet.On() {
		return
	}
	for i := range s.Triggers {
		if t := &s.Triggers[i]; len(t.GroupBy) > 0 && t.GroupWait < s.Fleet.Wait {
			l.warn(l.result.Parts.Triggers[i], CodeFleetWait, "group_wait", "", "is shorter than fleet.wait: an alert that gets no answer in time misses the message of its group",
				"a group_wait of at least "+setting.FormatDuration(s.Fleet.Wait))
		}
	}
	for _, f := range s.Fleet.SecretFiles() {
		if l.options.Shared(f.Path) {
			l.warnSingle(CodeSharedFile, "fleet."+f.Field, sharedFile, "chmod o-r "+f.Path)
		}
	}
	for _, field := range s.Fleet.InClear() {
		at, set := l.result.Parts.Single("fleet." + field)
		if mode, err := l.options.Mode(at.Origin.String()); set && err == nil && mode&worldReadable != 0 {
			l.warnSingle(CodeSecret, "fleet."+field, "stands in a file that everyone may read", "chmod o-r, or "+ownSource(field))
		}
	}
}

// nodesHint is the way to count over several nodes.
const nodesHint = "let one Fluent Bit with the plugin get the records of all nodes: docs/counting.md#several-nodes"

// nodes warns of a rule whose key spans nodes, where each node has a count or a wait of its own.
func (l *linter) nodes(r *rule) {
	if !l.host.oneNode || r.settings.Fleet() && l.result.Settings.Fleet.On() {
		return
	}
	local := func(key []string) bool { return slices.Contains(key, "container") || slices.Contains(key, "host") }
	s := &r.settings
	switch {
	case s.Absent > 0 && r.sets("absent"):
		l.warn(r.part, CodeOneNode, "absent", "", "each node waits for itself: a workload that moves to another node is reported as absent", nodesHint)
	case s.Without != "" && !local(s.By) && r.sets("without"):
		l.warn(r.part, CodeOneNode, "without", "", "each node waits for itself: if the other rule hits on another node, it is reported as missing", nodesHint)
	case s.Rate.IsSet() && !local(s.CooldownBy) && (r.sets("rate") || r.sets("cooldown_by")):
		l.warn(r.part, CodeOneNode, "rate", "", "each node compares its own hits: a workload that moves to another node is new there, and gone here", nodesHint)
	case s.Count > 0 && !local(s.CooldownBy) && (r.sets("count") || r.sets("cooldown_by")):
		field := "count"
		if !r.sets(field) {
			field = "cooldown_by"
		}
		l.warn(r.part, CodeOneNode, field, "", "each node counts for itself: hits on several nodes do not add up", nodesHint)
	}
}
