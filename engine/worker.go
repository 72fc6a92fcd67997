package engine

import (
	"github.com/tinyforge/fluentbit-trigger/engine/deploy"
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
	lane      *state.Lane // of the keyed state
	snapshot  *Snapshot
	idle      chan *Worker // where it goes when it is released
	matcher   *match.Matcher
	sources   map[*Source]*sourceState
	last      *Source // the last record's, and what is known of it
	known     *sourceState
	counted   []*sourceState // those with lines that the deploys have not counted yet
	arrived   int64          // the latest time that Process was called with
	lines     int64
	events    int64
	tried     int // checks and hits, for samples
	matched   []int32
	hits      []Hit
	key       []byte
	field     []byte
	bucket    []byte
	template  []byte
	steps     []state.Step
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

// sourceState has the facts that a worker remembers about a source.
type sourceState struct {
	source *Source
	rules  *rules.WorkloadRules
	counts bool  // its lines are counted for the images of its workload
	lines  int64 // that the deploys have not counted yet
	at     int64 // when the last of them was written
}

// Worker hands out a worker. Release it when the batch of records is done, so that its memory is used again.
func (e *Engine) Worker() *Worker {
	n := e.inForce.Load()
	select {
	case w := <-n.idle:
		return w
	default:
		return &Worker{engine: e, lane: e.keyed.Lane(), snapshot: n.Snapshot, idle: n.idle, matcher: n.Set.NewMatcher(), sources: map[*Source]*sourceState{}}
	}
}

// Redactor returns the redactor in force, nil when nothing is masked.
func (w *Worker) Redactor() *Redactor { return w.snapshot.Redactor }

// Release ends the use of the worker.
func (w *Worker) Release() {
	w.engine.lineCount.Add(w.lines)
	w.engine.eventCount.Add(w.events)
	w.lines, w.events = 0, 0
	w.countLines()
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
		return w.known.rules, false
	}
	known, ok := w.sources[s]
	if !ok {
		if len(w.sources) >= sourceCache {
			clear(w.sources)
		}
		known = &sourceState{source: s, rules: w.snapshot.EffectiveFor(s.Workload), counts: deploy.Counts(s)}
		w.sources[s] = known
	}
	w.last, w.known = s, known
	return known.rules, !ok
}

// OnLines notes lines of a source for the image of its workload, the last of which was written at a time and arrived by now. Process does it; it is for
// callers of Find and Evaluate, before the hits of those lines.
func (w *Worker) OnLines(s *Source, n, recorded, now int64) {
	if w.effective(s); w.known.counts {
		w.engine.deploys.Lines(s, n, EventTime(recorded, now), now)
	}
}

// countLine counts a line for the image of its workload. The deploys learn of it when the worker is released: a line takes no lock.
func (w *Worker) countLine(n, at int64) {
	if w.known.lines == 0 {
		w.counted = append(w.counted, w.known)
	}
	w.known.lines += n
	w.known.at = max(w.known.at, at)
}

// countLines hands the counted lines to the deploys.
func (w *Worker) countLines() {
	for _, known := range w.counted {
		w.engine.deploys.Lines(known.source, known.lines, known.at, w.arrived)
		known.lines = 0
	}
	clear(w.counted)
	w.counted = w.counted[:0]
}

// OnSource notes that records of a source come in, the first of which was written at a time and arrived at now: from then on, the rules of its workload wait
// for lines, and the workload runs its image. It may be called again for a source.
func (w *Worker) OnSource(s *Source, recorded, now int64) {
	rules, _ := w.effective(s)
	w.engine.deploys.Source(s, EventTime(recorded, now), now)
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
