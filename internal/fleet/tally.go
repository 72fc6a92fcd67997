package fleet

import (
	"math"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rate"
)

// MaxSlices bounds the slices that the engine lists of a key. Beyond, it forgets the earliest.
const MaxSlices = 512

// Tally counts hits of a key by slices of time, by the engine's clock. Keys that differ in Slice or Than must differ. Seq rises with each report of the run about
// the key, from 1.
type Tally struct {
	Key   Key
	Run   string
	Seq   int64
	Slice time.Duration // the length of a slice, whole milliseconds
	Than  time.Duration // how far the past reaches, whole milliseconds; 0: there is none, and slices that are not recent are forgotten
	Hits  []TallyHits   // at most MaxAged
	Fold  *Fold         // nil: nothing is folded
}

// TallyHits are hits of one moment.
type TallyHits struct {
	Age   time.Duration
	Hits  int64
	Other bool // of the other rule, of a ratio
}

// Fold puts slices into the past, as rate.Pace does. It changes nothing if the past is another one than it was made of, so the first of several counts.
type Fold struct {
	Of     int64 // the Head of the past that it was made of
	Past   rate.Past
	Folded []rate.Counted // at most MaxSlices
}

// Tallied is the answer to a Tally, with all that package rate needs. A report that is repeated counts once.
type Tallied struct {
	Now    int64 // the number of the latest slice
	Past   rate.Past
	Slices []rate.Counted // in the order of their numbers
	Err    error
}

// Crossing asks for the alert of a key whose rate or share is too large. Run and Seq identify the question: one that is repeated is answered as the first time.
type Crossing struct {
	Key Key // of the incident
	Run string
	Seq int64
	// Cooldown and CooldownMax say whether the window of the key is open: see Terms.
	Cooldown, CooldownMax time.Duration
}

// Crossed is the answer to a Crossing. Mine says that the node makes the alert: the window of the key is closed, and no other node was answered so within
// CrossingLease, unless its alert opened a window since.
type Crossed struct {
	Mine bool
	Err  error
}

// Check returns an error if the call exceeds a bound.
func (t *Tally) Check() error {
	if !t.Key.Valid() || !id(t.Run) || t.Seq < 1 || t.Seq > 1<<52 || t.Slice < time.Millisecond || !length(t.Slice) || !length(t.Than) || len(t.Hits) > MaxAged {
		return refused("a tally")
	}
	for _, h := range t.Hits {
		if !length(h.Age) || h.Hits < 1 || h.Hits > MaxHits {
			return refused("a tally's hits")
		}
	}
	if t.Fold == nil {
		return nil
	}
	p := &t.Fold.Past
	if len(t.Fold.Folded) > MaxSlices || t.Fold.Of < 0 || p.Head <= t.Fold.Of || p.First < 0 || !(p.Weight >= 0) || math.IsInf(p.Weight, 0) {
		return refused("a past")
	}
	for _, c := range t.Fold.Folded {
		if c.Number < 0 || c.Hits < 1 || c.Hits > 1<<53 {
			return refused("a slice")
		}
	}
	return nil
}

// Check returns an error if the call exceeds a bound.
func (c *Crossing) Check() error {
	if !c.Key.Valid() || !id(c.Run) || c.Seq < 1 || c.Seq > 1<<52 || !length(c.Cooldown) || !length(c.CooldownMax) {
		return refused("a crossing")
	}
	return nil
}
