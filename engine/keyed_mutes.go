package engine

// muted reports whether a silence or an inhibition suppresses an alert that time makes, as of the moment at which it is due. The caller holds the lock.
func (k *Keyed) muted(s *subject, at int64) bool {
	if k.mutes == nil || k.rules == nil {
		return false
	}
	if k.mutes.silences.Load().suppressing(s, at) != nil {
		return true
	}
	return len(k.rules.inhibits) > 0 && k.inhibitor().suppresses(k.rules.inhibits, s, at)
}

// inhibitor returns the inhibitor of this state: the one in force, or in a trial its own.
func (k *Keyed) inhibitor() *inhibitor {
	if k.trial != nil {
		return k.trial
	}
	return k.mutes.inhibitor
}

// alerted notes an alert that time made, for the inhibitions that it is the source of.
func (k *Keyed) alerted(s *subject, at int64) {
	if k.mutes != nil && k.rules != nil && len(k.rules.inhibits) > 0 {
		k.inhibitor().observe(k.rules.inhibits, s, at, false)
	}
}
