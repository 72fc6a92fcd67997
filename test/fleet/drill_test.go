package fleet

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/fleettest"
	fleetredis "github.com/tinyforge/fluentbit-trigger/internal/fleet/redis"
	"github.com/tinyforge/fluentbit-trigger/internal/shortid"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
)

// plan is one drill: an incident that all nodes see at once, and a fault.
type plan struct {
	nodes int
	rate  int           // hits a second and node
	storm time.Duration // how long
	keys  int           // incidents at once; 0: one
	skew  time.Duration // of each node's clock, at random in both directions
	wait  time.Duration // 0: 5 s
	args  []string      // of the server
	// fault runs beside the storm.
	fault func(*drill)
	// threshold is the number of hits of all nodes within ten seconds that make the alert; 0: each hit makes one.
	threshold int
	// leadDies kills the node that leads first, before its webhook.
	leadDies bool
}

// The rule's numbers, short so that a drill has several windows.
const (
	cooldown = 20 * time.Second
	grace    = 2 * time.Second
)

// drill is a plan that runs.
type drill struct {
	plan
	t      *testing.T
	server *redis.Server
	begun  time.Time
	nodes  []*node

	mu       sync.Mutex // guards the fields below
	sent     map[string]int64
	how      map[string]int
	again    int // requests of an id that was sent before
	first    time.Duration
	added    []time.Duration // from a hit to the webhook of its alert, of leads
	trips    []time.Duration
	timeline []string
	dead     *node
}

// node is one node: the engine of rules, the store of fleettest, the loops and the client of production.
type node struct {
	*fleettest.Node
	*fleet.Fleet
	rules  *engine.Engine
	source *engine.Source
	client *fleetredis.Engine
	skew   time.Duration
	fed    atomic.Int64 // hits
	made   atomic.Int64 // hits that alerts of the engine of rules stand for
	alerts int
	end    context.CancelFunc
	killed atomic.Bool
}

func (n *node) now() time.Time { return time.Now().Add(n.skew) }

func (n *node) kill() {
	n.killed.Store(true)
	n.Node.Kill()
	n.end()
}

// account is where all hits are.
type account struct {
	hits, reported, unreported, lost int64
	dead                             int64 // hits that died with a node
	alone, leads, rollups, handovers int
}

func run(t *testing.T, p plan) (account, *drill) {
	t.Helper()
	if p.keys == 0 {
		p.keys = 1
	}
	if p.wait == 0 {
		p.wait = 5 * time.Second
	}
	d := &drill{plan: p, t: t, sent: map[string]int64{}, how: map[string]int{}}
	d.server = redis.Start(t, append([]string{"--maxclients", "5000", "--tcp-backlog", "4096"}, p.args...))
	cpu, commands := d.server.CPU(), d.commands()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var loops sync.WaitGroup
	for i := range p.nodes {
		n := d.newNode(i)
		d.nodes = append(d.nodes, n)
		var own context.Context
		own, n.end = context.WithCancel(ctx)
		loops.Go(func() { n.Run(own) })
	}
	time.Sleep(6 * time.Second) // all of them have connected
	d.begun = time.Now()
	feeding, stop := context.WithCancel(ctx)
	var feeds sync.WaitGroup
	for _, n := range d.nodes {
		feeds.Go(func() { d.feed(feeding, n) })
	}
	if p.fault != nil {
		feeds.Go(func() { p.fault(d) })
	}
	time.Sleep(p.storm)
	d.settled(p.storm + 9*cooldown)
	took := time.Since(d.begun)
	a := d.account()
	usedCPU, usedCommands := d.server.CPU()-cpu, d.commands()-commands
	memory, clients := d.server.Info("used_memory_peak_human"), d.server.Info("connected_clients")
	stop()
	feeds.Wait()
	cancel()
	loops.Wait()
	d.print(&a, took, usedCPU, usedCommands, memory, clients)
	return a, d
}

func (d *drill) commands() int64 {
	n, _ := strconv.ParseInt(d.server.Info("total_commands_processed"), 10, 64)
	return n
}

