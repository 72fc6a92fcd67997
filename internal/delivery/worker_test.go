package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// hang waits until its attempt is cancelled.
func hang(ctx context.Context, _ string, _ []trigger.Alert) trigger.Result {
	<-ctx.Done()
	return trigger.Result{Outcome: trigger.RetryLater, Failure: trigger.FailureCancelled, Reason: "given up"}
}

func TestDeliversOnceAndDropsDuplicates(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		w.start(newTrigger("a", r))
		w.accept(alerts(0, 3, "a")...)
		w.accept(alerts(1, 3, "a")...)
		w.pass(time.Hour)
		if r.count() != 4 {
			t.Errorf("%d messages, want 4", r.count())
		}
		if s := w.d.Stats(t.Context()); s.Accepted != 4 || s.Duplicates != 2 || s.Delivered != 4 || s.InFlight != 0 ||
			len(s.Triggers) != 1 || !s.Triggers[0].Configured || attemptsWithin(t, s.Triggers[0].Durations, 0.01) != 4 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestASlowTargetDelaysNoOther(t *testing.T) {
	inWorld(t, func(w *world) {
		slow, fast := &receiver{}, &receiver{}
		slow.set(hang)
		w.start(newTrigger("slow", slow), newTrigger("fast", fast))
		begun := time.Now()
		w.accept(alerts(0, 100, "slow", "fast")...)
		if fast.count() != 100 || !fast.all()[99].at.Equal(begun) {
			t.Errorf("%d messages at once", fast.count())
		}
		if n := w.counts("slow"); n.Pending != 100 || slow.count() != 1 {
			t.Errorf("%+v", n)
		}
	})
}

// attemptsWithin returns how many attempts took at most some seconds, one of the bounds of the histogram.
func attemptsWithin(t *testing.T, durations prometheus.Metric, seconds float64) uint64 {
	t.Helper()
	for _, b := range histogram(t, durations).Bucket {
		if b.GetUpperBound() == seconds {
			return b.GetCumulativeCount()
		}
	}
	t.Fatalf("%v is no bound", seconds)
	return 0
}

func histogram(t *testing.T, m prometheus.Metric) *dto.Histogram {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetHistogram()
}

// TestDurationsAreOfEachTrigger has one trigger take three seconds, and another no time.
func TestDurationsAreOfEachTrigger(t *testing.T) {
	inWorld(t, func(w *world) {
		slow, fast := &receiver{}, &receiver{}
		slow.set(func(context.Context, string, []trigger.Alert) trigger.Result {
			time.Sleep(3 * time.Second)
			return trigger.Result{Outcome: trigger.Delivered}
		})
		w.start(newTrigger("slow", slow), newTrigger("fast", fast))
		w.accept(alerts(0, 2, "slow", "fast")...)
		w.pass(time.Minute)
		for _, s := range w.d.Stats(t.Context()).Triggers {
			bound, below, sum := 0.01, uint64(2), 0.0 // and so many attempts took at most one second
			if s.Name == "slow" {
				bound, below, sum = 5, 0, 6
			}
			if h := histogram(t, s.Durations); attemptsWithin(t, s.Durations, bound) != 2 || attemptsWithin(t, s.Durations, 1) != below || h.GetSampleCount() != 2 || h.GetSampleSum() != sum {
				t.Errorf("%s: %+v", s.Name, h)
			}
		}
	})
}

func TestConcurrencyIsBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		r.set(func(context.Context, string, []trigger.Alert) trigger.Result {
			time.Sleep(time.Second)
			return trigger.Result{Outcome: trigger.Delivered}
		})
		three := newTrigger("a", r)
		three.Concurrency = 3
		w.start(three)
		w.accept(alerts(0, 30, "a")...)
		w.pass(10 * time.Second)
		if n := w.counts("a"); r.peak() != 3 || n.Delivered != 30 {
			t.Errorf("%d at once, %+v after ten rounds of three", r.peak(), n)
		}
	})
}

func TestRateHoldsInEveryWindow(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		limited := newTrigger("a", r)
		limited.Concurrency, limited.Rate = 4, setting.Rate{Count: 3, Per: 2 * time.Second}
		w.start(limited)
		w.accept(alerts(0, 10, "a")...)
		w.pass(time.Second)
		w.accept(alerts(10, 20, "a")...)
		w.pass(time.Minute)
		got := r.all()
		if len(got) != 30 {
			t.Fatalf("%d messages, want 30", len(got))
		}
		for i := 3; i < len(got); i++ {
			if gap := got[i].at.Sub(got[i-3].at); gap < 2*time.Second {
				t.Errorf("messages %d to %d within %s", i-3, i, gap)
			}
		}
		if took := got[29].at.Sub(got[0].at); took > 19*time.Second {
			t.Errorf("30 messages took %s at 3 in 2 s", took)
		}
	})
}

