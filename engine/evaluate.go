package engine

import (
	"github.com/tinyforge/fluentbit-trigger/engine/deploy"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/redact"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state"
)

// Evaluate decides about a hit, and appends the resulting alerts to dst: first those that are due by now, then that of the
// hit. The order of the checks is that of decide; exactly one counter of the rule besides its hits goes up by one. now is as for Process.
func (w *Worker) Evaluate(h *Hit, now int64, dst []Alert) []Alert {
	if h.ends {
		return w.end(h, now, dst)
	}
	k, due := w.engine.keyed, len(dst)
	if len(w.snapshot.Inhibits) > 0 { // alerts that are due come first: they may inhibit the hit
		dst = k.Advance(now, dst)
	}
	c := w.contextOf(h, now)
	if h.rule.Settings.Deploy && w.snapshot.Settings.Deploy.Compare > 0 {
		w.engine.deploys.Hit(h.Record.Source, h.rule.ID, w.template, now)
	}
	// Alerts that time made were rendered with their hit, maybe under other settings.
	dst = w.engine.masked(k.Evaluate(c, now, dst), due)
	w.engine.nameImages(dst[due:])
	d := &c.Decision
	if d.Sample != nil {
		w.render(d.Sample, h, c.Key)
	}
	if !d.Alert {
		h.outcome = outcomeOf(d.Reason)
		return dst
	}
	h.outcome = Alerted
	alert := h.alert(d, c.Key)
	if alert.Resolves { // at once, since from now on another worker may end the incident
		w.engine.keyed.Opened(c.Key, alert.Severity, &state.IncidentText{Summary: alert.Summary, Labels: alert.Labels, Runbook: alert.Runbook})
	}
	if c.Asks() {
		alert.Sight = c.Sight()
		w.engine.keyed.Candidates.Ask(&alert, h.rule.Counters, now)
	}
	h.redactor.Count(alert.Redacted)
	w.engine.nameImage(&alert)
	// The alert inhibits from the next hit on, and before it waits for lines: hits that follow must not slip through meanwhile.
	if len(w.snapshot.Inhibits) > 0 {
		sent := alert // alerts without inhibitions stay off the heap
		s := rules.AlertSubject(h.rule, &sent)
		s.Line = h.line
		w.engine.mutes.Inhibitor.Observe(w.snapshot.Inhibits, &s, now, d.Kind == KindResolved)
	}
	return w.withContext(h, alert, now, dst)
}

// end appends the alerts that are due, and the ends of the incidents that the record ends. Each shows its line.
func (w *Worker) end(h *Hit, now int64, dst []Alert) []Alert {
	due := len(dst)
	dst, ends := w.engine.keyed.End(w.endingOf(h, now), now, dst)
	dst = w.engine.masked(dst, due)
	w.engine.nameImages(dst[due:])
	for i := range dst[ends:] {
		a := &dst[ends+i]
		var tally redact.Tally
		var shortened bool
		a.Message, shortened = h.message(&tally)
		a.Truncated = h.cut || shortened || h.Record.Truncated
		a.Redacted = tally
		h.redactor.Count(tally)
	}
	return dst
}

// endingOf returns the incidents that a record ends.
func (w *Worker) endingOf(h *Hit, now int64) *state.Ending {
	rec := h.Record
	return &state.Ending{
		Rule: h.rule, Workload: rec.Source.Workload, Keys: w.endedKeys(h), At: EventTime(rec.Time, now), Recorded: rec.Time,
	}
}

// contextOf gathers everything that decides about a hit beside the state of its key.
func (w *Worker) contextOf(h *Hit, now int64) *state.HitContext {
	r := h.rule
	w.context = state.HitContext{Rule: r, Lane: w.lane, Source: h.Record.Source, Stream: h.Record.Stream, At: EventTime(h.Record.Time, now)}
	c := &w.context
	if r.Grouped { // other keys do not overflow
		w.overflow = hitOverflow{w, h}
		c.OverflowKey = &w.overflow
	}
	if r.Templated {
		w.template = h.appendTemplate(w.template[:0])
	}
	w.key = w.appendKey(w.key[:0], h)
	w.bucket = model.AppendBucket(w.bucket[:0], h.Record.Source)
	c.Key, c.Container = w.key, w.bucket
	if r.Settings.FirstSeen != 0 {
		c.Template = state.NewTemplate(r.ID, h.Record.Source.Workload, w.template)
		if r.Settings.FirstSeen == rules.FirstSeenImage && h.Record.Source.Container.Image != "" {
			image := w.engine.deploys.Of(h.Record.Source)
			c.ImageSince, c.Image = image.Since, imageOf(r, h.Record.Source.Workload, image)
		}
	}
	if r.Distinct != nil {
		w.field = w.appendPart(w.field[:0], *r.Distinct, h)
		c.Value, c.Valued = state.NewValue(w.field), len(w.field) > 0
	}
	w.sequence(c, h)
	c.Silence, c.Reason, c.Muted = w.muted(h, now)
	c.WaitsForLines = w.waitsForLines(h)
	return c
}

// sequence gathers the sequences and ratios that a hit is a part of: that of its rule, and those of the rules that name its rule.
func (w *Worker) sequence(c *state.HitContext, h *Hit) {
	r := h.rule
	if r.Settings.Related() != "" {
		w.field, c.Sequenced = w.appendSequence(w.field[:0], r, h)
		c.Sequence = state.NewSequence(r.Settings.Related(), w.field)
	}
	w.steps = w.steps[:0]
	for _, f := range r.Followers {
		var ok bool
		if w.field, ok = w.appendSequence(w.field[:0], f, h); ok {
			step := state.Step{ID: state.NewSequence(f.Settings.Related(), w.field), Key: string(w.field), Ends: f.Settings.Without != ""}
			switch set := &f.Settings; {
			case set.Of != "":
				step.Within, step.OfFleet = int64(set.Within), set.Fleet() && !set.DryRun
			case set.Fleet() && !set.DryRun:
				step.All = int64(set.Within)
			}
			w.steps = append(w.steps, step)
		}
	}
	c.Steps = w.steps
}

// render renders the sample that shows a hit, with the lock of the keyed state free meanwhile: a line may be long, and a template slow.
func (w *Worker) render(shown *state.Sample, h *Hit, key []byte) {
	text := &state.SampleText{Severity: SeverityWarning} // in case of a panic
	defer func() { w.engine.keyed.Rendered(shown, key, text) }()
	var masked redact.Tally
	text, masked = h.sampleText()
	h.redactor.Count(masked)
}

// imageOf returns the identity of an image among those of a workload, for the fleet: what runs under it, else its name.
func imageOf(r *rules.Rule, workload string, im deploy.Image) string {
	if !r.Settings.Fleet() {
		return ""
	}
	id := im.ID
	if id == "" {
		id = im.Name
	}
	return workload + string(rune(model.KeySeparator)) + id
}
