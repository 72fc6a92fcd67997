package engine

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"text/template"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/state"
	"github.com/tinyforge/fluentbit-trigger/internal/templates"
)

// TestSnapshotsAreCollectedAfterReloads alerts, waits for lines and for roll-ups under each of many configurations, with keys that live on, and wants no
// snapshot kept but the one in force.
func TestSnapshotsAreCollectedAfterReloads(t *testing.T) {
	const reloads = 20
	e := New()
	var collected atomic.Int64
	now := t0
	for i := range reloads {
		n, err := e.Compile(Settings{Limits: DefaultLimits(), Rules: []RuleSettings{
			{Name: "r", Pattern: "boom", Cooldown: time.Hour, Rollup: true, CooldownBy: []string{"container"}, Summary: fmt.Sprint("s", i)},
			{Name: "beat", Pattern: "beat", Absent: time.Hour},
			{Name: "count", Pattern: "boom", Count: 5, Within: time.Minute, CooldownBy: []string{"container", "template"}},
			{Name: "context", Pattern: "boom", Cooldown: time.Minute, Context: Context{Before: 2, After: 3}},
			{Name: fmt.Sprint("gone-", i), Pattern: "boom", Cooldown: time.Hour, Rollup: true},
		}})
		if err != nil {
			t.Fatal(err)
		}
		runtime.AddCleanup(n, func(struct{}) { collected.Add(1) }, struct{}{})
		e.Apply(n)
		w := e.Worker()
		source := web(fmt.Sprint(i))
		for range 3 {
			w.Process(&Record{Time: now, Text: []byte("boom"), Source: source}, now, nil)
			w.Process(&Record{Time: now, Text: []byte("beat"), Source: source}, now, nil)
		}
		w.Release()
		e.Explain(&Record{Time: now, Text: []byte("boom"), Source: source}, now)
		now += int64(time.Second)
	}
	deadline := time.Now().Add(30 * time.Second)
	for collected.Load() < reloads-1 && time.Now().Before(deadline) {
		runtime.GC()
		runtime.Gosched()
	}
	if n := collected.Load(); n != reloads-1 {
		t.Errorf("%d of %d snapshots were collected, want all but the one in force", n, reloads)
	}
	if e.Stats().Keys < 2*reloads {
		t.Errorf("%d keys", e.Stats().Keys)
	}
	runtime.KeepAlive(e)
}

// TestNothingIsRenderedUnderTheLock renders summaries that look whether the lock is free: of an alert, of the line that a roll-up shows, in Explain.
func TestNothingIsRenderedUnderTheLock(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "(?P<what>boom)", Cooldown: time.Minute, Rollup: true}}})
	var rendered, locked int
	look, err := templates.Parse("", "{{ look }}", template.FuncMap{"look": func() string {
		rendered++
		if !r.e.keyed.LockFree() {
			locked++
		}
		return "seen"
	}})
	if err != nil {
		t.Fatal(err)
	}
	r.e.Snapshot().Rules[0].Summary = look
	r.line("boom 1")
	r.line("boom 2")
	r.line("boom 3")
	if rendered != 2 {
		t.Errorf("%d summaries were rendered, want those of the alert and of the first suppressed line", rendered)
	}
	r.e.Explain(&Record{Time: r.now, Text: []byte("boom 4"), Source: web("c1")}, r.now)
	got := r.later(time.Minute)
	if len(got) != 1 || !strings.HasSuffix(got[0].Summary, "seen") || got[0].Message != "boom 2" {
		t.Errorf("%+v", got)
	}
	if locked != 0 {
		t.Errorf("%d of %d summaries were rendered with the lock held", locked, rendered)
	}
}

// TestARollupWaitsUntilItsLineIsRendered by another worker, which may be slow, and is saved only then.
func TestARollupWaitsUntilItsLineIsRendered(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "boom", Cooldown: time.Minute, Rollup: true}}})
	r.line("boom 1")
	r.e.TakeState(false)
	w := r.e.Worker()
	defer w.Release()
	rec := Record{Time: r.now, Text: []byte("boom 2"), Source: web("c1")}
	hit := w.Find(&rec, nil)[0]
	c := w.contextOf(&hit, r.now)
	r.e.keyed.Evaluate(c, r.now, nil)
	d := c.Decision
	if d.Sample == nil {
		t.Fatalf("%+v: want a line to render", d)
	}
	for _, entry := range r.e.TakeState(false) {
		if strings.HasPrefix(entry.Key, state.KeyPrefix) {
			t.Errorf("saved before it was rendered: %s", entry.Value)
		}
	}
	if got := r.later(2 * time.Minute); len(got) != 0 {
		t.Errorf("%+v: want none before the line is rendered", got)
	}
	w.render(d.Sample, &hit, c.Key)
	if !bytes.Contains(saved(r.e, state.KeyPrefix), []byte("boom 2")) {
		t.Error("not saved when it was rendered")
	}
	if got := r.later(time.Second); len(got) != 1 || got[0].Message != "boom 2" || got[0].Suppressed[ReasonCooldown] != 1 {
		t.Errorf("%+v", got)
	}
}

