package engine

import (
	"cmp"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// Hits returns the hits of the record that was processed last, each with its outcome, without those that only end incidents. They are valid until the next
// record, as long as the record's memory is.
func (w *Worker) Hits() []Hit { return w.hits }

// Process applies the rules to one record and appends its alerts to dst: it notes a new source, notes the record for contexts, finds the hits and evaluates each.
// now, in ns, is when the record arrived; the time of the event itself is in the record, see EventTime. In a replay of old logs it arrives when it
// happened. A record that hits nothing costs no allocation and no lock.
func (w *Worker) Process(rec *Record, now int64, dst []Alert) []Alert {
	rules, first := w.effective(rec.Source)
	if now != w.arrived { // what is due comes before the record changes anything
		w.arrived = now
		dst = w.engine.endComparisons(now, dst)
	}
	if first {
		w.OnSource(rec.Source, rec.Time, now)
	}
	if w.known.counts {
		w.countLine(1, EventTime(rec.Time, now))
	}
	if rules.Contexts && !rec.Source.IsEvent() {
		dst = w.engine.finished(w.see(rec, rules.Before, now, dst), len(dst))
	}
	w.hits = w.Find(rec, w.hits[:0])
	for i := range w.hits {
		if !w.timed() {
			dst = w.Evaluate(&w.hits[i], now, dst)
			continue
		}
		begun := w.engine.clock()
		dst = w.Evaluate(&w.hits[i], now, dst)
		w.spent(w.hits[i].rule, begun)
	}
	// A record that ends an incident is not counted as a hit.
	w.hits = slices.DeleteFunc(w.hits, func(h Hit) bool { return h.ends })
	return dst
}

// Find appends the record's hits to dst, in the order of the rules, and among them those that only end incidents (Hit.Ends). It neither uses nor changes keyed
// state, and takes no lock. The hits are valid as long as the record's memory is.
func (w *Worker) Find(rec *Record, dst []Hit) []Hit {
	rules, _ := w.effective(rec.Source)
	line, cut := rec.Text, false
	if len(line) > model.MaxMatched {
		line, cut = line[:model.MaxMatched], true
	}
	found := len(dst)
	if rec.Source.IsEvent() {
		w.events++
		for _, r := range rules.Events {
			if hit := w.verify(r, rec, line); hit || r.Ends(rec, line) {
				dst = append(dst, Hit{Record: rec, rule: r, redactor: w.snapshot.Redactor, line: line, cut: cut, ends: !hit})
			}
		}
		slices.SortFunc(dst[found:], byOrder)
		return dst
	}
	w.lines++
	w.matched = w.matcher.Match(line, rules.Enabled, w.matched[:0])
	for _, lead := range w.matched {
		for _, r := range w.snapshot.ByPrefilter[lead] {
			if rules.Has(r.Index) && w.verify(r, rec, line) {
				dst = append(dst, Hit{Record: rec, rule: r, redactor: w.snapshot.Redactor, line: line, cut: cut})
			}
		}
		for _, r := range rules.Variants[lead] {
			if w.verify(r, rec, line) {
				dst = append(dst, Hit{Record: rec, rule: r, redactor: w.snapshot.Redactor, line: line, cut: cut})
			}
		}
	}
	for _, r := range rules.Always {
		if w.verify(r, rec, line) {
			dst = append(dst, Hit{Record: rec, rule: r, redactor: w.snapshot.Redactor, line: line, cut: cut})
		}
	}
	if rules.Ends != nil || rules.AlwaysEnds != nil {
		dst = w.findEnds(rules, rec, line, cut, found, dst)
	}
	if len(dst)-found > 1 {
		slices.SortFunc(dst[found:], byOrder)
	}
	return dst
}

// findEnds appends the rules whose incidents the record ends: those of which dst[from:] has no hit.
func (w *Worker) findEnds(of *rules.WorkloadRules, rec *Record, line []byte, cut bool, from int, dst []Hit) []Hit {
	hits := dst[from:]
	try := func(r *rules.Rule) {
		if !slices.ContainsFunc(hits, func(h Hit) bool { return h.rule == r }) && r.Ends(rec, line) {
			dst = append(dst, Hit{Record: rec, rule: r, redactor: w.snapshot.Redactor, line: line, cut: cut, ends: true})
		}
	}
	for _, id := range w.matched {
		for _, r := range of.Ends[id] {
			try(r)
		}
	}
	for _, r := range of.AlwaysEnds {
		try(r)
	}
	return dst
}

func byOrder(a, b Hit) int { return cmp.Compare(a.rule.Order, b.rule.Order) }

func (w *Worker) verify(r *rules.Rule, rec *Record, line []byte) (ok bool) {
	if !w.timed() {
		ok, w.field = r.Verify(rec, line, w.field)
		return ok
	}
	begun := w.engine.clock()
	ok, w.field = r.Verify(rec, line, w.field)
	w.spent(r, begun)
	return ok
}
