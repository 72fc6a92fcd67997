// Package fleetnode makes an instance a node of a fleet: it offers the alerts of fleet rules to the loops of package fleet, and puts their answers into effect
// in the store, in the deliveries and in the engine of rules.
//
// It promises: nothing here waits for the network but the goroutines of package fleet. Without settings there is no goroutine and no connection, and the alerts
// of fleet rules leave at once.
package fleetnode

import (
	"context"
	"encoding/json"
	"log/slog"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// Delivery stores what becomes of alerts.
type Delivery interface {
	FleetDecide(ctx context.Context, instance string, list []store.FleetDecision) ([]store.FleetOutcome, error)
	AcceptNow(ctx context.Context, item delivery.Item) error
}

// Shared keeps what all nodes of a fleet share.
type Shared interface {
	Share(ctx context.Context, s fleet.Shared, whole bool) error
	Silences(ctx context.Context) (epoch string, list []fleet.Silence, err error)
}

// Connect returns the engine of a fleet. It connects to nothing yet.
type Connect func(*fleet.Settings, egress.Settings) (fleet.Engine, error)

// Options are the dependencies of a Node. All must be set.
type Options struct {
	Instance, Host, Version string
	Rules                   func() *engine.Snapshot
	Decide                  func(ticket uint64, leaves bool)   // see engine.Decide
	Alone                   func(ticket uint64)                // see engine.Alone
	Known                   func(ticket uint64) bool           // see engine.Known
	Close                   func(chosen func(key string) bool) // see engine.CloseWindows
	Counts                  func(engine.Fleet)                 // see engine.SetFleet
	Crossed                 func(key string, sum int64)        // see engine.Cross
	Exceeded                func(key string, by engine.FleetCompared)
	Reached                 func(key string)               // see engine.Reach
	Heard                   func(key string, at time.Time) // see engine.Heard
	Followed                func(key string, shown any)    // see engine.Follow
	WaitOver                func(key string)               // see engine.WaitOver
	// Absence and Recovery make the alerts of an absence that the fleet found, and of its end; nil: this node has no such rule. later: a silence or an inhibition
	// is in force. sent is called once the alert is on disk.
	Absence  func(rule, workload string, since time.Time, heard bool) (a *trigger.Alert, sent func(), later bool)
	Recovery func(rule, workload string, at time.Time, gone time.Duration) (a *trigger.Alert, sent func())
	// Shown returns the form of an alert that others see.
	Shown func(*engine.Alert) *trigger.Alert
	// Missing completes the alert about a hit that none followed, which has its severity, texts and source; as for Absence.
	Missing func(rule string, shown *trigger.Alert, at time.Time) (a *trigger.Alert, sent func(), later bool)
	Route   func(*trigger.Alert) []string         // the names of the triggers that send an alert
	Lost    func(ctx context.Context, lost int64) // the engine lost its data, and so many hits with it
	Connect Connect
	Now     func() time.Time
	Log     *slog.Logger
	Panics  *atomic.Int64
}

// Node is an instance's part of its fleet. It is safe for concurrent use.
type Node struct {
	opt      Options
	store    *store.Store
	delivery Delivery
	shared   Shared

	mu      sync.Mutex // guards the fields below
	started bool
	policy  egress.Settings

	closing sync.Mutex            // guards closed
	closed  map[fleet.Closed]bool // windows that were closed here

	current atomic.Pointer[loops]
	trips   prometheus.Histogram // round trips to the engine, over all reloads
	tickets struct {
		sync.Mutex
		byID map[string]uint64
	}
}

// loops are the loops of one configuration.
type loops struct {
	host     *Node
	opt      *Options
	settings fleet.Settings
	triggers atomic.Pointer[string]
	engine   fleet.Engine
	fleet    *fleet.Fleet
	end      context.CancelFunc
	ended    chan struct{}
}

// New returns a node without a fleet.
func New(o Options) *Node {
	n := &Node{opt: o, closed: map[fleet.Closed]bool{}, trips: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "fleet_roundtrip_seconds", Help: "Round trips to the fleet's engine.", Buckets: []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1},
	})}
	n.tickets.byID = map[string]uint64{}
	return n
}

// Attach sets what the node stores its part in. It is called once, before Apply.
func (n *Node) Attach(s *store.Store, d Delivery, shared Shared) {
	n.store, n.delivery, n.shared = s, d, shared
}

// Prepared is a fleet that can be put in force.
type Prepared struct {
	settings fleet.Settings
	policy   egress.Settings
	engine   fleet.Engine // nil: there is none, or the one in force stays
}

// Close closes what was not put in force.
func (p *Prepared) Close() {
	if p != nil && p.engine != nil {
		p.engine.Close()
	}
}

