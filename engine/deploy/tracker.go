// Package deploy knows which image each workload runs, since when, and whether a new one is better or worse than the last.
//
// An image appears with its first line. One that takes the place of another is a deploy (workload.go), and begins a comparison: the kinds of lines that
// rules with deploy hit are counted for both images (kinds.go), and a statistic that claims little decides what differs (verdict.go). Everything is
// bounded, saved and restored (save.go). Times of images go by the records' clock, the end of a comparison by arrival.
package deploy

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/table"
)

// maxWorkloads bounds how many workloads are remembered; the one whose image was looked at least recently goes first. Each takes at most MaxState.
const maxWorkloads = 2000

// Settings is what a tracker goes by.
type Settings struct {
	Compare  time.Duration  // how long a new image is compared with the last one; 0: never
	Severity model.Severity // of the alert about an image that is worse
	Counts   string         // names the rules whose hits are counted; others begin all counts again, since what they did not count would seem to be new
}

// Tracker has the images of the workloads. Safe for concurrent use. A line takes its lock only when its source is new to a worker.
type Tracker struct {
	mu         sync.Mutex
	settings   Settings
	adopted    bool                            // there are settings
	workloads  *table.Table[string, *workload] // by their series: see seriesOf
	named      map[string][]*workload          // those of a name
	unrestored []string                        // saved workloads that mean nothing any more
	deploys    int64
	latest     int64        // the latest time that anything arrived at
	next       atomic.Int64 // when the first comparison or incident ends; math.MaxInt64: there is none

	// Show returns the template of a kind of hits as it is shown and saved; nil: as it is. It is called with the lock held, once for each kind.
	Show func(template []byte) string
	// MayLeave decides whether an alert may leave now, and notes that it does; nil: all may. The end of an incident always may.
	MayLeave func(a *model.Alert, now int64) bool
}

// NewTracker returns a tracker that knows no image.
func NewTracker() *Tracker {
	t := &Tracker{named: map[string][]*workload{}}
	t.workloads = table.New(maxWorkloads, table.Form[string, *workload]{
		Name: func(series string, _ *workload) string { return Prefix + series },
		Copy: func(w *workload) (any, bool) {
			w.saved = t.latest
			return w.saveAt(t.latest), true
		},
		Encode: encode,
		Lazy:   func(*workload) bool { return true }, // counts change with each line
		Removed: func(_ string, w *workload) {
			if t.named[w.name] = slices.DeleteFunc(t.named[w.name], func(other *workload) bool { return other == w }); len(t.named[w.name]) == 0 {
				delete(t.named, w.name)
			}
		},
	})
	t.next.Store(math.MaxInt64)
	return t
}

// Adopt puts settings in force. A comparison that runs ends by the new length. Without comparisons, or with other rules, all counts begin again, and the
// comparisons that run end without an alert.
func (t *Tracker) Adopt(s Settings) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s == t.settings && t.adopted {
		return
	}
	t.settings, t.adopted = s, true
	for _, w := range t.workloads.All() {
		t.recount(w)
	}
	t.schedule()
}

// recount begins the counts of a workload again where they are not of the rules in force.
func (t *Tracker) recount(w *workload) {
	if t.settings.Compare <= 0 {
		w.incident.replaced("", t.latest)
	}
	if t.settings.Compare > 0 && w.counts == t.settings.Counts {
		return
	}
	w.forgetCounts()
	w.counts = t.settings.Counts
	t.workloads.Touch(w.key)
}

// Counts reports whether lines of a source count for an image: it says its image, and is no event.
func Counts(s *model.Source) bool { return !s.IsEvent() && s.Container.Image != "" }

// Source notes a line of a source that is new to a worker. at is when the line was written, now when it arrived.
func (t *Tracker) Source(s *model.Source, at, now int64) {
	if !Counts(s) {
		return
	}
	key := containerKey(s)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latest = max(t.latest, now)
	w, ok := t.workloads.Get(seriesOf(s))
	if !ok {
		w = newWorkload(seriesOf(s))
		w.counts = t.settings.Counts
		t.workloads.Add(w.key, w)
		t.named[w.name] = append(t.named[w.name], w)
	}
	switch before := w.present(); {
	case w.meet(&s.Container, key, at, now):
		t.deployed(w)
	case before == nil:
		t.workloads.Touch(w.key)
	default:
		t.lazily(w, now)
	}
}

