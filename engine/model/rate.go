package model

import (
	"fmt"
	"math"
	"strconv"
)

// Rate is the part of an alert that compares the recent hits of a key with its past.
type Rate struct {
	Hits   int64   // of the key within Within
	Usual  float64 // hits in as much time, to a thousandth
	Within int64   // ns
	Fleet  bool    // the hits are those of all nodes
}

// allNodes follows a number of hits.
func allNodes(fleet bool) string {
	if fleet {
		return " on all nodes"
	}
	return ""
}

// String returns the comparison in words, as in "94 in 5m, usually 11: 8.5×".
func (r *Rate) String() string {
	hits := "none"
	if r.Hits > 0 {
		hits = strconv.FormatInt(r.Hits, 10)
	}
	hits += allNodes(r.Fleet)
	if r.Usual == 0 {
		return fmt.Sprintf("%s in %s, usually none", hits, Roughly(r.Within))
	}
	text := fmt.Sprintf("%s in %s, usually %s", hits, Roughly(r.Within), short(r.Usual))
	if r.Hits > 0 {
		text += ": " + short(float64(r.Hits)/r.Usual) + "×"
	}
	return text
}

// Ratio is the part of an alert that compares the hits of its rule with those of another one.
type Ratio struct {
	Hits   int64  // of the alert's rule within Within
	Of     string // the other rule
	OfHits int64  // its hits
	Within int64  // ns
	Fleet  bool   // the hits are those of all nodes
}

// Percent returns the share, to a hundredth.
func (r *Ratio) Percent() float64 {
	return math.Round(float64(r.Hits)/float64(max(1, r.OfHits))*100_00) / 100
}

// String returns the comparison in words, as in "15 in 5m, 7.5% of requests".
func (r *Ratio) String() string {
	return fmt.Sprintf("%d%s in %s, %s%% of %s", r.Hits, allNodes(r.Fleet), Roughly(r.Within), short(r.Percent()), r.Of)
}

// short writes a number with two digits that count, or as a whole number if it has more before the point.
func short(x float64) string {
	digits := 0
	if x > 0 && x < 10 {
		digits = min(3, int(math.Ceil(-math.Log10(x)))+1)
	}
	scale := math.Pow(10, float64(digits))
	return strconv.FormatFloat(math.Round(x*scale)/scale, 'f', -1, 64)
}

// WithComparison adds to an alert's summary what its rate or ratio says.
func (a *Alert) WithComparison() {
	switch {
	case a.Rate != nil:
		a.note(a.Rate.String())
	case a.Ratio != nil:
		a.note(OneLine(a.Ratio.String(), ShortLine))
	}
}
