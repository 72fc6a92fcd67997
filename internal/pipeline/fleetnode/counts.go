package fleetnode

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
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
			Cooldown: time.Duration(h.Cooldown).Truncate(time.Millisecond), Values: h.Distinct != "",
		},
	}
	if one.Values {
		one.Value = valueOf(l.settings.Namespace, &h)
	}
	return l.fleet.Count(one)
}

// Saw implements engine.Fleet.
func (n *Node) Saw(s engine.FleetSight) {
	if l := n.current.Load(); l != nil {
		l.fleet.Saw(seenKey(s.Template), remembered(s.For))
	}
}

func seenKey(template string) fleet.Key { return fleet.KeyOf("seen", template) }

// remembered returns how long the engine remembers a template. Nodes report a known one 64 times in the time of first_seen, and it must not be new between two
// reports.
func remembered(ns int64) time.Duration {
	d := time.Duration(ns)
	return max(time.Second, (d + d/32).Truncate(time.Millisecond))
}

// valueOf returns the digest by which the nodes know a value: that of the engine of rules with all that it is of, so that equal values of other keys, rules and
// namespaces have others. It is not 0.
func valueOf(namespace string, h *engine.FleetHit) uint64 {
	text := "value\x00" + namespace + "\x00" + h.Distinct + "\x00" + h.Key
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(text), h.Value))
	return max(1, binary.BigEndian.Uint64(sum[:]))
}
