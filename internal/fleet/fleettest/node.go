// Package fleettest is a node of a fleet in memory, for tests: its store survives a kill, its deliveries go to a function, and it keeps account of every hit.
package fleettest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// Sent is an alert that a node hands to its receiver.
type Sent struct {
	Node, ID string
	How      string // lead, alone, hand_over, rollup, absence
	Hits     int64
	Nodes    int
	At       time.Time
	Asked    time.Time // of a candidate: when it was made
}

// Node implements fleet.Node. It is safe for concurrent use.
type Node struct {
	Name string
	// Send hands an alert to the receiver. False: it failed, and is tried again after a second.
	Send func(Sent) bool
	// Now is the node's clock; nil: time.Now.
	Now func() time.Time
	// Done is called when an alert was delivered.
	Done func()
	// Rollup is the incident of roll-ups; nil: their rule does not ask for an end.
	Rollup *fleet.Incident

	mu        sync.Mutex // guards the fields below
	dead      bool
	fail      func(transaction string) error
	rows      map[string]*row
	outbox    []fleet.Unreported
	seq       int64
	given     int64
	reported  int64
	forgotten int64
	epoch     string
	silences  []fleet.Silence
	closed    []fleet.Closed
	ends      []fleet.Taken
	alerts    int64            // hits of alerts that left as leads or alone
	outcomes  map[string]int64 // candidates by outcome
}

type row struct {
	fleet.Candidate
	made         time.Time
	outcome      fleet.Outcome // 0: asked
	why          string
	counts       fleet.Counts
	first, last  time.Time
	how          string
	nodes        int
	begun, ended bool
	yielded      bool
	settle       fleet.Work
	dueAt        int64
	handOver     time.Duration
	incident     *fleet.Incident
	timer        *time.Timer
}

var _ fleet.Node = (*Node)(nil)

// NewNode returns a node without alerts.
func NewNode(name string, send func(Sent) bool) *Node {
	return &Node{Name: name, Send: send, rows: map[string]*row{}, outcomes: map[string]int64{}}
}

func (n *Node) now() time.Time {
	if n.Now == nil {
		return time.Now()
	}
	return n.Now()
}

// SetFail sets a function that is asked before each transaction; an error aborts it. nil: none.
func (n *Node) SetFail(fail func(transaction string) error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fail = fail
}

// Kill ends all work of the node at once, as kill -9 does. Its store stays.
func (n *Node) Kill() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dead = true
	for _, r := range n.rows {
		if r.timer != nil {
			r.timer.Stop()
		}
	}
}

// Start lets a killed node work again: deliveries that were due are made, as by a store that is opened.
func (n *Node) Start() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dead = false
	for _, r := range n.rows {
		if r.begun = false; r.outcome != 0 && r.outcome != fleet.Holds && !r.ended {
			n.due(r, 0)
		}
	}
}

// Candidate stores an alert that waits for a decision, as the acceptance of a chunk does, and returns it for Offer. Counts are the hits that it stands for.
func (n *Node) Candidate(c fleet.Candidate, counts fleet.Counts, first, last time.Time) []fleet.Candidate {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dead {
		return nil
	}
	if _, known := n.rows[c.ID]; known {
		return nil
	}
	r := &row{
		Candidate: c, counts: counts, first: first, last: last, handOver: c.HandOver, settle: fleet.Work{Key: c.Key}, how: "alone", made: time.Now(), nodes: 1,
	}
	n.rows[c.ID] = r
	n.due(r, c.Until.Sub(n.now()))
	return []fleet.Candidate{c}
}

// due delivers a row after a while. The caller holds n.mu.
func (n *Node) due(r *row, after time.Duration) {
	if r.timer != nil {
		r.timer.Stop()
	}
	r.timer = time.AfterFunc(after, func() { n.deliver(r) })
}

func (n *Node) deliver(r *row) {
	n.mu.Lock()
	if n.dead || r.begun || r.ended || r.outcome == fleet.Holds || r.outcome == fleet.Knows {
		n.mu.Unlock()
		return
	}
	r.begun = true
	s := Sent{Node: n.Name, ID: r.ID, How: r.how, Hits: r.counts.Sum(), Nodes: r.nodes, At: time.Now(), Asked: r.made}
	n.mu.Unlock()
	ok := n.Send(s)
	n.mu.Lock()
	if n.dead { // the receiver may have it, and the store does not know
		n.mu.Unlock()
		return
	}
	if !ok {
		if r.begun = false; !r.yielded {
			n.due(r, time.Second)
		}
		n.mu.Unlock()
		return
	}
	r.ended = true
	n.mu.Unlock()
	if n.Done != nil {
		n.Done()
	}
}

