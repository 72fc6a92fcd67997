package engine

import (
	"github.com/tinyforge/fluentbit-trigger/engine/lines"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// See notes a record for contexts, which are made of the records that were seen; Process does it. It is to be called once for each record,
// before its hits are evaluated, by callers of Find and Evaluate whose alerts carry contexts. Alerts that waited for the record are appended
// to dst. For a source whose rules ask for none it does nothing.
func (w *Worker) See(rec *Record, now int64, dst []Alert) []Alert {
	if rules, _ := w.effective(rec.Source); rules.Contexts {
		dst = w.engine.finished(w.see(rec, rules.Before, now, dst), len(dst))
	}
	return dst
}

// Sees reports whether rules for a source ask for contexts, so that its records are to be handed to See.
func (w *Worker) Sees(s *Source) bool {
	rules, _ := w.effective(s)
	return rules.Contexts
}

// see is See for a source whose rules ask for contexts.
func (w *Worker) see(rec *Record, before int, now int64, dst []Alert) []Alert {
	of := w.buffers[rec.Source]
	if of == nil {
		if w.buffers == nil || len(w.buffers) >= sourceCache {
			w.buffers = lineBufferCache{}
		}
		of = &[Stderr + 1]*lines.Buffer{}
		w.buffers[rec.Source] = of
	}
	stream := min(rec.Stream, Stderr)
	for {
		if of[stream] == nil {
			w.key = append(model.AppendInstance(w.key[:0], rec.Source), model.KeySeparator, byte('0'+stream))
			of[stream] = w.engine.lines.BufferOf(w.key, now)
		}
		var ok bool
		if w.at, dst, ok = w.engine.lines.Observe(of[stream], rec.Text, before, now, dst); ok {
			w.seen = rec
			return dst
		}
		of[stream] = nil
	}
}

// waitsForLines reports whether the alert of a hit waits for lines.
func (w *Worker) waitsForLines(h *Hit) bool {
	return w.seen == h.Record && h.rule.Settings.Context.After > 0
}

// withContext gives the alert of a hit the lines before it, and appends it to dst unless it waits for those after it.
func (w *Worker) withContext(h *Hit, a Alert, now int64, dst []Alert) []Alert {
	want := h.rule.Settings.Context
	if w.seen != h.Record || want == (Context{}) {
		return append(dst, a)
	}
	if want.Before > 0 {
		a.Before = w.engine.lines.Before(w.at, want.Before)
	}
	if want.After > 0 {
		from := len(dst)
		var waits bool
		waits, dst = w.engine.lines.Hold(want.After, h.rule.Counters, &a, w.at, now, w.beginsToWait, dst)
		if dst = w.engine.finished(dst, from); waits {
			return dst
		}
	}
	finish(w.engine.Snapshot().Redactor, &a)
	return append(dst, a)
}

// beginsToWait shows OnWait an alert as it would leave now. The one that waits keeps its lines as they are: those to come may show that they are parts of
// a secret.
func (w *Worker) beginsToWait(a *Alert) {
	if w.OnWait == nil {
		return
	}
	shown := *a
	showLines(&shown, w.engine.Snapshot().Redactor)
	w.OnWait(&shown)
}
