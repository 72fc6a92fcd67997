package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// shown is one state of a message: the time of its newest hit, the number of its hits, and whether it is over.
type shown struct {
	last time.Time
	hits int64
	over bool
}

// wall is a receiver that keeps messages and edits them. It may fail before or after it does what it was asked to.
type wall struct {
	t           *testing.T
	destination string

	mu       sync.Mutex
	fails    func() (before, after *trigger.Result) // nil: never
	messages map[string][]shown                     // by place
	gone     map[string]bool
	received map[string]bool // ids of messages
	edits    int
}

var _ Editor = (*wall)(nil)

func newWall(t *testing.T, destination string) *wall {
	return &wall{t: t, destination: destination, messages: map[string][]shown{}, gone: map[string]bool{}, received: map[string]bool{}}
}

func (r *wall) Destination() string { return r.destination }

func (r *wall) Send(ctx context.Context, id string, alerts []trigger.Alert) trigger.Result {
	p := trigger.NewPost(alerts)
	return r.take(ctx, id, "", shown{p.Last, p.Hits, p.Over})
}

func (r *wall) Edit(ctx context.Context, id string, p *trigger.Post) trigger.Result {
	return r.take(ctx, id, p.Place, shown{p.Last, p.Hits, p.Over})
}

func (r *wall) take(ctx context.Context, id, place string, s shown) trigger.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := trigger.Result{Outcome: trigger.Delivered, Reason: "answered 200 OK"}
	if r.fails != nil {
		before, after := r.fails()
		if before != nil {
			return *before
		}
		if after != nil {
			result = *after
		}
	}
	if ctx.Err() != nil {
		return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureCancelled}
	}
	switch {
	case place == "":
		place = fmt.Sprintf("%s/%d", r.destination, len(r.messages)+1)
		result.Place = place
	case r.gone[place]:
		return trigger.Result{Outcome: trigger.RetryLater, Gone: true, Reason: "answered 404 Not Found"}
	case !strings.HasPrefix(place, r.destination+"/"):
		r.t.Errorf("an edit of %s at %s", place, r.destination)
	default:
		r.edits++
	}
	if all := r.messages[place]; len(all) > 0 {
		if old := all[len(all)-1]; s.last.Before(old.last) || s.hits < old.hits || old.over && s != old {
			r.t.Errorf("%s went from %+v back to %+v", place, old, s)
		}
	}
	r.messages[place] = append(r.messages[place], s)
	r.received[id] = true
	return result
}

// set changes how the receiver fails.
func (r *wall) set(fails func() (before, after *trigger.Result)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fails = fails
}

// states returns the states of the only message, and fails if there is another number of messages.
func (r *wall) states(messages int) []shown {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.messages) != messages {
		r.t.Fatalf("%d messages, want %d: %v", len(r.messages), messages, r.messages)
	}
	return r.messages[fmt.Sprintf("%s/%d", r.destination, messages)]
}

// delete deletes all messages.
func (r *wall) delete() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for place := range r.messages {
		r.gone[place] = true
	}
}

// keyed returns alert n of a key, one second after the one before it.
func keyed(n int, key, kind string, triggers ...string) Item {
	one := alert(n, triggers...)
	at := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Second)
	one.Alert.Key, one.Alert.Kind, one.Alert.Count, one.Alert.Time, one.Alert.FirstSeen, one.Alert.LastSeen = trigger.KeyOf(key), kind, 1, at, at, at
	return one
}

const (
	hit    = trigger.KindLog
	rollup = trigger.KindRollup
	end    = trigger.KindResolved
)

// TestRollupsAndEndsEditTheirMessage: one message shows the hit, the roll-ups and the end of its key. The next hit is a message of its own, and so is what
// another key does.
func TestRollupsAndEndsEditTheirMessage(t *testing.T) {
	inWorld(t, func(w *world) {
		r := newWall(t, "x")
		w.start(newTrigger("a", r))
		w.accept(keyed(1, "k", hit, "a"))
		w.accept(keyed(2, "k", rollup, "a"), keyed(3, "k", rollup, "a"))
		w.accept(keyed(4, "k", end, "a"))
		if got := r.states(1); len(got) != 4 || got[3].hits != 4 || !got[3].over || got[2].hits != 3 || got[2].over {
			t.Errorf("%+v", got)
		}
		w.accept(keyed(5, "k", rollup, "a")) // of a new incident whose beginning is not known here
		w.accept(keyed(6, "other", hit, "a"))
		w.accept(keyed(7, "k", end, "a"))
		w.accept(keyed(8, "other", hit, "a"))
		r.states(4)
		if n := len(r.messages["x/2"]); n != 2 {
			t.Errorf("the roll-up and its end are %d states", n)
		}
		w.counts("a")
	})
}