// begin starts a transaction.
func (n *Node) begin(ctx context.Context, transaction string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n.mu.Lock()
	fail := n.fail
	n.mu.Unlock()
	if fail != nil {
		if err := fail(transaction); err != nil {
			return err
		}
	}
	n.mu.Lock()
	if n.dead {
		n.mu.Unlock()
		return fmt.Errorf("%s: the node is dead", transaction)
	}
	return nil
}

// Asked implements fleet.Node.
func (n *Node) Asked(ctx context.Context, due time.Time) (list []fleet.Candidate, err error) {
	if err := n.begin(ctx, "asked"); err != nil {
		return nil, err
	}
	defer n.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(n.rows)) {
		if r := n.rows[id]; r.outcome == 0 && !r.begun {
			r.Until = due
			n.due(r, due.Sub(n.now()))
			list = append(list, r.Candidate)
		}
	}
	return list, nil
}

// Decide implements fleet.Node.
func (n *Node) Decide(ctx context.Context, list []fleet.Decision) (late []string, err error) {
	if err := n.begin(ctx, "decide"); err != nil {
		return nil, err
	}
	defer n.mu.Unlock()
	for _, d := range list {
		r := n.rows[d.ID]
		if r == nil || r.outcome != 0 {
			continue
		}
		outcome, why := d.Outcome, d.Why
		if (outcome == fleet.Holds || outcome == fleet.Knows) && (r.begun || r.ended) {
			outcome, why = fleet.Alone, fleet.WhyWait
			late = append(late, d.ID)
		}
		r.outcome, r.why = outcome, why
		n.outcomes[outcome.String()]++
		switch outcome {
		case fleet.Leads, fleet.Alone:
			r.how = outcome.String()
			n.alerts += r.counts.Sum()
			if !r.begun {
				n.due(r, 0)
			}
		case fleet.Holds:
			r.timer.Stop()
			n.seq++
			n.outbox = append(n.outbox, fleet.Unreported{
				Gift:    fleet.Gift{Key: r.Key, Seq: n.seq, Counts: r.counts, Terms: r.Terms, Title: r.Title, Sample: []byte(n.Name)},
				FirstAt: r.first, LastAt: r.last, HeldAt: n.now(),
			})
			delete(n.rows, d.ID)
		case fleet.Knows:
			r.timer.Stop()
			delete(n.rows, d.ID)
		}
	}
	return late, nil
}

// Outbox implements fleet.Node.
func (n *Node) Outbox(ctx context.Context, limit int) ([]fleet.Unreported, error) {
	if err := n.begin(ctx, "outbox"); err != nil {
		return nil, err
	}
	defer n.mu.Unlock()
	var list []fleet.Unreported
	keys := map[fleet.Key]bool{}
	for _, r := range n.outbox {
		if !keys[r.Key] && len(list) < limit {
			keys[r.Key] = true
			list = append(list, r)
		}
	}
	return list, nil
}

// remove removes outbox rows and returns their hits. The caller holds n.mu.
func (n *Node) remove(seqs []int64) (hits int64) {
	n.outbox = slices.DeleteFunc(n.outbox, func(r fleet.Unreported) bool {
		if !slices.Contains(seqs, r.Seq) {
			return false
		}
		hits += r.Counts.Sum()
		return true
	})
	return hits
}

// Given implements fleet.Node.
func (n *Node) Given(ctx context.Context, seqs []int64) error {
	if err := n.begin(ctx, "given"); err != nil {
		return err
	}
	defer n.mu.Unlock()
	n.given += n.remove(seqs)
	return nil
}

// Forget implements fleet.Node.
func (n *Node) Forget(ctx context.Context, seqs []int64) error {
	if err := n.begin(ctx, "forget"); err != nil {
		return err
	}
	defer n.mu.Unlock()
	n.forgotten += n.remove(seqs)
	return nil
}

// Leaving implements fleet.Node.
func (n *Node) Leaving(ctx context.Context, limit int) (list []fleet.Leaving, err error) {
	if err := n.begin(ctx, "leaving"); err != nil {
		return nil, err
	}
	defer n.mu.Unlock()
	for _, ended := range []bool{true, false} {
		for _, id := range slices.Sorted(maps.Keys(n.rows)) {
			r := n.rows[id]
			if r.outcome != fleet.Leads && r.outcome != fleet.Alone || len(list) >= limit || (r.ended || r.dueAt > 0) != ended {
				continue
			}
			list = append(list, r.leaving())
		}
	}
	return list, nil
}

func (r *row) leaving() fleet.Leaving {
	return fleet.Leaving{
		Work: r.settle, ID: r.ID, Triggers: r.Terms.Triggers, DueAt: r.dueAt, Alone: r.outcome == fleet.Alone, Ended: r.ended, HandOver: r.handOver, Incident: r.incident,
	}
}

