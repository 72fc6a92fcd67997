package engine

import (
	"cmp"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tinyforge/fluentbit-trigger/engine/deploy"
	"github.com/tinyforge/fluentbit-trigger/engine/lines"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/redact"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state"
)

// Engine applies rules to records. It is safe for concurrent use.
type Engine struct {
	inForce    atomic.Pointer[inForce]
	keyed      *state.Keyed
	lines      *lines.Buffers
	lineCount  atomic.Int64
	eventCount atomic.Int64

	mutes   *mute.Board
	deploys *deploy.Tracker
	clock   func() int64           // see SetClock; nil: nothing is measured
	salt    atomic.Pointer[[]byte] // see SetSalt; nil: none

	mu       sync.Mutex               // guards the fields below
	redacted map[string]*atomic.Int64 // masked secrets by the name of the mask
	counters map[string]*model.RuleCounters
	retired  model.RuleCounters // of the retired rules
}

// inForce is a snapshot in force, with the workers that are idle.
type inForce struct {
	*Snapshot
	idle chan *Worker
}

// New returns an engine without rules.
func New() *Engine {
	e := &Engine{
		lines: lines.NewBuffers(), mutes: mute.NewBoard(), deploys: deploy.NewTracker(), counters: map[string]*model.RuleCounters{},
		redacted: map[string]*atomic.Int64{},
	}
	e.mutes.ReplacedAt = e.deploys.ReplacedAt
	e.deploys.MayLeave, e.deploys.Show = e.mayLeave, e.showKind
	e.keyed = state.NewKeyed(DefaultLimits(), e.mutes, e.countersIfKnown)
	empty, err := rules.Compile(Settings{Limits: DefaultLimits()}, e.countersOf, nil)
	if err != nil {
		panic("engine: no rules do not compile: " + err.Error())
	}
	e.putInForce(empty)
	return e
}

func (e *Engine) countersOf(id string) *model.RuleCounters {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.counters[id]
	if !ok {
		c = &model.RuleCounters{}
		e.counters[id] = c
	}
	return c
}

// countersIfKnown returns the counters of a rule, or those of the retired rules.
func (e *Engine) countersIfKnown(id string) *model.RuleCounters {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c, ok := e.counters[id]; ok {
		return c
	}
	return &e.retired
}

// Compile compiles settings for Apply. Invalid rules are left out, and Snapshot.Broken reports them; all others run. It is slow
// (up to a second for 1,000 rules) and may run while records are processed. An error means that nothing can be compiled.
func (e *Engine) Compile(s Settings) (*Snapshot, error) {
	before := e.Snapshot()
	n, err := rules.Compile(s, e.countersOf, before)
	if err != nil {
		return nil, err
	}
	if reflect.DeepEqual(before.Settings.Redact, s.Redact) {
		n.Redactor = before.Redactor
		return n, nil
	}
	if n.Redactor, err = redact.New(s.Redact, e.redactedCounter); err != nil {
		return nil, fmt.Errorf("compile redact.patterns: %w", err)
	}
	return n, nil
}

// maxMasks bounds the names of masks that are counted apart, those of former settings included. All others are counted as "other".
const maxMasks = 200

// redactedCounter returns the counter of a mask.
func (e *Engine) redactedCounter(name string) *atomic.Int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, ok := e.redacted[name]
	if !ok && len(e.redacted) >= maxMasks {
		name = "other"
		c, ok = e.redacted[name]
	}
	if !ok {
		c = &atomic.Int64{}
		e.redacted[name] = c
	}
	return c
}

// SaltKey is the key of the saved entry that holds the salt; see SetSalt. The caller saves it.
const SaltKey = "salt"

// Salt returns the salt, or nil.
func (e *Engine) Salt() []byte {
	if s := e.salt.Load(); s != nil {
		return *s
	}
	return nil
}

// SetSalt sets the key of the digests that take the place of secrets in cooldown keys, so that different secrets have different keys. It is to be secret, and
// the same after a restart; keys of another salt are other keys. It is set before the first record.
func (e *Engine) SetSalt(salt []byte) { e.salt.Store(&salt) }

