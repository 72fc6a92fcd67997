package deploy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"
)

// recounted keeps all that ever came, and counts it again for each question.
type recounted struct {
	lines []struct {
		container, image string
		n, at            int64
	}
	hits []struct {
		image, kind string
		now         int64
	}
}

// forget is a deploy of an image: nothing of it counts that came before.
func (r *recounted) forget(image string) {
	for i := range r.lines {
		if r.lines[i].image == image {
			r.lines[i].n, r.lines[i].image = 0, "gone"
		}
	}
	for i := range r.hits {
		if r.hits[i].image == image {
			r.hits[i].image = "gone"
		}
	}
}

// exposure returns the lines of an image, and the time from the first to the last of each container.
func (r *recounted) exposure(image string) (e exposure) {
	first, last := map[string]int64{}, map[string]int64{}
	for _, l := range r.lines {
		if l.image != image {
			continue
		}
		e.lines += l.n
		if _, ok := first[l.container]; !ok {
			first[l.container] = l.at
		}
		last[l.container] = max(last[l.container], l.at)
	}
	for c := range first {
		e.time += max(0, last[c]-first[c])
	}
	return e
}

// count returns the hits of a kind, and how unevenly they came.
func (r *recounted) count(image, kind string) (n, squares int64) {
	minutes := map[int64]int64{}
	for _, h := range r.hits {
		if h.image == image && h.kind == kind {
			n++
			minutes[h.now/int64(time.Minute)]++
		}
	}
	for of := range maps.Values(minutes) {
		squares += of * of
	}
	return n, squares
}

// TestCountsAreThoseOfAll plays random lines, hits, deploys and restarts, and counts again after each.
func TestCountsAreThoseOfAll(t *testing.T) {
	deploys := 0
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 34))
		s, all := newStage(t, time.Hour), &recounted{}
		images, made := []string{"app:v0"}, 0
		for range 300 {
			s.pass(time.Duration(rnd.IntN(20)) * time.Second)
			switch rnd.IntN(40) {
			case 0: // each image is another, so that none comes back
				images = append(images, fmt.Sprint("app:v", len(images)))
			case 1:
				made++
			case 2:
				s.restart(time.Duration(rnd.IntN(300)) * time.Second)
			}
			i := len(images) - 1
			if i > 0 && rnd.IntN(3) == 0 {
				i-- // a rolling update
			}
			image, container := images[i], fmt.Sprint(images[i], "-", made, "-", rnd.IntN(3))
			from, n := source(container, image), 1+rnd.Int64N(5)
			at := s.now - rnd.Int64N(3)*int64(30*time.Second)
			known := s.present()
			s.Source(from, at, s.now)
			if s.present() != known {
				all.forget(image)
			}
			for range rnd.IntN(4) {
				kind := fmt.Sprint("kind ", rnd.IntN(5))
				s.Hit(from, "errors", []byte(kind), s.now)
				all.hits = append(all.hits, struct {
					image, kind string
					now         int64
				}{image, kind, s.now})
			}
			s.Lines(from, n, at, s.now)
			all.lines = append(all.lines, struct {
				container, image string
				n, at            int64
			}{container, image, n, at})
			w, _ := s.workloads.Peek(seriesOf(from))
			for side, im := range w.images[:min(2, len(w.images))] {
				if got, want := im.exposure, all.exposure(im.name); got != want {
					t.Fatalf("seed %d: %s: %+v, want %+v", seed, im.name, got, want)
				}
				for _, k := range w.kinds {
					if n, squares := all.count(im.name, k.text); k.counts[side].n != n || k.counts[side].squares != squares {
						t.Fatalf("seed %d: %s of %s: %+v, want %d and %d", seed, k.text, im.name, k.counts[side], n, squares)
					}
				}
			}
		}
		if r, _ := s.Report("shop/api", s.now); r.Last != nil {
			deploys++
		}
	}
	if deploys < 10 {
		t.Errorf("%d runs had a deploy", deploys)
	}
}
