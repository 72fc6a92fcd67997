package deploy

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Bounds of the kinds of a workload.
const (
	maxKinds = 80
	maxText  = 100 // of a kind's template, in bytes
	maxRule  = 64  // of a rule's id, in bytes
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

// hit counts a hit of an image, if it is the present one or the last one.
func (w *workload) hit(from *model.Container, rule string, template []byte, now int64, show func(template []byte) string) {
	i := w.find(from.Image, from.ImageID)
	if from.Image == "" || i < 0 || i > 1 {
		return
	}
	id := kindID(model.DigestOf("deploy", rule, template))
	k := w.kinds[id]
	if k == nil {
		if !w.room() {
			w.untracked++
			return
		}
		text, _ := model.ValidText(template, model.MaxCapture)
		if show != nil {
			text = show(template)
		}
		k = &kind{rule: safetext.Cut(rule, maxRule), text: model.OneLine(text, maxText)}
		w.kinds[id] = k
	}
	k.counts[i].add(now)
	k.last = max(k.last, now)
}

// minHits is how many hits of a kind a claim needs. Kinds with fewer make room for others.
const minHits = 3

// room reports whether there is room for one more kind, after one that came too seldom to matter was forgotten.
func (w *workload) room() bool {
	if len(w.kinds) < maxKinds {
		return true
	}
	w.dropped = [2]bool{true, true}
	var least kindID
	var found *kind
	for id, k := range w.kinds {
		if k.counts[0].n+k.counts[1].n >= minHits || found != nil && (k.last > found.last || k.last == found.last && string(id[:]) > string(least[:])) {
			continue
		}
		least, found = id, k
	}
	if found == nil {
		return false
	}
	delete(w.kinds, least)
	return true
}

// shiftKinds makes the counts of the present image those of the last one.
func (w *workload) shiftKinds() {
	for id, k := range w.kinds {
		if k.counts[0].n == 0 {
			delete(w.kinds, id)
			continue
		}
		k.counts = [2]count{{}, k.counts[0]}
	}
	w.dropped, w.untracked = [2]bool{false, w.dropped[0]}, 0
}

// forgetCounts forgets what a comparison goes by.
func (w *workload) forgetCounts() {
	clear(w.kinds)
	w.dropped, w.untracked = [2]bool{}, 0
	w.reported = true
	for _, im := range w.images {
		im.exposure = exposure{}
	}
	for _, c := range w.containers {
		c.at = 0
	}
}
