package engine

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Engine applies rules to records. It is safe for concurrent use.
type Engine struct {
	snapshot atomic.Pointer[Snapshot]
	limiter  *limiter
	lines    atomic.Int64

	mu       sync.Mutex // guards counters, and keeps Apply calls apart
	counters map[string]*RuleCounters
}

// New returns an engine without rules.
func New() *Engine {
	e := &Engine{limiter: newLimiter(DefaultLimits()), counters: map[string]*RuleCounters{}}
	empty, err := compile(Settings{Limits: DefaultLimits()}, 1, e.countersOf)
	if err != nil {
		panic("engine: no rules do not compile: " + err.Error())
	}
	e.snapshot.Store(empty)
	return e
}

func (e *Engine) countersOf(id string) *RuleCounters {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.counters[id]
	if !ok {
		c = &RuleCounters{}
		e.counters[id] = c
	}
	return c
}

// Compile compiles settings for Apply. Rules that do not validate are left out and told by Snapshot.Broken; all others run. It is slow
// (up to a second for 1,000 rules) and may run while records are processed. An error means that nothing can be compiled.
func (e *Engine) Compile(s Settings) (*Snapshot, error) {
	return compile(s, runtime.GOMAXPROCS(0), e.countersOf)
}

// Apply puts a snapshot of Compile in force for the workers that begin from now on, and reports what changed. The state of rules that
// kept their id is carried over: their cooldown is measured from the last alert with the new length, so a shortened one applies at once.
func (e *Engine) Apply(n *Snapshot) Change {
	before := e.snapshot.Swap(n)
	e.limiter.setLimits(n.settings.Limits)
	e.forgetCounters(n)
	return changes(before, n)
}

// forgetCounters drops the counters of rules that are gone.
func (e *Engine) forgetCounters(n *Snapshot) {
	kept := map[string]bool{}
	for _, r := range n.rules {
		kept[r.id] = true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for id := range e.counters {
		if !kept[id] {
			delete(e.counters, id)
		}
	}
}

// Snapshot returns the rules in force.
func (e *Engine) Snapshot() *Snapshot { return e.snapshot.Load() }

// Stats is a copy of the engine's counters.
type Stats struct {
	Lines   int64                 // records processed
	Keys    int                   // cooldown keys and buckets in memory
	Evicted int64                 // keys forgotten because the limiter was full
	Rules   map[string]RuleCounts // by rule id
}

// Stats copies the counters. While records are being processed, a hit may be counted and its fate not yet.
func (e *Engine) Stats() Stats {
	s := Stats{Lines: e.lines.Load(), Rules: map[string]RuleCounts{}}
	e.limiter.mu.Lock()
	s.Keys, s.Evicted = e.limiter.cells.Len()+e.limiter.buckets.Len(), e.limiter.evicted
	e.limiter.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, c := range e.counters {
		s.Rules[id] = c.load()
	}
	return s
}

// TakeState returns the limiter state that changed since the last call, to be saved.
func (e *Engine) TakeState() []StateEntry { return e.limiter.takeChanges() }

// RestoreState puts saved state back, before the first record. now is in ns. Entries that mean nothing any more are dropped, and come
// back from TakeState as forgotten. An error names the first entry that does not parse; the others are restored all the same.
func (e *Engine) RestoreState(entries []StateEntry, now int64) (restored int, err error) {
	return e.limiter.restore(entries, now, maxCooldown)
}

// Tick appends the alerts that time has made by now, in ns, to dst. What the engine tells does not depend on how often it is called: a hit
// settles first what is due by its time.
func (e *Engine) Tick(_ int64, dst []Alert) []Alert { return dst }

// NextDue returns the time, in ns, at which Tick has something to do; ok is false when nothing is due.
func (e *Engine) NextDue() (at int64, ok bool) { return 0, false }
