package delivery

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// remember makes the receiver keep the messages of what it is sent. The function returns them.
func remember(r *receiver) func() []string {
	var mu sync.Mutex
	var got []string
	r.set(func(_ context.Context, _ string, alerts []trigger.Alert) trigger.Result {
		mu.Lock()
		defer mu.Unlock()
		for _, a := range alerts {
			got = append(got, a.Message)
		}
		return trigger.Result{Outcome: trigger.Delivered}
	})
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

func held(n int, triggers ...string) Item {
	item := alert(n, triggers...)
	item.NotBefore = time.Now().Add(10 * time.Second)
	return item
}

func complete(item Item) Item {
	item.Alert.Message, item.NotBefore = "whole", time.Time{}
	return item
}

func TestAHeldAlertLeavesWhenItIsComplete(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		got := remember(r)
		w.start(newTrigger("a", r))
		w.accept(held(0, "a"), held(1, "a"), alert(2, "a"))
		w.pass(3 * time.Second)
		if r.count() != 1 {
			t.Fatalf("%d alerts left, want the one that is not held", r.count())
		}
		must(t, w.d.Complete(context.Background(), []Item{complete(held(0, "a"))}))
		synctest.Wait()
		if len(got()) != 2 || got()[1] != "whole" {
			t.Fatalf("%q", got())
		}
		w.pass(time.Minute)
		if len(got()) != 3 || got()[2] != "m" || w.counts("a").Delivered != 3 {
			t.Errorf("what nobody completes does not leave as it was accepted, once: %q", got())
		}
	})
}

// TestAHeldAlertInTheBacklog: the store does not work when the alert comes, nor when it is complete.
func TestAHeldAlertInTheBacklog(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		got := remember(r)
		w.start(newTrigger("a", r))
		release := block(t, w.set.Path)
		w.accept(held(0, "a"), held(1, "a"))
		must(t, w.d.Complete(context.Background(), []Item{complete(held(1, "a"))}))
		release()
		w.pass(5 * time.Second)
		if len(got()) != 1 || got()[0] != "whole" {
			t.Fatalf("%q", got())
		}
		w.pass(time.Minute)
		if len(got()) != 2 || w.counts("a").Delivered != 2 {
			t.Errorf("%q", got())
		}
	})
}