// deployed counts a deploy, and schedules the end of its comparison.
func (t *Tracker) deployed(w *workload) {
	t.deploys++
	t.workloads.Touch(w.key)
	if t.settings.Compare <= 0 {
		w.forgetCounts()
	}
	t.schedule()
}

// Lines counts lines of a source, the last of which was written at a time, and arrived by now.
func (t *Tracker) Lines(s *model.Source, n, at, now int64) {
	if !Counts(s) {
		return
	}
	key := containerKey(s)
	t.mu.Lock()
	defer t.mu.Unlock()
	w, ok := t.workloads.Get(seriesOf(s))
	if !ok {
		return
	}
	t.latest = max(t.latest, now)
	if t.settings.Compare <= 0 {
		w.counts = "" // of lines alone: their hits are not counted
	}
	if w.lines(&s.Container, key, n, at, now) {
		t.deployed(w)
	}
	t.lazily(w, now)
}

// Hit counts a hit of a rule with deploy, whatever becomes of it. template is that of its line.
func (t *Tracker) Hit(s *model.Source, rule string, template []byte, now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w, ok := t.workloads.Get(seriesOf(s))
	if !ok || t.settings.Compare <= 0 {
		return
	}
	t.latest = max(t.latest, now)
	w.hit(&s.Container, rule, template, now, t.Show)
	t.lazily(w, now)
}

// Image is an image of a workload, as alerts show it.
type Image struct {
	Name string // as the container names it
	ID   string // its digest, where it is known
	// Since is when its first line was written, ns; 0: unknown, because the workload ran it when its first line came here.
	Since int64
}

// Of returns the image of a source. Of a source that is a workload without a container, as that of an absence, it is the image that the workload runs.
func (t *Tracker) Of(s *model.Source) Image {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.peek(s).of(s)
}

// peek returns the workload of a source, or nil. That of a source without a container is the only one of its name.
func (t *Tracker) peek(s *model.Source) *workload {
	if s.Container == (model.Container{}) {
		if all := t.named[s.Workload]; len(all) == 1 {
			return all[0]
		}
		return nil
	}
	w, _ := t.workloads.Peek(seriesOf(s))
	return w
}

// Preview returns the image of a source as Of would after a line of it, which was written at a time and arrived at now, and whether the line would make a
// deploy. It changes nothing.
func (t *Tracker) Preview(s *model.Source, at, now int64) (im Image, deploys bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.peek(s)
	if w != nil && Counts(s) {
		w = w.saveAt(now).workload(w.key)
		deploys = w.meet(&s.Container, containerKey(s), at, now)
	}
	return w.of(s), deploys
}

// of returns the image of a source.
func (w *workload) of(s *model.Source) Image {
	out, i := Image{Name: s.Container.Image, ID: s.Container.ImageID}, 0
	if w == nil {
		return out
	}
	if s.Container != (model.Container{}) {
		i = w.find(out.Name, out.ID)
	}
	if i < 0 {
		return out
	}
	im := w.images[i]
	return Image{Name: im.name, ID: im.id, Since: im.appeared()}
}

// ReplacedAt returns when the first line of a present image arrived that took the place of another after a time; else 0.
func (t *Tracker) ReplacedAt(workload string, since int64) (at int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.named[workload] {
		if im := w.images[0]; im.replaced && im.began > since && (at == 0 || im.began < at) {
			at = im.began
		}
	}
	return at
}

// NextDue returns when the first comparison or incident ends; ok is false when there is none. It takes no lock.
func (t *Tracker) NextDue() (at int64, ok bool) {
	at = t.next.Load()
	return at, at != math.MaxInt64
}

