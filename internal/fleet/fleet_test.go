package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/fleettest"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

var key = fleet.KeyOf("cooldown", "db-down")

// world is a fleet in a bubble of synctest: nodes, one engine, one receiver.
type world struct {
	t      *testing.T
	engine *memory.Engine
	mu     sync.Mutex
	sent   []fleettest.Sent
	down   map[string]bool // nodes whose receiver fails
	nodes  map[string]*member
	log    await.Log
	keeper string // the node that beats first
}

type member struct {
	*fleettest.Node
	*fleet.Fleet
	end  context.CancelFunc
	over chan struct{}
}

func newWorld(t *testing.T) *world {
	return &world{t: t, engine: memory.New(time.Now, 100_000), nodes: map[string]*member{}, down: map[string]bool{}, keeper: "a"}
}

func settings() fleet.Settings {
	s := fleet.DefaultSettings()
	s.Namespace, s.Grace, s.HandOver = "test", 2*time.Second, 10*time.Second
	return s
}

// start starts a node, with the store it had.
func (w *world) start(name string, change func(*fleet.Options)) *member {
	m := w.nodes[name]
	if m == nil {
		m = &member{Node: fleettest.NewNode(name, func(s fleettest.Sent) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.down[s.Node] {
				return false
			}
			w.sent = append(w.sent, s)
			return true
		})}
		w.nodes[name] = m
	} else {
		m.Node.Start()
	}
	o := fleet.Options{
		Engine: w.engine, Node: m.Node, Settings: settings(), Run: "run-" + name, Name: name, Version: "v1", Triggers: "t1",
		Random: func() float64 {
			if name == w.keeper {
				return 0.1
			}
			return 0.9
		},
		Log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	if change != nil {
		change(&o)
	}
	m.Fleet = fleet.New(o)
	m.Node.Done = m.Fleet.Wake
	if err := m.Fleet.Resume(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.end, m.over = cancel, make(chan struct{})
	go func() { defer close(m.over); m.Fleet.Run(ctx) }()
	return m
}

// kill ends a node as kill -9 does.
func (m *member) kill() {
	m.Node.Kill()
	m.end()
	<-m.over
}

func (w *world) stop() {
	for _, m := range w.nodes {
		m.end()
		<-m.over
	}
}

// hit makes a candidate of a node.
func (m *member) hit(id string, hits int64, change func(*fleet.Candidate)) (made int64) {
	now := time.Now()
	c := fleet.Candidate{
		Claim: fleet.Claim{Key: key, ID: id, Terms: fleet.Terms{Cooldown: 20 * time.Second}, HandOver: 10 * time.Second, Payload: []byte(id)},
		Until: now.Add(5 * time.Second),
	}
	if change != nil {
		change(&c)
	}
	list := m.Candidate(c, fleet.Counts{"cooldown": hits}, now, now)
	m.Offer(list)
	return int64(len(list)) * hits // a node that is dead makes none
}

func (w *world) list() (out []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sent {
		id := s.ID
		if s.How == "rollup" || s.How == "absence" {
			id = "*"
		}
		out = append(out, fmt.Sprintf("%s %s %s %d/%d", s.Node, s.How, id, s.Hits, s.Nodes))
	}
	return out
}

// check compares the alerts that were sent, and that each hit is in one place.
func (w *world) check(hits, lost int64, want ...string) {
	w.t.Helper()
	if got := w.list(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.t.Errorf("sent\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var sum fleettest.Account
	for _, m := range w.nodes {
		a := m.Account()
		sum.Alerts, sum.Pending, sum.Outbox = sum.Alerts+a.Alerts, sum.Pending+a.Pending, sum.Outbox+a.Outbox
		sum.Given, sum.Reported = sum.Given+a.Given, sum.Reported+a.Reported
	}
	e, err := w.engine.Account(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	if got := sum.Alerts + sum.Pending + sum.Outbox + sum.Reported + e.Unreported; hits != got+lost || sum.Given-sum.Reported-e.Unreported != lost {
		w.t.Errorf("%d hits, %d found, %d given, %d reported, %d unreported, want %d lost", hits, got, sum.Given, sum.Reported, e.Unreported, lost)
	}
}

func TestOneAlertAndItsRollup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		for _, name := range []string{"a", "b", "c"} {
			w.start(name, nil)
		}
		w.nodes["a"].hit("al_1", 1, nil)
		synctest.Wait()
		w.nodes["b"].hit("al_2", 7, nil)
		w.nodes["c"].hit("al_3", 5, nil)
		time.Sleep(21 * time.Second)
		summed := 0
		for name, m := range w.nodes {
			s := m.Stats()
			if s.Keeper && s.Unreported == 12 && s.Windows == 1 {
				summed++
			} else if s.Unreported != 0 || s.Windows != 0 {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if summed != 1 {
			t.Errorf("%d nodes have the sums of the fleet, want the keeper", summed)
		}
		w.nodes["a"].hit("al_4", 30, func(c *fleet.Candidate) { c.Rollup = true })
		for range 50 { // the roll-up is settled meanwhile, between two heartbeats
			time.Sleep(100 * time.Millisecond)
			if e, err := w.engine.Account(t.Context()); err != nil || e.Lost() != 0 {
				t.Fatalf("%d hits seem to be lost, %v: %+v", e.Lost(), err, e)
			}
		}
		w.check(43, 0, "a lead al_1 1/1", "a rollup * 42/3")
		time.Sleep(time.Minute)
		w.check(43, 0, "a lead al_1 1/1", "a rollup * 42/3")
		for name, m := range w.nodes {
			if a := m.Account(); a.Unsettled > 0 {
				t.Errorf("%s has %d alerts that are not settled", name, a.Unsettled)
			}
		}
	})
}

func TestWithoutAnAnswerEachNodeAlerts(t *testing.T) {
	for why, fails := range map[string]error{
		"timeout": context.DeadlineExceeded, "circuit": fleet.ErrCircuit, "refused": fleet.ErrRefused, "full": fleet.ErrFull,
	} {
		t.Run(why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.stop()
				a, b := w.start("a", nil), w.start("b", nil)
				w.engine.Fail(fails)
				begun := time.Now()
				a.hit("al_1", 1, nil)
				b.hit("al_2", 1, nil)
				time.Sleep(5 * time.Second)
				synctest.Wait()
				w.mu.Lock()
				if len(w.sent) != 2 || w.sent[0].How != "alone" || w.sent[1].How != "alone" {
					t.Fatalf("sent: %v", w.sent)
				}
				took, want := w.sent[1].At.Sub(begun), 0*time.Second
				if why == "timeout" {
					why, want = fleet.WhyWait, 4750*time.Millisecond
				}
				if took < want || took > want+300*time.Millisecond {
					t.Errorf("it left after %v, want %v", took, want)
				}
				w.sent = nil
				w.mu.Unlock()
				words, lines := "does not answer", 2
				if why == "full" { // it answers
					words, lines = "max_keys windows are open", 0
				}
				if n := a.Stats().Alone[why]; n != 1 || a.Up() != (why == "full") {
					t.Errorf("stats: %+v", a.Stats())
				}
				time.Sleep(time.Minute)
				w.engine.Fail(nil)
				time.Sleep(time.Minute)
				if n := strings.Count(w.log.String(), words); n != 2 {
					t.Errorf("%d lines say %q, want one of each node:\n%s", n, words, w.log.String())
				}
				if n := strings.Count(w.log.String(), "answers again"); n != lines || !a.Up() {
					t.Errorf("%d lines say that the engine answers again, want %d:\n%s", n, lines, w.log.String())
				}
				a.hit("al_3", 1, nil)
				synctest.Wait()
				b.hit("al_4", 1, nil)
				time.Sleep(30 * time.Second)
				w.check(4, 0, "a lead al_3 1/1", "a rollup * 1/1")
			})
		})
	}
}

func TestAnAlertOfANodeThatDiedIsTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.keeper = "b"
		defer w.stop()
		a, b := w.start("a", nil), w.start("b", nil)
		w.down["a"] = true
		a.hit("al_1", 1, nil)
		time.Sleep(time.Second)
		b.hit("al_2", 3, nil)
		time.Sleep(30 * time.Second) // renewed all the time
		w.check(4, 0, "b rollup * 3/1")
		a.kill()
		time.Sleep(15 * time.Second)
		w.check(4, 0, "b rollup * 3/1", "b hand_over al_1 0/0")
		w.start("a", nil)
		w.mu.Lock()
		w.down["a"] = false
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if n := len(w.list()); n != 3 { // the node that came back sends it under the same id
			t.Errorf("sent: %v", w.list())
		}
	})
}

// TestManyAlertsOfAReceiverThatIsDownStayWithTheirNode: no other node takes over the alerts of one that lives, however many wait for their receiver.
func TestManyAlertsOfAReceiverThatIsDownStayWithTheirNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.keeper = "b"
		defer w.stop()
		a := w.start("a", nil)
		w.start("b", nil)
		w.down["a"] = true
		for i := range 700 {
			a.hit(fmt.Sprintf("al_%d", i), 1, func(c *fleet.Candidate) { c.Key = fleet.KeyOf("cooldown", c.ID) })
		}
		time.Sleep(2 * time.Minute)
		if got := w.list(); len(got) > 0 {
			t.Errorf("%d alerts were taken over, as %s", len(got), got[0])
		}
		w.mu.Lock()
		w.down["a"] = false
		w.mu.Unlock()
		time.Sleep(10 * time.Second)
		if n := len(w.list()); n != 700 || a.Account().Unsettled != 0 {
			t.Errorf("%d sent, %d unsettled", n, a.Account().Unsettled)
		}
	})
}

func TestAnAlertThatAnotherNodeHasIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		a := w.start("a", nil)
		w.down["a"] = true
		a.hit("al_1", 1, nil)
		time.Sleep(time.Second)
		taken := w.engine.Take(t.Context(), []fleet.Take{{Work: fleet.Work{Key: key}, Run: "run-b", Node: "b", Triggers: "t1", Lease: time.Minute}})
		if taken[0].Kind != fleet.Nothing {
			t.Fatalf("taken before its time: %+v", taken)
		}
		w.engine.Fail(fleet.ErrUnreachable) // so that it cannot renew
		time.Sleep(12 * time.Second)
		w.engine.Fail(nil)
		taken = w.engine.Take(t.Context(), []fleet.Take{{Work: fleet.Work{Key: key}, Run: "run-b", Node: "b", Triggers: "t1", Lease: time.Minute}})
		if taken[0].Kind != fleet.HandOver || taken[0].ID != "al_1" {
			t.Fatalf("taken: %+v", taken)
		}
		w.engine.Settle(t.Context(), []fleet.Settlement{{Work: fleet.Work{Key: key}, Run: "run-b", Triggers: "t1", ID: "al_1"}})
		time.Sleep(12 * time.Second)
		w.mu.Lock()
		w.down["a"] = false
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if len(w.list()) > 0 {
			t.Errorf("sent: %v", w.list())
		}
	})
}

// TestANodeIsKilledBetweenAnyTwoSteps kills a node at each of its transactions, before and after it, and starts it again with the store it had.
func TestANodeIsKilledBetweenAnyTwoSteps(t *testing.T) {
	for _, step := range []string{"decide", "outbox", "given", "leaving", "settled", "accept", "totals"} {
		for nth := 1; nth <= 3; nth++ {
			t.Run(fmt.Sprint(step, nth), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					defer w.stop()
					a := w.start("a", nil)
					w.start("b", nil)
					var count atomic.Int64
					dead := make(chan struct{})
					a.SetFail(func(transaction string) error {
						if transaction == step {
							if count.Add(1) == int64(nth) {
								a.Node.Kill()
								close(dead)
							}
						}
						return nil
					})
					made := a.hit("al_1", 1, nil)
					synctest.Wait()
					made += w.nodes["b"].hit("al_2", 7, nil)
					time.Sleep(time.Second)
					made += a.hit("al_3", 4, func(c *fleet.Candidate) { c.Rollup = true })
					time.Sleep(40 * time.Second)
					select {
					case <-dead:
						a.end()
						<-a.over
						a.SetFail(nil)
						w.start("a", nil)
					default:
					}
					time.Sleep(2 * time.Minute)
					synctest.Wait()
					var sum int64
					ids := map[string]int64{}
					for _, s := range w.sent { // one that was taken over is sent twice, under one id
						sum += max(0, s.Hits-ids[s.ID])
						ids[s.ID] = max(s.Hits, ids[s.ID])
					}
					if a.Account().Pending > 0 {
						t.Errorf("pending: %+v", a.Account())
					}
					if sum != made {
						t.Errorf("%d of %d hits were reported: %v", sum, made, w.list())
					}
					e, _ := w.engine.Account(t.Context())
					given, reported := a.Account().Given+w.nodes["b"].Account().Given, a.Account().Reported+w.nodes["b"].Account().Reported
					if e.Unreported != 0 || given != reported {
						t.Errorf("given %d, reported %d, unreported %d", given, reported, e.Unreported)
					}
				})
			})
		}
	}
}

func TestAStoreThatFailsLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		a, b := w.start("a", nil), w.start("b", nil)
		var n atomic.Int64
		fail := func(string) error { // two of three transactions
			if n.Add(1)%3 != 0 {
				return errors.New("the disk is full")
			}
			return nil
		}
		a.SetFail(fail)
		a.hit("al_1", 1, nil)
		time.Sleep(2 * time.Second)
		b.hit("al_2", 7, nil)
		a.hit("al_3", 4, nil)
		time.Sleep(3 * time.Minute)
		a.SetFail(nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		var sum int64
		for _, s := range w.sent {
			sum += s.Hits
		}
		if sum != 12 {
			t.Errorf("%d of 12 hits were reported: %v", sum, w.list())
		}
	})
}

// TestADecisionIsRecordedOnceTheStoreWorks: the candidates left when they were due, those without room included.
func TestADecisionIsRecordedOnceTheStoreWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		a := w.start("a", nil)
		a.SetFail(func(transaction string) error {
			if transaction == "decide" {
				return errors.New("the disk is full")
			}
			return nil
		})
		for i := range 300 { // 256 of them have room
			a.hit(fmt.Sprint("al_", i), 1, func(c *fleet.Candidate) {
				c.Key, c.Payload = fleet.KeyOf("k", fmt.Sprint(i)), make([]byte, fleet.MaxPayload)
			})
		}
		time.Sleep(time.Minute)
		if n := len(w.list()); n != 300 {
			t.Errorf("%d of 300 left by themselves", n)
		}
		a.SetFail(nil)
		time.Sleep(time.Minute)
		if got := a.Account(); got.Outcomes["alone"] != 300 || a.Stats().Waiting != 0 {
			t.Errorf("%d wait, account: %+v", a.Stats().Waiting, got)
		}
	})
}

// panics is an engine whose first claim panics.
type panics struct {
	fleet.Engine
	once sync.Once
}

func (p *panics) Claim(ctx context.Context, list []fleet.Claim) []fleet.Claimed {
	p.once.Do(func() { panic("a bug") })
	return p.Engine.Claim(ctx, list)
}

func TestACandidateIsAskedAboutAgainAfterAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		a := w.start("a", func(o *fleet.Options) { o.Engine = &panics{Engine: o.Engine} })
		a.hit("al_1", 1, nil)
		time.Sleep(time.Minute)
		w.check(1, 0, "a lead al_1 1/1")
		if n := a.Stats().Waiting; n != 0 {
			t.Errorf("%d candidates wait", n)
		}
	})
}

func TestAnEngineThatLosesItsDataCostsWhatWasGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		var lost []fleet.Account
		w.start("a", func(o *fleet.Options) { o.Lost = func(_ context.Context, a fleet.Account) { lost = append(lost, a) } })
		b := w.start("b", nil)
		time.Sleep(10 * time.Second)
		if err := w.engine.PutSilence(t.Context(), fleet.Silence{ID: "si_1", Left: time.Hour, Body: []byte("{}")}, false); err != nil {
			t.Fatal(err)
		}
		w.nodes["a"].hit("al_1", 1, nil)
		synctest.Wait()
		b.hit("al_2", 7, nil)
		time.Sleep(10 * time.Second)
		w.engine.Lose()
		b.hit("al_3", 5, nil)
		time.Sleep(40 * time.Second)
		synctest.Wait()
		w.check(13, 7, "a lead al_1 1/1", "b lead al_3 5/1")
		if len(lost) != 1 || lost[0].Lost() != 7 {
			t.Errorf("the loss was reported %d times: %+v", len(lost), lost)
		}
		e, _ := w.engine.Account(t.Context())
		if e.Lost() != 7 {
			t.Errorf("the account says that %d hits are lost: %+v", e.Lost(), e)
		}
		s, _ := w.engine.Shared(t.Context())
		if len(s.Silences) != 1 || s.Silences[0].ID != "si_1" {
			t.Errorf("silences after the loss: %+v", s)
		}
	})
}

func TestOldGiftsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		a, b := w.start("a", nil), w.start("b", nil)
		a.hit("al_1", 1, nil)
		synctest.Wait()
		b.hit("al_2", 7, nil)
		time.Sleep(100 * time.Millisecond)
		w.engine.Fail(fleet.ErrCircuit)
		time.Sleep(13 * time.Hour)
		w.engine.Fail(nil)
		time.Sleep(time.Minute)
		if got := b.Account(); got.Forgotten != 7 || got.Outbox != 0 || b.Stats().Forgotten != 7 {
			t.Errorf("account: %+v", got)
		}
	})
}

// TestATemplateThatANodeSawIsKnown to all others, also if the engine failed meanwhile, and as long as nodes see it. An alert of that node is still the first.
func TestATemplateThatANodeSawIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		a, b := w.start("a", nil), w.start("b", nil)
		sight := func(c *fleet.Candidate) { c.Sight = &fleet.Template{Key: fleet.KeyOf("seen", "x"), For: time.Hour} }
		w.engine.Fail(fleet.ErrUnreachable)
		a.Saw(fleet.Template{Key: fleet.KeyOf("seen", "x"), For: time.Hour})
		time.Sleep(2 * time.Second)
		w.engine.Fail(nil)
		time.Sleep(2 * time.Second)
		b.hit("al_1", 1, sight)
		time.Sleep(50 * time.Minute)
		a.Saw(fleet.Template{Key: fleet.KeyOf("seen", "x"), For: time.Hour})
		time.Sleep(50 * time.Minute)
		b.hit("al_2", 1, sight)
		time.Sleep(time.Second)
		a.hit("al_3", 1, sight)
		time.Sleep(time.Minute)
		w.check(1, 0, "a lead al_3 1/1") // the engines of rules count the known ones
		if got := b.Account().Outcomes["known"]; got != 2 {
			t.Errorf("%d known", got)
		}
	})
}

func TestKnownTemplatesAreWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		a, b := w.start("a", nil), w.start("b", nil)
		sight := func(c *fleet.Candidate) { c.Sight = &fleet.Template{Key: fleet.KeyOf("seen", "x"), For: time.Hour} }
		a.hit("al_1", 1, sight)
		synctest.Wait()
		b.hit("al_2", 1, sight)
		time.Sleep(time.Minute)
		w.check(1, 0, "a lead al_1 1/1") // the engine of rules counts the known one
		if got := b.Account(); got.Outcomes["known"] != 1 || b.Stats().Claims["known"] != 1 {
			t.Errorf("account: %+v", got)
		}
	})
}

// count reports hits of now towards a threshold of five within a minute.
func (m *member) count(n int, change func(*fleet.Hit)) {
	for range n {
		h := fleet.Hit{
			Key: fleet.KeyOf("cooldown", "x"), Name: "x", At: time.Now(), Threshold: fleet.Threshold{Count: 5, Within: time.Minute, Cooldown: time.Minute},
		}
		if change != nil {
			change(&h)
		}
		if !m.Count(h) {
			panic("no room")
		}
	}
}

// said notes the reports about thresholds that a node gets.
type said struct {
	mu  sync.Mutex
	all []string
}

func (s *said) note(node string) func(o *fleet.Options) {
	add := func(text string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.all) == 0 || s.all[len(s.all)-1] != text {
			s.all = append(s.all, text)
		}
	}
	return func(o *fleet.Options) {
		o.Crossed = func(name string, sum int64) { add(fmt.Sprint(node, " crossed ", name, " ", sum)) }
		o.Reached = func(name string) { add(fmt.Sprint(node, " reached ", name)) }
		o.Unanswered = func(name string) { add(fmt.Sprint(node, " alone ", name)) }
	}
}

func (s *said) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.all = nil }()
	return strings.Join(s.all, ", ")
}

func TestThresholdsAreOfTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		var reports said
		a, b := w.start("a", reports.note("a")), w.start("b", reports.note("b"))
		expect := func(after time.Duration, want string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			if got := reports.take(); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		a.count(3, nil)
		expect(time.Second, "")
		w.engine.Fail(context.DeadlineExceeded)
		b.count(1, nil)
		expect(time.Second, "")
		b.count(1, nil) // in a report of its own, after the one that is repeated
		expect(time.Second, "")
		w.engine.Fail(nil)
		expect(time.Second, "b crossed x 5")

		// Nobody opened the window: the node that crossed died, or is silenced.
		expect(10*time.Second, "")
		a.count(1, nil)
		expect(time.Second, "")
		expect(5*time.Second, "")
		a.count(1, nil)
		expect(time.Second, "a crossed x 7")
		w.engine.Claim(t.Context(), []fleet.Claim{{Key: fleet.KeyOf("cooldown", "x"), Run: "run-a", ID: "al_1", Terms: fleet.Terms{Cooldown: time.Minute, Triggers: "t1"}}})
		b.count(7, nil)
		expect(time.Second, "b reached x")
		expect(time.Minute, "")
		b.count(4, nil) // those of the minute before are too old
		expect(time.Second, "")

		w.engine.Fail(fleet.ErrUnreachable)
		b.count(1, nil)
		expect(4*time.Second, "")
		expect(2*time.Second, "b alone x")
		w.engine.Fail(fleet.ErrCircuit)
		reports.take()
		b.count(1, func(h *fleet.Hit) { h.Key, h.Name = fleet.KeyOf("cooldown", "y"), "y" })
		time.Sleep(300 * time.Millisecond)
		synctest.Wait()
		if got := reports.take(); !strings.Contains(got, "b alone y") {
			t.Errorf("with an open circuit: %q", got)
		}
	})
}

// TestReportsThatWaitAreBounded, and those that there was no room for are counted.
func TestReportsThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		a := w.start("a", nil)
		w.engine.Fail(fleet.ErrUnreachable)
		for v := range uint64(300) {
			a.count(1, func(h *fleet.Hit) { h.Values, h.Value = true, 1+v })
		}
		if got := a.Stats().Dropped; got != 300-fleet.MaxAged {
			t.Errorf("%d values dropped", got)
		}
		for n := range 10_010 {
			a.Saw(fleet.Template{Key: fleet.KeyOf("seen", fmt.Sprint(n)), For: time.Hour})
			a.Heard(fleet.Line{Hearing: fleet.Hearing{Key: fleet.KeyOf("absence", fmt.Sprint(n)), Within: time.Hour, Watch: true}})
			if n > 0 && n < 10_000 {
				a.count(1, func(h *fleet.Hit) { h.Key = fleet.KeyOf("cooldown", fmt.Sprint(n)) })
			}
		}
		if full := a.Count(fleet.Hit{Key: fleet.KeyOf("cooldown", "more")}); full {
			t.Error("there is room for more")
		}
		if got := a.Stats().Dropped; got != 300-fleet.MaxAged+10+10+1 {
			t.Errorf("%d dropped", got)
		}
	})
}

// TestDifferentValuesAreOfTheFleet: a value counts once, on whichever node it comes, until it is too old.
func TestDifferentValuesAreOfTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		var reports said
		a, b := w.start("a", reports.note("a")), w.start("b", reports.note("b"))
		value := func(v uint64) func(*fleet.Hit) {
			return func(h *fleet.Hit) { h.Values, h.Value = true, v }
		}
		for v := range uint64(4) {
			a.count(20, value(1+v))
			b.count(20, value(1+v))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if got := reports.take(); got != "" {
			t.Errorf("four values: %s", got)
		}
		time.Sleep(56 * time.Second) // the first is too old
		a.count(1, value(5))
		time.Sleep(time.Second)
		a.count(1, value(1))
		time.Sleep(time.Second)
		b.count(1, value(6))
		b.count(1, value(7))
		time.Sleep(time.Second)
		synctest.Wait()
		if got := reports.take(); got != "b crossed x 5" {
			t.Errorf("crossed: %s", got)
		}
	})
}

