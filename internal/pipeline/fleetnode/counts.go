package fleetnode

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

var _ engine.Fleet = (*Node)(nil)

// Count implements engine.Fleet.
func (n *Node) Count(h engine.FleetHit) bool {
	l := n.current.Load()
	if l == nil {
		return false
	}
	one := fleet.Hit{
		Key: fleet.KeyOf("cooldown", h.Key), Name: h.Key, At: time.Unix(0, h.At), Threshold: fleet.Threshold{
			Count: int64(h.Count), Within: max(time.Millisecond, time.Duration(h.Within).Truncate(time.Millisecond)),
			Cooldown: time.Duration(h.Cooldown).Truncate(time.Millisecond), CooldownMax: time.Duration(h.CooldownMax).Truncate(time.Millisecond),
			Values: h.Distinct != "",
		},
	}
	if one.Values {
		one.Value = valueOf(l.settings.Namespace, &h)
	}
	return l.fleet.Count(one)
}

// Rate implements engine.Fleet.
func (n *Node) Rate(h engine.FleetRated) bool {
	l := n.current.Load()
	if l == nil {
		return false
	}
	one := fleet.Rated{
		Key:   fleet.KeyOf("rate", fmt.Sprintf("%d %d %s", h.Within, h.Than, h.Key)), // nodes of two configurations count apart
		Slice: sliceOf(h.Within), Than: time.Duration(h.Than).Truncate(time.Millisecond), At: time.Unix(0, h.At), Other: h.Other,
	}
	if h.Alerts != "" {
		one.Asks = &fleet.Asking{
			Key: fleet.KeyOf("cooldown", h.Alerts), Name: h.Alerts, Cooldown: time.Duration(h.Cooldown).Truncate(time.Millisecond),
			CooldownMax: time.Duration(h.CooldownMax).Truncate(time.Millisecond), Above: engine.Factor(h.Above), Ratio: engine.Ratio{Millionths: h.Millionths, Reached: h.Reached}, AtLeast: int64(h.AtLeast),
		}
	}
	return l.fleet.Rate(one)
}

// sliceOf returns the length of a slice of a time within, both in ns, in the unit of the wire.
func sliceOf(within int64) time.Duration {
	return max(time.Millisecond, time.Duration(rate.SliceOf(within)).Truncate(time.Millisecond))
}

// Saw implements engine.Fleet.
func (n *Node) Saw(s engine.FleetSight) {
	if l := n.current.Load(); l != nil {
		l.fleet.Saw(templateOf(&s))
	}
}

// templateOf returns a template as the fleet knows it.
func templateOf(s *engine.FleetSight) fleet.Template {
	t := fleet.Template{Key: seenKey(s.Template), For: remembered(s.For)}
	if s.Image == "" {
		return t
	}
	t.Image, t.First = fleet.KeyOf("image", s.Image), time.Unix(0, s.First)
	if s.Appeared != 0 {
		t.Appeared = time.Unix(0, s.Appeared)
	}
	return t
}

func seenKey(template string) fleet.Key { return fleet.KeyOf("seen", template) }

// remembered returns how long the engine remembers a template. Nodes report a known one 64 times in the time of first_seen, and it must not be new between two
// reports.
func remembered(ns int64) time.Duration {
	d := time.Duration(ns)
	return max(time.Second, (d + d/32).Truncate(time.Millisecond))
}

// Heard implements engine.Fleet.
func (n *Node) Heard(line engine.FleetLine) {
	if l := n.current.Load(); l != nil {
		l.fleet.Heard(lineOf(&line))
	}
}

// Await implements engine.Fleet.
func (n *Node) Await(lines []engine.FleetLine) {
	l := n.current.Load()
	if l == nil {
		return
	}
	list := make([]fleet.Line, len(lines))
	for i := range lines {
		list[i] = lineOf(&lines[i])
	}
	l.fleet.Await(list)
}

// DownSince implements engine.Fleet.
func (n *Node) DownSince() (since int64, down bool) {
	l := n.current.Load()
	if l == nil {
		return 0, true
	}
	at, down := l.fleet.DownSince()
	return at.UnixNano(), down
}

// wasHeard is the sample of a line that was heard: its absence then says when that was. The line itself says nothing more.
var wasHeard = []byte("heard")

func lineOf(l *engine.FleetLine) fleet.Line {
	line := fleet.Line{Name: l.Key, Hearing: fleet.Hearing{
		Key: absenceKey(l.Key), Within: time.Duration(l.Within).Truncate(time.Millisecond), Watch: l.At == 0, Title: fleet.Title{Rule: l.RuleID, Text: l.Workload},
	}}
	if l.At != 0 {
		line.At, line.Sample = time.Unix(0, l.At), wasHeard
	}
	return line
}

func absenceKey(key string) fleet.Key { return fleet.KeyOf("absence", key) }

// NameAlone marks an alert about an absence or a wait of the fleet that this node makes by itself, as the fleet's are: with the key that they have on every node.
func (n *Node) NameAlone(made *engine.Alert, a *trigger.Alert) {
	l := n.current.Load()
	if l == nil || made.Kind != engine.KindAbsence && made.Kind != engine.KindResolved && made.Kind != engine.KindMissing {
		return
	}
	rule := n.opt.Rules().Find(made.RuleID, made.Source.Workload)
	if rule == nil || !rule.Settings.Fleet() || rule.Settings.DryRun || rule.Settings.Absent == 0 && made.Kind != engine.KindMissing {
		return
	}
	if a.Key = alertKey(absenceKey(made.Key)); made.Kind == engine.KindMissing {
		a.Key = alertKey(sequenceKey(made.Key))
	}
	a.Fleet = &trigger.Fleet{Namespace: l.settings.Namespace, Nodes: 1, Engine: trigger.EngineAlone}
	if n.opt.Host != "" {
		a.Fleet.Hosts = []string{n.opt.Host}
	}
}

// valueOf returns the digest by which the nodes know a value: that of the engine of rules with all that it is of, so that equal values of other keys, rules and
// namespaces have others. It is not 0.
func valueOf(namespace string, h *engine.FleetHit) uint64 {
	text := "value\x00" + namespace + "\x00" + h.Distinct + "\x00" + h.Key
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(text), h.Value))
	return max(1, binary.BigEndian.Uint64(sum[:]))
}
