package rate

// Share is the recent hits of two rules, by slices of time. The zero Share has none.
type Share struct {
	Slice int64         `json:"slice"` // the length of one, ns
	Head  int64         `json:"head"`  // the number of the latest one
	Part  [Slices]int64 `json:"part"`  // hits of the rule that asks
	Whole [Slices]int64 `json:"whole"` // and of the one that it asks about
}

// Note counts a hit of one of the rules for a within, and reports whether it is recent. Another within begins the counts again.
func (s *Share) Note(within, at int64, whole bool) (recent bool) {
	if slice := SliceOf(within); s.Slice != slice {
		*s = Share{Slice: slice, Head: at / slice}
	}
	number := at / s.Slice
	for n := 0; s.Head < number; n++ {
		if n == Slices {
			s.Head = number
			break
		}
		s.Head++
		s.Part[s.Head%Slices], s.Whole[s.Head%Slices] = 0, 0
	}
	if s.Head-number >= Slices {
		return false
	}
	if whole {
		s.Whole[number%Slices]++
	} else {
		s.Part[number%Slices]++
	}
	return true
}

// Hits returns how many hits of both rules are recent.
func (s *Share) Hits() (part, whole int64) {
	for i := range Slices {
		part, whole = part+s.Part[i], whole+s.Whole[i]
	}
	return part, whole
}

// Million is a whole, in the fractions in which shares are counted.
const Million = 1_000_000

// Exceeds reports whether one number is more than so many millionths of another one, or, with reached, as many.
func Exceeds(part, whole, millionths int64, reached bool) bool {
	a, b := times(part, Million), times(whole, millionths)
	return a > b || reached && a == b
}

// Shift moves everything by so many ns, in whole slices.
func (s *Share) Shift(ns int64) {
	if s.Slice == 0 {
		return
	}
	p := Pace{Slice: s.Slice}
	slices := p.number(ns)
	part, whole := s.Part, s.Whole
	for i := range int64(Slices) {
		from, to := p.index(s.Head-i), p.index(s.Head-i+slices)
		s.Part[to], s.Whole[to] = part[from], whole[from]
	}
	s.Head += slices
}
