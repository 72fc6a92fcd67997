package deploy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// Verdict says whether an image is better than the last one.
type Verdict string

// The verdicts.
const (
	Unknown Verdict = "unknown" // there is nothing to compare, not enough of it, or the comparison goes on
	Better  Verdict = "better"  // kinds are gone or less often, and none is new or more often
	Same    Verdict = "same"    // nothing differs that is no chance
	Worse   Verdict = "worse"   // a kind is new or more often
)

// What a claim needs. Nothing is claimed from few hits: see judge.
const (
	minLines  = 30   // of each image, for a verdict
	minEvents = 5    // independent hits of the image that has more
	minFactor = 2    // between the rates
	mistake   = 0.01 // the chance that anything is claimed of two images that do not differ
	early     = 0.1  // the part of it that is spent before the end, when somebody may look often
	maxListed = 20   // kinds of each list of a report
)

// Report compares the image that a workload runs with the last one.
type Report struct {
	Workload string        `json:"workload"`
	Verdict  Verdict       `json:"verdict"`
	Reason   string        `json:"reason"` // one line
	Image    ImageReport   `json:"image"`
	Last     *ImageReport  `json:"last,omitempty"` // nil: no image ran before, as far as is known
	Ends     time.Time     `json:"ends,omitzero"`  // when the comparison ends, or ended; zero: there is none
	Running  bool          `json:"running"`        // the comparison goes on
	New      []KindReport  `json:"new,omitempty"`
	More     []KindReport  `json:"more,omitempty"`
	Less     []KindReport  `json:"less,omitempty"`
	Gone     []KindReport  `json:"gone,omitempty"`
	Counts   ReportCounts  `json:"counts"`
	series   string        // the key of the images
	compare  time.Duration // 0: nothing is compared
}

// ReportCounts counts the kinds of a report, those that its lists have no room for included.
type ReportCounts struct {
	Kinds     int   `json:"kinds"`
	New       int   `json:"new"`
	More      int   `json:"more"`
	Less      int   `json:"less"`
	Gone      int   `json:"gone"`
	Untracked int64 `json:"untracked_hits,omitempty"` // of kinds that had no room
}

// ImageReport is an image in a report.
type ImageReport struct {
	Name    string    `json:"name"`
	ID      string    `json:"id,omitempty"`
	Since   time.Time `json:"since,omitzero"` // zero: unknown
	Lines   int64     `json:"lines"`
	Seconds int64     `json:"container_seconds"` // between the first and the last line of each container, summed up
}

// KindReport is one kind of hits in a report.
type KindReport struct {
	Rule   string  `json:"rule"`
	Text   string  `json:"text"`             // the template of its lines
	Hits   int64   `json:"hits"`             // with the present image
	Before int64   `json:"before"`           // with the last image
	Factor float64 `json:"factor,omitempty"` // by which the rate differs, at least; 0: one of the rates is
}

// report compares the images of the workload as of a time, by arrival.
func (w *workload) report(compare time.Duration, now int64) Report {
	r := Report{Workload: w.name, Verdict: Unknown, Image: w.images[0].report(), series: w.key, compare: compare}
	if len(w.images) < 2 {
		r.Reason = "no image was seen before this one"
		return r
	}
	last := w.images[1].report()
	r.Last = &last
	if compare <= 0 {
		r.Reason = "images are not compared: set deploy.compare"
		return r
	}
	ends := w.due(compare)
	r.Running = ends != 0 && now < ends
	r.Ends = utc(w.deployed + int64(compare))
	r.Counts.Kinds, r.Counts.Untracked = len(w.kinds), w.untracked
	w.judge(&r)
	return r
}

func (im *image) report() ImageReport {
	r := ImageReport{Name: im.name, ID: im.id, Lines: im.exposure.lines, Seconds: im.exposure.time / 1e9}
	if at := im.appeared(); at != 0 {
		r.Since = utc(at)
	}
	return r
}