// TestAWorseRollupIsAMessage: an edit notifies nobody, so a step of an escalation is sent. The message counts on.
func TestAWorseRollupIsAMessage(t *testing.T) {
	inWorld(t, func(w *world) {
		r := newWall(t, "x")
		w.start(newTrigger("a", r))
		w.accept(keyed(1, "k", hit, "a"))
		worse := keyed(2, "k", rollup, "a")
		worse.Alert.Severity = "critical"
		w.accept(worse)
		w.accept(keyed(3, "k", rollup, "a"))
		if got := r.states(2); len(got) != 2 || got[1].hits != 3 {
			t.Errorf("%+v", got)
		}
	})
}

// TestEditsGoOnAfterARestart: the place is on disk, for as long as the trigger sends to the same destination and edits.
func TestEditsGoOnAfterARestart(t *testing.T) {
	inWorld(t, func(w *world) {
		r := newWall(t, "x")
		w.start(newTrigger("a", r))
		w.accept(keyed(1, "k", hit, "a"))
		w.stop()
		w.start(newTrigger("a", r))
		w.accept(keyed(2, "k", rollup, "a"))
		if got := r.states(1); len(got) != 2 {
			t.Errorf("after a restart: %+v", got)
		}
		other := newWall(t, "y")
		must(t, w.d.SetTriggers([]Trigger{newTrigger("a", other)}))
		w.accept(keyed(3, "k", rollup, "a"))
		w.accept(keyed(4, "k", rollup, "a"))
		if got := other.states(1); len(got) != 2 {
			t.Errorf("at another destination: %+v", got)
		}
		must(t, w.d.SetTriggers([]Trigger{newTrigger("a", r)}))
		w.accept(keyed(5, "k", rollup, "a"))
		r.states(2) // the old message is older than what the other destination shows
		plain := &receiver{}
		must(t, w.d.SetTriggers([]Trigger{newTrigger("a", plain)}))
		w.accept(keyed(6, "k", hit, "a"))
		must(t, w.d.SetTriggers([]Trigger{newTrigger("a", r)}))
		w.accept(keyed(7, "k", rollup, "a"))
		if r.states(3); plain.count() != 1 {
			t.Errorf("%d without edits", plain.count())
		}
	})
}

// TestAMessageThatIsGoneIsSentAnew: at once, by an attempt of its own that the rate counts, and the trigger does not pause.
func TestAMessageThatIsGoneIsSentAnew(t *testing.T) {
	inWorld(t, func(w *world) {
		r := newWall(t, "x")
		one := newTrigger("a", r)
		one.Rate = setting.Rate{Count: 1, Per: time.Minute}
		w.start(one)
		w.accept(keyed(1, "k", hit, "a"))
		r.delete()
		w.accept(keyed(2, "k", rollup, "a"))
		w.pass(time.Minute) // the edit that fails
		r.states(1)
		w.pass(time.Minute)
		if got := r.states(2); len(got) != 1 || got[0].hits != 2 {
			t.Errorf("%+v", got)
		}
		if state := w.state("a"); state.Failures != 0 || !strings.Contains(w.logged.String(), "cannot edit a message any more") {
			t.Errorf("%+v\n%s", state, w.logged)
		}
		w.accept(keyed(3, "k", rollup, "a"))
		w.pass(time.Minute)
		if got := r.states(2); len(got) != 2 {
			t.Errorf("%+v", got)
		}
	})
}

// TestADeadLetterEditsNothing: sent again later, it is a message of its own, and one that was given up leaves no message to edit silently.
func TestADeadLetterEditsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		r := newWall(t, "x")
		w.start(newTrigger("a", r))
		w.accept(keyed(1, "k", hit, "a"))
		r.set(func() (*trigger.Result, *trigger.Result) {
			return &trigger.Result{Outcome: trigger.Dead, Status: 400}, nil
		})
		w.accept(keyed(2, "k", hit, "a"))
		r.set(nil)
		w.accept(keyed(3, "k", rollup, "a")) // of the hit that nobody saw
		w.accept(keyed(4, "k", rollup, "a"))
		if got := r.states(2); len(got) != 2 {
			t.Errorf("%+v", got)
		}
		back, _, err := w.store.Redeliver(context.Background(), time.Now(), store.Select{})
		if must(t, err); back != 1 {
			t.Fatalf("%d dead letters are back", back)
		}
		w.pass(time.Hour)
		r.states(3)
		w.accept(keyed(5, "k", end, "a"))
		if got := r.messages["x/2"]; len(got) != 3 || !got[2].over {
			t.Errorf("the end edited another message: %+v", r.messages)
		}
	})
}

