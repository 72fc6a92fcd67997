package engine

import (
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state"
)

// Explanation says why one rule did or did not match a record, and whether the hit would alert.
type Explanation struct {
	RuleID string `json:"rule_id"` // as in Resolved.ID
	Rule   string `json:"rule"`
	Hit    bool   `json:"hit"`
	// Ends is how many open incidents of the rule the record would end, which is no hit and matches resolve_on; nil: it does not match.
	Ends *int `json:"ends,omitempty"`
	// Checks are the conditions of the rule, each with its outcome; the record is a hit when all of them passed.
	Checks   []Check           `json:"checks"`
	Captures map[string]string `json:"captures,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"` // that the alert would carry
	// Redacted has how many secrets the alert would mask, by the names of their masks.
	Redacted map[string]int `json:"redacted,omitempty"`
	// Preview is the outcome that the hit would have now; nil where there is no hit.
	Preview *Preview `json:"preview,omitempty"`
	// Silence is the id of the silence that holds the hit back; "" where none does.
	Silence string `json:"silence,omitempty"`
	// Alert is the alert of the hit, or the one that it would have if nothing suppressed it; nil where there is no hit.
	Alert *Alert `json:"-"`
}

// Failed returns the first check that did not pass; nil for a hit.
func (x *Explanation) Failed() *Check {
	for i := range x.Checks {
		if !x.Checks[i].Passed {
			return &x.Checks[i]
		}
	}
	return nil
}

// Ending says in words what the record does to open incidents of the rule; "" where it matches no resolve_on.
func (x *Explanation) Ending() string {
	switch {
	case x.Ends == nil:
		return ""
	case *x.Ends == 0:
		return "resolve_on matches, but no incident is open that the line would end"
	case *x.Ends == 1:
		return "resolve_on matches: the line would end 1 open incident"
	}
	return fmt.Sprintf("resolve_on matches: the line would end %d open incidents", *x.Ends)
}

// Explain reports for each effective rule of the record's workload, in the order of the configuration, why it did or did not match, and the
// outcome of the hit, or the incidents that end, if it came now. It changes nothing that the engine remembers or counts, and agrees with Process: the same rules hit,
// and the same hits alert or are suppressed for the same reason. It is slow: it tries every condition.
func (e *Engine) Explain(rec *Record, now int64) []Explanation {
	w := e.Worker()
	defer w.Release()
	lines, events := w.lines, w.events
	found := map[*rules.Rule]*Hit{}
	hits := w.Find(rec, nil)
	w.lines, w.events = lines, events // the record did not come in, and its source is still new
	delete(w.sources, rec.Source)
	w.last = nil
	for i := range hits {
		found[hits[i].rule] = &hits[i]
	}
	line := rec.Text[:min(len(rec.Text), model.MaxMatched)]
	rules := w.snapshot.RulesOf(rec.Source.Workload)
	out := make([]Explanation, 0, len(rules))
	draft := e.keyed.Draft(w.snapshot, now)
	for _, r := range rules {
		x := Explanation{RuleID: r.ID, Rule: r.Settings.Name, Checks: r.Checks(rec, line)}
		switch h := found[r]; {
		case h != nil && h.ends:
			draft.Advance(now)
			ends := draft.End(w.endingOf(h, now), now)
			x.Ends = &ends
		case h != nil:
			x.Hit, x.Captures = true, h.captured()
			var silence *mute.Silence
			x.Preview, x.Alert, silence = w.preview(draft, h, now)
			x.Fields, x.Redacted = x.Alert.Fields, x.Alert.Redacted
			if x.Preview.Reason == ReasonSilence.String() { // a rule that waits for lines is not asked about silences at its hits
				x.Silence = silence.ID
			}
		}
		for i := range x.Checks {
			c := &x.Checks[i]
			c.Got = w.snapshot.Redactor.Value(c.Field, c.Got, false, nil)
		}
		out = append(out, x)
	}
	return out
}

// preview decides about a hit on a draft, and returns the alert that would result, and the silence that applies to the hit, or nil.
func (w *Worker) preview(draft *state.Draft, h *Hit, now int64) (*Preview, *Alert, *mute.Silence) {
	r := h.rule
	c := w.contextOf(h, now)
	image, deploys := w.engine.deploys.Preview(h.Record.Source, c.At, now)
	if deploys { // the line itself would end silences, also for alerts that are due
		appears := &mute.NewImage{Workload: h.Record.Source.Workload, At: now}
		draft.Deployed(appears)
		if c.Silence != nil {
			about := h.subject()
			about.Key = c.Key
			c.Silence = w.engine.mutes.Silences.Load().SuppressingBeside(&about, now, appears)
			c.Muted = c.Silence != nil
		}
	}
	if c.ImageSince = image.Since; h.Record.Source.Container.Image == "" {
		c.ImageSince = 0
	}
	template, _ := model.ValidText(w.template, model.MaxCapture)
	parts := state.KeyParts(c.Key)
	if r.Settings.Absent == 0 && w.engine.keyed.Overflows(c, now) {
		c.Overflow, c.Key = true, c.OverflowKey.OverflowKey()
	}
	draft.Load(c)
	var s *Preview
	if r.Settings.Absent > 0 {
		s = draft.DescribeAbsence(rules.AbsenceKey(r, h.Record.Source.Workload))
		s.OfFleet = draft.AwaitedByAll(r)
	} else {
		s = draft.Describe(c, now)
		s.Key = parts
	}
	if r.Templated {
		s.Template = template
	}
	if s.Image = image.Name; image.Since != 0 {
		s.ImageSince = time.Unix(0, image.Since).UTC()
	}
	if s.Overflow = c.Overflow; s.Overflow {
		s.CooldownLeft = 0
	}
	draft.Advance(now)
	about := h.subject()
	if c.Silence == nil { // due alerts and other hits of the record may have begun or ended inhibitions
		c.Muted, c.Reason = draft.Inhibitor().Suppresses(w.snapshot.Inhibits, &about, now), ReasonInhibited
	}
	draft.Evaluate(c, now)
	d := c.Decision
	if d.Sample != nil {
		text, _ := h.sampleText()
		draft.Rendered(d.Sample, text)
	}
	if r.Settings.Count > 0 && !s.Overflow {
		s.Needed, s.Counted, s.OfFleet = r.Settings.Count, min(d.Counted, r.Settings.Count), draft.CountedByAll(c)
	}
	if s.Rate, s.Ratio = draft.Compared(c); s.Rate != nil || s.Ratio != nil {
		s.OfFleet = draft.CountedByAll(c)
	}
	s.OfFleet = s.OfFleet || draft.FollowedByAll(c, now)
	if s.Alerts = d.Alert; !d.Alert {
		s.Reason = d.Reason.String()
	}
	if at, open := draft.ResolvesAt(c); open {
		s.ResolvesAt = at
	}
	if at, pending := draft.RollsUpAt(c); pending {
		s.RollupAt = at
	}
	if draft.Open(c) {
		s.ResolvesOn = r.Settings.ResolveOn
	}
	alert := h.alert(&d, c.Key)
	setImage(&alert, image)
	if d.Alert {
		about = rules.AlertSubject(r, &alert)
		about.Line = h.line
		draft.Inhibitor().Observe(w.snapshot.Inhibits, &about, now, d.Kind == KindResolved)
	}
	return s, &alert, c.Silence
}
