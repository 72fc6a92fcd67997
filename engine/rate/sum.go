package rate

// Counted is the hits of one slice, however many places counted them.
type Counted struct {
	Number int64 // of the slice
	Hits   int64
	Others int64 // hits of the other rule, of a ratio
}

// Past is what is known of slices that are not listed any more.
type Past struct {
	First  int64   // the number of the first slice
	Head   int64   // and that of the latest one, when the weight was summed up
	Weight float64 // the weighted hits: see Pace.Past
}

// Sum returns the pace of counts in any order, as of the slice of a number, after a past. It is that of a pace to which each hit was noted.
func Sum(slice, than int64, past Past, counts []Counted, now int64) Pace {
	p := Pace{Slice: slice, Than: than, First: past.First, Head: past.Head, Past: past.Weight}
	p.Advance(now)
	for _, c := range counts {
		p.Count(c.Number, c.Hits)
	}
	return p
}

// Fold returns the past of a pace that Sum made, and which of the counts are in it: they need not be listed any more.
func (p *Pace) Fold(counts []Counted) (past Past, folded []Counted) {
	for _, c := range counts {
		if c.Number <= p.Head-Slices && c.Hits > 0 {
			folded = append(folded, c)
		}
	}
	return Past{First: p.First, Head: p.Head, Weight: p.Past}, folded
}

// SumShare returns the recent hits of both rules of a ratio, as of the slice of a number.
func SumShare(counts []Counted, now int64) (part, whole int64) {
	for _, c := range counts {
		if c.Number > now-Slices {
			part, whole = part+c.Hits, whole+c.Others
		}
	}
	return part, whole
}