// Waiting implements fleet.Node.
func (n *Node) Waiting(ctx context.Context, after string, limit int) (list []fleet.Leaving, err error) {
	if err := n.begin(ctx, "waiting"); err != nil {
		return nil, err
	}
	defer n.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(n.rows)) {
		if r := n.rows[id]; id > after && len(list) < limit && !r.ended && (r.outcome == fleet.Leads || r.outcome == fleet.Alone) {
			list = append(list, r.leaving())
		}
	}
	return list, nil
}

// Settled implements fleet.Node.
func (n *Node) Settled(ctx context.Context, list []fleet.SettledRow) error {
	if err := n.begin(ctx, "settled"); err != nil {
		return err
	}
	defer n.mu.Unlock()
	for _, s := range list {
		r := n.rows[s.ID]
		if r == nil {
			continue
		}
		if r.dueAt > 0 && s.Mine {
			n.reported += r.counts.Sum()
		}
		r.outcome = -1 // neither asked nor to be settled; its delivery goes on
		if r.ended {
			delete(n.rows, s.ID)
		}
	}
	return nil
}

// Yield implements fleet.Node.
func (n *Node) Yield(ctx context.Context, ids []string) error {
	if err := n.begin(ctx, "yield"); err != nil {
		return err
	}
	defer n.mu.Unlock()
	for _, id := range ids {
		if r := n.rows[id]; r != nil {
			r.timer.Stop()
			r.yielded = true // an attempt that runs is the last
			delete(n.rows, id)
		}
	}
	return nil
}

// Accept implements fleet.Node.
func (n *Node) Accept(ctx context.Context, id string, t *fleet.Taken) error {
	if err := n.begin(ctx, "accept"); err != nil {
		return err
	}
	defer n.mu.Unlock()
	if n.rows[id] != nil {
		return nil
	}
	r := &row{
		Candidate: fleet.Candidate{Claim: fleet.Claim{ID: id, Key: t.Key, Terms: fleet.Terms{Triggers: t.Triggers}}}, outcome: fleet.Leads, counts: t.Counts,
		how: t.Kind.String(), nodes: t.Nodes, settle: t.Work, dueAt: t.DueAt,
	}
	if t.Kind == fleet.HandOver {
		r.handOver = 10 * time.Second
		if hits, err := strconv.ParseInt(string(t.Payload), 10, 64); err == nil { // tests let the payload say how many hits the alert stands for
			r.counts = fleet.Counts{"fleet": hits}
		}
	}
	if t.Kind == fleet.Rollup {
		r.incident = n.Rollup
	}
	if t.Kind == fleet.End {
		n.ends = append(n.ends, *t)
	}
	n.rows[id] = r
	n.due(r, 0)
	return nil
}

// Ends returns the ends of incidents that the node took.
func (n *Node) Ends() []fleet.Taken {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.ends)
}

// Totals implements fleet.Node.
func (n *Node) Totals(ctx context.Context) (given, reported int64, err error) {
	if err := n.begin(ctx, "totals"); err != nil {
		return 0, 0, err
	}
	defer n.mu.Unlock()
	return n.given, n.reported, nil
}

// Share implements fleet.Node.
func (n *Node) Share(ctx context.Context, s fleet.Shared, whole bool) error {
	if err := n.begin(ctx, "share"); err != nil {
		return err
	}
	defer n.mu.Unlock()
	n.epoch, n.closed = s.Epoch, s.Closed
	if whole {
		n.silences = nil
	}
	for _, x := range s.Silences {
		n.silences = slices.DeleteFunc(n.silences, func(y fleet.Silence) bool { return x.ID == y.ID })
		n.silences = append(n.silences, x)
	}
	return nil
}

// Silences implements fleet.Node.
func (n *Node) Silences(ctx context.Context) (string, []fleet.Silence, error) {
	if err := n.begin(ctx, "silences"); err != nil {
		return "", nil, err
	}
	defer n.mu.Unlock()
	return n.epoch, slices.Clone(n.silences), nil
}

// Account is where a node's hits are.
type Account struct {
	Alerts    int64 // in alerts that left as leads or alone
	Pending   int64 // in candidates without a decision
	Outbox    int64
	Given     int64
	Reported  int64
	Forgotten int64
	Outcomes  map[string]int64 // candidates
	Unsettled int
}

// Account returns where the node's hits are.
func (n *Node) Account() Account {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := Account{Alerts: n.alerts, Given: n.given, Reported: n.reported, Forgotten: n.forgotten, Outcomes: maps.Clone(n.outcomes)}
	for _, r := range n.rows {
		switch r.outcome {
		case 0:
			a.Pending += r.counts.Sum()
		case fleet.Leads, fleet.Alone:
			a.Unsettled++
		}
	}
	for _, r := range n.outbox {
		a.Outbox += r.Counts.Sum()
	}
	return a
}