// Prepare does what can fail of a change of settings. Unchanged settings keep the loops in force.
func (n *Node) Prepare(s fleet.Settings, policy egress.Settings) (*Prepared, error) {
	p := &Prepared{settings: s, policy: policy}
	if !s.On() || n.unchanged(p) {
		return p, nil
	}
	var err error
	p.engine, err = n.opt.Connect(&s, policy)
	return p, err
}

func (n *Node) unchanged(p *Prepared) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.current.Load()
	return l != nil && reflect.DeepEqual(l.settings, p.settings) && reflect.DeepEqual(n.policy, p.policy)
}

// Apply puts prepared settings in force. triggers is the digest of the triggers: see fleet.Terms.
func (n *Node) Apply(ctx context.Context, p *Prepared, triggers string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.current.Load()
	if l != nil && p.engine == nil && p.settings.On() {
		l.setTriggers(triggers)
		return
	}
	n.end()
	n.policy = p.policy
	if p.engine == nil {
		n.leaveAll()
		return
	}
	next := &loops{host: n, opt: &n.opt, settings: p.settings, engine: p.engine}
	next.triggers.Store(&triggers)
	if !n.make(ctx, next) {
		n.leaveAll()
		return
	}
	n.current.Store(next)
	n.opt.Counts(n)
	if n.started {
		n.run(ctx, next)
	}
}

// make builds the loops. Without the store's totals there is no fleet.
func (n *Node) make(ctx context.Context, l *loops) bool {
	totals, err := n.store.FleetTotals(ctx, n.opt.Now(), n.opt.Instance)
	if err != nil {
		n.opt.Log.Error("fleet: alerts are sent without it, because the store fails", "error", err)
		l.engine.Close()
		return false
	}
	l.fleet = fleet.New(fleet.Options{
		Engine: l.engine, Node: l, Settings: l.settings, Run: totals.Run, Name: l.name(), Version: n.opt.Version, Triggers: l.digest(),
		Lost:    func(ctx context.Context, a fleet.Account) { n.opt.Lost(ctx, a.Lost()) },
		Observe: func(took time.Duration) { n.trips.Observe(took.Seconds()) },
		Crossed: n.opt.Crossed, Exceeded: func(key string, c fleet.Compared) { n.opt.Exceeded(key, engine.FleetCompared(c)) }, Reached: n.opt.Reached, Unanswered: func(key string) { n.opt.Crossed(key, 0) },
		Heard:    func(key string, age time.Duration) { n.opt.Heard(key, n.opt.Now().Add(-age)) },
		Followed: n.opt.Followed, WaitOver: n.opt.WaitOver,
		Now: n.opt.Now, Log: n.opt.Log, Panics: n.opt.Panics,
	})
	return true
}

// Start asks again for the candidates of an earlier run, and starts the loops. It is called before the workers of deliveries run.
func (n *Node) Start(ctx context.Context) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.started = true
	if l := n.current.Load(); l != nil {
		n.run(ctx, l)
	}
}

// run starts loops. The caller holds n.mu.
func (n *Node) run(ctx context.Context, l *loops) {
	if err := l.fleet.Resume(ctx); err != nil {
		n.opt.Log.Warn("fleet: alerts of the last run are sent without it", "error", err)
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	l.end, l.ended = end, make(chan struct{})
	go func() {
		defer close(l.ended)
		l.fleet.Run(running)
	}()
}

// Stop ends the loops. Candidates without a decision leave by themselves, or are asked about after the next start.
func (n *Node) Stop() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.started = false
	n.end()
	n.leaveAll()
}

// end ends the loops in force. Their candidates are those of the loops that follow: see Asked. The caller holds n.mu.
func (n *Node) end() {
	l := n.current.Swap(nil)
	if l == nil {
		return
	}
	n.opt.Counts(nil)
	if l.end != nil {
		l.end()
		<-l.ended
	}
	l.engine.Close()
}

// leaveAll counts the candidates that nobody will decide about as alerts: they leave when they are due.
func (n *Node) leaveAll() {
	n.tickets.Lock()
	all := n.tickets.byID
	n.tickets.byID = map[string]uint64{}
	n.tickets.Unlock()
	for _, ticket := range all {
		n.opt.Alone(ticket)
	}
}