// TestThePostIsBounded: of an alert of any size, the store keeps a bounded first state, and the text of the alert in it.
func TestThePostIsBounded(t *testing.T) {
	t.Parallel()
	for _, unit := range []string{"x", "\"", "\x00", "🔥", "<"} {
		long := strings.Repeat(unit, 8<<10)
		a := keyed(1, "k", hit).Alert
		a.Message, a.Summary, a.Template, a.Rule = long, long, long, "r"
		a.Fields, a.Labels, a.Captures = map[string]string{long: long}, map[string]string{long: long}, map[string]string{long: long}
		a.Context = &trigger.Context{Before: []string{long, long, long}}
		p := trigger.NewPost([]trigger.Alert{a})
		got := writePost(&p, "x", 1)
		if len(got.State) > 32<<10 {
			t.Errorf("%q: %d bytes", unit, len(got.State))
		}
		var back trigger.Post
		if err := json.Unmarshal(got.State, &back); err != nil || !strings.HasPrefix(back.First.Message, strings.Repeat(unit, 100)) {
			t.Errorf("%q: %v, %.100q", unit, err, back.First.Message)
		}
	}
	if readPost(&store.Post{State: []byte(`{"first":`)}) != nil {
		t.Error("a damaged state is a post")
	}
}

// TestNoEditGoesBack sends alerts of a few keys at random through failures of all kinds, answers that are lost, deleted messages, groups, parallel workers,
// changed destinations, restarts, crashes and redelivered dead letters. The wall fails the test when a message goes back to an older state.
func TestNoEditGoesBack(t *testing.T) {
	seeds := uint64(2)
	if os.Getenv(soak) != "" {
		seeds = 100
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inWorld(t, func(w *world) {
				random := rand.New(rand.NewPCG(seed, 7))
				var mu sync.Mutex
				intn := func(n int) int {
					mu.Lock()
					defer mu.Unlock()
					return random.IntN(n)
				}
				fails := func() (before, after *trigger.Result) {
					switch n := intn(100); {
					case n < 10:
						return &trigger.Result{Outcome: trigger.RetryLater, Reason: "answered 503"}, nil
					case n < 18:
						return nil, &trigger.Result{Outcome: trigger.RetryLater, Reason: "no answer in time"}
					case n < 21:
						return &trigger.Result{Outcome: trigger.Dead, Status: 400, Reason: "answered 400"}, nil
					case n < 23:
						return &trigger.Result{Outcome: trigger.Hold, Reason: "answered 403"}, nil
					case n < 24:
						panic("a defect")
					}
					return nil, nil
				}
				walls := []*wall{newWall(t, "x"), newWall(t, "y")}
				for _, r := range walls {
					r.set(fails)
				}
				triggers := func() []Trigger {
					one := newTrigger("a", walls[min(intn(8), 1)])
					one.Concurrency = 1 + intn(4)
					two := newTrigger("b", walls[0])
					two.Concurrency, two.GroupBy, two.GroupWait, two.GroupInterval = 3, []string{"key"}, 3*time.Second, 10*time.Second
					if intn(2) == 0 {
						two.GroupBy = []string{"key", "severity"}
					}
					return []Trigger{one, two}
				}
				m := &model{world: w, recorded: map[string]bool{}, triggers: []string{"a", "b"}, accepted: map[string]bool{}, received: map[string]int{}}
				w.opt.Route = func(*trigger.Alert) []string { return nil }
				w.start(triggers()...)
				next := 0
				for range 200 {
					switch n := intn(20); {
					case n < 12:
						var items []Item
						for range 1 + intn(4) {
							next++
							one := keyed(next, fmt.Sprint("k", intn(3)), []string{hit, rollup, rollup, rollup, end}[intn(5)], "a", "b")
							one.Alert.Severity = []string{"warning", "error"}[intn(2)]
							items = append(items, one)
						}
						w.accept(items...)
					case n < 15:
						w.pass(time.Duration(intn(30_000)) * time.Millisecond)
					case n == 15:
						w.pass(time.Duration(intn(60)) * time.Minute)
					case n == 16:
						must(t, w.d.SetTriggers(triggers()))
					case n == 17:
						walls[intn(2)].delete()
					case n == 18:
						_, _, err := w.store.Redeliver(context.Background(), time.Now(), store.Select{})
						must(t, err)
					default:
						m.crashTo(triggers())
					}
					synctest.Wait()
				}
				for _, r := range walls {
					r.set(nil)
				}
				must(t, w.d.SetTriggers(triggers()))
				for range 30 {
					w.pass(time.Hour)
				}
				for _, name := range m.triggers {
					if n := w.counts(name); n.Pending != 0 || n.Delivered+n.Dead+n.Dropped != int64(next) {
						t.Errorf("%s: %+v of %d", name, n, next)
					}
				}
				t.Logf("%d alerts, %d and %d messages, %d and %d edits", next, len(walls[0].messages), len(walls[1].messages), walls[0].edits, walls[1].edits)
				if walls[0].edits < 20 {
					t.Errorf("only %d edits", walls[0].edits)
				}
			})
		})
	}
}
