package engine

import (
	"math"
	"slices"
	"strings"
	"time"
)

// The part of the reference that compares hits: with the past of their key, and with those of another rule.

const refSlices = 12

// refPace is all hits of a key with rate, by the number of the slice that each lies in.
type refPace struct {
	within, than int64
	first, head  int64
	hits         []int64
	last, behind int64 // the latest hit, and by how much it arrived later
	arrived      int64 // when the last hit did
	gap, resumed int64 // slices in which the program did not run, and when it ran again
	source       *Source
	quiet, sent  bool
	putOff       int64
}

func (p *refPace) slice() int64 { return p.within / refSlices }

func refFloor(a, b int64) int64 {
	if a < 0 {
		return -((b - 1 - a) / b)
	}
	return a / b
}

// count returns how many hits are recent.
func (p *refPace) count() (n int64) {
	for _, at := range p.hits {
		if at > p.head-refSlices {
			n++
		}
	}
	return n
}

// usual returns the weighted mean of the slices before the recent ones, for as many slices as those are, in thousandths.
func (p *refPace) usual() int64 {
	keep, hits, weights := 1-float64(p.slice())/float64(p.than), 0.0, 0.0
	newest := p.head - refSlices
	for _, at := range p.hits {
		if at <= newest {
			hits += math.Pow(keep, float64(newest-at))
		}
	}
	for at := p.first; at <= newest; at++ {
		weights += math.Pow(keep, float64(newest-at))
	}
	if weights == 0 {
		return 0
	}
	return int64(math.Round(1000 * refSlices * hits / weights))
}

// learned returns the first slice at which as many slices lie behind the recent ones as than has.
func (p *refPace) learned() int64 {
	return p.first + refSlices - 1 + int64(math.Ceil(float64(p.than)/float64(p.slice())))
}

// short reports whether fewer hits came than so many thousandths of what is usual.
func (p *refPace) short(thousandths int64) bool { return p.count()*1_000_000 < p.usual()*thousandths }

func (p *refPace) move(slices int64) {
	p.first, p.head = p.first+slices, p.head+slices
	for i := range p.hits {
		p.hits[i] += slices
	}
}

// measured counts a hit of a rule with rate or ratio, and reports whether there is nothing special about it.
func (m *reference) measured(k *refKey, h *refHit) (usual bool) {
	r := h.rule
	if r.Of != "" {
		return m.shared(h, r, false)
	}
	if !r.Rate.IsSet() {
		k.pace = nil
		return false
	}
	if k.pace == nil {
		k.pace = &refPace{}
	}
	p := k.pace
	if p.within != int64(r.Within) || p.than != int64(r.Rate.Than) {
		p.within, p.than, p.hits, p.gap, p.last = int64(r.Within), int64(r.Rate.Than), nil, 0, 0
		p.first = refFloor(h.at, p.slice())
		p.head = p.first
	}
	if h.at >= p.resumed {
		p.move(p.gap)
	}
	p.gap, p.arrived = 0, h.arrived
	number := refFloor(h.at, p.slice())
	p.head = max(p.head, number)
	if number >= p.first {
		p.hits = append(p.hits, number)
	}
	if h.at >= p.last {
		p.last, p.behind = h.at, h.arrived-h.at
	}
	h.recent, h.usual = p.count(), p.usual()
	return number <= p.head-refSlices || number < p.first || p.head < p.learned() || h.recent < int64(r.Rate.AtLeast) || h.recent*1_000_000 <= h.usual*int64(r.Rate.Above)
}

// expected decides about a hit of a rule with below.
func (m *reference) expected(k *refKey, h *refHit) {
	m.measured(k, h)
	p := k.pace
	p.source = h.source
	h.fate = ReasonExpected
	if p.quiet && !p.short((int64(h.rule.Rate.Below)+1000)/2) {
		sent := p.sent
		p.quiet, p.sent, p.putOff = false, false, 0
		if sent {
			h.fate = refAlerted
			a := refAlert{Kind: KindResolved, Time: h.at, Count: 1, First: h.at, Last: max(h.at, p.last), Severity: h.rule.Severity, Hits: h.recent, Usual: h.usual}
			if a.Severity == SeverityUnknown {
				a.Severity = SeverityWarning
			}
			k.reportHeld(&a)
			m.chain(h, true)
			m.leave(&a, h, h.arrived)
			return
		}
		if h.rule.DryRun {
			h.fate = ReasonDryRun
		}
	}
	m.chain(h, true)
	m.counts[h.rule.Name].Suppressed[h.fate]++
}

// reportHeld has an alert report everything that was suppressed.
func (k *refKey) reportHeld(a *refAlert) {
	all, _ := k.held()
	for _, h := range all {
		if h.reported || h.fate == refAlerted {
			continue
		}
		h.reported = true
		a.Suppressed[h.fate]++
		if a.Since == 0 {
			a.Since = h.at
		}
		a.Since = min(a.Since, h.at)
		if a.Kind == KindResolved {
			a.First, a.Last = min(a.First, h.at), max(a.Last, h.at)
		}
	}
}

