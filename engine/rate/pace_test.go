package rate

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

const (
	minute = int64(time.Minute)
	hour   = int64(time.Hour)
	t0     = 1_700_000_000 * int64(time.Second) / (5 * minute) * (5 * minute)
)

// byDefinition returns what is usual, from the hits of all slices.
func byDefinition(hits map[int64]int64, first, head int64, keep float64) float64 {
	sum, weights := 0.0, 0.0
	for n := first; n <= head-Slices; n++ {
		w := math.Pow(keep, float64(head-Slices-n))
		sum, weights = sum+w*float64(hits[n]), weights+w
	}
	if weights == 0 {
		return 0
	}
	return Slices * sum / weights
}

// Whatever the order in which hits come, the pace says what their times alone say.
func TestUsualIsTheWeightedMeanOfThePast(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		within, than := minute*(1+rnd.Int64N(5)), 10*minute*(1+rnd.Int64N(20))
		at, slice := t0, SliceOf(within)
		p := New(within, than, at)
		hits := map[int64]int64{}
		for range 200 {
			at += rnd.Int64N(pick(rnd, slice/10, slice, 15*slice))
			when := at - rnd.Int64N(pick(rnd, 1, slice, 30*slice))
			recent := p.Note(when)
			number := when / slice
			if number >= p.First {
				hits[number]++
			}
			if want := number >= p.First && number > p.Head-Slices; recent != want {
				t.Fatalf("a hit of slice %d with the latest at %d: recent %t, want %t", number, p.Head, recent, want)
			}
			var recently int64
			for n := p.Head - Slices + 1; n <= p.Head; n++ {
				recently += hits[n]
			}
			if p.Hits() != recently {
				t.Fatalf("%d hits are recent, want %d", p.Hits(), recently)
			}
			want := byDefinition(hits, p.First, p.Head, 1-float64(slice)/float64(than))
			if got := float64(p.Usual()) / Unit; math.Abs(got-want) > 0.0011 {
				t.Fatalf("usually %v, want %v", got, want)
			}
		}
	}
}

func pick(rnd *rand.Rand, of ...int64) int64 { return of[rnd.IntN(len(of))] }

func TestASteadyPaceIsUsualFromTheBeginning(t *testing.T) {
	p := New(5*minute, hour, t0)
	for at := t0; at < t0+3*hour; at += minute {
		p.Note(at)
		if at < t0+20*minute {
			continue
		}
		// With one hit a minute, a slice of 25 seconds has one or none.
		if usual := p.Usual(); usual < 4*Unit || usual > 6*Unit {
			t.Fatalf("after %v, %d thousandths are usual, want about 5000", time.Duration(at-t0), usual)
		}
	}
	if !p.Learned() {
		t.Fatal("the past reaches three hours, and is not learned")
	}
}

func TestAPaceIsLearnedWhenItReachesAsFarAsThan(t *testing.T) {
	p := New(5*minute, hour, t0)
	p.AdvanceTo(t0 + hour + 5*minute - p.Slice - 1)
	if p.Learned() {
		t.Error("learned a slice too early")
	}
	p.AdvanceTo(t0 + hour + 5*minute - p.Slice)
	if !p.Learned() || p.LearnedAt() != t0+hour+5*minute-p.Slice {
		t.Errorf("not learned; it would be at %v", time.Duration(p.LearnedAt()-t0))
	}
}

func TestABurstIsNotItsOwnPast(t *testing.T) {
	p := New(5*minute, hour, t0)
	for at := t0; at < t0+2*hour; at += 25 * int64(time.Second) {
		p.Note(at)
	}
	for range 24 {
		p.Note(t0 + 2*hour)
	}
	if p.Hits() != 35 || p.Usual() != 12*Unit || !p.Exceeds(2*Unit) || p.Exceeds(3*Unit) {
		t.Errorf("%d hits, usually %d thousandths; more than 2 times as many: %t, 3 times: %t", p.Hits(), p.Usual(), p.Exceeds(2*Unit), p.Exceeds(3*Unit))
	}
}

func TestALongPauseEndsInABoundedTime(t *testing.T) {
	p := New(minute, hour, t0)
	for range 100 {
		p.Note(t0)
	}
	p.AdvanceTo(t0 + 1_000_000*hour)
	if p.Hits() != 0 || p.Usual() != 0 {
		t.Errorf("%d hits, usually %d, after a hundred years without one", p.Hits(), p.Usual())
	}
	p.AdvanceTo(t0)
	if p.Head != p.number(t0+1_000_000*hour) {
		t.Error("an earlier time moved the latest slice back")
	}
}

func TestShiftKeepsWhatThePaceSays(t *testing.T) {
	p := New(minute, 10*minute, t0)
	for at := t0; at < t0+hour; at += 7 * int64(time.Second) {
		p.Note(at)
	}
	moved := p
	for _, slices := range []int64{1, -5, 12, 100_003, -70_001} {
		moved.Shift(slices)
	}
	moved.Note(t0 + hour + 30_010*moved.Slice)
	p.Note(t0 + hour)
	if moved.Hits() != p.Hits() || moved.Usual() != p.Usual() || moved.Head != p.Head+30_010 {
		t.Errorf("moved: %d hits, usually %d; want %d and %d", moved.Hits(), moved.Usual(), p.Hits(), p.Usual())
	}
}

func TestAShareHasTheRecentHitsOfBothRules(t *testing.T) {
	var s Share
	for i := range int64(100) {
		s.Note(5*minute, t0+i*int64(time.Second), true)
	}
	s.Note(5*minute, t0+90*int64(time.Second), false)
	if part, whole := s.Hits(); part != 1 || whole != 100 {
		t.Errorf("%d of %d, want 1 of 100", part, whole)
	}
	if s.Note(5*minute, t0-5*minute, true) {
		t.Error("a hit before the recent slices counts")
	}
	s.Shift(hour)
	s.Note(5*minute, t0+hour+5*minute+25*int64(time.Second)-1, false) // the first of the slices is not recent any more
	if part, whole := s.Hits(); part != 2 || whole != 75 {
		t.Errorf("%d of %d, want 2 of 75", part, whole)
	}
	s.Note(time.Minute.Nanoseconds(), t0+hour, true)
	if part, whole := s.Hits(); part != 0 || whole != 1 {
		t.Errorf("%d of %d after another within, want 0 of 1", part, whole)
	}
}

func TestExceeds(t *testing.T) {
	for _, test := range []struct {
		part, whole, millionths int64
		reached, want           bool
	}{
		{5, 100, 50_000, false, false}, {5, 100, 50_000, true, true}, {6, 100, 50_000, false, true}, {0, 0, 50_000, true, true},
		{math.MaxInt64 / 2, math.MaxInt64 / 2, 50_000, false, false}, // both are beyond the largest number
	} {
		if got := Exceeds(test.part, test.whole, test.millionths, test.reached); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
}
