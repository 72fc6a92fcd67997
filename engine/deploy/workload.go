package deploy

import (
	"encoding/binary"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Bounds of a workload.
const (
	maxImages     = 8   // that it ran, the present one included
	maxContainers = 64  // of all its images
	maxName       = 128 // of an image's name and id, in bytes
)

// A new container of an image that another has replaced is a replica of a rolling update, in which both run at once, or the image came back. It came back
// where it had written nothing for quiet before the container, or where the image that replaced it has written nothing for abandoned.
const (
	quiet     = int64(time.Minute)
	abandoned = int64(10 * time.Minute)
)

// workload is the images of a workload, the present one first, the last one second.
type workload struct {
	key        string // see seriesOf
	name       string
	images     []*image
	containers []*container // the one that wrote least recently first
	kinds      map[kindID]*kind
	dropped    [2]bool // kinds of the present image, or of the last one, were left out or forgotten, since there were too many
	untracked  int64   // hits of kinds that had no room

	counts   string    // the rules whose hits are counted
	deployed int64     // when the present image's first line arrived, moved by stops of the program; 0: it took the place of none
	reported bool      // its comparison has ended
	saved    int64     // when it was last saved
	incident *incident // of the last image that was worse; nil: none is open
}

// image is one appearance of an image.
type image struct {
	name, id string
	since    int64 // when its first line was written
	replaced bool  // it took the place of another, so since is when it appeared
	arrived  int64 // when its last line arrived
	began    int64 // when its first line arrived
	exposure exposure
	counted  int64 // when the first of these lines arrived
}

// exposure is how much of an image there was to count hits in.
type exposure struct {
	lines int64
	time  int64 // ns between the first and the last line of each container, summed up
}

// appeared is when the image appeared, or 0 where nobody knows.
func (im *image) appeared() int64 {
	if !im.replaced {
		return 0
	}
	return im.since
}

// container is a container, by a digest of its identity.
type container struct {
	key   uint64
	image *image
	since int64 // when its first line was written
	at    int64 // when its last line was written that was counted; 0: none was
	newer bool  // its image had run before another took its place, and it was made after that
}

// seriesOf returns the key of the images of which each takes the place of the one before: the workload, and which of its containers it is. That is the
// name of the container in its pod, so that a sidecar's image is another one; where there are no pods, the name of the image without its registry and tag.
func seriesOf(s *model.Source) string {
	parts := strings.Split(s.Container.Name, "/")
	part := parts[len(parts)-1]
	if _, err := strconv.Atoi(part); err == nil || len(parts) != 3 { // no pod's: the last part of a compose project's is a number
		part, _, _ = strings.Cut(s.Container.Image, "@")
		part = path.Base(part)
		part, _, _ = strings.Cut(part, ":")
	}
	return s.Workload + string(rune(model.KeySeparator)) + safetext.Cut(part, maxName)
}

func newWorkload(key string) *workload {
	name, _, _ := strings.Cut(key, string(rune(model.KeySeparator)))
	return &workload{key: key, name: name, kinds: map[kindID]*kind{}}
}

// containerKey returns the digest of a source's container: by its id, else by its name, which outlives it.
func containerKey(s *model.Source) uint64 {
	id := model.DigestOf("", "", model.AppendInstance(nil, s))
	return binary.BigEndian.Uint64(id[:])
}

// find returns the place of an image, or -1. Digests decide where both are known: a tag such as "latest" may name another image than before.
func (w *workload) find(name, id string) int {
	name, id = safetext.Cut(name, maxName), safetext.Cut(id, maxName)
	return slices.IndexFunc(w.images, func(im *image) bool {
		if id != "" && im.id != "" {
			return id == im.id
		}
		return name == im.name
	})
}

// meet notes a container's line whose source is new, and reports whether it makes a deploy.
func (w *workload) meet(from *model.Container, key uint64, at, now int64) bool {
	c := w.container(key)
	i := w.find(from.Image, from.ImageID)
	if i < 0 {
		im := &image{name: safetext.Cut(from.Image, maxName), id: safetext.Cut(from.ImageID, maxName)}
		w.add(key, im, at)
		return w.appear(im, at, now)
	}
	im := w.images[i]
	if im.id == "" {
		im.id = safetext.Cut(from.ImageID, maxName)
	}
	if c == nil || c.image != im {
		c = w.add(key, im, at)
		c.newer = i > 0
		if c.newer && now-im.arrived >= quiet {
			return w.appear(im, at, now)
		}
	}
	w.use(c)
	c.image.arrived = max(c.image.arrived, now)
	return false
}

// present returns the image that the workload runs; nil: none is known.
func (w *workload) present() *image {
	if len(w.images) == 0 {
		return nil
	}
	return w.images[0]
}

// lines counts lines of a container, and reports whether they make a deploy.
func (w *workload) lines(from *model.Container, key uint64, n, at, now int64) bool {
	c := w.container(key)
	if c == nil {
		i := w.find(from.Image, from.ImageID)
		if i < 0 {
			return false
		}
		c = w.add(key, w.images[i], at)
	}
	if c.image.exposure == (exposure{}) {
		c.image.counted = now
	}
	c.image.exposure.lines += n
	if at > c.at {
		if c.at != 0 {
			c.image.exposure.time += at - c.at
		}
		c.at = at
	}
	return w.wrote(c, now)
}

// wrote notes that a container wrote a line, and reports whether its image thereby takes the place of one that was abandoned.
func (w *workload) wrote(c *container, now int64) bool {
	w.use(c)
	c.image.arrived = max(c.image.arrived, now)
	if !c.newer || c.image == w.images[0] || now-w.images[0].arrived < abandoned {
		return false
	}
	return w.appear(c.image, c.since, now)
}

// appear makes an image the present one, whose first line was written at a time, and reports whether it took the place of another.
func (w *workload) appear(im *image, at, now int64) bool {
	w.images = slices.DeleteFunc(w.images, func(other *image) bool { return other == im })
	im.since, im.began, im.arrived, im.exposure = at, now, max(im.arrived, now), exposure{}
	w.images = slices.Insert(w.images, 0, im)
	if len(w.images) > maxImages {
		gone := w.images[maxImages]
		w.images = w.images[:maxImages]
		w.containers = slices.DeleteFunc(w.containers, func(c *container) bool { return c.image == gone })
	}
	for _, c := range w.containers {
		if c.image == im {
			c.at = 0
		}
	}
	im.replaced = len(w.images) > 1
	if !im.replaced {
		return false
	}
	for _, c := range w.containers {
		c.newer = false
	}
	w.deployed, w.reported = now, false
	w.incident.replaced(im.name, now)
	w.shiftKinds()
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

// due returns when the comparison of the present image ends; 0: none runs.
func (w *workload) due(compare time.Duration) int64 {
	if compare <= 0 || w.deployed == 0 || w.reported {
		return 0
	}
	return w.deployed + int64(compare)
}

// next returns when the comparison of the present image, or an incident, ends; 0: neither is there.
func (w *workload) next(compare time.Duration) int64 {
	at, ends := w.due(compare), w.incident.ends()
	if at == 0 || ends != 0 && ends < at {
		return ends
	}
	return at
}

func (w *workload) container(key uint64) *container {
	for i := len(w.containers) - 1; i >= 0; i-- {
		if w.containers[i].key == key {
			return w.containers[i]
		}
	}
	return nil
}

// add notes a new container, in the place of the one of the same name, and of the one that wrote least recently where there are too many.
func (w *workload) add(key uint64, im *image, at int64) *container {
	w.containers = slices.DeleteFunc(w.containers, func(c *container) bool { return c.key == key })
	if len(w.containers) >= maxContainers {
		w.containers = slices.Delete(w.containers, 0, 1)
	}
	c := &container{key: key, image: im, since: at, at: at}
	w.containers = append(w.containers, c)
	return c
}

// use moves a container to the end of those that wrote.
func (w *workload) use(c *container) {
	if w.containers[len(w.containers)-1] == c {
		return
	}
	i := slices.Index(w.containers, c)
	w.containers = append(slices.Delete(w.containers, i, i+1), c)
}

func (w *workload) clampFuture(now int64) {
	w.deployed, w.saved = min(w.deployed, now), min(w.saved, now)
	w.incident.clampFuture(now)
	for _, im := range w.images {
		im.since, im.arrived, im.began, im.counted = min(im.since, now), min(im.arrived, now), min(im.began, now), min(im.counted, now)
	}
	for _, c := range w.containers {
		c.since, c.at = min(c.since, now), min(c.at, now)
	}
}