// looks returns when a key with below is next looked at: when the slice is over that its latest hit is in, by the records' clock, or the one after which enough
// is known. 0: without hits it is usual that none come.
func (k *refKey) looks() int64 {
	p, r := k.pace, k.rule
	if p == nil || r.Rate.Below == 0 || p.quiet || p.source == nil || p.within != int64(r.Within) || p.than != int64(r.Rate.Than) {
		return 0
	}
	if p.head >= p.learned() && p.count() == 0 && p.usual() < 1000*int64(r.Rate.AtLeast) {
		return 0
	}
	return max((max(p.head, p.learned())+1+p.gap)*p.slice()+p.behind, p.putOff, p.arrived, k.notBefore)
}

// look reports a key of which too few hits came.
func (m *reference) look(k *refKey, at int64) {
	p, r := k.pace, k.rule
	p.move(p.gap)
	p.gap = 0
	now := refFloor(at-p.behind, p.slice())
	p.head = max(p.head, now-1) // that is over
	hits, usual := p.count(), p.usual()
	short := p.head >= p.learned() && usual >= 1000*int64(r.Rate.AtLeast) && p.short(int64(r.Rate.Below))
	p.head = max(p.head, now)
	if !short {
		return
	}
	a := refAlert{Kind: KindAbsence, Time: at, First: p.last, Last: p.last, Severity: r.Severity, Hits: hits, Usual: usual}
	if a.Severity == SeverityUnknown {
		a.Severity = SeverityWarning
	}
	source := &Source{Workload: p.source.Workload, Host: p.source.Host, Tag: p.source.Tag}
	if slices.Contains(r.CooldownBy, "container") {
		source = p.source
	}
	about := refAbout{rule: r.Name, source: source, severity: a.Severity, kind: a.Kind, settings: r}
	if _, muted := m.muted(about, at); muted {
		p.putOff = at + int64(time.Minute)
		return
	}
	p.quiet = true
	if r.DryRun {
		return
	}
	p.sent = true
	k.reportHeld(&a)
	m.counts[r.Name].Absences++
	m.away(&a, r, about, at)
	a.Container = source.Container.ID
	a.Image, a.ImageSince = m.imageOf(source)
	m.out = append(m.out, a)
}

// set is a clock that was set.
func (p *refPace) set(ns, now int64) {
	p.move(refFloor(ns, p.slice()))
	p.last, p.resumed, p.arrived = min(p.last, now), min(p.resumed, now), min(p.arrived, now)
	if p.putOff != 0 {
		p.putOff = min(p.putOff+ns, now+int64(time.Minute))
	}
}

// refShare is the hits of both rules of a ratio, by the slices that they lie in.
type refShare struct {
	slice, head int64
	part, whole []int64
}

// shared counts a hit for the ratio of a rule, of which it is a part or the whole, and reports whether the share is no larger than it may be.
func (m *reference) shared(h *refHit, r *RuleSettings, whole bool) (usual bool) {
	name, complete := m.named(h, r.Name, r.By)
	if !complete {
		return true
	}
	c := refUse(m.chains, func(c *refChain) bool { return c.name == name })
	if c == nil {
		c = &refChain{name: name}
		m.chains, _ = refAdd(m, m.chains, c)
	}
	s := &c.share
	if slice := int64(r.Within) / refSlices; s.slice != slice {
		*s = refShare{slice: slice, head: h.at / slice}
	}
	number := h.at / s.slice
	s.head = max(s.head, number)
	switch {
	case number <= s.head-refSlices:
		usual = true
	case whole:
		s.whole = append(s.whole, number)
	default:
		s.part = append(s.part, number)
	}
	recent := func(all []int64) (n int64) {
		for _, at := range all {
			if at > s.head-refSlices {
				n++
			}
		}
		return n
	}
	if whole {
		return false
	}
	h.recent, h.others = recent(s.part), recent(s.whole)
	a, b := h.recent*1_000_000, h.others*r.Ratio.Millionths
	return usual || h.others < int64(r.AtLeast) || a < b || a == b && !r.Ratio.Reached
}

func (s *refShare) set(ns int64) {
	if s.slice == 0 {
		return
	}
	slices := refFloor(ns, s.slice)
	s.head += slices
	for i := range s.part {
		s.part[i] += slices
	}
	for i := range s.whole {
		s.whole[i] += slices
	}
}

// referenceRates gives a rule a rate or a ratio.
func referenceRates(c *choices, r *RuleSettings) {
	r.Within = c.seconds(60, 90, 300)
	switch c.below(3) {
	case 0:
		r.Rate.Above = pick(c, Factor(1000), 1500, 3000)
	case 1:
		r.Rate.Below = pick(c, Factor(900), 500, 100)
	default:
		r.Ratio, r.AtLeast, r.Of = Ratio{Millionths: int64(pick(c, 50_000, 333_300, 500_000)), Reached: c.below(2) == 0}, 1+c.below(4), pick(c, "r0", "r1", "r2")
		for r.Of == r.Name {
			r.Of = pick(c, "r1", "r0")
		}
		r.By = pick(c, nil, []string{"container"}, []string{"workload"})
		if strings.Contains(r.Pattern, "<x>") && c.below(2) == 0 {
			r.By = append(r.By, "capture.x")
		}
		return
	}
	r.Rate.Than, r.Rate.AtLeast = r.Within*pick(c, time.Duration(2), 3, 10), 1+c.below(4)
	if c.below(2) == 0 {
		r.CooldownBy = nil
	}
}