// saved returns the value of the first entry to be saved that begins with a prefix.
func saved(e *Engine, prefix string) []byte {
	for _, entry := range e.TakeState(false) {
		if strings.HasPrefix(entry.Key, prefix) {
			return entry.Value
		}
	}
	return nil
}

// TestDueWorkIsDoneInBatches: the lock is free after each, and a hit waits for all of them.
func TestDueWorkIsDoneInBatches(t *testing.T) {
	const keys = 3*state.DueBatch + 1
	r := newRun(t, Settings{Limits: Limits{MaxKeys: 10_000}, Rules: []RuleSettings{
		{Name: "r", Pattern: "boom", Cooldown: time.Minute, Rollup: true, CooldownBy: []string{"container"}},
	}})
	fill := func() {
		for i := range keys {
			for range 2 {
				r.record(Record{Text: []byte("boom"), Source: web(fmt.Sprint(i))})
			}
		}
	}
	fill()
	r.pass(time.Minute)
	var got []Alert
	for batch := 1; ; batch++ {
		before := len(got)
		var more bool
		got, more = r.e.keyed.AdvanceBatch(r.now, got)
		if len(got)-before > state.DueBatch || !r.e.keyed.LockFree() {
			t.Fatalf("batch %d made %d alerts, want at most %d", batch, len(got)-before, state.DueBatch)
		}
		if !more {
			break
		}
	}
	if len(got) != keys {
		t.Errorf("%d roll-ups, want %d", len(got), keys)
	}
	var silences []Silence
	for i := range 100 * state.DueBatch {
		silences = append(silences, Silence{ID: fmt.Sprint(i), Matchers: Matchers{Workload: fmt.Sprint("team-", i, "/*")}, Until: r.now + int64(24*time.Hour)})
	}
	r.silence(silences...)
	if n := r.e.keyed.Batch(); n < 1 || n > 3 {
		t.Errorf("a batch is %d among %d silences", n, len(silences))
	}
	r.pass(time.Hour)
	fill()
	r.pass(time.Minute)
	if got := r.record(Record{Text: []byte("boom"), Source: web("another")}); len(got) != keys+1 {
		t.Errorf("%d alerts with a hit, want %d roll-ups before its own", len(got), keys)
	}
	r.counts()
}

// TestAFullGroupIsSweptByTheRuleInForce: a cooldown that a reload made longer keeps its templates, one that it made shorter frees their place.
func TestAFullGroupIsSweptByTheRuleInForce(t *testing.T) {
	set := func(c time.Duration) Settings {
		return Settings{
			Rules:  []RuleSettings{{Name: "r", Pattern: "boom", Cooldown: c, CooldownBy: []string{"container", "template"}}},
			Limits: Limits{MaxKeys: 100_000},
		}
	}
	word := func(i int) string { return fmt.Sprintf("boom %c%c%c", 'a'+i/676%26, 'a'+i/26%26, 'a'+i%26) }
	for _, c := range []struct {
		before, after time.Duration
		again         int // alerts of a template that alerted two minutes ago
		overflow      int64
	}{{time.Hour, time.Hour, 0, 1}, {time.Minute, time.Hour, 0, 1}, {time.Hour, time.Minute, 1, 0}} {
		r := newRun(t, set(c.before))
		for i := range state.MaxTemplates {
			r.line(word(i))
		}
		r.apply(set(c.after))
		r.pass(2 * time.Minute)
		r.line("boom another")
		if got := len(r.line(word(5))); got != c.again {
			t.Errorf("from %s to %s: %d alerts of a template that alerted two minutes ago, want %d", c.before, c.after, got, c.again)
		}
		if got := r.e.Stats().Overflow; got != c.overflow {
			t.Errorf("from %s to %s: %d hits overflowed, want %d", c.before, c.after, got, c.overflow)
		}
	}
}

// TestForgottenHitsAreCountedForTheirRule also after a restart, and for a rule that is gone among those that are.
func TestForgottenHitsAreCountedForTheirRule(t *testing.T) {
	s := Settings{Limits: Limits{MaxKeys: 2}, Rules: []RuleSettings{{Name: "r", Pattern: "x", Cooldown: time.Hour, CooldownBy: []string{"container"}}}}
	r := newRun(t, s)
	r.line("x")
	r.line("x")
	r = r.restart(s, time.Minute)
	for i := range 2 {
		r.record(Record{Text: []byte("x"), Source: web(fmt.Sprint(i))})
		r.record(Record{Text: []byte("x"), Source: web(fmt.Sprint(i))})
	}
	if c := r.e.Stats().Rules["r"]; c.Forgotten != 1 {
		t.Errorf("%+v: want the one of before the restart", c)
	}
	r.apply(Settings{Limits: s.Limits, Rules: []RuleSettings{{Name: "other", Pattern: "x", CooldownBy: []string{"container"}}}})
	for i := range 2 {
		r.record(Record{Text: []byte("x"), Source: web(fmt.Sprint("new", i))})
	}
	if got := r.e.Stats(); got.Retired.Forgotten != 3 {
		t.Errorf("%+v: want all three among the rules that are gone", got.Retired)
	}
}