func (d *drill) newNode(i int) *node {
	name := fmt.Sprintf("node-%04d", i)
	n := &node{rules: engine.New()}
	if d.skew > 0 {
		n.skew = time.Duration((rand.Float64()*2 - 1) * float64(d.skew))
	}
	n.Node = fleettest.NewNode(name, func(s fleettest.Sent) bool { return d.receive(n, s) })
	n.Node.Now = n.now
	rule := engine.DefaultRule()
	rule.Name, rule.Pattern, rule.Cooldown, rule.CooldownBy = "db-down", "connection refused", cooldown, []string{"workload", "template"}
	if d.threshold > 0 {
		rule.Scope, rule.Count, rule.Within = engine.ScopeFleet, d.threshold, 10*time.Second
	}
	limits := engine.DefaultLimits()
	limits.PerContainer.Burst, limits.PerContainer.Rate.Count = 10_000, 10_000
	compiled, err := n.rules.Compile(engine.Settings{Limits: limits, Rules: []engine.RuleSettings{rule}})
	if err != nil {
		d.t.Fatal(err)
	}
	n.rules.Apply(compiled)
	n.source = &engine.Source{Kind: "log", Workload: "shop/api", Host: name, Container: engine.Container{ID: fmt.Sprintf("%064x", i), Name: "api"}}
	s := at(fleet.Single, d.server.Addr)
	s.Grace, s.Wait, s.HandOver = grace, d.wait, 10*time.Second
	n.client = newEngine(d.t, s)
	n.Fleet = fleet.New(fleet.Options{
		Engine: n.client, Node: n.Node, Settings: s, Run: fmt.Sprintf("run-%04d", i), Name: name, Version: "v1", Triggers: "t1", Now: n.now,
		Crossed: n.cross, Reached: n.rules.Reach, Unanswered: func(key string) { n.cross(key, 0) },
		Observe: func(took time.Duration) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.trips = append(d.trips, took)
		},
	})
	n.Done = n.Wake
	if d.threshold > 0 {
		n.rules.SetFleet(counting{n})
	}
	return n
}

// counting counts the hits of a node with those of all, as fleetnode does.
type counting struct{ *node }

func (c counting) Count(h engine.FleetHit) bool {
	return c.Fleet.Count(fleet.Hit{
		Key: fleet.KeyOf("cooldown", h.Key), Name: h.Key, At: time.Unix(0, h.At),
		Threshold: fleet.Threshold{Count: int64(h.Count), Within: time.Duration(h.Within), Cooldown: time.Duration(h.Cooldown)},
	})
}

func (c counting) Rate(engine.FleetRated) bool { return false }
func (c counting) Saw(engine.FleetSight)       {}
func (c counting) Heard(engine.FleetLine)      {}
func (c counting) Await([]engine.FleetLine)    {}
func (c counting) Step(engine.FleetStep)       {}
func (c counting) Wait(engine.FleetWait)       {}

func (c counting) Follow(engine.FleetFollow) bool { return false }
func (c counting) DownSince() (int64, bool)       { return 0, false }

// cross has the engine of rules alert with its next line or tick.
func (n *node) cross(key string, sum int64) { n.rules.Cross(key, sum, n.now().UnixNano()) }

// receive is the receiver: one webhook for all nodes.
func (d *drill) receive(n *node, s fleettest.Sent) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.leadDies && d.dead == nil && s.How == "lead" {
		d.dead = n
		go n.kill()
		return false
	}
	if n.killed.Load() {
		return false
	}
	if _, known := d.sent[s.ID]; known {
		d.again++
	} else {
		d.how[s.How]++
		if d.first == 0 {
			d.first = time.Since(d.begun)
		}
		if s.How == "lead" {
			d.added = append(d.added, s.At.Sub(s.Asked))
		}
		if s.How != "alone" && len(d.timeline) < 16 || d.how[s.How] == 1 {
			d.timeline = append(d.timeline, fmt.Sprintf("%5.1f s  %-9s %9d hits of %d nodes", time.Since(d.begun).Seconds(), s.How, s.Hits, s.Nodes))
		}
	}
	d.sent[s.ID] = max(d.sent[s.ID], s.Hits)
	return true
}