// Ask makes an alert of a fleet rule a candidate, if there is a fleet and somebody wants it: item then waits, and the answer is to be given to Offer once it is
// on disk. ok is false for an alert that leaves at once.
func (n *Node) Ask(made *engine.Alert, item *delivery.Item) (c fleet.Candidate, ok bool) {
	l := n.current.Load()
	rule := n.opt.Rules().Find(made.RuleID, made.Source.Workload)
	if l == nil || len(item.Triggers) == 0 || rule == nil {
		n.opt.Alone(made.Candidate)
		return c, false
	}
	key := fleet.KeyOf("cooldown", made.Key)
	host := made.Source.Host
	if host == "" {
		host = n.opt.Host
	}
	item.Alert.Key = alertKey(key)
	item.Alert.Fleet = &trigger.Fleet{Namespace: l.settings.Namespace, Nodes: 1, Engine: trigger.EngineAlone}
	if host != "" {
		item.Alert.Fleet.Hosts = []string{host}
	}
	item.Alert.Fleet.Reached = made.Reached
	counts, hits := countsOf(made)
	a := about{
		Rollup: made.Kind == engine.KindRollup, Rule: made.RuleID, Workload: made.Source.Workload, Cooldown: rule.Settings.Cooldown.Truncate(time.Millisecond),
		CooldownMax: rule.Settings.CooldownMax.Truncate(time.Millisecond), Steps: stepsOf(&rule.Settings), Triggers: l.digest(),
	}
	if made.Sight != nil {
		t := templateOf(made.Sight)
		a.Template = &t
	}
	g := gift{Counts: counts, First: item.Alert.FirstSeen, Last: item.Alert.LastSeen, Sample: sampleOf(&item.Alert), About: a}
	if !l.settings.ShareLines {
		g.Sample = nil
	}
	row := &store.FleetRow{Instance: n.opt.Instance, Key: string(key), Hits: hits}
	var errs [3]error
	var payload []byte
	row.About, errs[0] = json.Marshal(&a)
	row.Gift, errs[1] = json.Marshal(&g)
	payload, errs[2] = json.Marshal(&item.Alert)
	if errs != [3]error{} { // texts and numbers alone cannot fail
		n.opt.Alone(made.Candidate)
		return c, false
	}
	item.NotBefore, item.Fleet = n.opt.Now().Add(l.settings.Wait), row
	c, ok = l.candidate(&store.FleetAlert{FleetRow: *row, ID: item.Alert.ID, Until: item.NotBefore, Payload: payload})
	n.tickets.Lock()
	n.tickets.byID[item.Alert.ID] = made.Candidate
	n.tickets.Unlock()
	return c, ok
}

// Again returns a candidate with the alert as it is by now, to be asked about from now on.
func (n *Node) Again(c *fleet.Candidate, a *trigger.Alert) fleet.Candidate {
	out := *c
	if payload, err := json.Marshal(a); err == nil {
		out.Payload = led(payload)
	}
	if l := n.current.Load(); l != nil {
		out.Until = n.opt.Now().Add(l.settings.Wait)
	}
	return out
}

// Offer asks the fleet about candidates that are on disk. It never blocks.
func (n *Node) Offer(list []fleet.Candidate) {
	if len(list) == 0 {
		return
	}
	l := n.current.Load()
	if l == nil { // a reload ended the fleet meanwhile: they leave when they are due
		for i := range list {
			n.decided(list[i].ID, true)
		}
		return
	}
	l.fleet.Offer(list)
}

// Delivered says that deliveries ended, so that the fleet hears of it at once.
func (n *Node) Delivered() {
	if l := n.current.Load(); l != nil {
		l.fleet.Wake()
	}
}

// decided counts what became of a candidate of this run.
func (n *Node) decided(id string, leaves bool) {
	if ticket, ok := n.take(id); ok {
		n.opt.Decide(ticket, leaves)
	}
}

// has reports whether a candidate is of this run: the engine of rules has its hits.
func (n *Node) has(id string) bool {
	n.tickets.Lock()
	defer n.tickets.Unlock()
	_, ok := n.tickets.byID[id]
	return ok
}

// take returns the ticket of a candidate of this run, once.
func (n *Node) take(id string) (ticket uint64, ok bool) {
	n.tickets.Lock()
	defer n.tickets.Unlock()
	ticket, ok = n.tickets.byID[id]
	delete(n.tickets.byID, id)
	return ticket, ok
}

// closeWindows closes windows here that somebody closed, each once.
func (n *Node) closeWindows(list []fleet.Closed) {
	n.closing.Lock()
	known := map[fleet.Closed]bool{}
	keys := map[fleet.Key]bool{}
	for _, c := range list {
		known[c] = true
		if !n.closed[c] {
			keys[c.Key] = true
		}
	}
	n.closed = known // what is not listed any more is not listed again
	n.closing.Unlock()
	if len(keys) > 0 {
		n.opt.Close(func(key string) bool { return keys[fleet.KeyOf("cooldown", key)] })
	}
}

func (l *loops) digest() string { return *l.triggers.Load() }

func (l *loops) setTriggers(digest string) {
	l.triggers.Store(&digest)
	l.fleet.SetTriggers(digest)
}
