package deploy

import (
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Bounds of the kinds of a workload.
const (
	maxKinds = 80
	maxText  = 100 // of a kind's template, in bytes
	maxRule  = 64  // of a rule's id, in bytes
)

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
