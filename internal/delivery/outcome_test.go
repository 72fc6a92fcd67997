package delivery

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestOutcomes is the table of what an answer means for the alert and for its trigger.
func TestOutcomes(t *testing.T) {
	for name, test := range map[string]struct {
		result trigger.Result
		want   store.Counts
		hold   store.Hold
		wait   time.Duration // until the next attempt at the trigger
	}{
		"delivered":   {trigger.Result{Outcome: trigger.Delivered}, store.Counts{Accepted: 2, Delivered: 2}, store.HoldNone, 0},
		"retry later": {trigger.Result{Outcome: trigger.RetryLater}, store.Counts{Accepted: 2, Pending: 2}, store.HoldNone, time.Second},
		"dead":        {trigger.Result{Outcome: trigger.Dead}, store.Counts{Accepted: 2, Dead: 2}, store.HoldNone, 0},
		"hold":        {trigger.Result{Outcome: trigger.Hold}, store.Counts{Accepted: 2, Pending: 2}, store.HoldProbing, 15 * time.Minute},
		"disabled":    {trigger.Result{Outcome: trigger.Disabled}, store.Counts{Accepted: 2, Pending: 2}, store.HoldDisabled, 15 * time.Minute},
		"asked to wait": {trigger.Result{Outcome: trigger.RetryLater, RetryAfter: time.Hour}, store.Counts{Accepted: 2, Pending: 2},
			store.HoldNone, time.Hour},
		"asked for ever": {trigger.Result{Outcome: trigger.RetryLater, RetryAfter: 1 << 62}, store.Counts{Accepted: 2, Pending: 2},
			store.HoldNone, 24 * time.Hour},
		"asked for the past": {trigger.Result{Outcome: trigger.RetryLater, RetryAfter: -time.Hour}, store.Counts{Accepted: 2, Pending: 2},
			store.HoldNone, time.Second},
		"no outcome": {trigger.Result{}, store.Counts{Accepted: 2, Pending: 2}, store.HoldNone, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				r := &receiver{}
				r.says(test.result)
				ended := 0
				w.opt.Ended = func() { ended++ }
				w.start(newTrigger("a", r))
				begun := time.Now()
				w.accept(alerts(0, 2, "a")...)
				if over := test.want.Delivered+test.want.Dead > 0; over != (ended > 0) {
					t.Errorf("said %d times that deliveries ended", ended)
				}
				if got := w.counts("a"); got != test.want {
					t.Errorf("%+v, want %+v", got, test.want)
				}
				state := w.state("a")
				if state.Hold != test.hold {
					t.Errorf("trigger is %s, want %s", state.Hold, test.hold)
				}
				if test.wait == 0 {
					return
				}
				if wait := state.NotBefore.Sub(begun); wait != test.wait {
					t.Errorf("next attempt after %s, want %s", wait, test.wait)
				}
				if r.count() != 1 {
					t.Errorf("%d attempts although the first failed", r.count())
				}
				w.pass(test.wait - time.Nanosecond)
				if r.count() != 1 {
					t.Errorf("%d attempts before the wait was over", r.count())
				}
				w.pass(time.Second)
				if want := map[bool]int{true: 2, false: 1}[test.hold != store.HoldDisabled]; r.count() != want {
					t.Errorf("%d attempts after the wait, want %d", r.count(), want)
				}
			})
		})
	}
}

func TestBackoffDoublesUpToItsMost(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		r.says(trigger.Result{Outcome: trigger.RetryLater, Reason: "answered 503"})
		w.start(newTrigger("a", r))
		w.accept(alert(0, "a"))
		w.pass(2 * time.Hour)
		got := r.all()
		want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900}
		for i, seconds := range want {
			if gap := got[i+1].at.Sub(got[i].at); gap != seconds*time.Second {
				t.Errorf("wait %d was %s, want %s", i, gap, seconds*time.Second)
			}
		}
		r.says(trigger.Result{Outcome: trigger.Delivered})
		w.pass(15 * time.Minute)
		if n := w.counts("a"); n.Delivered != 1 {
			t.Errorf("%+v", n)
		}
		if state := w.state("a"); state != (store.TriggerState{}) {
			t.Errorf("after a success %+v", state)
		}
	})
}

func TestJitterIsFull(t *testing.T) {
	for _, test := range []struct {
		failures int
		random   float64
		want     time.Duration
	}{
		{1, 0, 100 * time.Millisecond}, {1, 0.5, 500 * time.Millisecond}, {4, 0.5, 4 * time.Second},
		{11, 1, 15 * time.Minute}, {1000, 0.5, 450 * time.Second}, {0, 1, time.Second},
	} {
		if got := pauseAfter(test.failures, time.Second, 15*time.Minute, test.random); got != test.want {
			t.Errorf("pauseAfter(%d, random %g) = %s, want %s", test.failures, test.random, got, test.want)
		}
	}
}

