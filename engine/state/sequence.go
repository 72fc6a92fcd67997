package state

import (
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine/rate"
)

// maxSteps is how many hits of the other rule a sequence remembers.
const maxSteps = 16

// steps is when the other rule of a sequence was hit with the same values: the last maxSteps times, in the order of arrival, by the records' clock. Records may
// come in any order of their times, so one time is not enough. Of a ratio it has the numbers of hits instead.
type steps struct {
	at    []int64
	share *rate.Share
}

func (s *steps) add(at int64) {
	if len(s.at) == maxSteps {
		s.at = slices.Delete(s.at, 0, 1)
	}
	s.at = append(s.at, at)
}

// between reports whether a hit lies in a length of time from a moment on; its end is not part of it.
func (s *steps) between(from, length int64) bool {
	return s != nil && slices.ContainsFunc(s.at, func(at int64) bool { return at >= from && at-from < length })
}

// latest returns the latest time; 0: there is none.
func (s *steps) latest() int64 {
	if s == nil || len(s.at) == 0 {
		return 0
	}
	return slices.Max(s.at)
}

func (s *steps) clampFuture(now int64) {
	for i := range s.at {
		s.at[i] = min(s.at[i], now)
	}
}

func (s *steps) clone() *steps {
	c := &steps{at: slices.Clone(s.at)}
	if s.share != nil {
		share := *s.share
		c.share = &share
	}
	return c
}

// shared returns the numbers of a ratio.
func (s *steps) shared() *rate.Share {
	if s.share == nil {
		s.share = &rate.Share{}
	}
	return s.share
}

// compare counts a hit of a rule with ratio, and notes in it whether its share is no larger than asked for.
func (h *HitContext) compare(s *steps) {
	set, share := &h.Rule.Settings, s.shared()
	recent := share.Note(int64(set.Within), h.At, false)
	h.Decision.Hits, h.Decision.Others = share.Hits()
	h.usual = !recent || h.Decision.Others < int64(set.AtLeast) ||
		!rate.Exceeds(h.Decision.Hits, h.Decision.Others, set.Ratio.Millionths, set.Ratio.Reached)
}

// order notes in a hit how it lies to the hits of the other rule, which are in s.
func (h *HitContext) order(s *steps, now int64) {
	set := &h.Rule.Settings
	h.inOrder = true
	if set.Other() == "" {
		return
	}
	if s != nil {
		s.clampFuture(now)
	}
	if set.After != "" { // less than within before, or at the same time
		// Times are whole ns, so the window that ends with the hit itself begins 1 ns after At - within.
		h.inOrder = h.Sequenced && s.between(h.At-int64(set.Within)+1, int64(set.Within))
		return
	}
	// Records come in any order: where the other rule was hit in time already, nothing is waited for.
	h.waits = h.Sequenced && !set.DryRun && !s.between(h.At, int64(set.Within))
}

// happened reports whether a hit is a step of the sequences that name its rule, whatever is sent about it: silences, cooldowns and buckets decide about that,
// but thresholds, first_seen and after decide about the hit itself.
func (h *HitContext) happened() bool {
	set := &h.Rule.Settings
	return h.inOrder && !h.known && !h.usual && (h.Overflow || h.Decision.Counted >= set.Count)
}

// answer ends the wait of a key, unless the other rule was hit before the hit that waits.
func (s *keyState) answer(at int64) bool {
	if s.unreported.sample == nil || at < s.unreported.sample.at {
		return false
	}
	s.unreported.sample = nil
	return true
}
