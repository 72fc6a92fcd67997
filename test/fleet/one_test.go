package fleet

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
)

// fleetOfOne is an engine of rules whose fleet is this node alone, over the model of the shared engine. Reports and claims are answered at once.
type fleetOfOne struct {
	t      *testing.T
	now    time.Time
	rules  *engine.Engine
	shared *memory.Engine
	marks  []engine.FleetHit
	seq    int64
}

func (f *fleetOfOne) Count(h engine.FleetHit) bool { f.marks = append(f.marks, h); return true }
func (f *fleetOfOne) Rate(engine.FleetRated) bool  { return false }
func (f *fleetOfOne) Saw(engine.FleetSight)        {}
func (f *fleetOfOne) Heard(engine.FleetLine)       {}
func (f *fleetOfOne) Await([]engine.FleetLine)     {}
func (f *fleetOfOne) DownSince() (int64, bool)     { return 0, false }

// report reports the hits, and returns the alerts of crossings.
func (f *fleetOfOne) report() (alerts []engine.Alert) {
	for _, h := range f.marks {
		f.seq++
		q := fleet.Mark{
			Key: fleet.KeyOf("cooldown", h.Key), Run: "one", Seq: f.seq, Count: int64(h.Count), Within: time.Duration(h.Within), Cooldown: time.Duration(h.Cooldown),
			Values: h.Distinct != "", Hits: []fleet.Aged{{Age: f.now.Sub(time.Unix(0, h.At)), Hits: 1, Value: h.Value}},
		}
		a := f.shared.Mark(f.t.Context(), []fleet.Mark{q})[0]
		if a.Err != nil {
			f.t.Fatal(a.Err)
		}
		if a.Crossed {
			f.rules.Cross(h.Key, a.Sum, f.now.UnixNano())
		}
	}
	f.marks = nil
	return f.rules.Tick(f.now.UnixNano(), nil)
}

// decide claims for the alerts, as the gate does.
func (f *fleetOfOne) decide(list []engine.Alert) (leave []engine.Alert) {
	for _, a := range list {
		q := fleet.Claim{
			Key: fleet.KeyOf("cooldown", a.Key), Run: "one", ID: fmt.Sprint(f.now.UnixNano()), Rollup: a.Kind == engine.KindRollup,
			Terms: fleet.Terms{Cooldown: oneCooldown, Grace: time.Millisecond, Triggers: "t"},
		}
		led := f.shared.Claim(f.t.Context(), []fleet.Claim{q})[0].Verdict == fleet.Lead
		f.rules.Decide(a.Candidate, led)
		if led {
			leave = append(leave, a)
		}
	}
	return leave
}

const oneCooldown = 5 * time.Minute

// TestAFleetOfOneCountsAsANode: at the same moments, hits of one node make the alerts of a threshold, whether the node or a fleet of it counts them. So test and
// backtest, which count on one node, say of rules of a fleet how one node would alert.
func TestAFleetOfOneCountsAsANode(t *testing.T) {
	t.Parallel()
	alerts := 0
	for _, distinct := range []string{"", "capture.who"} {
		for seed := range uint64(50) {
			random := rand.New(rand.NewPCG(seed, 7))
			rule := engine.DefaultRule()
			rule.Name, rule.Pattern, rule.Scope, rule.CooldownBy, rule.Cooldown, rule.Rollup = "boom", `boom (?P<who>\w+)`, engine.ScopeFleet, engine.FleetKey(), oneCooldown, false
			rule.Count, rule.Within, rule.Distinct = 2+random.IntN(6), time.Duration(10+random.IntN(120))*time.Second, distinct
			settings := engine.Settings{Rules: []engine.RuleSettings{rule}, Limits: engine.Limits{MaxKeys: 1000}}
			node, inFleet := newRules(t, settings), newRules(t, settings)
			one := &fleetOfOne{t: t, now: time.Unix(1_700_000_000, 0), rules: inFleet}
			one.shared = memory.New(func() time.Time { return one.now }, 1000)
			inFleet.SetFleet(one)
			var byNode, byFleet []string
			var log []string
			for range 400 {
				pause := time.Duration(random.IntN(20_000)) * time.Millisecond
				if random.IntN(40) == 0 {
					pause = time.Duration(random.IntN(600)) * time.Second
				}
				one.now = one.now.Add(pause)
				text := "boom " + string(rune('a'+random.IntN(8)))
				log = append(log, one.now.Format("15:04:05.000 ")+text)
				for _, a := range process(node, one.now, text) {
					node.Decide(a.Candidate, true)
					byNode = append(byNode, time.Unix(0, a.Time).Format("15:04:05.000"))
				}
				made := append(one.decide(process(inFleet, one.now, text)), one.decide(one.report())...)
				for _, a := range made {
					byFleet = append(byFleet, time.Unix(0, a.Time).Format("15:04:05.000"))
				}
			}
			if a, b := strings.Join(byNode, " "), strings.Join(byFleet, " "); a != b {
				t.Fatalf("seed %d, %d within %s of %q, after\n%s\na node alerts at %s\na fleet of it at %s", seed, rule.Count, rule.Within, distinct, strings.Join(log, "\n"), a, b)
			}
			counts := inFleet.Stats().Rules["boom"]
			if counts.Hits != 400 || counts.Accounted() != 400 {
				t.Errorf("seed %d: %+v", seed, counts)
			}
			alerts += len(byFleet)
		}
	}
	if alerts < 500 {
		t.Errorf("%d alerts in all: the scenarios compare too little", alerts)
	}
}

func newRules(t *testing.T, s engine.Settings) *engine.Engine {
	t.Helper()
	e := engine.New()
	n, err := e.Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	e.Apply(n)
	return e
}

func process(e *engine.Engine, now time.Time, text string) []engine.Alert {
	w := e.Worker()
	defer w.Release()
	rec := &engine.Record{Text: []byte(text), Time: now.UnixNano(), Source: &engine.Source{Workload: "shop/api"}}
	return w.Process(rec, now.UnixNano(), nil)
}
