package delivery

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// model runs random operations on a dispatcher and knows what must hold.
type model struct {
	*world
	random *rand.Rand
	next   int // number of the next alert
	copies int // how often the file was left behind

	mu       sync.Mutex
	kind     bool            // receivers take everything from now on
	accepted map[string]bool // "trigger id"
	received map[string]int
	recorded map[string]bool // delivered, by the store's own record
	triggers []string
}

// TestDrillByModel interleaves accepting, all outcomes, time, reloads, the command line's work, orderly restarts and crashes at random. In the end
// every accepted pair of alert and trigger was received, or is a dead letter, dropped or removed, and counted as such; and nothing was sent
// to a trigger after the store had recorded it as delivered.
func TestDrillByModel(t *testing.T) {
	seeds := uint64(4)
	if os.Getenv(soak) != "" {
		seeds = 200
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inWorld(t, func(w *world) {
				m := &model{
					world: w, random: rand.New(rand.NewPCG(seed, 1)), triggers: []string{"a", "b", "c"},
					accepted: map[string]bool{}, received: map[string]int{}, recorded: map[string]bool{},
				}
				w.set.MaxPending = 40 + int(seed%3)*100
				w.opt.Random = m.float
				w.opt.Route = func(*trigger.Alert) []string { return nil }
				m.restart()
				for n := range 150 {
					m.operate()
					if n%5 == 0 {
						m.learn()
					}
				}
				m.settle()
			})
		})
	}
}

func (m *model) float() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.random.Float64()
}

func (m *model) intn(n int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.random.IntN(n)
}

// modelSender answers at random for one trigger.
type modelSender struct {
	m    *model
	name string
}

func (s modelSender) Send(ctx context.Context, _ string, alerts []trigger.Alert) trigger.Result {
	m := s.m
	m.mu.Lock()
	for _, a := range alerts {
		if m.recorded[s.name+" "+a.ID] {
			m.t.Errorf("%s was sent to %s after it was recorded as delivered", a.ID, s.name)
		}
	}
	kind := m.kind
	chance, took := m.random.IntN(100), time.Duration(m.random.IntN(3000))*time.Millisecond
	m.mu.Unlock()
	if !kind && chance < 30 {
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureCancelled}
		}
	}
	result := trigger.Result{Outcome: trigger.Delivered, Reason: "answered 200 OK"}
	switch {
	case kind || chance < 70:
	case chance < 75: // it arrives, the answer is lost
		result.Outcome = trigger.RetryLater
	case chance < 90:
		return trigger.Result{Outcome: trigger.RetryLater, RetryAfter: took, Reason: "answered 503"}
	case chance < 95:
		return trigger.Result{Outcome: trigger.Dead, Reason: "answered 400"}
	case chance < 97:
		panic("a defect")
	default:
		return trigger.Result{Outcome: trigger.Hold, Reason: "answered 403"}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range alerts {
		m.received[s.name+" "+a.ID]++
	}
	return result
}

// some returns triggers, all of them or some, with settings at random.
func (m *model) some(all bool) []Trigger {
	var list []Trigger
	for i, name := range m.triggers {
		if !all && m.intn(4) == 0 {
			continue
		}
		t := newTrigger(name, modelSender{m, name})
		t.Concurrency = 1 + m.intn(3)
		t.Revision = fmt.Sprint(m.intn(2))
		if i == 2 {
			t.GroupBy, t.GroupWait, t.GroupInterval = []string{"rule"}, 5*time.Second, 20*time.Second
		}
		if i == 1 {
			t.Rate = setting.Rate{Count: 5, Per: time.Second}
		}
		list = append(list, t)
	}
	return list
}

func (m *model) restart() { m.start(m.some(true)...) }