// TestAbsencesAreOfTheFleet: a line that moves from node to node is not absent. Its absence is reported once, and so is its end, also when the node that took one
// of them dies.
func TestAbsencesAreOfTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		var mu sync.Mutex
		ages := map[string]time.Duration{}
		note := func(node string) func(o *fleet.Options) {
			return func(o *fleet.Options) {
				o.Heard = func(name string, age time.Duration) {
					mu.Lock()
					defer mu.Unlock()
					ages[node+" "+name] = age.Truncate(time.Minute)
				}
			}
		}
		a, b := w.start("a", note("a")), w.start("b", note("b"))
		line := func(watch bool) fleet.Line {
			return fleet.Line{Name: "backup", At: time.Now(), Hearing: fleet.Hearing{Key: fleet.KeyOf("absence", "backup"), Within: time.Hour, Watch: watch}}
		}
		sent := func(after time.Duration, want ...string) {
			t.Helper()
			time.Sleep(after)
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			var got []string
			ids := map[string]bool{}
			for _, s := range w.sent {
				got = append(got, s.Node+" "+s.How)
				ids[s.ID] = true
			}
			if strings.Join(got, ", ") != strings.Join(want, ", ") || len(ids) != len(want) {
				t.Errorf("sent %v with %d ids, want %v", got, len(ids), want)
			}
		}
		a.Heard(line(true))
		b.Heard(line(true))
		for i := range 10 {
			[]*member{a, b}[i%2].Heard(line(false))
			sent(50 * time.Minute)
		}
		mu.Lock()
		if ages["a backup"] != 49*time.Minute && ages["a backup"] != 50*time.Minute {
			t.Errorf("the node that did not hear it last knows %v", ages)
		}
		mu.Unlock()
		sent(12*time.Minute, "a absence")
		sent(5*time.Hour, "a absence")
		a.Heard(line(false))
		b.Heard(line(false))
		sent(time.Minute, "a absence", "a recovery")

		// The keeper dies with the next absence in hand, then the one that took it from there with the end of it.
		a.SetFail(func(transaction string) error {
			if transaction == "accept" {
				return errors.New("no room")
			}
			return nil
		})
		sent(61*time.Minute, "a absence", "a recovery")
		a.kill()
		sent(2*time.Minute, "a absence", "a recovery", "b absence")
		b.SetFail(func(transaction string) error {
			if transaction == "accept" {
				return fleet.ErrLater
			}
			return nil
		})
		b.Heard(line(false))
		sent(time.Minute, "a absence", "a recovery", "b absence")
		b.SetFail(nil)
		sent(time.Minute, "a absence", "a recovery", "b absence", "b recovery")
		if strings.Contains(w.log.String(), "done later") {
			t.Errorf("work for later is logged:\n%s", w.log.String())
		}
	})
}

// TestKeepersOfTwoVersions has nodes with other triggers: each keeper works for its own, and for sets that no node has any more.
func TestKeepersOfTwoVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.keeper = "c"
		defer w.stop()
		a, b := w.start("a", nil), w.start("b", nil)
		other := w.start("c", func(o *fleet.Options) { o.Triggers = "t2" })
		time.Sleep(10 * time.Second)
		if !a.Stats().Keeper && !b.Stats().Keeper || !other.Stats().Keeper {
			t.Errorf("keepers: %v, %v, %v", a.Stats().Keeper, b.Stats().Keeper, other.Stats().Keeper)
		}
		a.hit("al_1", 1, nil)
		synctest.Wait()
		b.hit("al_2", 7, nil)
		time.Sleep(10 * time.Second)
		a.kill()
		b.kill()
		time.Sleep(40 * time.Second)
		w.check(8, 0, "a lead al_1 1/1") // the others may be restarted
		time.Sleep(time.Minute)
		w.check(8, 0, "a lead al_1 1/1", "c rollup * 7/1")
	})
}

// TestCandidatesThatWaitAreBounded offers more than there is room for while the engine hangs: all of them leave, and the rest is not held.
func TestCandidatesThatWaitAreBounded(t *testing.T) {
	for name, payload := range map[string]int{"by number": 1, "by size": fleet.MaxPayload} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.stop()
				a := w.start("a", nil)
				w.engine.Fail(context.DeadlineExceeded)
				most := min(4096, 4<<20/payload)
				for i := range most + 10 {
					a.hit(fmt.Sprint("al_", i), 1, func(c *fleet.Candidate) { c.Payload = make([]byte, payload) })
					if i == most/2 {
						time.Sleep(time.Second) // the gate holds them
					}
				}
				time.Sleep(100 * time.Millisecond)
				if s := a.Stats(); s.Waiting != most || s.Alone[fleet.WhyQueue] != 10 {
					t.Errorf("%d wait and %d had no room, want %d and 10", s.Waiting, s.Alone[fleet.WhyQueue], most)
				}
				time.Sleep(time.Minute)
				if s := a.Stats(); s.Waiting != 0 || len(w.list()) != most+10 {
					t.Errorf("%d still wait, %d were sent", s.Waiting, len(w.list()))
				}
			})
		})
	}
}
