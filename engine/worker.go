package engine

import (
	"github.com/tinyforge/fluentbit-trigger/engine/lines"
	"github.com/tinyforge/fluentbit-trigger/engine/match"
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state"
)

// sourceCache bounds how many sources a worker remembers the effective rules of. Beyond it, all are forgotten and looked up again.
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

// effective returns the rules for the records of a source, and whether the source is new to the worker.
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

// OnSource notes that records of a source come in: from its first one on, the rules of its workload wait for lines. It may be called again for a
// source.
func (w *Worker) OnSource(s *Source, now int64) {
	rules, _ := w.effective(s)
	if len(rules.Absent) == 0 {
		return
	}
	w.engine.keyed.OnSource(rules.Absent, s, now)
}

// lineBufferCache finds the rings of the streams of the sources whose rules have contexts, for one worker.
type lineBufferCache map[*Source]*[Stderr + 1]*lines.Buffer

// hitOverflow makes the key that a hit of a worker has instead of its own when its templates are too many.
type hitOverflow struct {
	worker *Worker
	hit    *Hit
}
