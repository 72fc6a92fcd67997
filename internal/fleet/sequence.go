package fleet

import "time"

// The bounds of a sequence.
const (
	// Unordered is for how long lines of several nodes may be read in another order than they were written in: so long a hit that follows none is asked about again,
	// and an alert about a hit that none followed waits.
	Unordered = 5 * time.Second
	// Apart is how far apart hits of two nodes must be for their order to be known: reports take so long. Closer ones are in the order that the rule asks for.
	Apart = 100 * time.Millisecond
	// MaxTimes is how many times of hits of the other rule are kept, and reported at once.
	MaxTimes = 40
	// MaxSpans bounds Follow.Spans.
	MaxSpans = 64
)

// Step says when the other rule of a sequence was hit. It ends a wait that began before. Seq rises with each report of the run about the key, from 1.
type Step struct {
	Key      Key
	Run      string
	Seq      int64
	Within   time.Duration
	Ages     []time.Duration // at most MaxTimes, the oldest first
	Triggers string
}

// Stepped is the answer to a Step.
type Stepped struct{ Err error }

// Span is the hits between two moments that are less than Within apart: the ages of the first and the last.
type Span struct{ First, Last time.Duration }

// Follow asks whether hits came less than Within after one of the other rule, or less than Apart before it.
type Follow struct {
	Key    Key
	Within time.Duration
	Spans  []Span // at most MaxSpans
}

// Followed is the answer to a Follow: Spans says for each of the spans whether one of its hits came after one of the other rule.
type Followed struct {
	Spans []bool
	Err   error
}

// Wait says that a hit, which happened so long ago, waits for one of the other rule, and for how long it has waited. Seq rises with each wait of the run for the key, from 1; a wait is reported again with its own. One wait
// runs for each key: the keeper reports it with the sample of the node that began it.
type Wait struct {
	Key      Key
	Run      string
	Seq      int64
	Age      time.Duration
	Waited   time.Duration // at most Age: it arrived later
	Within   time.Duration
	Triggers string
	Title    Title
	Sample   []byte
}

// Waited is the answer to a Wait. Over says that the other rule was hit in time, or that the wait was reported.
type Waited struct {
	Over bool
	Err  error
}

// Thin returns times without those that have one before and one after them less than an eighth of within apart: whether there is one in a length of time of
// within follows from the rest. The times must be sorted, and at most the last MaxTimes of them are kept.
func Thin(times []int64, within int64) []int64 {
	kept := times[:0]
	for i, at := range times {
		if n := len(kept); n == 0 || i == len(times)-1 || times[i+1]-kept[n-1] >= within/8 {
			kept = append(kept, at)
		}
	}
	return kept[max(0, len(kept)-MaxTimes):]
}

// Check returns an error if the report exceeds a bound.
func (s *Step) Check() error {
	if !s.Key.Valid() || !id(s.Run) || s.Seq < 1 || s.Seq > 1<<52 || s.Within <= 0 || !length(s.Within) || len(s.Ages) > MaxTimes || !id(s.Triggers) {
		return refused("a step")
	}
	for _, age := range s.Ages {
		if !length(age) {
			return refused("the age of a step")
		}
	}
	return nil
}

// Check returns an error if the question exceeds a bound.
func (f *Follow) Check() error {
	if !f.Key.Valid() || f.Within <= 0 || !length(f.Within) || len(f.Spans) > MaxSpans {
		return refused("a question about hits")
	}
	for _, s := range f.Spans {
		if !length(s.First) || !length(s.Last) || s.First < s.Last || s.First-s.Last >= f.Within {
			return refused("a span of hits")
		}
	}
	return nil
}

// Check returns an error if the wait exceeds a bound.
func (w *Wait) Check() error {
	if !w.Key.Valid() || !id(w.Run) || w.Seq < 1 || w.Seq > 1<<52 || !length(w.Age) || !length(w.Waited) || w.Waited > w.Age || w.Within <= 0 || !length(w.Within) || !id(w.Triggers) || !w.Title.fits() ||
		len(w.Sample) > MaxSample {
		return refused("a wait")
	}
	return nil
}