// judge decides about each kind. Of two images without a difference, the hits of both are split like what there was of them. There are two measures of that:
// lines, and the time that containers ran. A version that logs less, or a night after a day, shifts one of them, so a claim must hold by both. Under it the
// number of the present image's hits is binomial (the conditional test of two Poisson rates, Przyborowski and Wilenski 1940), after bursts were reduced to
// what they are worth. The chance of a mistake is divided by the number of kinds (Bonferroni).
func (w *workload) judge(r *Report) {
	now, last := w.images[0].exposure, w.images[1].exposure
	if now.lines < minLines || last.lines < minLines {
		r.Reason = fmt.Sprintf("too few lines: %d and %d before, %d each are needed", now.lines, last.lines, minLines)
		return
	}
	byLines, byTime := share(now.lines, last.lines), share(now.time, last.time)
	p := split{high: max(byLines, byTime), low: min(byLines, byTime), chance: mistake / float64(max(1, len(w.kinds))), dropped: w.dropped[1]}
	if r.Running {
		p.chance *= early
	}
	minutes := [2]float64{w.images[0].minutes(), w.images[1].minutes()}
	for _, k := range w.kinds {
		one := KindReport{Rule: k.rule, Text: k.text, Hits: k.counts[0].n, Before: k.counts[1].n}
		switch p.judge(&one, k.counts[0].independent(minutes[0]), k.counts[1].independent(minutes[1])) {
		case isNew:
			r.New = append(r.New, one)
		case isMore:
			r.More = append(r.More, one)
		case isLess:
			r.Less = append(r.Less, one)
		case isGone:
			r.Gone = append(r.Gone, one)
		}
	}
	r.Counts.New, r.Counts.More, r.Counts.Less, r.Counts.Gone = len(r.New), len(r.More), len(r.Less), len(r.Gone)
	switch {
	case len(r.New)+len(r.More) > 0:
		r.Verdict = Worse
	case r.Running:
	case len(r.Less)+len(r.Gone) > 0:
		r.Verdict = Better
	default:
		r.Verdict = Same
	}
	r.Reason = r.differences()
	if r.Running && r.Verdict == Unknown {
		r.Reason = "the comparison goes on until " + r.Ends.Format("15:04:05 UTC")
	}
	for _, list := range []*[]KindReport{&r.New, &r.More, &r.Less, &r.Gone} {
		slices.SortFunc(*list, func(a, b KindReport) int {
			return cmp.Or(cmp.Compare(b.Factor, a.Factor), cmp.Compare(b.Hits, a.Hits), cmp.Compare(b.Before, a.Before), strings.Compare(a.Rule, b.Rule), strings.Compare(a.Text, b.Text))
		})
		*list = (*list)[:min(len(*list), maxListed)]
	}
}

// minutes is for how long lines of the image were counted.
func (im *image) minutes() float64 { return float64(im.arrived-im.counted) / float64(time.Minute) }

func share(a, b int64) float64 {
	if a+b <= 0 {
		return 0
	}
	return float64(a) / float64(a+b)
}

// split is the part of all hits that the present image has where nothing differs: at most high, at least low, by the two measures.
type split struct {
	high, low float64
	chance    float64 // of a mistake, for each kind
	dropped   bool    // kinds of the last image were forgotten, each with fewer than minHits hits
}

// difference is what a kind does.
type difference uint8

const (
	isSame difference = iota
	isNew
	isMore
	isLess
	isGone
)

// judge decides about one kind, and sets its factor. Each side has the number of its hits in the kind, and of those that are independent beside it.
func (p *split) judge(k *KindReport, now, last int64) difference {
	forgotten := k.Before == 0 && p.dropped
	if forgotten { // it may have been there, below minHits
		last = minHits - 1
	}
	switch {
	case k.Hits >= minHits && k.Before == 0 && !forgotten && (p.high <= 0.5 || tail(now, now, p.high) < p.chance):
		return isNew // the last image had at least as much time and lines to write it, and never did
	case now >= minEvents && tail(now, now+last, p.high) < p.chance:
		if forgotten {
			return isNew
		}
		if k.Before == 0 {
			return isSame
		}
		k.Factor = round(float64(k.Hits) / float64(k.Before) * (1 - p.high) / p.high)
		if k.Factor >= minFactor {
			return isMore
		}
	case last >= minEvents && !forgotten && tail(last, now+last, 1-p.low) < p.chance:
		if k.Hits == 0 {
			return isGone
		}
		k.Factor = round(float64(k.Before) / float64(k.Hits) * p.low / (1 - p.low))
		if k.Factor >= minFactor {
			return isLess
		}
	}
	k.Factor = 0
	return isSame
}

