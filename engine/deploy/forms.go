package deploy

import (
	"encoding/hex"
	"slices"
	"strconv"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// The JSON forms; times are ns since 1970.
type (
	savedWorkload struct {
		Images     []savedImage     `json:"images"`
		Containers []savedContainer `json:"containers,omitempty"`
		Kinds      []savedKind      `json:"kinds,omitempty"`
		Dropped    [2]bool          `json:"dropped,omitzero"`
		Untracked  int64            `json:"untracked,omitempty"`
		Counts     string           `json:"counts,omitempty"`
		Deployed   int64            `json:"deployed,omitempty"`
		Reported   bool             `json:"reported,omitempty"`
		Incident   *savedIncident   `json:"incident,omitempty"`
		Now        int64            `json:"now"` // the latest arrival
	}
	savedIncident struct {
		Key      string         `json:"key"`
		Image    string         `json:"image"`
		ID       string         `json:"id,omitempty"`
		Last     string         `json:"last"`
		Severity model.Severity `json:"severity"`
		Opened   int64          `json:"opened"`
		Over     int64          `json:"over,omitempty"`
		Next     string         `json:"next,omitempty"`
		Triggers []string       `json:"triggers"` // null: unknown
	}
	savedImage struct {
		Name     string `json:"name"`
		ID       string `json:"id,omitempty"`
		Since    int64  `json:"since"`
		Replaced bool   `json:"replaced,omitempty"`
		Began    int64  `json:"began"`
		Counted  int64  `json:"counted,omitempty"`
		Arrived  int64  `json:"arrived"`
		Lines    int64  `json:"lines,omitempty"`
		Time     int64  `json:"time,omitempty"`
	}
	savedContainer struct {
		Key   string `json:"k"` // hexadecimal
		Image int    `json:"i"`
		Since int64  `json:"s"`
		At    int64  `json:"a"`
		Newer bool   `json:"n,omitempty"`
	}
	savedKind struct {
		ID     string        `json:"id"` // hexadecimal
		Rule   string        `json:"r"`
		Text   string        `json:"t"`
		Counts [2]savedCount `json:"c"`
		Last   int64         `json:"l"`
	}
	savedCount [4]int64 // hits, squares, minute, within
)

// saveAt returns the saved form of the workload, a copy.
func (w *workload) saveAt(now int64) *savedWorkload {
	s := &savedWorkload{Dropped: w.dropped, Untracked: w.untracked, Counts: w.counts, Deployed: w.deployed, Reported: w.reported, Now: now}
	if i := w.incident; i != nil {
		s.Incident = &savedIncident{i.key, i.image.Image, i.image.ImageID, i.last, i.severity, i.opened, i.over, i.next, slices.Clone(i.triggers)}
	}
	for _, im := range w.images {
		s.Images = append(s.Images, savedImage{im.name, im.id, im.since, im.replaced, im.began, im.counted, im.arrived, im.exposure.lines, im.exposure.time})
	}
	for _, c := range w.containers {
		s.Containers = append(s.Containers, savedContainer{strconv.FormatUint(c.key, 16), slices.Index(w.images, c.image), c.since, c.at, c.newer})
	}
	for id, k := range w.kinds {
		one := savedKind{ID: hex.EncodeToString(id[:]), Rule: k.rule, Text: k.text, Last: k.last}
		for i, c := range k.counts {
			one.Counts[i] = savedCount{c.n, c.squares, c.minute, c.within}
		}
		s.Kinds = append(s.Kinds, one)
	}
	return s
}

// workload returns the workload that was saved.
func (s *savedWorkload) workload(name string) *workload {
	w := newWorkload(name)
	w.dropped, w.untracked, w.counts, w.deployed, w.reported, w.saved = s.Dropped, s.Untracked, s.Counts, s.Deployed, s.Reported, s.Now
	if i := s.Incident; i != nil {
		w.incident = &incident{i.Key, model.Container{Image: i.Image, ImageID: i.ID}, i.Last, i.Severity, i.Opened, i.Over, i.Next, i.Triggers}
	}
	for _, im := range s.Images[:min(len(s.Images), maxImages)] {
		w.images = append(w.images, &image{
			name: im.Name, id: im.ID, since: im.Since, replaced: im.Replaced, began: im.Began, counted: im.Counted, arrived: im.Arrived,
			exposure: exposure{lines: im.Lines, time: im.Time},
		})
	}
	for _, c := range s.Containers[:min(len(s.Containers), maxContainers)] {
		key, err := strconv.ParseUint(c.Key, 16, 64)
		if err == nil && c.Image >= 0 && c.Image < len(w.images) {
			w.containers = append(w.containers, &container{key: key, image: w.images[c.Image], since: c.Since, at: c.At, newer: c.Newer})
		}
	}
	for _, one := range s.Kinds[:min(len(s.Kinds), maxKinds)] {
		k := &kind{rule: one.Rule, text: one.Text, last: one.Last}
		for i, c := range one.Counts {
			k.counts[i] = count{c[0], c[1], c[2], c[3]}
		}
		if id, err := hex.DecodeString(one.ID); err == nil && len(id) == len(kindID{}) {
			w.kinds[kindID(id)] = k
		}
	}
	return w
}