// Advance ends the comparisons and incidents that are due by now, and appends their alerts to dst, in the order of time.
func (t *Tracker) Advance(now int64, dst []model.Alert) []model.Alert {
	if at, ok := t.NextDue(); !ok || at > now {
		return dst
	}
	for _, e := range t.end(now) { // without the lock, because silences may ask for images
		if t.MayLeave != nil && !t.MayLeave(&e.alert, e.alert.Time) {
			continue
		}
		if e.worse {
			e.alert.Resolves = true
			t.open(&e.alert, e.series)
		}
		dst = append(dst, e.alert)
	}
	return dst
}

// ended is the alert about the end of a comparison or an incident.
type ended struct {
	alert  model.Alert
	series string
	worse  bool // it begins an incident
}

// end ends the comparisons and incidents that are due by now, and returns their alerts.
func (t *Tracker) end(now int64) (alerts []ended) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latest = max(t.latest, now)
	for _, w := range t.workloads.All() {
		if at := w.incident.ends(); at != 0 && at <= now { // before the comparison, whose alert may begin the next one
			alerts = append(alerts, ended{alert: w.incident.end(w.name), series: w.key})
			w.incident = nil
			t.workloads.Touch(w.key)
		}
		at := w.due(t.settings.Compare)
		if at == 0 || at > now {
			continue
		}
		r := w.report(t.settings.Compare, at)
		w.reported = true
		t.workloads.Touch(w.key)
		if r.Verdict != Unknown {
			alerts = append(alerts, ended{r.alert(t.settings.Severity, at), w.key, r.Verdict == Worse})
		}
	}
	t.schedule()
	slices.SortStableFunc(alerts, func(a, b ended) int {
		return cmp.Or(cmp.Compare(a.alert.Time, b.alert.Time), strings.Compare(a.alert.Key, b.alert.Key))
	})
	return alerts
}

// schedule computes when the first comparison or incident ends.
func (t *Tracker) schedule() {
	next := int64(math.MaxInt64)
	for _, w := range t.workloads.All() {
		if at := w.next(t.settings.Compare); at != 0 {
			next = min(next, at)
		}
	}
	t.next.Store(next)
}

// Report compares the image that a workload runs with the one before, with the counts so far; ok is false for a workload that is not known. Of several
// containers in its pods it is about the one whose image is worse, else about the one that was deployed last.
func (t *Tracker) Report(name string, now int64) (r Report, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var latest int64
	for _, w := range t.named[name] {
		latest = max(latest, w.deployed)
	}
	var of *workload
	for _, w := range t.named[name] {
		one := w.report(t.settings.Compare, now)
		recent := one.Verdict == Worse && latest-w.deployed < int64(t.settings.Compare)
		if of == nil || recent && r.Verdict != Worse || r.Verdict != Worse && w.deployed > of.deployed || w.deployed == of.deployed && r.Verdict == one.Verdict && w.key < of.key {
			of, r = w, one
		}
	}
	return r, of != nil
}

// Stats counts what a tracker knows.
type Stats struct {
	Workloads int   // whose image is known
	Comparing int   // comparisons that run
	Deploys   int64 // images that took the place of another
	Evicted   int64 // workloads that were forgotten because there were too many
}

// Stats returns the counts.
func (t *Tracker) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Stats{Workloads: t.workloads.Len(), Deploys: t.deploys, Evicted: t.workloads.Evicted()}
	for _, w := range t.workloads.All() {
		if w.due(t.settings.Compare) != 0 {
			s.Comparing++
		}
	}
	return s
}

// ClampFuture sets times that seem to lie ahead, since the clock went back, to now.
func (t *Tracker) ClampFuture(now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latest = min(t.latest, now)
	for _, w := range t.workloads.All() {
		w.clampFuture(now)
		t.workloads.Touch(w.key)
	}
	t.schedule()
}

// saveLazily is how late counts are saved while the engine runs, so that a workload with many hits is not saved each time.
const saveLazily = int64(time.Minute)

func (t *Tracker) lazily(w *workload, now int64) {
	if now-w.saved >= saveLazily || now < w.saved {
		t.workloads.Touch(w.key)
	}
}
