package deploy

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// kindID identifies a kind of hits: a rule and a template.
type kindID [model.DigestLen]byte

// kind counts the hits of a rule and a template, for the present image and the last one.
type kind struct {
	rule, text string
	counts     [2]count
	last       int64 // when the last of them arrived
}

// count counts hits, and how unevenly they came: squares is the sum over minutes of the square of the hits in each.
type count struct {
	n, squares     int64
	minute, within int64 // the minute that is counted, by arrival, and its hits
}

func (c *count) add(now int64) {
	if minute := now / int64(time.Minute); minute != c.minute {
		c.minute, c.within = minute, 0
	}
	c.n++
	c.squares += 2*c.within + 1 // (n+1)² - n²
	c.within++
}

// independent returns how many independent events the hits are worth: their number, divided by the factor by which the variance of the hits in a minute is
// above that of chance. A burst in one minute is worth about one.
func (c *count) independent(minutes float64) int64 {
	if c.n == 0 {
		return 0
	}
	n := float64(c.n)
	return int64(n / max(1, float64(c.squares)/n-n/max(1, minutes)))
}