// TestOneBadAlertDoesNotBlock: a message that always fails waits longer and longer, the others go on.
func TestOneBadAlertDoesNotBlock(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		r.set(func(_ context.Context, id string, _ []trigger.Alert) trigger.Result {
			if id == "al_000000" {
				return trigger.Result{Outcome: trigger.RetryLater, Reason: "answered 500"}
			}
			return trigger.Result{Outcome: trigger.Delivered}
		})
		w.start(newTrigger("a", r))
		w.accept(alerts(0, 50, "a")...)
		w.pass(10 * time.Second)
		if n := w.counts("a"); n.Delivered != 49 || n.Pending != 1 {
			t.Errorf("%+v, want all but one delivered", n)
		}
	})
}

// TestRecipientsThatAreMissingHoldUpNoOtherAlert: the message is sent again for them, and the trigger goes on at once. Recipients that are refused
// for good are logged, and the alert counts as delivered.
func TestRecipientsThatAreMissingHoldUpNoOtherAlert(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		var there atomic.Bool
		r.set(func(_ context.Context, id string, _ []trigger.Alert) trigger.Result {
			switch {
			case id == "al_000000" && !there.Load():
				return trigger.Result{Outcome: trigger.RetryLater, Status: 450, Reason: "answered 450", Partial: true}
			case id == "al_000001":
				return trigger.Result{Outcome: trigger.Delivered, Status: 550, Reason: "answered 550", Detail: "ops@example.com: unknown", Partial: true}
			}
			return trigger.Result{Outcome: trigger.Delivered}
		})
		w.start(newTrigger("a", r))
		for i := range 5 { // one after the other, and no time passes
			w.accept(alert(i, "a"))
		}
		if n := w.counts("a"); n.Delivered != 4 || n.Pending != 1 {
			t.Errorf("%+v, want all but one delivered at once", n)
		}
		if state := w.state("a"); state.Failures != 0 || state.Hold != store.HoldNone {
			t.Errorf("the trigger is %+v", state)
		}
		there.Store(true)
		w.pass(time.Minute)
		if n := w.counts("a"); n.Delivered != 5 {
			t.Errorf("%+v", n)
		}
		for _, want := range []string{"some recipients refused an alert", "some recipients have an alert and others do not yet"} {
			if !strings.Contains(w.logged.String(), want) {
				t.Errorf("the log does not say %q: %s", want, w.logged.String())
			}
		}
	})
}

// TestAnEndWaitsForItsBeginning: a receiver that was down gets the alerts of an incident in their order, whatever their pauses are.
func TestAnEndWaitsForItsBeginning(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		r.says(trigger.Result{Outcome: trigger.RetryLater, Reason: "answered 500"})
		one := newTrigger("a", r)
		one.Concurrency = 4
		w.start(one)
		incident := alerts(0, 3, "a")
		for i, kind := range []string{trigger.KindLog, trigger.KindResolved, trigger.KindAbsence} {
			a := &incident[i].Alert
			a.Kind, a.Key, a.Resolves = kind, trigger.KeyOf("r", "w"), kind != trigger.KindResolved
		}
		for i := range incident {
			w.accept(incident[i])
			w.pass(10 * time.Minute)
		}
		if sent := r.all(); len(sent) == 0 || sent[len(sent)-1].id != "al_000000" {
			t.Fatalf("sent %+v, want the beginning alone", sent)
		}
		failed := r.count()
		r.says(trigger.Result{Outcome: trigger.Delivered})
		w.accept(alert(3, "a"))
		w.pass(20 * time.Minute)
		var order []string
		for _, s := range r.all()[failed:] {
			if s.id != "al_000003" { // it waits for none of them
				order = append(order, s.id)
			}
		}
		if got := strings.Join(order, " "); got != "al_000000 al_000001 al_000002" {
			t.Errorf("sent %s", got)
		}
		if n := w.counts("a"); n.Delivered != 4 {
			t.Errorf("%+v", n)
		}
	})
}