func TestGroupsLeaveTogether(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		grouped := newTrigger("a", r)
		grouped.GroupBy, grouped.GroupWait, grouped.GroupInterval = []string{"rule"}, 10*time.Second, time.Minute
		w.start(grouped)
		begun := time.Now()
		w.accept(alerts(0, 5, "a")...)
		w.pass(5 * time.Second)
		w.accept(alerts(5, 5, "a")...)
		w.pass(6 * time.Second)
		got := r.all()
		if len(got) != 1 || len(got[0].alerts) != 10 || got[0].at.Sub(begun) != 10*time.Second {
			t.Fatalf("%+v", got)
		}
		w.accept(alerts(10, 2, "a")...)
		w.pass(2 * time.Minute)
		got = r.all()
		if len(got) != 2 || len(got[1].alerts) != 2 || got[1].at.Sub(got[0].at) != time.Minute {
			t.Fatalf("%+v", got)
		}
		if n := w.counts("a"); n.Delivered != 12 {
			t.Errorf("%+v", n)
		}
	})
}

// TestStopIsBounded: a sender that obeys is cancelled at once; one that does not is left behind in time. Nothing is lost either way.
func TestStopIsBounded(t *testing.T) {
	inWorld(t, func(w *world) {
		obeys, stubborn := &receiver{}, &receiver{}
		release := make(chan struct{})
		obeys.set(hang)
		stubborn.set(func(context.Context, string, []trigger.Alert) trigger.Result {
			<-release
			return trigger.Result{Outcome: trigger.Delivered}
		})
		w.start(newTrigger("obeys", obeys))
		w.accept(alerts(0, 30, "obeys")...)
		begun := time.Now()
		w.stop()
		if took := time.Since(begun); took != 0 {
			t.Errorf("stopping took %s", took)
		}
		w.start(newTrigger("obeys", &receiver{}), newTrigger("stubborn", stubborn))
		w.pass(time.Second)
		if n := w.counts("obeys"); n.Delivered != 30 {
			t.Errorf("after the restart %+v", n)
		}
		w.accept(alerts(30, 3, "stubborn")...)
		begun = time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		err := w.d.Stop(ctx)
		if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took != 3*time.Second {
			t.Errorf("stopping took %s: %v", took, err)
		}
		if again := w.d.Stop(context.Background()); again != err {
			t.Errorf("stopping again: %v", again)
		}
		if err := w.d.Room(); !errors.Is(err, ErrStopped) {
			t.Errorf("room after Stop: %v", err)
		}
		w.accept(alert(99, "stubborn")) // evaluated already: it is kept for the next start
		close(release)                  // its answer comes late, and counts
		synctest.Wait()
		if n := w.counts("stubborn"); n.Delivered != 1 || n.Pending != 3 {
			t.Errorf("%+v", n)
		}
		must(t, w.store.Close())
		w.d = nil
	})
}

func TestAPanickingSenderIsAFailure(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		r.set(func(context.Context, string, []trigger.Alert) trigger.Result { panic("secret text") })
		w.start(newTrigger("a", r))
		w.accept(alert(0, "a"))
		r.set(nil)
		w.pass(2 * time.Second)
		if n := w.counts("a"); n.Delivered != 1 || w.d.Stats(t.Context()).Panics != 1 {
			t.Errorf("%+v, %d panics", n, w.d.Stats(t.Context()).Panics)
		}
		if strings.Contains(w.logged.String(), "secret") {
			t.Errorf("what was sent is in the log: %s", w.logged)
		}
	})
}

func TestALoopThatPanicsStartsAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		runs := 0
		begun := time.Now()
		w.d.guard("test", func() {
			if runs++; runs < 3 {
				panic("a defect")
			}
		})
		if took := time.Since(begun); runs != 3 || took != 2*time.Second || w.d.count.panics.Load() != 2 {
			t.Errorf("%d runs in %s", runs, took)
		}
	})
}

