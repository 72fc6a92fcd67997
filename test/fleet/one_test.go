package fleet

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/rate"
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
	rated  []engine.FleetRated
	folds  map[string]*fleet.Fold
	seq    int64
}

func (f *fleetOfOne) Count(h engine.FleetHit) bool { f.marks = append(f.marks, h); return true }
func (f *fleetOfOne) Rate(h engine.FleetRated) bool {
	f.rated = append(f.rated, h)
	return true
}

func (f *fleetOfOne) Saw(engine.FleetSight)    {}
func (f *fleetOfOne) Heard(engine.FleetLine)   {}
func (f *fleetOfOne) Await([]engine.FleetLine) {}
func (f *fleetOfOne) Step(engine.FleetStep)    {}
func (f *fleetOfOne) Wait(engine.FleetWait)    {}

func (f *fleetOfOne) Follow(engine.FleetFollow) bool { return false }
func (f *fleetOfOne) DownSince() (int64, bool)       { return 0, false }

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
	f.compare()
	return f.rules.Tick(f.now.UnixNano(), nil)
}

// compare reports the hits of rates and ratios, and compares what it is answered.
func (f *fleetOfOne) compare() {
	for _, h := range f.rated {
		f.seq++
		q := fleet.Tally{
			Key: fleet.KeyOf("rate", h.Key), Run: "one", Seq: f.seq, Slice: time.Duration(rate.SliceOf(h.Within)), Than: time.Duration(h.Than),
			Hits: []fleet.TallyHits{{Age: f.now.Sub(time.Unix(0, h.At)), Hits: 1, Other: h.Other}}, Fold: f.folds[h.Key],
		}
		a := f.shared.Tally(f.t.Context(), []fleet.Tally{q})[0]
		if a.Err != nil {
			f.t.Fatal(a.Err)
		}
		var c engine.FleetCompared
		crossed := false
		if delete(f.folds, h.Key); h.Than == 0 {
			c.Hits, c.Others = rate.SumShare(a.Slices, a.Now)
			crossed = c.Others >= int64(h.AtLeast) && rate.Exceeds(c.Hits, c.Others, h.Millionths, h.Reached)
		} else {
			p := rate.Sum(q.Slice.Milliseconds(), q.Than.Milliseconds(), a.Past, a.Slices, a.Now)
			c.Hits, c.Usual = p.Hits(), p.Usual()
			crossed = p.Learned() && c.Hits >= int64(h.AtLeast) && p.Exceeds(h.Above)
			if past, folded := p.Fold(a.Slices); len(folded) > 0 && past.Head > a.Past.Head {
				f.folds[h.Key] = &fleet.Fold{Of: a.Past.Head, Past: past, Folded: folded}
			}
		}
		if !crossed || h.Alerts == "" {
			continue
		}
		asked := fleet.Crossing{Key: fleet.KeyOf("cooldown", h.Alerts), Run: "one", Seq: f.seq, Cooldown: time.Duration(h.Cooldown)}
		if f.shared.Cross(f.t.Context(), []fleet.Crossing{asked})[0].Mine {
			f.rules.Exceed(h.Alerts, c, f.now.UnixNano())
		}
	}
	f.rated = nil
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

// TestAFleetOfOneComparesAsANode: so test and backtest say of rates and ratios of a fleet how one node would alert.
func TestAFleetOfOneComparesAsANode(t *testing.T) {
	t.Parallel()
	alerts := 0
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 8))
		rule := engine.DefaultRule()
		rule.Name, rule.Pattern, rule.Scope, rule.CooldownBy, rule.Cooldown, rule.Rollup = "boom", "boom", engine.ScopeFleet, engine.FleetKey(), oneCooldown, false
		rule.Within, rule.By = time.Duration(1+random.IntN(3))*time.Minute, engine.FleetKey()
		ratio := seed%2 == 0
		if ratio {
			rule.Of, rule.AtLeast, rule.Ratio = "requests", 10, engine.Ratio{Millionths: 300_000, Reached: random.IntN(2) == 0}
		} else {
			rule.Rate.Above, rule.Rate.Than, rule.Rate.AtLeast = 2000, time.Duration(10+random.IntN(20))*time.Minute, 8
		}
		other := engine.DefaultRule()
		other.Name, other.Pattern, other.DryRun = "requests", "GET", true
		settings := engine.Settings{Rules: []engine.RuleSettings{rule, other}, Limits: engine.Limits{MaxKeys: 1000}}
		node, inFleet := newRules(t, settings), newRules(t, settings)
		one := &fleetOfOne{t: t, now: time.Unix(1_700_000_000, 0), rules: inFleet, folds: map[string]*fleet.Fold{}}
		one.shared = memory.New(func() time.Time { return one.now }, 1000)
		inFleet.SetFleet(one)
		var byNode, byFleet []string
		busy := 0
		for range 1500 {
			if busy--; busy < -300 {
				busy = 40
			}
			pause := time.Duration(random.IntN(12_000)) * time.Millisecond
			if busy > 0 {
				pause /= 20
			}
			one.now = one.now.Add(pause)
			text := "boom"
			if ratio && (busy < 0 || random.IntN(2) == 0) && random.IntN(4) > 0 {
				text = "GET /"
			}
			for _, a := range process(node, one.now, text) {
				node.Decide(a.Candidate, true)
				byNode = append(byNode, time.Unix(0, a.Time).Format("15:04:05.000")+words(&a))
			}
			made := append(one.decide(process(inFleet, one.now, text)), one.decide(one.report())...)
			for _, a := range made {
				byFleet = append(byFleet, time.Unix(0, a.Time).Format("15:04:05.000")+strings.Replace(words(&a), " on all nodes", "", 1))
			}
		}
		if a, b := strings.Join(byNode, "\n"), strings.Join(byFleet, "\n"); a != b {
			t.Fatalf("seed %d, %+v %v of %d within %s\na node alerts at\n%s\na fleet of it at\n%s", seed, rule.Rate, rule.Ratio, rule.AtLeast, rule.Within, a, b)
		}
		if counts := inFleet.Stats().Rules["boom"]; counts.Accounted() != counts.Hits {
			t.Errorf("seed %d: %+v", seed, counts)
		}
		alerts += len(byFleet)
	}
	if alerts < 100 {
		t.Errorf("%d alerts in all: the scenarios compare too little", alerts)
	}
}

// words returns what an alert says that it compared.
func words(a *engine.Alert) string {
	if a.Rate != nil {
		return " " + a.Rate.String()
	}
	if a.Ratio != nil {
		return " " + a.Ratio.String()
	}
	return ""
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
