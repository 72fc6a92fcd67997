package engine

import (
	"cmp"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine/lines"
	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state"
)

// sourceCache bounds how many sources a worker remembers the effective rules of. Beyond it, all are forgotten and found anew.
const sourceCache = 1024

// Worker processes records against the rules that were in force when it was handed out. It belongs to one goroutine.
type Worker struct {
	engine    *Engine
	snapshot  *Snapshot
	idle      chan *Worker // where it goes when it is released
	matcher   *match.Matcher
	sources   map[*Source]*rules.WorkloadRules
	last      *Source // the last record's, and its rules
	rules     *rules.WorkloadRules
	lines     int64
	events    int64
	tried     int // checks and hits, for samples
	matched   []int32
	hits      []Hit
	key       []byte
	field     []byte
	bucket    []byte
	template  []byte
	context   state.HitContext
	overflow  hitOverflow
	buffers   lineBufferCache
	muteCache mute.Cache
	seen      *Record // the last one that See noted, and where
	at        lines.LinePosition

	// OnWait, when set, is called for each alert that begins to wait for the lines after it, before it can be released: it comes out of a later
	// Process, See or Tick, or of ReleaseWaiting, of whichever worker, with the same Ticket. Release unsets it.
	OnWait func(*Alert)
}

// Worker hands out a worker. Release it when the batch of records is done, so that its memory is used again.
func (e *Engine) Worker() *Worker {
	n := e.inForce.Load()
	select {
	case w := <-n.idle:
		return w
	default:
		return &Worker{engine: e, snapshot: n.Snapshot, idle: n.idle, matcher: n.Set.NewMatcher(), sources: map[*Source]*rules.WorkloadRules{}}
	}
}

// Release ends the use of the worker.
func (w *Worker) Release() {
	w.engine.lineCount.Add(w.lines)
	w.engine.eventCount.Add(w.events)
	w.lines, w.events = 0, 0
	w.OnWait, w.seen, w.at = nil, nil, lines.LinePosition{}
	clear(w.hits[:cap(w.hits)]) // they hold records that are not the worker's
	w.context, w.overflow = state.HitContext{}, hitOverflow{}
	select {
	case w.idle <- w:
	default: // as many as can run at once are kept; this one is left to the garbage collector
	}
}

// effective returns the rules for the records of a source, and whether the worker meets it for the first time.
func (w *Worker) effective(s *Source) (rules *rules.WorkloadRules, first bool) {
	if s == w.last {
		return w.rules, false
	}
	rules, ok := w.sources[s]
	if !ok {
		if len(w.sources) >= sourceCache {
			clear(w.sources)
		}
		rules = w.snapshot.EffectiveFor(s.Workload)
		w.sources[s] = rules
	}
	w.last, w.rules = s, rules
	return rules, !ok
}

// Process applies the rules to one record and appends its alerts to dst: it meets a source that is new, sees the record, finds the hits and judges each.
// now, in ns, is when the record arrived; when what it reports happened is its own time, see EventTime. In a replay of old logs it arrives when it
// happened. A record that hits nothing costs no allocation and no lock.
func (w *Worker) Process(rec *Record, now int64, dst []Alert) []Alert {
	rules, first := w.effective(rec.Source)
	if first {
		w.OnSource(rec.Source, now)
	}
	if rules.Contexts && !rec.Source.IsEvent() {
		dst = w.see(rec, rules.Before, now, dst)
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
	return dst
}

// Find appends the record's hits to dst, in the order of the rules. It neither uses nor changes what the engine remembers, and takes no lock.
// The hits are valid as long as the record's memory is.
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
			if w.verify(r, rec, line) {
				dst = append(dst, Hit{Record: rec, rule: r, line: line, cut: cut})
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
				dst = append(dst, Hit{Record: rec, rule: r, line: line, cut: cut})
			}
		}
		for _, r := range rules.Variants[lead] {
			if w.verify(r, rec, line) {
				dst = append(dst, Hit{Record: rec, rule: r, line: line, cut: cut})
			}
		}
	}
	for _, r := range rules.Always {
		if w.verify(r, rec, line) {
			dst = append(dst, Hit{Record: rec, rule: r, line: line, cut: cut})
		}
	}
	if len(dst)-found > 1 {
		slices.SortFunc(dst[found:], byOrder)
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

// OnSource notes that records of a source come in: from its first one on, the rules of its workload wait for lines. It may be called again for a
// source.
func (w *Worker) OnSource(s *Source, now int64) {
	rules, _ := w.effective(s)
	if len(rules.Absent) == 0 {
		return
	}
	k := w.engine.keyed
	k.Mu.Lock()
	defer k.Mu.Unlock()
	for _, r := range rules.Absent {
		k.StartAbsence(r, s.Workload, s, now)
	}
}