// Apply puts a snapshot of Compile in force for the workers that begin from now on, and returns the changes. The state of rules that
// kept their id is carried over: their cooldown is measured from the last alert with the new length, so a shortened one applies at once.
func (e *Engine) Apply(n *Snapshot) Change {
	before := e.putInForce(n)
	e.keyed.Adopt(n)
	e.deploys.Adopt(comparison(&n.Settings))
	e.forgetCounters(n)
	return rules.Changes(before, n)
}

// forgetCounters merges the counters of rules that were removed into those of the retired rules.
func (e *Engine) forgetCounters(n *Snapshot) {
	kept := map[string]bool{}
	for _, r := range n.Rules {
		kept[r.ID] = true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, c := range e.counters {
		if !kept[id] {
			delete(e.counters, id)
			c.Retire(&e.retired)
		}
	}
}

// Snapshot returns the rules in force.
func (e *Engine) Snapshot() *Snapshot { return e.inForce.Load().Snapshot }

// putInForce puts a snapshot in force, and returns the one before, or nil. As many workers as can run at once are kept while they are idle.
func (e *Engine) putInForce(n *Snapshot) *Snapshot {
	before := e.inForce.Swap(&inForce{n, make(chan *Worker, runtime.GOMAXPROCS(0))})
	if before == nil {
		return nil
	}
	return before.Snapshot
}

// Stats is a copy of the engine's counters.
type Stats struct {
	Lines   int64 // processed
	Events  int64 // of containers, processed
	Keys    int   // cooldown keys, buckets, watches and templates seen, in memory
	Evicted int64 // keys forgotten because the limiter was full
	// Overflow counts hits that were sent because their rule saw too many templates in their container.
	Overflow int64
	Rules    map[string]RuleCounts // by rule id
	// Nanos is the time spent on each rule, by its id: verifying the candidates of the shared filter, and evaluating hits. It is an estimate from samples.
	Nanos map[string]int64
	// Redacted counts secrets that were masked in alerts, by the name of the mask. Every mask that is or was in use has a count.
	Redacted map[string]int64
	// Retired is the sum over the rules that are no longer in force, and RetiredNanos the time spent on them: with it, the sums over all rules never go down.
	// Its pending hits become alerts there.
	Retired      RuleCounts
	RetiredNanos int64

	PendingContext       int   // alerts that wait for lines after them
	SentWithoutAfter     int64 // alerts that went without, because too many waited
	LineBufferBytes      int64 // of lines kept for alerts to come
	LineBuffersForgotten int64 // containers' streams whose lines were forgotten because there were too many
	InhibitsForgotten    int64 // inhibiting alerts forgotten because there were too many

	Deploys deploy.Stats
}

// Stats copies the counters. While records are being processed, a hit may be counted and its fate not yet.
func (e *Engine) Stats() Stats {
	s := Stats{Lines: e.lineCount.Load(), Rules: map[string]RuleCounts{}, Nanos: map[string]int64{}, Redacted: map[string]int64{}}
	s.Keys, s.Evicted, s.Overflow = e.keyed.Stats() // first, since it completes the counts of the rules
	s.Events = e.eventCount.Load()
	s.Deploys = e.deploys.Stats()
	s.InhibitsForgotten = e.mutes.Inhibitor.Forgotten()
	s.PendingContext, s.SentWithoutAfter, s.LineBufferBytes, s.LineBuffersForgotten = e.lines.Stats()
	e.mu.Lock()
	defer e.mu.Unlock()
	s.Retired, s.RetiredNanos = e.retired.Load(), e.retired.Nanos.Load()
	for id, c := range e.counters {
		s.Rules[id], s.Nanos[id] = c.Load(), c.Nanos.Load()
	}
	for name, c := range e.redacted {
		s.Redacted[name] = c.Load()
	}
	return s
}

// Total returns the sum over all rules, retired ones included: hits = alerts + suppressed + pending.
func (s *Stats) Total() RuleCounts {
	sum := s.Retired
	for _, c := range s.Rules {
		sum.Add(&c)
	}
	return sum
}

// TakeState returns the keyed state that changed since the last call, to be saved. With all, nothing is left for later: values that change all the time, such
// as when a template was last seen, is otherwise saved less often than it changes. Hits are not kept waiting while it encodes.
func (e *Engine) TakeState(all bool) []StateEntry {
	return slices.Concat(e.keyed.TakeChanges(all), e.mutes.Inhibitor.TakeChanges(), e.deploys.TakeChanges(all))
}

// RestoreState puts saved state back, before the first record. now is in ns. Entries that mean nothing any more are dropped, and come
// back from TakeState as forgotten. An error names the first entry that does not parse; the others are restored all the same.
func (e *Engine) RestoreState(entries []StateEntry, now int64) (restored int, err error) {
	own := make([]StateEntry, 0, len(entries))
	for _, entry := range entries {
		var kept bool
		var bad error
		switch {
		case entry.Key == SaltKey:
			e.SetSalt(entry.Value)
			continue
		case strings.HasPrefix(entry.Key, mute.InhibitPrefix):
			kept, bad = e.mutes.Inhibitor.Restore(entry, now)
		case strings.HasPrefix(entry.Key, deploy.Prefix):
			kept, bad = e.deploys.Restore(entry, now)
		default:
			own = append(own, entry)
		}
		if kept {
			restored++
		}
		if bad != nil && err == nil {
			err = fmt.Errorf("saved state %q: %w", entry.Key, bad)
		}
	}
	n, bad := e.keyed.Restore(own, now, rules.MaxCooldown)
	return restored + n, cmp.Or(err, bad)
}

// CloseWindows closes the windows of the keys that chosen selects (Alert.Key): their next hits alert, and report what was suppressed until then.
func (e *Engine) CloseWindows(chosen func(key string) bool) { e.keyed.CloseWindows(chosen) }

// Routed notes the triggers that send an alert whose end is an alert, too (Alert.Resolves): the end has their names in Triggers.
func (e *Engine) Routed(a *Alert, triggers []string) {
	if a.Kind == KindDeploy {
		e.deploys.Routed(a, triggers)
		return
	}
	e.keyed.Routed(a.Key, triggers)
}

// masked masks dst[from:], alerts that time made, by the settings in force.
func (e *Engine) masked(dst []Alert, from int) []Alert {
	maskAlerts(e.Snapshot().Redactor, dst[from:])
	return dst
}

// finished finishes dst[from:], alerts that waited for lines.
func (e *Engine) finished(dst []Alert, from int) []Alert {
	r := e.Snapshot().Redactor
	for i := range dst[from:] {
		finish(r, &dst[from+i])
	}
	return dst
}

// deployRule stands for a rule where silences and inhibitions are asked about the alert of a deploy.
var deployRule = &rules.Rule{ID: deploy.Rule, Settings: RuleSettings{Name: deploy.Rule}}

// showKind returns the template of a kind of hits as it is shown: without secrets.
func (e *Engine) showKind(template []byte) string {
	text, cut := model.ValidText(template, model.MaxCapture)
	if cut {
		return e.Snapshot().Redactor.CutText(text, nil)
	}
	return e.Snapshot().Redactor.Text(text, nil)
}

// mayLeave reports whether no silence or inhibition suppresses the alert about a deploy, and notes that it leaves. Later it would be no news: a suppressed
// one is not sent, and its report stays.
func (e *Engine) mayLeave(a *Alert, now int64) bool {
	s := rules.AlertSubject(deployRule, a)
	if a.Kind == KindResolved { // or what its beginning opened would stay open
		e.mutes.Inhibitor.Observe(e.Snapshot().Inhibits, &s, now, true)
		return true
	}
	if _, muted := e.mutes.Silence(&s, now); muted {
		return false
	}
	inhibits := e.Snapshot().Inhibits
	if e.mutes.Inhibitor.Suppresses(inhibits, &s, now) {
		return false
	}
	e.mutes.Inhibitor.Observe(inhibits, &s, now, false)
	return true
}
