package fleetnode

import (
	"encoding/json"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

func sequenceKey(name string) fleet.Key { return fleet.KeyOf("sequence", name) }

// wholeMillis returns a length of time as the engine has it.
func wholeMillis(ns int64) time.Duration {
	return max(time.Millisecond, time.Duration(ns).Truncate(time.Millisecond))
}

// Step implements engine.Fleet.
func (n *Node) Step(s engine.FleetStep) {
	if l := n.current.Load(); l != nil {
		l.fleet.Step(sequenceKey(s.Sequence), time.Unix(0, s.At), wholeMillis(s.Within))
	}
}

// Follow implements engine.Fleet.
func (n *Node) Follow(h engine.FleetFollow) bool {
	l := n.current.Load()
	return l != nil && l.fleet.Follow(fleet.Asked{
		Key: sequenceKey(h.Sequence), Name: h.Key, At: time.Unix(0, h.At), Within: wholeMillis(h.Within), Shown: h.Shown,
	})
}

// Wait implements engine.Fleet.
func (n *Node) Wait(w engine.FleetWait) {
	l := n.current.Load()
	if l == nil {
		return
	}
	one := fleet.Waiting{
		Key: sequenceKey(w.Sequence), Name: w.Sequence, At: time.Unix(0, w.At), From: time.Unix(0, w.From), Within: wholeMillis(w.Within),
		Title: fleet.Title{Rule: w.RuleID, Text: w.Workload},
	}
	if l.settings.ShareLines {
		one.Sample = sampleOf(n.opt.Shown(&w.Shown))
	}
	l.fleet.Wait(one)
}

// missing returns the alert about a hit that the other rule followed on no node; nil if this node does not have the rule.
func (l *loops) missing(t *fleet.Taken) (*trigger.Alert, func(), bool) {
	var s sample
	if len(t.Sample) > 0 && json.Unmarshal(t.Sample, &s) != nil {
		s = sample{}
	}
	shown := trigger.Alert{Severity: s.Severity, Summary: s.Summary, Message: s.Message, Source: s.Source, Labels: s.Labels}
	if !isSeverity(shown.Severity) {
		shown.Severity = ""
	}
	if shown.Source.Workload == "" {
		shown.Source.Workload = t.Title.Text
	}
	return l.opt.Missing(t.Title.Rule, &shown, l.opt.Now().Add(-t.Last))
}
