package state

import (
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// muted reports whether a silence or an inhibition suppresses an alert that time makes, as of the moment at which it is due. The caller holds the lock.
func (k *Keyed) muted(s *rules.Subject, at int64) bool {
	if k.mutes == nil || k.rules == nil {
		return false
	}
	if k.mutes.Silences.Load().Suppressing(s, at) != nil {
		return true
	}
	return len(k.rules.Inhibits) > 0 && k.Inhibitor().Suppresses(k.rules.Inhibits, s, at)
}

// Inhibitor returns the inhibitor of this state: the one in force, or in a trial its own.
func (k *Keyed) Inhibitor() *mute.Inhibitor {
	if k.trial != nil {
		return k.trial
	}
	return k.mutes.Inhibitor
}

// alerted notes an alert that time made, for the inhibitions that it is the source of.
func (k *Keyed) alerted(s *rules.Subject, at int64) {
	if k.mutes != nil && k.rules != nil && len(k.rules.Inhibits) > 0 {
		k.Inhibitor().Observe(k.rules.Inhibits, s, at, false)
	}
}