func TestReloadKeepsWhatStaysAndHoldsWhatGoes(t *testing.T) {
	inWorld(t, func(w *world) {
		stays, goes, next := &receiver{}, &receiver{}, &receiver{}
		stays.set(func(ctx context.Context, id string, alerts []trigger.Alert) trigger.Result {
			time.Sleep(10 * time.Second)
			return trigger.Result{Outcome: trigger.Delivered}
		})
		goes.says(trigger.Result{Outcome: trigger.RetryLater})
		w.start(newTrigger("stays", stays), newTrigger("goes", goes))
		w.accept(alerts(0, 3, "stays", "goes")...)
		must(t, w.d.SetTriggers([]Trigger{newTrigger("stays", next)}))
		synctest.Wait()
		if stays.closes() != 0 || goes.closes() != 1 {
			t.Errorf("closed %d and %d times; a sender is closed after its last attempt", stays.closes(), goes.closes())
		}
		w.pass(time.Hour)
		if stays.count() != 1 || next.count() != 2 || stays.closes() != 1 || goes.count() != 1 {
			t.Errorf("%d, %d, %d attempts; closed %d times", stays.count(), next.count(), goes.count(), stays.closes())
		}
		w.accept(alert(3, "goes")) // filters that were not reloaded yet
		if n := w.counts("goes"); n.Pending != 4 {
			t.Errorf("%+v, want all held", n)
		}
		for _, bad := range [][]Trigger{
			{newTrigger("stays", next), newTrigger("stays", next)},
			{newTrigger("", next)},
			{{Name: "x", Sender: next, MaxAge: time.Hour}},
			{{Name: "x", Sender: next, MaxAge: time.Hour, Concurrency: 1, Rate: setting.Rate{Count: 1}}},
		} {
			if err := w.d.SetTriggers(bad); err == nil {
				t.Errorf("accepted %+v", bad)
			}
		}
		w.accept(alert(4, "stays"))
		if next.count() != 3 || next.closes() != 0 {
			t.Error("a failed reload changed something")
		}
		back := &receiver{}
		must(t, w.d.SetTriggers([]Trigger{newTrigger("stays", next), newTrigger("goes", back)}))
		w.pass(time.Hour)
		if n := w.counts("goes"); n.Delivered != 4 {
			t.Errorf("after its return %+v", n)
		}
	})
}

func TestRemovedTargetsAgeOut(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start(newTrigger("a", &receiver{}))
		w.accept(alerts(0, 3, "gone")...)
		w.pass(24*time.Hour + time.Minute)
		if n := w.counts("gone"); n.Dead != 3 {
			t.Errorf("%+v, want dead letters", n)
		}
	})
}

func TestTestDeliveryGoesThroughTheSender(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		r.says(trigger.Result{Outcome: trigger.Hold, Reason: "answered 403 Forbidden"})
		w.start(newTrigger("a", r))
		result, err := w.d.Test(t.Context(), "a", trigger.TestAlert(time.Now()))
		if err != nil || result.Reason != "answered 403 Forbidden" || r.count() != 1 {
			t.Errorf("%v %v", result, err)
		}
		if state := w.state("a"); state.Hold != store.HoldNone {
			t.Errorf("a test put the trigger on hold: %+v", state)
		}
		if _, err := w.d.Test(t.Context(), "b", trigger.TestAlert(time.Now())); err == nil {
			t.Error("a test of a trigger that is not there")
		}
	})
}

// TestTwoInstancesShareAStore: two dispatchers of one process, with the same triggers, send each alert once.
func TestTwoInstancesShareAStore(t *testing.T) {
	inWorld(t, func(w *world) {
		one, two := &receiver{}, &receiver{}
		w.start(newTrigger("a", one))
		handle, err := w.registry.Open(context.Background(), store.Options{Settings: w.set})
		must(t, err)
		o := w.opt
		o.Store = handle
		second, err := New(o)
		must(t, err)
		must(t, second.SetTriggers([]Trigger{newTrigger("a", two)}))
		second.Start()
		for n := range 50 {
			w.accept(alert(2*n, "a"))
			must(t, second.Accept(context.Background(), alerts(2*n+1, 1, "a")))
		}
		w.pass(10 * time.Second)
		seen := map[string]int{}
		for _, s := range append(one.all(), two.all()...) {
			seen[s.id]++
		}
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was sent %d times", id, n)
			}
		}
		if n := w.counts("a"); len(seen) != 100 || n.Delivered != 100 {
			t.Errorf("%d sent, %+v", len(seen), n)
		}
		must(t, second.Stop(context.Background()))
		must(t, handle.Close())
	})
}

func ExampleSettings_Validate() {
	set := DefaultSettings()
	set.RetryMin = 0
	set.Backlog = 0
	fmt.Println(setting.Join(set.Validate()))
	// Output:
	// retry_min "0s": must be from 100ms to 24h
	// backlog "0": must be from 1 to 1000000
}
