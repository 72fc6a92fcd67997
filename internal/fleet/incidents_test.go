package fleet_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

const resolve = 30 * time.Second

// incidentOf returns the incident of an alert of a node.
func incidentOf(made int64) *fleet.Incident {
	return &fleet.Incident{
		Resolve: resolve, Alerts: 1, Hits: 1, Made: made, Severities: []string{"critical"}, Triggers: []string{"ops"}, About: []byte("db"),
		Index: fleet.KeyOf("open", "db"), Parts: []string{"api", "shop"},
	}
}

// trouble is a hit whose rule asks for an end: an alert that waits for its answer.
func (m *member) trouble(id string, made int64) int64 {
	return m.hit(id, 1, func(c *fleet.Candidate) { c.Incident = incidentOf(made) })
}

// again is a hit that the node's own cooldown suppresses.
func (m *member) again() { m.note(fleet.Incident{Resolve: resolve}) }

func (m *member) note(i fleet.Incident) {
	now := time.Now()
	m.Fleet.Note(fleet.Known{
		Note: fleet.Note{Key: key, Terms: fleet.Terms{Cooldown: 20 * time.Second}, Incident: i}, Name: "db", At: now, HitAt: now, FirstAt: now,
	})
}

// rest gives what an incident leaves unreported on a node that fell quiet.
func (m *member) rest(id string, hits int64) int64 {
	return m.hit(id, hits, func(c *fleet.Candidate) { c.Rollup, c.Rest = true, true })
}

// ends returns the ends that nodes took, each id once.
func (w *world) ends() (list []fleet.Taken) {
	for _, m := range w.nodes {
		list = append(list, m.Ends()...)
	}
	return list
}

func (w *world) startAll(names ...string) {
	for _, name := range names {
		w.start(name, nil)
	}
}

// TestAnIncidentOfTheFleetEndsOnce: not while any node has hits, and then with what all nodes had left.
func TestAnIncidentOfTheFleetEndsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.startAll("a", "b", "c")
		time.Sleep(10 * time.Second)
		hits := w.nodes["a"].trouble("al_1", 1)
		synctest.Wait()
		hits += w.nodes["b"].trouble("al_2", 1)
		for range 60 { // a and b are quiet for longer than resolve; c is not
			time.Sleep(time.Second)
			w.nodes["c"].again()
		}
		if list := w.ends(); len(list) != 0 {
			t.Fatalf("an end while hits go on: %+v", list)
		}
		before := len(w.list()) // an alert, and a roll-up of b's hit
		time.Sleep(resolve)
		hits += w.nodes["c"].rest("al_3", 7) // its 60 hits were partly reported before
		time.Sleep(time.Minute)
		list := w.ends()
		if len(list) != 1 || list[0].Counts.Sum() != 7 || list[0].Incident.Alerts != 1 || list[0].Incident.Hits != 1 || list[0].Incident.Line != -1 ||
			fmt.Sprint(list[0].Incident.Severities, list[0].Incident.Triggers, string(list[0].Incident.About)) != "[critical] [ops]db" {
			t.Fatalf("%d ends: %+v with %+v", len(list), list, *list[0].Incident)
		}
		sent := w.list()
		if last := sent[len(sent)-1]; len(sent) != before+1 || !strings.Contains(last, " end ") {
			t.Errorf("sent %q", sent)
		}
		w.check(hits, 0, sent...)
		// The window is closed: the next hit alerts, and is another incident.
		w.nodes["b"].trouble("al_4", 2)
		time.Sleep(2 * time.Minute)
		if n := len(w.ends()); n != 2 {
			t.Errorf("%d ends after the next incident, want 2", n)
		}
	})
}

// TestARollupOfTheFleetIsAnAlertOfTheIncident.
func TestARollupOfTheFleetIsAnAlertOfTheIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		w.startAll("a", "b")
		for _, m := range w.nodes {
			m.Rollup = &fleet.Incident{Resolve: resolve, Severities: []string{"warning"}, Triggers: []string{"all"}}
		}
		time.Sleep(10 * time.Second)
		hits := w.nodes["a"].trouble("al_1", 1)
		synctest.Wait()
		hits += w.nodes["b"].hit("al_2", 5, func(c *fleet.Candidate) { c.Incident = incidentOf(1) })
		time.Sleep(2 * time.Minute)
		list := w.ends()
		if len(list) != 1 || list[0].Incident.Alerts != 2 || list[0].Incident.Hits != 6 || strings.Join(list[0].Incident.Triggers, " ") != "ops all" {
			t.Fatalf("%+v", list)
		}
		w.check(hits, 0, w.list()...)
	})
}