func round(f float64) float64 { return math.Round(f*10) / 10 }

// tail returns the chance of at least so many of n, where each is one with a chance of q.
func tail(least, n int64, q float64) float64 {
	switch {
	case least <= 0 || q >= 1 || float64(least) <= float64(n)*q:
		return 1
	case q <= 0:
		return 0
	}
	gamma := func(x int64) float64 { v, _ := math.Lgamma(float64(x + 1)); return v }
	term := math.Exp(gamma(n) - gamma(least) - gamma(n-least) + float64(least)*math.Log(q) + float64(n-least)*math.Log1p(-q))
	sum := 0.0
	for k := least; k <= n && term > sum*1e-12; k++ { // the terms fall from here on
		sum += term
		term *= float64(n-k) / float64(k+1) * q / (1 - q)
	}
	return min(sum, 1)
}

// differences is a report in one line: "3 new kinds of errors, 1 five times as often, 2 gone".
func (r *Report) differences() string {
	var parts []string
	kinds := func(n int) string {
		if len(parts) > 0 {
			return fmt.Sprint(n)
		}
		if n == 1 {
			return "1 kind of errors"
		}
		return fmt.Sprintf("%d kinds of errors", n)
	}
	if n := r.Counts.New; n > 0 {
		parts = append(parts, strings.Replace(kinds(n), " kind", " new kind", 1))
	}
	for _, one := range []struct {
		list []KindReport
		word string
	}{{r.More, "as often"}, {r.Less, "less often"}} {
		switch n := len(one.list); {
		case n == 1:
			parts = append(parts, kinds(n)+" "+times(one.list[0].Factor)+" "+one.word)
		case n > 1:
			most := slices.MaxFunc(one.list, func(a, b KindReport) int { return cmp.Compare(a.Factor, b.Factor) })
			parts = append(parts, fmt.Sprintf("%s up to %s %s", kinds(n), times(most.Factor), one.word))
		}
	}
	if n := r.Counts.Gone; n > 0 {
		parts = append(parts, kinds(n)+" gone")
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, ", ")
	case r.Counts.Kinds == 0:
		return "no errors of either"
	case r.Counts.Kinds == 1:
		return "1 kind of errors, no difference"
	}
	return fmt.Sprintf("%d kinds of errors, no difference", r.Counts.Kinds)
}

func times(factor float64) string {
	switch n := math.Round(factor); {
	case n == 2:
		return "twice"
	case n < 10:
		return [...]string{3: "three", "four", "five", "six", "seven", "eight", "nine"}[int(n)] + " times"
	}
	return fmt.Sprintf("%.0f times", factor)
}

// title names the images: "1.4 against 1.3", by their tags where they share the rest.
func (r *Report) title() string {
	now, last := r.Image.Name, r.Last.Name
	if now == last {
		return fmt.Sprintf("%s (%s) against (%s)", now, short(r.Image.ID), short(r.Last.ID))
	}
	if name, tag, ok := cutTag(now); ok {
		if other, otherTag, ok := cutTag(last); ok && other == name {
			return tag + " against " + otherTag
		}
	}
	return now + " against " + last
}

// cutTag splits an image's name at its tag. A registry's port is no tag.
func cutTag(image string) (name, tag string, ok bool) {
	i := strings.LastIndexByte(image, ':')
	if i < 0 || strings.ContainsAny(image[i:], "/@") || strings.Contains(image, "@") {
		return image, "", false
	}
	return image[:i], image[i+1:], true
}

// short is the beginning of a digest.
func short(id string) string {
	if i := strings.LastIndexByte(id, ':'); i >= 0 {
		id = id[i+1:]
	}
	return safetext.Cut(id, 12)
}

func utc(ns int64) time.Time { return time.Unix(0, ns).UTC() }
