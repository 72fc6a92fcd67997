// Package rate has the arithmetic of rate and ratio: how many hits a key had lately, and how many are usual for it. It is pure: a time is an argument, and
// nothing here knows a rule.
//
// Time is divided into slices of a twelfth of within, counted from 1970. The hits of the last twelve slices are recent. Slices before them are the past, in
// which each slice weighs 1 − slice/than times as much as the slice after it, so that one that is than old weighs about a third.
package rate

import "math"

// Slices is how many slices of time are recent.
const Slices = 12

// Unit is the fraction in which usual numbers and factors are counted, so that a comparison of two of them is one of whole numbers.
const Unit = 1000

// SliceOf returns the length of a slice for a within, both in ns.
func SliceOf(within int64) int64 { return max(1, within/Slices) }

// Pace is the hits of a key by slices of time, in bounded memory. The zero Pace has no hits. It is not safe for concurrent use.
type Pace struct {
	Slice  int64         `json:"slice"` // the length of one, ns
	Than   int64         `json:"than"`  // how far the past reaches, ns
	First  int64         `json:"first"` // the number of the first slice
	Head   int64         `json:"head"`  // and that of the latest one
	Recent [Slices]int64 `json:"recent"`
	Past   float64       `json:"past,omitempty"` // the weighted hits of the slices before: those of the latest of them weigh 1
}

// New returns a pace whose first slice is that of a time.
func New(within, than, at int64) Pace {
	p := Pace{Slice: SliceOf(within), Than: than}
	p.First = p.number(at)
	p.Head = p.First
	return p
}

// Fits reports whether the pace was counted for these lengths: otherwise it says nothing about them.
func (p *Pace) Fits(within, than int64) bool { return p.Slice == SliceOf(within) && p.Than == than }

// number returns the number of the slice that a time lies in.
func (p *Pace) number(at int64) int64 {
	n := at / p.Slice
	if at%p.Slice < 0 {
		n--
	}
	return n
}

// End returns the time at which the slice of a number is over.
func (p *Pace) End(number int64) int64 { return (number + 1) * p.Slice }

// Window returns how long the recent slices are together.
func (p *Pace) Window() int64 { return p.Slice * Slices }

// keep is the weight of a slice beside the one after it.
func (p *Pace) keep() float64 { return max(0, 1-float64(p.Slice)/float64(p.Than)) }

// Advance makes the slice of a number the latest one. Earlier numbers change nothing.
func (p *Pace) Advance(number int64) {
	keep := p.keep()
	for n := 0; p.Head < number; n++ {
		if n == Slices { // only empty slices follow
			p.Past *= math.Pow(keep, float64(number-p.Head))
			p.Head = number
			return
		}
		p.Head++
		oldest := &p.Recent[p.index(p.Head)]
		// The conversion keeps the compiler from fusing both operations, so that all machines get one result.
		p.Past = float64(p.Past*keep) + float64(*oldest)
		*oldest = 0
	}
}

func (p *Pace) index(number int64) int { return int((number%Slices + Slices) % Slices) }

// Note counts a hit, and reports whether it is recent. One of a slice before the recent ones counts in the past, and one before the first slice nowhere.
func (p *Pace) Note(at int64) (recent bool) { return p.Count(p.number(at), 1) }

// Count counts hits of the slice of a number, as Note counts one.
func (p *Pace) Count(number, hits int64) (recent bool) {
	p.Advance(number)
	switch age := p.Head - number; {
	case number < p.First:
		return false
	case age >= Slices:
		p.Past += float64(hits) * math.Pow(p.keep(), float64(age-Slices))
		return false
	}
	p.Recent[p.index(number)] += hits
	return true
}

// AdvanceTo makes the slice of a time the latest one.
func (p *Pace) AdvanceTo(at int64) { p.Advance(p.number(at)) }

// Hits returns how many hits are recent.
func (p *Pace) Hits() (sum int64) {
	for _, n := range p.Recent {
		sum += n
	}
	return sum
}

// known returns how many slices the past has.
func (p *Pace) known() int64 { return max(0, p.Head-Slices-p.First+1) }

// Learned reports whether the past reaches as far as it is asked to.
func (p *Pace) Learned() bool { return p.Head >= p.LearnedIn() }

// LearnedIn returns the number of the slice from which on the pace is learned.
func (p *Pace) LearnedIn() int64 { return p.First + Slices - 1 + (p.Than+p.Slice-1)/p.Slice }

// LearnedAt returns the time from which on the pace is learned.
func (p *Pace) LearnedAt() int64 { return p.LearnedIn() * p.Slice }

// Usual returns how many hits are usual in as much time as the recent slices are, in units: the weighted mean of the past.
func (p *Pace) Usual() int64 {
	known, keep := p.known(), p.keep()
	if known == 0 {
		return 0
	}
	weight := 1.0
	if keep > 0 {
		weight = (1 - math.Pow(keep, float64(known))) / (1 - keep)
	}
	return int64(min(math.Round(Slices*Unit*p.Past/weight), 1<<62))
}

// Exceeds reports whether more hits are recent than a factor, in units, of what is usual.
func (p *Pace) Exceeds(factor int64) bool {
	return times(p.Hits(), Unit*Unit) > times(p.Usual(), factor)
}

// FallsShort reports whether fewer hits are recent than a factor, in units, of what is usual.
func (p *Pace) FallsShort(factor int64) bool {
	return times(p.Hits(), Unit*Unit) < times(p.Usual(), factor)
}

// times multiplies, and stays at the largest number where the product is larger.
func times(a, b int64) int64 {
	if b != 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// Shift moves everything by so many slices: by time that did not pass, or in which nobody counted.
func (p *Pace) Shift(slices int64) {
	recent := p.Recent
	for i := range int64(Slices) {
		p.Recent[p.index(p.Head-i+slices)] = recent[p.index(p.Head-i)]
	}
	p.First, p.Head = p.First+slices, p.Head+slices
}

// WholeSlices returns how many whole slices a length of time has, which may be below zero: rounded down.
func (p *Pace) WholeSlices(ns int64) int64 { return p.number(ns) }