// feed writes lines on a node, five times a second, until the storm is over, and then lets time pass.
func (d *drill) feed(ctx context.Context, n *node) {
	time.Sleep(rand.N(500 * time.Millisecond))
	lines := make([][]byte, d.keys)
	for i := range lines {
		word := make([]byte, 0, 8)
		for k := i; ; k /= 26 { // words, since numbers are masked in templates
			if word = append(word, byte('a'+k%26)); k < 26 {
				break
			}
		}
		lines[i] = []byte("dial tcp: connection refused by backend " + string(word))
	}
	worker := n.rules.Worker()
	defer worker.Release()
	ticks := time.NewTicker(200 * time.Millisecond)
	defer ticks.Stop()
	var alerts []engine.Alert
	for i := 0; !n.killed.Load(); {
		alerts = alerts[:0]
		now := n.now().UnixNano()
		if time.Since(d.begun) < d.storm {
			for range d.rate / 5 {
				alerts = worker.Process(&engine.Record{Time: now, Text: lines[i%len(lines)], Stream: engine.Stderr, Source: n.source}, now, alerts)
				i++
				n.fed.Add(1)
			}
		} else {
			alerts = n.rules.Tick(now, alerts)
		}
		for j := range alerts {
			n.accept(&alerts[j], d.wait)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// accept stores an alert of the engine of rules as a candidate.
func (n *node) accept(a *engine.Alert, wait time.Duration) {
	counts := fleet.Counts{"fleet": a.Count}
	for why, hits := range a.Suppressed {
		if hits > 0 {
			counts[engine.Reason(why).String()] += hits
		}
	}
	total := counts.Sum()
	n.made.Add(total)
	n.alerts++
	id := sha256.Sum256(fmt.Append(nil, n.Name, n.alerts))
	n.Offer(n.Candidate(fleet.Candidate{
		Claim: fleet.Claim{
			Key: fleet.KeyOf("cooldown", a.Key), ID: shortid.Alert(id[:]), Rollup: a.Kind == engine.KindRollup,
			Terms: fleet.Terms{Cooldown: cooldown}, Title: fleet.Title{Rule: a.Rule, Text: a.Source.Workload}, HandOver: 10 * time.Second,
			Payload: strconv.AppendInt(nil, total, 10),
		},
		Until: n.now().Add(wait),
	}, counts, time.Unix(0, a.First), time.Unix(0, a.Last)))
}

// settled waits until every hit is reported, at most for a time.
func (d *drill) settled(most time.Duration) {
	quiet := 0
	for end := time.Now().Add(most); time.Now().Before(end) && quiet < 3; time.Sleep(time.Second) {
		left := int64(0)
		for _, n := range d.nodes {
			if !n.killed.Load() {
				a := n.Account()
				left += a.Pending + a.Outbox + int64(a.Unsettled)
				if d.threshold == 0 { // hits below it stay where they are
					left += n.fed.Load() - n.made.Load()
				}
			}
		}
		e, err := d.engineAccount()
		// Nothing is on its way until the nodes' own roll-ups of a threshold are due.
		early := d.threshold > 0 && time.Since(d.begun) < d.storm+2*cooldown+3*grace
		if quiet++; err != nil || left > 0 || e.Unreported > 0 || early {
			quiet = 0
		}
	}
}

func (d *drill) engineAccount() (fleet.Account, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	e := newEngine(d.t, at(fleet.Single, d.server.Addr))
	defer e.Close()
	return e.Account(ctx)
}

func (d *drill) account() (a account) {
	e, err := d.engineAccount()
	if err != nil {
		d.t.Error(err)
	}
	given, reported := int64(0), int64(0)
	for _, n := range d.nodes {
		x := n.Account()
		a.hits += n.fed.Load()
		given, reported = given+x.Given, reported+x.Reported
		local := n.fed.Load() - n.made.Load() + x.Pending + x.Outbox
		if n.killed.Load() {
			a.dead += local
		} else {
			a.unreported += local
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, hits := range d.sent {
		a.reported += hits
	}
	a.unreported += e.Unreported
	a.lost = given - reported - e.Unreported
	a.alone, a.leads, a.rollups, a.handovers = d.how["alone"], d.how["lead"], d.how["rollup"], d.how["hand_over"]
	return a
}

func (d *drill) print(a *account, took, cpu time.Duration, commands int64, memory, clients string) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.t.Logf("%s, %d nodes, %d hits/s each for %v: %d requests (%d lead, %d roll-ups, %d alone, %d taken over; %d more of known ids), the first after %v",
		d.server.Version(), d.plan.nodes, d.rate, d.storm, len(d.sent)+d.again, a.leads, a.rollups, a.alone, a.handovers, d.again, d.first.Round(time.Millisecond))
	d.t.Logf("hits %d = reported %d + unreported %d + lost by the engine %d + died with a node %d", a.hits, a.reported, a.unreported, a.lost, a.dead)
	d.t.Logf("round trips: %s; from a hit to the webhook of a lead: %s", spread(d.trips), spread(d.added))
	d.t.Logf("the server in %.0f s: CPU %.2f s (%.1f %% of a core), %d commands (%.1f/s a node), memory at most %s, %s connections", took.Seconds(), cpu.Seconds(),
		100*cpu.Seconds()/took.Seconds(), commands, float64(commands)/took.Seconds()/float64(d.plan.nodes), memory, clients)
	d.t.Log("\n" + strings.Join(d.timeline, "\n"))
}

// spread shows the middle and the end of some times.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	slices.Sort(all)
	p50, p99, most := all[len(all)/2], all[len(all)*99/100], all[len(all)-1]
	return fmt.Sprintf("%d, p50 %v, p99 %v, most %v", len(all), p50.Round(10*time.Microsecond), p99.Round(10*time.Microsecond), most.Round(time.Millisecond))
}

// exact fails the test if a hit is missing, or one too many.
func (a *account) exact(t *testing.T) {
	t.Helper()
	if a.hits != a.reported+a.unreported+a.lost+a.dead {
		t.Errorf("%d hits are not reported %d + unreported %d + lost %d + dead %d", a.hits, a.reported, a.unreported, a.lost, a.dead)
	}
}

func TestASmallFleet(t *testing.T) {
	if testing.Short() {
		t.Skip("the windows of a fleet take half a minute")
	}
	const nodes = 40
	a, _ := run(t, plan{nodes: nodes, rate: 50, storm: 10 * time.Second, wait: 10 * time.Second})
	a.exact(t)
	if a.leads != 1 || a.lost != 0 || a.unreported != 0 || a.rollups < 1 || a.alone > nodes/4 { // a machine that stands still for seconds costs answers
		t.Errorf("account: %+v", a)
	}
}

// TestASmallFleetCounts: a threshold that no node reaches by itself in ten seconds is one alert, and roll-ups while its cooldown lasts.
func TestASmallFleetCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("the windows of a fleet take half a minute")
	}
	const nodes = 40
	a, _ := run(t, plan{nodes: nodes, rate: 50, storm: 10 * time.Second, wait: 10 * time.Second, threshold: 2000})
	a.exact(t)
	if a.leads != 1 || a.lost != 0 || a.rollups < 1 || a.alone > nodes/4 || a.reported < a.hits/2 {
		t.Errorf("account: %+v", a)
	}
}

// drills skips the long drills unless they are asked for.
func drills(t *testing.T) {
	t.Helper()
	if os.Getenv("FLUENTBIT_TRIGGER_SOAK") == "" {
		t.Skip("a drill of 1,000 nodes takes two minutes: FLUENTBIT_TRIGGER_SOAK is not set (make soak)")
	}
}

const thousand = 1000

func TestDrillNoFault(t *testing.T) {
	drills(t)
	a, _ := run(t, plan{nodes: thousand, rate: 50, storm: time.Minute})
	a.exact(t)
	if a.lost != 0 {
		t.Errorf("account: %+v", a)
	}
}

func TestDrillThreshold(t *testing.T) {
	drills(t)
	a, _ := run(t, plan{nodes: thousand, rate: 50, storm: time.Minute, threshold: 10_000})
	a.exact(t)
	if a.lost != 0 {
		t.Errorf("account: %+v", a)
	}
}

func TestDrillClocks(t *testing.T) {
	drills(t)
	a, _ := run(t, plan{nodes: thousand, rate: 50, storm: 40 * time.Second, skew: 30 * time.Second})
	a.exact(t)
	if a.lost != 0 {
		t.Errorf("account: %+v", a)
	}
}

func TestDrillLeadDies(t *testing.T) {
	drills(t)
	a, d := run(t, plan{nodes: thousand, rate: 50, storm: 20 * time.Second, leadDies: true})
	if a.handovers != 1 || a.lost != 0 || a.hits != a.reported+a.unreported+a.dead+a.lost {
		t.Errorf("account: %+v; the lead was %s", a, d.dead.Name)
	}
}

// kill kills the server for three seconds.
func kill(after, length time.Duration) func(*drill) {
	return func(d *drill) {
		time.Sleep(after)
		d.server.Kill()
		time.Sleep(length)
		d.server.Run()
	}
}

func TestDrillKilledWithAOF(t *testing.T) {
	drills(t)
	a, _ := run(t, plan{
		nodes: thousand, rate: 50, storm: 30 * time.Second, args: []string{"--appendonly", "yes", "--appendfsync", "everysec"},
		fault: kill(8*time.Second, 3*time.Second),
	})
	a.exact(t)
	t.Logf("lost: %d, at most the gifts of one second", a.lost)
}

func TestDrillKilledWithoutPersistence(t *testing.T) {
	drills(t)
	a, _ := run(t, plan{nodes: thousand, rate: 50, storm: 30 * time.Second, fault: kill(8*time.Second, 3*time.Second)})
	a.exact(t)
	t.Logf("lost: %d, the gifts before the kill", a.lost)
}

func TestDrillHangs(t *testing.T) {
	drills(t)
	a, _ := run(t, plan{nodes: thousand, rate: 50, storm: 45 * time.Second, fault: func(d *drill) {
		time.Sleep(15 * time.Second)
		d.server.Hang()
		time.Sleep(15 * time.Second)
		d.server.Resume()
	}})
	a.exact(t)
	if a.lost != 0 {
		t.Errorf("account: %+v", a)
	}
}

func TestDrillDownAtTheStart(t *testing.T) {
	drills(t)
	a, _ := run(t, plan{nodes: thousand, rate: 50, storm: 40 * time.Second, fault: kill(0, 15*time.Second)})
	a.exact(t)
	if a.alone < thousand/2 {
		t.Errorf("account: %+v", a)
	}
}

func TestDrillFull(t *testing.T) {
	drills(t)
	a, _ := run(t, plan{nodes: 100, rate: 50, storm: 30 * time.Second, fault: func(d *drill) { d.server.Do("CONFIG", "SET", "maxmemory", "1mb") }})
	a.exact(t)
	if a.alone == 0 {
		t.Errorf("account: %+v", a)
	}
}

func TestDrillTwentyIncidents(t *testing.T) {
	drills(t)
	a, _ := run(t, plan{nodes: thousand, rate: 50, storm: 20 * time.Second, keys: 20})
	a.exact(t)
	if a.lost != 0 {
		t.Errorf("account: %+v", a)
	}
}

// TestDrillLatency measures the time that a fleet adds to the first alert, one incident after another.
func TestDrillLatency(t *testing.T) {
	drills(t)
	server := redis.Start(t, nil)
	e := newEngine(t, at(fleet.Single, server.Addr))
	var took []time.Duration
	done := make(chan struct{}, 1)
	n := fleettest.NewNode("a", func(s fleettest.Sent) bool {
		took = append(took, s.At.Sub(s.Asked))
		done <- struct{}{}
		return true
	})
	f := fleet.New(fleet.Options{Engine: e, Node: n, Settings: at(fleet.Single, server.Addr), Run: "run-a", Name: "a", Triggers: "t1"})
	go f.Run(t.Context())
	for i := range 500 {
		f.Offer(n.Candidate(fleet.Candidate{
			Claim: fleet.Claim{Key: fleet.KeyOf("k", fmt.Sprint(i)), ID: fmt.Sprint("al_", i), Terms: fleet.Terms{Cooldown: time.Minute}, Payload: []byte("1")},
			Until: time.Now().Add(5 * time.Second),
		}, fleet.Counts{"fleet": 1}, time.Now(), time.Now()))
		<-done
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("%s, one node: %s", server.Version(), spread(took[1:]))
}

// TestDrillIdle measures the cost of nodes that see nothing.
func TestDrillIdle(t *testing.T) {
	drills(t)
	server := redis.Start(t, []string{"--maxclients", "5000"})
	for i := range 200 {
		e := newEngine(t, at(fleet.Single, server.Addr))
		f := fleet.New(fleet.Options{
			Engine: e, Node: fleettest.NewNode("n", func(fleettest.Sent) bool { return true }), Settings: at(fleet.Single, server.Addr),
			Run: fmt.Sprint("run-", i), Name: fmt.Sprint("n", i), Triggers: "t1",
		})
		go f.Run(t.Context())
	}
	time.Sleep(10 * time.Second)
	count := func() int64 {
		text := server.Info("cmdstat_evalsha")
		n, _ := strconv.ParseInt(strings.TrimPrefix(strings.SplitN(text, ",", 2)[0], "calls="), 10, 64)
		return n
	}
	before, cpu := count(), server.CPU()
	time.Sleep(20 * time.Second)
	scripts := count() - before
	t.Logf("%s, 200 idle nodes: %.2f scripts/s a node, of which the keeper's are %d/s in all; CPU %.1f %% of a core", server.Version(),
		float64(scripts)/20/200, fleet.Shards, 100*(server.CPU()-cpu).Seconds()/20)
}