func TestHoldProbesWithOneAndSurvivesARestart(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		r.says(trigger.Result{Outcome: trigger.Hold, Reason: "answered 403 Forbidden"})
		many := newTrigger("a", r)
		many.Concurrency = 8
		w.start(many)
		w.accept(alert(0, "a"))
		w.accept(alerts(1, 20, "a")...)
		w.pass(5 * time.Minute)
		w.stop()
		w.start(many)
		w.pass(9 * time.Minute)
		if r.count() != 1 {
			t.Fatalf("%d attempts within the hold, over a restart", r.count())
		}
		w.pass(2 * time.Minute)
		if r.count() != 2 {
			t.Fatalf("%d attempts after the hold, want one probe more", r.count())
		}
		r.says(trigger.Result{Outcome: trigger.Delivered})
		w.pass(15 * time.Minute)
		if n := w.counts("a"); n.Delivered != 21 || r.count() != 23 {
			t.Errorf("%+v with %d attempts; want all 21 delivered after two failures", n, r.count())
		}
		if !strings.Contains(w.logged.String(), "works again") {
			t.Errorf("log: %s", w.logged)
		}
	})
}

func TestDisabledUntilItsRevisionChangesAndAgesOut(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		r.says(trigger.Result{Outcome: trigger.Disabled, Reason: "answered 410 Gone"})
		w.start(newTrigger("a", r))
		w.accept(alert(0, "a"))
		w.pass(12 * time.Hour)
		w.accept(alert(1, "a"))
		w.stop()
		w.start(newTrigger("a", r))
		w.pass(12*time.Hour + sweepEvery)
		if n := w.counts("a"); r.count() != 1 || n.Dead != 1 || n.Pending != 1 {
			t.Fatalf("%d attempts, %+v; want one of each", r.count(), n)
		}
		letters, err := w.store.DeadLetters(context.Background(), store.Select{}, store.DeadLetterMark{}, 10)
		if err != nil || len(letters) != 1 || letters[0].Reason != "expired: answered 410 Gone" {
			t.Errorf("%+v %v", letters, err)
		}
		r.says(trigger.Result{Outcome: trigger.Delivered})
		mended := newTrigger("a", r)
		mended.Revision = "2"
		must(t, w.d.SetTriggers([]Trigger{mended}))
		w.pass(time.Second)
		if n := w.counts("a"); n.Delivered != 1 || n.Dead != 1 {
			t.Errorf("under new settings %+v", n)
		}
	})
}

func TestRefusedForGoodIsADeadLetterThatCanBeSentAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		r.says(trigger.Result{Outcome: trigger.Dead, Reason: "answered 422 Unprocessable Entity"})
		w.start(newTrigger("a", r))
		w.accept(alerts(0, 3, "a")...)
		r.says(trigger.Result{Outcome: trigger.Delivered})
		w.pass(time.Minute)
		if r.count() != 3 {
			t.Fatalf("%d attempts, want 3", r.count())
		}
		// The command line: another process, with a connection of its own.
		var registry store.Registry
		other, err := registry.Open(context.Background(), store.Options{Settings: w.set})
		must(t, err)
		back, _, err := other.Redeliver(context.Background(), time.Now(), store.Select{AlertID: "al_000001"})
		if err != nil || back != 1 {
			t.Fatalf("%d redelivered, %v", back, err)
		}
		must(t, registry.Close())
		w.pass(4 * time.Second)
		if n := w.counts("a"); n.Delivered != 1 || n.Dead != 2 {
			t.Errorf("%+v, want the one delivered within seconds", n)
		}
		if last := r.all()[3]; last.id != "al_000001" {
			t.Errorf("sent as %q, want its own id", last.id)
		}
	})
}

// TestTheAnswerIsKeptAndLogged: what the receiver said stays with the dead letter and stands in the log, unless it repeats the alert there.
func TestTheAnswerIsKeptAndLogged(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		r.says(trigger.Result{Outcome: trigger.Dead, Status: 400, Reason: "answered 400 Bad Request", Detail: "no_text: give one"})
		w.start(newTrigger("a", r))
		w.accept(alerts(0, 1, "a")...)
		r.set(func(_ context.Context, _ string, alerts []trigger.Alert) trigger.Result {
			return trigger.Result{Outcome: trigger.Dead, Status: 400, Reason: "answered 400 Bad Request", Detail: "bad field: " + alerts[0].Message + strings.Repeat("é", 1000)}
		})
		item := alert(1, "a")
		item.Alert.Message = "panic: the secret line"
		w.accept(item)
		letters, err := w.store.DeadLetters(context.Background(), store.Select{}, store.DeadLetterMark{}, 10)
		if err != nil || len(letters) != 2 {
			t.Fatalf("%+v %v", letters, err)
		}
		answers := map[string]string{}
		for _, l := range letters {
			answers[l.AlertID] = l.Answer
		}
		if answers["al_000000"] != "no_text: give one" || !strings.HasPrefix(answers["al_000001"], "bad field: panic: the secret line") {
			t.Errorf("kept: %q", answers)
		}
		if got := answers["al_000001"]; len(got) > 1200 || !utf8.ValidString(got) {
			t.Errorf("%d bytes are kept", len(got))
		}
		log := w.logged.String()
		if !strings.Contains(log, `answer="no_text: give one"`) || strings.Contains(log, "the secret line") || !strings.Contains(log, "repeats the alert") {
			t.Errorf("log: %s", log)
		}
	})
}

