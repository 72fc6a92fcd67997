package state

import (
	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// unreportedState says whether a key has hits to report, and how.
type unreportedState uint8

const (
	nothingUnreported unreportedState = iota // no hit was suppressed since the last alert
	hitsCounted                              // the next alert of the key reports them
	rollupPending                            // a roll-up, or a step of an escalation, is made because of them
)

// unreported is the hits of a key that were suppressed since its last alert. Their times go by the records' clock.
type unreported struct {
	suppressed  [model.NumReasons]int64
	first, last int64   // the earliest and the latest of them; 0: there are none
	sample      *Sample // one of them, where a roll-up may show it
}

func (u *unreported) state() unreportedState {
	switch {
	// Only for these two reasons does a rule roll up, see Rule.RollsUp.
	case u.sample != nil && u.suppressed[model.ReasonCooldown]+u.suppressed[model.ReasonRateLimit] > 0:
		return rollupPending
	case u.first != 0:
		return hitsCounted
	}
	return nothingUnreported
}

// add counts a hit that was suppressed.
func (u *unreported) add(why model.Reason, at int64) {
	if u.first == 0 {
		u.first = at
	}
	u.first, u.last = min(u.first, at), max(u.last, at)
	u.suppressed[why]++
}

// merge adds hits that an alert was to report which did not leave.
func (u *unreported) merge(hits *model.CandidateHits) {
	if u.first == 0 {
		u.first = hits.First
	}
	u.first, u.last = min(u.first, hits.First), max(u.last, hits.Last)
	for why, n := range hits.Suppressed {
		u.suppressed[why] += n
	}
}

// total returns how many hits the next alert of the key reports beside its own.
func (u *unreported) total() int64 { return model.Sum(&u.suppressed) }

func (u *unreported) clampFuture(now int64) {
	u.first, u.last = min(u.first, now), min(u.last, now)
	if u.sample != nil {
		u.sample.at, u.sample.arrived, u.sample.from = min(u.sample.at, now), min(u.sample.arrived, now), min(u.sample.from, now)
	}
}

// Sample is one of the hits that a key suppressed, for the roll-up that shows it.
type Sample struct {
	at, arrived int64 // when it happened, and when it arrived
	from        int64 // a wait for the other rule is measured from here: when it arrived, moved by time that does not count
	source      *model.Source
	stream      model.Stream
	text        *SampleText // nil until it is rendered
}

// SampleText is the part of a line that a roll-up shows. It does not change.
type SampleText struct {
	Severity  model.Severity
	Message   string
	Truncated bool
	Summary   string
	Template  string
	Captures  map[string]string
	Fields    map[string]string
	Labels    map[string]string // rendered; nil where none is a template
}
