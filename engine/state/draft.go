package state

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state/deadline"
)

// Draft decides about the hits of a record without consequences, one after another as they would be: a token that the first of them takes is missing for the
// second. It calls the functions that Keyed calls, and puts their outcomes into effect on copies of the state that they concern. A Draft belongs to one
// goroutine.
type Draft struct {
	of        *Keyed
	rules     *rules.Snapshot
	limits    rules.Limits
	inhibitor *mute.Inhibitor // a copy
	image     *mute.NewImage  // that the record makes appear; nil: none
	fleet     model.Fleet     // that counts hits of its rules; it is not asked
	keys      map[string]*keyState
	buckets   map[string]*bucket
	absences  map[string]*absenceTimer
	templates map[TemplateID]*templateSeen
	sequences map[SequenceID]*steps
	due       deadline.Heap // of the copies
}

// Draft returns a draft by the rules of a snapshot, with copies of all that is due by now.
func (k *Keyed) Draft(n *rules.Snapshot, now int64) *Draft {
	d := &Draft{
		of: k, rules: n, inhibitor: k.mutes.Inhibitor.Clone(), keys: map[string]*keyState{}, buckets: map[string]*bucket{},
		absences: map[string]*absenceTimer{}, templates: map[TemplateID]*templateSeen{}, sequences: map[SequenceID]*steps{},
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	d.limits, d.fleet = k.limits, k.fleet
	for t := range k.due.All() {
		if t.Due() > now {
			continue
		}
		switch of := t.Owner.(type) {
		case *absenceTimer:
			d.copyAbsence(of.key)
		case *keyState:
			d.copyKey(of.key)
			if shown := of.unreported.sample; shown != nil {
				d.copyBucket(model.AppendBucket(nil, shown.source))
			}
		}
	}
	return d
}

// Load copies the state that decides about a hit. Copies that the draft has already stay.
func (d *Draft) Load(h *HitContext) {
	d.of.mu.Lock()
	defer d.of.mu.Unlock()
	d.copyKey(string(h.Key))
	d.copyBucket(h.Container)
	d.copyAbsence(rules.AbsenceKey(h.Rule, h.Source.Workload))
	d.copySteps(h.Sequence)
	for i := range h.Steps {
		d.copySteps(h.Steps[i].ID)
		d.copyKey(h.Steps[i].Key)
	}
	// Peek, because an explanation must not keep an entry from being forgotten.
	if t, ok := d.of.templates.Peek(h.Template); ok && d.templates[h.Template] == nil {
		seen := *t
		d.templates[h.Template] = &seen
	}
}

func (d *Draft) copyKey(key string) {
	s := d.of.peek(key)
	if s == nil || d.keys[key] != nil {
		return
	}
	c := s.clone()
	d.keys[key] = c
	d.due.Set(&c.timer, s.timer.Due())
}

func (d *Draft) copySteps(id SequenceID) {
	if s, ok := d.of.sequences.Peek(id); ok && d.sequences[id] == nil {
		d.sequences[id] = s.clone()
	}
}

// stepsOf returns the hits of the other rule of a sequence or a ratio, which may be new.
func (d *Draft) stepsOf(id SequenceID) *steps {
	if d.sequences[id] == nil {
		d.sequences[id] = &steps{}
	}
	return d.sequences[id]
}

// step notes a hit in the sequences and ratios of other rules.
func (d *Draft) step(h *HitContext, happened bool) {
	for i := range h.Steps {
		one := &h.Steps[i]
		if one.Within != 0 {
			d.stepsOf(one.ID).shared().Note(one.Within, h.At, true)
			continue
		}
		if !happened {
			continue
		}
		d.stepsOf(one.ID).add(h.At)
		if s := d.keys[one.Key]; one.Ends && s != nil && s.answer(h.At) {
			d.due.Set(&s.timer, 0)
		}
	}
}

func (d *Draft) copyBucket(container []byte) {
	b, ok := d.of.buckets.Peek(d.of.hash(container))
	if ok && b.key == string(container) && d.buckets[b.key] == nil {
		c := *b
		d.buckets[b.key] = &c
	}
}

func (d *Draft) copyAbsence(key string) {
	t, ok := d.of.absences.Peek(key)
	if !ok || d.absences[key] != nil {
		return
	}
	c := t.clone()
	d.absences[key] = c
	d.due.Set(&c.timer, t.timer.Due())
}

// Deployed has the record make an image appear, which ends silences before anything that is due is done.
func (d *Draft) Deployed(image *mute.NewImage) { d.image = image }

// Inhibitor returns the copy of the inhibitor that the draft asks.
func (d *Draft) Inhibitor() *mute.Inhibitor { return d.inhibitor }

func (d *Draft) bucketOf(container []byte) *bucket { return d.buckets[string(container)] }

func (d *Draft) fill(b *bucket, container []byte, arrival int64) {
	if b == nil {
		b = &bucket{key: string(container)}
		d.buckets[b.key] = b
	}
	b.arrival = arrival
}

func (d *Draft) tokens(container []byte) tokens {
	return tokens{of: d, limit: &d.limits.PerContainer, container: container}
}

func (d *Draft) muting() *muting { return &muting{d.of.mutes, d.inhibitor, d.rules.Inhibits, d.image} }

// Advance does all that is due by now.
func (d *Draft) Advance(now int64) {
	for t := d.due.First(); t != nil && t.Due() <= now; t = d.due.First() {
		at := t.Due()
		switch of := t.Owner.(type) {
		case *keyState:
			d.keyDue(of, at, now)
		case *absenceTimer:
			d.absenceDue(of, at)
		}
	}
}

func (d *Draft) keyDue(s *keyState, at, now int64) {
	r := ruleOf(d.rules, s.key, s.workload())
	if ends := s.incident.ends(r); ends != 0 && ends <= at {
		a := s.end(at, nil)
		s.closeIncident()
		d.due.Set(&s.timer, 0)
		if r != nil {
			d.muting().observe(subjectOf(r, &a), at, true)
		}
		return
	}
	if looks := s.looks(r); looks != 0 && looks <= at {
		if a, out := s.lookAt(r, at, d.muting()); out == sendable {
			d.muting().observe(subjectOf(r, &a), at, false)
		}
		d.due.Set(&s.timer, s.deadline(r))
		return
	}
	shown := s.unreported.sample
	if shown == nil || shown.text == nil { // a worker is rendering it: its roll-up is for later
		d.due.Set(&s.timer, 0)
		return
	}
	if s.waitsForAll(d.fleet, r) { // the fleet decides
		d.due.Set(&s.timer, 0)
		return
	}
	b := d.tokens(model.AppendBucket(nil, shown.source))
	next, a, out := decideRollup(r, s, at, r != nil && shares(d.fleet, r), d.muting(), &b)
	s.apply(&next)
	if next.token {
		b.consume()
	}
	if out == sendable {
		s.onRollup(r, &a, at)
		d.muting().observe(subjectOf(r, &a), at, false)
	}
	d.due.Set(&s.timer, s.deadline(r))
}

func (d *Draft) absenceDue(t *absenceTimer, at int64) {
	r := ruleOf(d.rules, t.key, t.workload())
	if r != nil && t.over == 0 && shares(d.fleet, r) { // the fleet decides
		d.due.Set(&t.timer, 0)
		return
	}
	a, out := decideAbsence(r, t, at, d.muting())
	t.commitDue(out, at)
	d.due.Set(&t.timer, t.deadline(r))
	if out == sendable {
		d.muting().observe(subjectOf(r, &a), at, false)
	}
}

// Evaluate decides about a hit whose state was loaded, with all that was due done. The decision is in h.
func (d *Draft) Evaluate(h *HitContext, now int64) {
	if h.Rule.Settings.Absent > 0 {
		t := d.absences[rules.AbsenceKey(h.Rule, h.Source.Workload)]
		if t == nil { // the wait would begin with the hit
			t = &absenceTimer{key: rules.AbsenceKey(h.Rule, h.Source.Workload), began: now, from: now}
			t.timer.Owner = t
			d.absences[t.key] = t
		}
		h.Decision = decideExpected(h.Rule, t, h, now)
		t.commit(h, now)
		d.due.Set(&t.timer, t.deadline(h.Rule))
		d.step(h, true)
		return
	}
	s := d.keys[string(h.Key)]
	if s == nil {
		s = newKeyState(string(h.Key))
		d.keys[s.key] = s
	}
	if h.Rule.Settings.Rate.Below != 0 {
		s.clampFuture(now)
		s.measure(h, now)
		h.Decision = decideUsual(s, h, now)
		s.commitUsual(h, now)
		d.due.Set(&s.timer, s.deadline(rollupRule(d.rules, s, h)))
		d.step(h, true)
		return
	}
	h.order(d.sequences[h.Sequence], now)
	if h.Rule.Settings.FirstSeen != 0 && h.inOrder {
		if t := d.templates[h.Template]; t == nil {
			d.templates[h.Template] = newTemplateSeen(h)
		} else {
			t.clampFuture(now)
			// Asked before the hit is noted, as in seenBefore.
			h.known = t.knows(h)
			t.observe(h)
		}
	}
	if h.Rule.Settings.Ratio.IsSet() && h.Sequenced {
		h.compare(d.stepsOf(h.Sequence))
	} else {
		s.measure(h, now)
	}
	h.shared = shares(d.fleet, h.Rule) && !h.Overflow
	h.forAll = h.countedByAll(now)
	b := d.tokens(h.Container)
	s.clampFuture(now)
	next, v := decide(h.Rule, s, h, &b, now)
	s.commit(h, &next, &v, &b, now)
	d.due.Set(&s.timer, s.deadline(rollupRule(d.rules, s, h)))
	d.step(h, h.happened())
}

// End ends the incidents that a line ends, with all that was due done, and returns how many they are.
func (d *Draft) End(e *Ending, now int64) (n int) {
	d.loadOpen(e)
	for _, key := range slices.Sorted(maps.Keys(d.keys)) {
		s := d.keys[key]
		if s.clampFuture(now); !e.ends(s) {
			continue
		}
		a := s.endBy(e, now)
		d.due.Set(&s.timer, 0)
		d.muting().observe(subjectOf(e.Rule, &a), now, true)
		n++
	}
	return n
}

// loadOpen copies the keys whose incidents a line may end.
func (d *Draft) loadOpen(e *Ending) {
	d.of.mu.Lock()
	defer d.of.mu.Unlock()
	of := d.of.open[openName(e.Rule.ID, e.Workload)]
	if of == nil {
		return
	}
	for _, s := range of.keys {
		if e.Keys.Matches(s.key) {
			d.copyKey(s.key)
		}
	}
}

// ResolvesAt returns when the incident of a hit's key ends if no further hit comes; ok is false when none is open, or when only a line ends it.
func (d *Draft) ResolvesAt(h *HitContext) (at time.Time, ok bool) {
	s := d.keys[string(h.Key)]
	if s == nil {
		return time.Time{}, false
	}
	ends := s.incident.ends(h.Rule)
	return time.Unix(0, ends).UTC(), ends != 0
}

// RollsUpAt returns when a roll-up reports the suppressed hits of a hit's key if no further hit comes; ok is false when none will.
func (d *Draft) RollsUpAt(h *HitContext) (at time.Time, ok bool) {
	s := d.keys[string(h.Key)]
	if s == nil || s.unreported.sample == nil || h.Rule.Settings.Without != "" {
		return time.Time{}, false
	}
	due := s.rollupDue(rollupRule(d.rules, s, h))
	return time.Unix(0, due).UTC(), due != 0
}

// CountedByAll reports whether the fleet counts a hit that was evaluated.
func (d *Draft) CountedByAll(h *HitContext) bool { return h.forAll }

// FollowedByAll reports whether the fleet goes on with a hit that was evaluated: it is asked which hits it follows, or waits for one that follows it.
func (d *Draft) FollowedByAll(h *HitContext, now int64) bool {
	set := &h.Rule.Settings
	return h.asksAll(now) || set.Without != "" && h.shared && h.waits && h.Decision.Late < int64(set.Within)
}

// AwaitedByAll reports whether the fleet waits for the lines of an absence rule.
func (d *Draft) AwaitedByAll(r *rules.Rule) bool { return r.Settings.Absent > 0 && shares(d.fleet, r) }

// Open reports whether an incident of a hit's key is open.
func (d *Draft) Open(h *HitContext) bool {
	s := d.keys[string(h.Key)]
	return s != nil && s.incident != nil
}

// Rendered sets the text of a sample, whose roll-up may be due before the next hit of the record.
func (d *Draft) Rendered(shown *Sample, text *SampleText) { shown.text = text }

// Preview is the outcome that a hit would have now, and the state that decides about it.
type Preview struct {
	Alerts bool   `json:"alerts"`           // the hit would make an alert at once
	Reason string `json:"reason,omitempty"` // why it would be suppressed, as Reason.String

	LastAlert       time.Time `json:"last_alert,omitzero"`       // of the hit's cooldown key
	CooldownLeft    float64   `json:"cooldown_left_seconds"`     // until a hit of the key alerts again
	Suppressed      int64     `json:"suppressed"`                // hits of the key since its last alert, not reported yet
	SuppressedSince time.Time `json:"suppressed_since,omitzero"` // when the first of them came
	Tokens          int       `json:"tokens"`                    // in the container's bucket
	Burst           int       `json:"burst"`                     // at most; 0: there is no bucket
	TokenIn         float64   `json:"next_token_in_seconds"`     // until the bucket holds one more; 0 when it is full
	Key             []string  `json:"cooldown_key,omitempty"`    // the parts of the key, behind the rule
	Counted         int       `json:"counted,omitempty"`         // hits, or different values, that count for the threshold, this one included
	Needed          int       `json:"needed,omitempty"`          // for the threshold; 0: there is none
	OfFleet         bool      `json:"of_fleet,omitempty"`        // all nodes of the fleet count, follow or wait together: Counted, OtherHit and LastHit are of this node alone
	RollupAt        time.Time `json:"rollup_at,omitzero"`        // when a roll-up would report the suppressed hits, this one included, if no further hit came
	ResolvesAt      time.Time `json:"resolves_at,omitzero"`      // when the incident of the key would end if no further hit came
	ResolvesOn      string    `json:"resolves_on,omitempty"`     // an incident of the key would be open: what a line must match to end it
	Template        string    `json:"template,omitempty"`        // of the line, where the rule goes by it
	Image           string    `json:"image,omitempty"`           // that the hit's container runs
	ImageSince      time.Time `json:"image_since,omitzero"`      // when its first line was written; zero: unknown
	Overflow        bool      `json:"overflow,omitempty"`        // the container's templates are too many: neither cooldown nor threshold suppress it
	After           string    `json:"after,omitempty"`           // the rule that is to be hit before
	Without         string    `json:"without,omitempty"`         // the rule that is waited for after a hit
	OtherHit        time.Time `json:"other_hit,omitzero"`        // when that rule was last hit with the same values

	Rate  *RatePreview  `json:"rate,omitempty"`  // what the rule's rate compares
	Ratio *RatioPreview `json:"ratio,omitempty"` // and what its ratio does

	// Waits: the rule waits for lines, of the workload that Key names, or of all together. Cooldown and bucket play no part.
	Waits   bool      `json:"waits,omitempty"`
	LastHit time.Time `json:"last_hit,omitzero"` // that it waits for
}

// RatePreview says what the rate of a rule compares, the hit included.
type RatePreview struct {
	Hits      int64     `json:"hits"`                // recent ones of the key
	Usual     float64   `json:"usual"`               // in as much time
	Within    float64   `json:"within_seconds"`      // how much
	Above     string    `json:"above,omitempty"`     // the factor, as the configuration writes it
	Below     string    `json:"below,omitempty"`     // or this one
	AtLeast   int       `json:"at_least"`            // hits, or with below usual ones
	LearnedAt time.Time `json:"learned_at,omitzero"` // the key does not alert before; zero: it does
	Quiet     bool      `json:"quiet,omitempty"`     // with below: too few hits came
}

// RatioPreview says what the ratio of a rule compares, the hit included.
type RatioPreview struct {
	Hits    int64   `json:"hits"`           // recent ones with the hit's values of by
	Of      string  `json:"of"`             // the other rule
	OfHits  int64   `json:"of_hits"`        // its recent hits with the same values
	Percent float64 `json:"percent"`        // the share
	Within  float64 `json:"within_seconds"` // how recent
	Above   string  `json:"above"`          // the share to alert for, as the configuration writes it
	AtLeast int     `json:"at_least"`       // hits of the other rule
}

// String returns the comparison in words, and what the rule asks for.
func (r *RatePreview) String() string {
	compared := model.Rate{Hits: r.Hits, Usual: r.Usual, Within: int64(r.Within * float64(time.Second))}
	wants := fmt.Sprintf("alerts above %s, with at least %d", r.Above, r.AtLeast)
	if r.Below != "" {
		wants = fmt.Sprintf("alerts below %s, if at least %d are usual", r.Below, r.AtLeast)
	}
	switch {
	case !r.LearnedAt.IsZero():
		wants += ", and not before " + r.LearnedAt.Format(time.RFC3339) + ", when enough of the past is known"
	case r.Quiet:
		wants += ", as it did"
	}
	return compared.String() + "; " + wants
}

// String returns the comparison in words, and what the rule asks for.
func (r *RatioPreview) String() string {
	compared := model.Ratio{Hits: r.Hits, Of: r.Of, OfHits: r.OfHits, Within: int64(r.Within * float64(time.Second))}
	return fmt.Sprintf("%s, which has %d; alerts for %s, if it has at least %d", compared.String(), r.OfHits, r.Above, r.AtLeast)
}

// Compared describes what the rate or ratio of a hit's rule compares, after the hit was evaluated; nil where it has none.
func (d *Draft) Compared(h *HitContext) (*RatePreview, *RatioPreview) {
	set := &h.Rule.Settings
	if set.Ratio.IsSet() {
		r := model.Ratio{Hits: h.Decision.Hits, OfHits: h.Decision.Others}
		return nil, &RatioPreview{
			Hits: r.Hits, Of: set.Of, OfHits: r.OfHits, Percent: r.Percent(), Within: set.Within.Seconds(), Above: set.Ratio.String(), AtLeast: set.AtLeast,
		}
	}
	s := d.keys[string(h.Key)]
	if s == nil || s.pace == nil {
		return nil, nil
	}
	p := s.pace
	out := &RatePreview{
		Hits: h.Decision.Hits, Usual: float64(h.Decision.Usual) / rate.Unit, Within: set.Within.Seconds(), Above: set.Rate.Above.String(),
		Below: set.Rate.Below.String(), AtLeast: set.Rate.AtLeast, Quiet: p.quiet,
	}
	if !p.Learned() {
		out.LearnedAt = time.Unix(0, p.LearnedAt()+p.behind).UTC()
	}
	return out, nil
}

// Describe describes the state that decides about a hit, as it is.
func (d *Draft) Describe(h *HitContext, now int64) *Preview {
	out := &Preview{}
	if s := d.keys[string(h.Key)]; s != nil {
		w, left := s.window, int64(0)
		w.clampFuture(now)
		if w.opened != 0 {
			out.LastAlert = time.Unix(0, w.opened).UTC()
		}
		if h.Rule.Settings.Cooldown > 0 {
			if w.opened != 0 {
				left = w.end(h.Rule) - now
			}
			left = max(left, w.overdue-now) // the window stays open while its roll-up cannot leave
		}
		out.CooldownLeft = time.Duration(max(0, left)).Seconds()
		if s.unreported.first != 0 {
			out.SuppressedSince = time.Unix(0, s.unreported.first).UTC()
		}
		out.Suppressed = s.unreported.total()
	}
	set := &h.Rule.Settings
	out.After, out.Without = set.After, set.Without
	if last := d.sequences[h.Sequence].latest(); set.Other() != "" && last != 0 {
		out.OtherHit = time.Unix(0, last).UTC()
	}
	limit := &d.limits.PerContainer
	if limit.Unlimited() {
		return out
	}
	every, tolerance := limit.Spacing()
	out.Burst, out.Tokens = limit.Burst, limit.Burst
	if b := d.buckets[string(h.Container)]; b != nil {
		if ahead := b.arrival - now; ahead > 0 && ahead <= tolerance {
			used := (ahead + every - 1) / every
			out.Tokens = limit.Burst - int(used)
			out.TokenIn = time.Duration(ahead - (used-1)*every).Seconds()
		}
	}
	return out
}

// DescribeAbsence describes a rule that waits for lines, as it is.
func (d *Draft) DescribeAbsence(key string) *Preview {
	s := &Preview{Waits: true}
	if parts := KeyParts([]byte(key)); parts[0] != "" {
		s.Key = parts
	}
	t, ok := d.absences[key]
	if !ok {
		return s
	}
	s.Suppressed = model.Sum(&t.suppressed)
	if t.lastHit != 0 {
		s.LastHit = time.Unix(0, t.lastHit).UTC()
	}
	if t.since != 0 {
		s.SuppressedSince = time.Unix(0, t.since).UTC()
	}
	return s
}
