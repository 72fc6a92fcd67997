package backtest

import "time"

// axis divides the time of a run into buckets of equal width. If a run outgrows the buckets, the axis merges each two into one.
type axis struct {
	start int64 // of the first bucket, in seconds; a multiple of the width
	width int64 // in seconds; 0: no counts yet
	used  int   // number of buckets up to the last one with a count
	rows  []*row
}

// row holds the counts of one quantity over time.
type row struct{ counts [maxBuckets]int64 }

// maxBuckets is the maximum number of buckets. A run of at least as many seconds uses at least half of them.
const maxBuckets = 480

func (a *axis) newRow() *row {
	r := &row{}
	a.rows = append(a.rows, r)
	return r
}

// add counts n at a second.
func (a *axis) add(r *row, second, n int64) { r.counts[a.bucket(second)] += n }

// bucket returns the bucket of a second and extends the axis if necessary.
func (a *axis) bucket(second int64) int {
	if a.width == 0 {
		a.start, a.width = second, 1
	}
	for {
		at := floorDiv(second-a.start, a.width)
		switch {
		case at >= maxBuckets || at < 0 && int64(a.used)-at > maxBuckets:
			a.fold()
		case at < 0:
			a.shift(int(-at))
		default:
			a.used = max(a.used, int(at)+1)
			return int(at)
		}
	}
}

// fold merges each two buckets into one. The start becomes a multiple of the new width.
func (a *axis) fold() {
	wide := 2 * a.width
	start := floorDiv(a.start, wide) * wide
	lead := int((a.start - start) / a.width) // 1 when the first bucket is the second half of one; 0 otherwise
	for _, r := range a.rows {
		var counts [maxBuckets]int64
		for i, n := range r.counts[:a.used] {
			counts[(i+lead)/2] += n
		}
		r.counts = counts
	}
	a.used = (a.used + lead + 1) / 2
	a.start, a.width = start, wide
}

// shift inserts n buckets before the first.
func (a *axis) shift(n int) {
	for _, r := range a.rows {
		copy(r.counts[n:], r.counts[:a.used])
		clear(r.counts[:n])
	}
	a.used += n
	a.start -= int64(n) * a.width
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Timeline is the division of a run into buckets, with its lines.
type Timeline struct {
	Start   time.Time `json:"start"`
	Seconds int64     `json:"bucket_seconds"`
	Lines   []int64   `json:"lines"` // in each bucket
}

// values returns a copy of a row's counts.
func (a *axis) values(r *row) []int64 { return append([]int64{}, r.counts[:a.used]...) }