// TestALineEndsTheIncident of the key that it names, or of those with its parts, unless a hit happened later on any node.
func TestALineEndsTheIncident(t *testing.T) {
	for name, line := range map[string]fleet.EndingLine{
		"by key": {Key: key}, "by index": {Index: fleet.KeyOf("open", "db"), Parts: []string{"", "shop"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.stop()
			w.startAll("a", "b", "c")
			time.Sleep(10 * time.Second)
			w.nodes["a"].trouble("al_1", 1)
			time.Sleep(5 * time.Second)
			early := line
			early.At = time.Now().Add(-time.Second)
			w.nodes["c"].again()
			time.Sleep(time.Second)
			w.nodes["b"].Fleet.End(early)
			other := line
			other.Key, other.Index, other.Parts, other.At = "", fleet.KeyOf("open", "db"), []string{"web", ""}, time.Now()
			w.nodes["b"].Fleet.End(other)
			time.Sleep(5 * time.Second)
			if list := w.ends(); len(list) != 0 {
				t.Fatalf("%s: a line from before the latest hit, or of another key: %+v", name, list)
			}
			w.engine.Fail(fleet.ErrUnreachable)
			now := line
			now.At = time.Now()
			w.nodes["b"].Fleet.End(now)
			time.Sleep(3 * time.Second)
			w.engine.Fail(nil)
			time.Sleep(8 * time.Second)
			list := w.ends()
			if len(list) != 1 || list[0].Incident.Line < 3*time.Second || list[0].Incident.Line > 9*time.Second {
				t.Fatalf("%s: %d ends: %+v", name, len(list), list)
			}
			shared, err := w.engine.Shared(t.Context())
			if err != nil || !slices.ContainsFunc(shared.Closed, func(c fleet.Closed) bool { return c.Ended && c.Key == key }) {
				t.Errorf("%s: nodes do not hear of it: %+v, %v", name, shared, err)
			}
		})
	}
}

// TestAnEngineThatLostItsDataHearsOfIncidents from the nodes whose alerts left, and they hear when it is over.
func TestAnEngineThatLostItsDataHearsOfIncidents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stop()
		var over []string
		w.start("a", func(o *fleet.Options) {
			o.Ended = func(name string, made int64) { over = append(over, fmt.Sprint(name, made)) }
		})
		w.start("b", nil)
		time.Sleep(10 * time.Second)
		w.nodes["a"].trouble("al_1", 1)
		w.nodes["a"].note(*incidentOf(1))
		time.Sleep(5 * time.Second)
		w.engine.Lose()
		time.Sleep(3 * time.Minute)
		if list := w.ends(); len(list) != 1 || list[0].Incident.Alerts != 1 || len(over) != 1 || over[0] != "db1" {
			t.Errorf("%d ends, over %v", len(list), over)
		}
	})
}

// TestAKeeperThatDiesWithAnEnd: whoever takes it again sends the same id and numbers, and until then no alert of the key leaves for the fleet.
func TestAKeeperThatDiesWithAnEnd(t *testing.T) {
	for _, transaction := range []string{"accept", "settled"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.stop()
			w.startAll("a", "b")
			time.Sleep(10 * time.Second)
			hits := w.nodes["b"].trouble("al_1", 1)
			time.Sleep(20 * time.Second)
			keeper := w.nodes["a"]
			keeper.SetFail(func(now string) error {
				if now == transaction {
					return fmt.Errorf("killed before %s", now)
				}
				return nil
			})
			time.Sleep(15 * time.Second)
			keeper.kill()
			time.Sleep(2 * time.Minute)
			ids := map[string]bool{}
			var counts []string
			for _, end := range w.ends() {
				ids[fleet.WorkID("test", &end)] = true
				counts = append(counts, fmt.Sprint(end.Counts, *end.Incident))
			}
			if len(ids) != 1 || len(slices.Compact(counts)) != 1 {
				t.Errorf("before %s: %d ends, %v", transaction, len(ids), counts)
			}
			w.check(hits, 0, w.list()...)
		})
	}
}
