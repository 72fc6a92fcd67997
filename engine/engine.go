package engine

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine/match"
)

// Alert is a hit that is told. It owns all its memory.
type Alert struct {
	RuleID     string // as in Resolved.ID
	Rule       string // the rule's name
	Severity   Severity
	Summary    string // one line
	Message    string // the line: valid UTF-8, at most 8 KiB
	Truncated  bool   // the message or the line that was matched is not whole
	Time       int64  // of the record, ns since 1970-01-01 UTC
	Stream     Stream
	Source     *Source
	Captures   map[string]string
	Suppressed [NumReasons]int64 // held back since the last alert of the key
	Since      int64             // when the first of them came, ns; 0 = none
	Labels     map[string]string // the rule's; not to be modified
	Runbook    string
}

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

// sourceCache bounds how many sources a worker remembers the effective rules of. Beyond it, all are forgotten and found anew.
const sourceCache = 1024

// Worker processes records against the rules that were in force when it was handed out. It belongs to one goroutine.
type Worker struct {
	engine   *Engine
	snapshot *Snapshot
	matcher  *match.Matcher
	sources  map[*Source]*effective
	last     *Source // the last record's, and its rules
	rules    *effective
	lines    int64
	leads    []int32
	hits     []*rule
	key      []byte
	field    []byte
	bucket   []byte
}

// Worker hands out a worker. Release it when the batch of records is done, so that its memory is used again.
func (e *Engine) Worker() *Worker {
	n := e.snapshot.Load()
	select {
	case w := <-n.workers:
		return w
	default:
		return &Worker{engine: e, snapshot: n, matcher: n.set.NewMatcher(), sources: map[*Source]*effective{}}
	}
}

// Release ends the use of the worker.
func (w *Worker) Release() {
	w.engine.lines.Add(w.lines)
	w.lines = 0
	select {
	case w.snapshot.workers <- w:
	default: // as many as can run at once are kept; this one is left to the garbage collector
	}
}

// effective returns the rules for the records of a source.
func (w *Worker) effective(s *Source) *effective {
	if s == w.last {
		return w.rules
	}
	rules, ok := w.sources[s]
	if !ok {
		if len(w.sources) >= sourceCache {
			clear(w.sources)
		}
		rules = w.snapshot.effectiveFor(s.Workload)
		w.sources[s] = rules
	}
	w.last, w.rules = s, rules
	return rules
}

// Process applies the rules to one record and appends its alerts to dst. now, in ns, is what cooldowns and buckets are measured by: the
// time of arrival live, the record's own in a replay. A record that hits nothing costs no allocation and no lock.
func (w *Worker) Process(rec *Record, now int64, dst []Alert) []Alert {
	w.lines++
	rules := w.effective(rec.Source)
	line, cut := rec.Text, false
	if len(line) > maxMatched {
		line, cut = line[:maxMatched], true
	}
	w.hits = w.hits[:0]
	w.leads = w.matcher.Match(line, rules.enabled, w.leads[:0])
	for _, lead := range w.leads {
		for _, r := range w.snapshot.byLead[lead] {
			if rules.has(r.index) {
				w.confirm(r, rec, line)
			}
		}
		for _, r := range rules.over[lead] {
			w.confirm(r, rec, line)
		}
	}
	for _, r := range rules.always {
		w.confirm(r, rec, line)
	}
	if len(w.hits) == 0 {
		return dst
	}
	slices.SortFunc(w.hits, func(a, b *rule) int { return cmp.Compare(a.order, b.order) })
	for _, r := range w.hits {
		dst = w.hit(r, rec, line, cut, now, dst)
	}
	return dst
}

func (w *Worker) confirm(r *rule, rec *Record, line []byte) {
	var ok bool
	if ok, w.field = r.confirms(rec, line, w.field); ok {
		w.hits = append(w.hits, r)
	}
}

// hit judges one hit and appends its alert, if it makes one.
func (w *Worker) hit(r *rule, rec *Record, line []byte, cut bool, now int64, dst []Alert) []Alert {
	var captures map[string]string
	if r.captured {
		captures = r.captures(line)
	}
	w.key = w.appendKey(w.key[:0], r, rec, captures)
	w.bucket = appendContainer(w.bucket[:0], rec.Source)
	v := w.engine.limiter.judge(r, w.key, w.bucket, now)
	if !v.alert {
		return dst
	}
	if captures == nil {
		captures = r.captures(line)
	}
	a := Alert{
		RuleID: r.id, Rule: r.settings.Name, Severity: r.settings.Severity, Time: rec.Time, Stream: rec.Stream, Source: rec.Source,
		Captures: captures, Suppressed: v.suppressed, Since: v.since, Labels: r.settings.Labels, Runbook: r.settings.Runbook,
	}
	if a.Severity == SeverityUnknown {
		a.Severity = cmp.Or(rec.Severity, jsonSeverity(line), SeverityWarning)
	}
	var shortened bool
	a.Message, shortened = validText(line, maxMessage)
	a.Truncated = cut || shortened || rec.Truncated
	a.Summary = renderSummary(r.summary, &summaryData{
		Rule: a.Rule, Severity: a.Severity.String(), Message: a.Message, Stream: a.Stream.String(),
		Workload: a.Source.Workload, Host: a.Source.Host, Tag: a.Source.Tag, Container: a.Source.Container,
		Captures: captures, Labels: a.Labels,
	})
	return append(dst, a)
}

// maxKeyPart bounds what one part, a field or a capture, adds to a cooldown key.
const maxKeyPart = 256

// keySeparator stands between the parts of a key. Names hold no control characters, so a rule's id cannot run into what follows.
const keySeparator = 0x1f

// appendKey appends the rule's cooldown key for a record: the rule's id, then its parts, each after a separator.
func (w *Worker) appendKey(key []byte, r *rule, rec *Record, captures map[string]string) []byte {
	key = append(key, r.id...)
	for _, part := range r.by {
		key = append(key, keySeparator)
		start := len(key)
		switch part.kind {
		case keyContainer:
			key = appendContainer(key, rec.Source)
		case keyWorkload:
			key = append(key, rec.Source.Workload...)
		case keyHost:
			key = append(key, rec.Source.Host...)
		case keyStream:
			key = append(key, rec.Stream.String()...)
		case keyTag:
			key = append(key, rec.Source.Tag...)
		case keyCapture:
			key = append(key, captures[part.name]...)
		case keyField:
			key, _ = appendField(key, rec, part.name)
		}
		key = key[:min(len(key), start+maxKeyPart)]
	}
	return key
}

// appendContainer appends what stands for the record's container: its id, else its name, else, for records of no container, the
// workload and the host.
func appendContainer(dst []byte, s *Source) []byte {
	switch {
	case s.Container.ID != "":
		return append(dst, s.Container.ID...)
	case s.Container.Name != "":
		return append(dst, s.Container.Name...)
	}
	dst = append(dst, s.Workload...)
	dst = append(dst, keySeparator)
	return append(dst, s.Host...)
}
