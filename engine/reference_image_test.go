package engine

import (
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// refImage is an image that a workload ran: since when, when its last line arrived, and whether it took the place of another.
type refImage struct {
	name           string
	since, arrived int64
	began          int64 // when the line arrived by which it appeared
	replaced       bool
}

// refMet is a container: the image that it ran last, since when, and whether another image had taken its place before.
type refMet struct {
	image *refImage
	since int64
	newer bool
}

// refImages has the images by workload, the present one last, and the containers.
type refImages struct {
	of  map[string][]*refImage
	met map[string]*refMet
}

func newRefImages() refImages {
	return refImages{of: map[string][]*refImage{}, met: map[string]*refMet{}}
}

// imageOf returns the image of a source, that which the workload runs where the source is no container, and when it appeared.
func (m *reference) imageOf(s *Source) (name string, since int64) {
	all := m.images.of[s.Workload]
	for i, im := range all {
		if im.name != s.Container.Image && (s.Container.ID != "" || i < len(all)-1) {
			continue
		}
		if im.replaced {
			return im.name, im.since
		}
		return im.name, 0
	}
	return s.Container.Image, 0
}

// before is a line that comes, before its hits: its image may be new, or come back.
func (m *reference) before(rec *Record, now int64) {
	s, at := rec.Source, refHappened(rec.Time, now)
	if s.Container.Image == "" {
		return
	}
	all := m.images.of[s.Workload]
	key := s.Workload + " " + s.Container.ID
	i := slices.IndexFunc(all, func(im *refImage) bool { return im.name == s.Container.Image })
	if i < 0 {
		im := &refImage{name: s.Container.Image}
		m.images.met[key] = &refMet{image: im, since: at}
		m.present(s.Workload, im, at, now)
		im.arrived = max(im.arrived, now)
		return
	}
	im := all[i]
	if c := m.images.met[key]; c == nil || c.image != im {
		m.images.met[key] = &refMet{image: im, since: at, newer: i < len(all)-1}
		if i < len(all)-1 && now-im.arrived >= int64(time.Minute) {
			m.present(s.Workload, im, at, now)
		}
	}
	im.arrived = max(im.arrived, now)
}

// after is a line that came, after its hits: the image that replaced its own may be gone.
func (m *reference) after(rec *Record, now int64) {
	s := rec.Source
	if s.Container.Image == "" {
		return
	}
	c, all := m.images.met[s.Workload+" "+s.Container.ID], m.images.of[s.Workload]
	c.image.arrived = max(c.image.arrived, now)
	if present := all[len(all)-1]; c.newer && c.image != present && now-present.arrived >= int64(10*time.Minute) {
		m.present(s.Workload, c.image, c.since, now)
	}
}

// present makes an image the one that a workload runs.
func (m *reference) present(workload string, im *refImage, at, now int64) {
	all := slices.DeleteFunc(m.images.of[workload], func(other *refImage) bool { return other == im })
	im.since, im.began, im.replaced = at, now, len(all) > 0
	m.images.of[workload] = append(all, im)
	for key, c := range m.images.met {
		if strings.HasPrefix(key, workload+" ") {
			c.newer = false
		}
	}
}

// clamp sets times ahead of now to now.
func (r *refImages) clamp(now int64) {
	for _, all := range r.of {
		for _, im := range all {
			im.since, im.arrived, im.began = min(im.since, now), min(im.arrived, now), min(im.began, now)
		}
	}
	for _, c := range r.met {
		c.since = min(c.since, now)
	}
}

// knownByImage reports whether a hit's template is known where the rule goes by images: it was seen before the image appeared, or the image's age is unknown.
func (m *reference) knownByImage(h *refHit, first int64) bool {
	if h.rule.FirstSeen != rules.FirstSeenImage {
		return false
	}
	since := int64(0)
	if h.source.Container.Image != "" {
		_, since = m.imageOf(h.source)
	}
	return since == 0 || first < since
}

// overByImage reports whether the next image of a workload has ended a silence.
func (m *reference) overByImage(s *Silence, workload string) bool {
	all := m.images.of[workload]
	return s.NextImage && len(all) > 1 && all[len(all)-1].began > s.From
}

// deploy has a container of a source's workload run another image, in a new container, in the same one, or beside the old one in a new one.
func (v *versus) deploy() {
	i := v.c.below(len(v.sources))
	s := *v.sources[i]
	s.Container.Image = pick(v.c, "", "app:1", "app:1", "app:2", "app:2", "app:3")
	if v.c.below(3) > 0 {
		v.deploys++
		s.Container.ID = "c" + string(rune('0'+i)) + "-" + string(rune('a'+v.deploys%26))
	}
	v.sources[i] = &s
	v.note("%s of %s runs %s", s.Container.ID, s.Workload, s.Container.Image)
}