func (m *model) operate() {
	switch m.intn(20) {
	default:
		m.acceptSome()
	case 10, 11, 12, 13:
		m.pass(time.Duration(m.intn(20_000)) * time.Millisecond)
	case 14:
		m.pass(time.Duration(m.intn(180)) * time.Minute)
	case 15:
		must(m.t, m.d.SetTriggers(m.some(false)))
	case 16:
		m.stop()
		m.restart()
	case 17, 18:
		m.crash()
	case 19:
		which := store.Select{Trigger: m.triggers[m.intn(3)]}
		if m.intn(3) > 0 {
			_, _, err := m.store.Redeliver(context.Background(), time.Now(), which)
			must(m.t, err)
		} else {
			_, err := m.store.Remove(context.Background(), time.Now(), which)
			must(m.t, err)
		}
	}
	synctest.Wait()
}

// acceptSome accepts a chunk, a part of which may have come before.
func (m *model) acceptSome() {
	first := max(0, m.next-m.intn(5))
	n := 1 + m.intn(12)
	var list []Item
	for i := range n {
		one := alert(first+i, m.triggers[:1+m.intn(3)]...)
		if first+i >= m.next {
			for _, name := range one.Triggers {
				m.accepted[name+" "+one.Alert.ID] = true
			}
		}
		list = append(list, one)
	}
	m.next = max(m.next, first+n)
	m.accept(list...)
}

// crash is crashTo with triggers at random.
func (m *model) crash() { m.crashTo(m.some(true)) }

// crashTo goes on with a copy of the file as it is at this moment, attempts under way included, as after a kill.
func (m *model) crashTo(triggers []Trigger) {
	m.learn()
	m.copies++
	path := fmt.Sprintf("%s.%d", m.set.Path, m.copies)
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(m.set.Path + suffix)
		must(m.t, err)
		must(m.t, os.WriteFile(path+suffix, data, 0o600))
	}
	m.mu.Lock()
	before := m.recorded
	m.recorded = map[string]bool{} // the dispatcher that is left behind still has its own truth
	m.mu.Unlock()
	m.stop()
	m.mu.Lock()
	m.recorded = before
	m.mu.Unlock()
	m.set.Path = path
	m.start(triggers...)
}

// learn checks the account, and reads which deliveries the store has recorded as done.
func (m *model) learn() map[string]string {
	m.t.Helper()
	for _, name := range m.triggers {
		m.counts(name)
	}
	events, err := m.store.Alerts(context.Background(), 0, 1_000_000)
	must(m.t, err)
	states := make(map[string]string)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range events {
		for _, d := range e.Deliveries {
			key := d.Trigger + " " + e.ID
			states[key] = d.State
			if d.State == "delivered" {
				m.recorded[key] = true
			}
		}
	}
	return states
}

func (m *model) unsettled(states map[string]string) bool {
	for _, state := range states {
		if state == "pending" {
			return true
		}
	}
	return false
}

// settle lets everything through and looks at what became of each accepted pair.
func (m *model) settle() {
	m.mu.Lock()
	m.kind = true
	m.mu.Unlock()
	must(m.t, m.d.SetTriggers(m.some(true)))
	states := m.learn()
	for hour := 0; hour < 25 && m.unsettled(states); hour++ {
		m.pass(time.Hour)
		states = m.learn()
	}
	seen := map[string]int{}
	for key := range m.accepted {
		state := states[key]
		seen[state]++
		if state == "delivered" && m.received[key] == 0 {
			m.t.Errorf("%s is recorded as delivered and was never received", key)
		}
		if state == "" || state == "pending" {
			m.t.Errorf("%s is %q in the end", key, state)
		}
	}
	if len(states) != len(m.accepted) {
		m.t.Errorf("%d deliveries in the store, %d accepted", len(states), len(m.accepted))
	}
	twice := 0
	for _, n := range m.received {
		if n > 1 {
			twice++
		}
	}
	m.t.Logf("%d accepted: %v; %d received more than once, %d crashes", len(m.accepted), seen, twice, m.copies)
}