// TestATriggerOnHoldSaysWhatItsReceiverSaid: no letter is dead yet, so its state is where people look.
func TestATriggerOnHoldSaysWhatItsReceiverSaid(t *testing.T) {
	for _, outcome := range []trigger.Outcome{trigger.Hold, trigger.Disabled, trigger.RetryLater} {
		inWorld(t, func(w *world) {
			r := &receiver{}
			r.says(trigger.Result{Outcome: outcome, Status: 403, Reason: "answered 403 Forbidden", Detail: "invalid_token"})
			w.start(newTrigger("a", r))
			w.accept(alert(0, "a"))
			if got := w.state("a").Reason; got != "answered 403 Forbidden: invalid_token" {
				t.Errorf("%s: %q", outcome, got)
			}
			if !strings.Contains(w.logged.String(), "answer=invalid_token") {
				t.Errorf("log: %s", w.logged)
			}
		})
	}
}

// TestOneBadAlertOfAGroupCostsNoOther: a receiver that refuses groups with a bad alert gets their halves, until the bad ones are alone. Every
// message has an id of its own, which is the same when it is sent again, over a restart too.
func TestOneBadAlertOfAGroupCostsNoOther(t *testing.T) {
	for name, bad := range map[string][]int{
		"the first": {0}, "the last": {36}, "one in the middle": {17}, "three": {3, 4, 30}, "all": numbers(37), "none": nil,
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				r := &receiver{}
				ids := map[string]string{} // message id → alerts
				r.set(func(_ context.Context, id string, alerts []trigger.Alert) trigger.Result {
					content := ""
					for _, a := range alerts {
						content += a.ID + " "
					}
					if before, known := ids[id]; known && before != content {
						t.Errorf("message %s held %q, and then %q", id, before, content)
					}
					ids[id] = content
					for _, n := range bad {
						if strings.Contains(content, fmt.Sprintf("al_%06d", n)) {
							return trigger.Result{Outcome: trigger.Dead, Status: 400, Failure: trigger.FailureClient, Reason: "answered 400 Bad Request", Detail: "bad alert"}
						}
					}
					return trigger.Result{Outcome: trigger.Delivered}
				})
				grouped := newTrigger("a", r)
				grouped.GroupBy, grouped.GroupWait, grouped.GroupInterval = []string{"rule"}, 10*time.Second, time.Minute
				w.start(grouped)
				w.accept(alerts(0, 37, "a")...)
				w.pass(11 * time.Second)
				if len(bad) > 0 {
					w.stop()
					w.start(grouped)
				}
				w.pass(10 * time.Minute)
				got := w.counts("a")
				want := store.Counts{Accepted: 37, Delivered: int64(37 - len(bad)), Dead: int64(len(bad))}
				if got != want {
					t.Errorf("%+v, want %+v", got, want)
				}
				if most := 2*37 - 1; r.count() > most || (len(bad) == 1 && r.count() > 14) {
					t.Errorf("%d requests", r.count())
				}
				letters, err := w.store.DeadLetters(context.Background(), store.Select{}, store.DeadLetterMark{}, 100)
				must(t, err)
				for _, l := range letters {
					if l.Answer != "bad alert" || l.Reason != "answered 400 Bad Request" {
						t.Errorf("%+v", l)
					}
				}
			})
		})
	}
}

func numbers(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// TestAGroupIsNotSplitForItsAddress: a redirect or a method that is not allowed says nothing about the alerts.
func TestAGroupIsNotSplitForItsAddress(t *testing.T) {
	for _, status := range []int{301, 308, 405, 411, 415, 501} {
		inWorld(t, func(w *world) {
			r := &receiver{}
			r.says(trigger.Result{Outcome: trigger.Dead, Status: status, Reason: "answered"})
			grouped := newTrigger("a", r)
			grouped.GroupBy, grouped.GroupWait, grouped.GroupInterval = []string{"rule"}, time.Second, time.Minute
			w.start(grouped)
			w.accept(alerts(0, 8, "a")...)
			w.pass(time.Minute)
			if n := w.counts("a"); n.Dead != 8 || r.count() != 1 {
				t.Errorf("%d: %+v with %d requests", status, n, r.count())
			}
		})
	}
}
