package store

import (
	"context"
	"testing"
	"time"
)

// held returns one alert that is not due for ten seconds.
func (b *bench) held(triggers ...string) []Item {
	list := items(0, 1, triggers...)
	list[0].NotBefore = b.now().Add(10 * time.Second)
	return list
}

func (b *bench) complete(s *Store, list []Item, payload string) {
	b.tb.Helper()
	for i := range list {
		list[i].Payload, list[i].NotBefore = []byte(payload), time.Time{}
	}
	must(b.tb, s.Complete(context.Background(), b.now(), list))
}

func TestAHeldAlertLeavesCompleteAndOnce(t *testing.T) {
	b := newBench(t)
	s := b.open()
	list := b.held("a", "b")
	b.accept(s, list)
	if m := b.lease(s, 1, "a", 9); len(m) != 0 {
		t.Fatalf("%d messages leave before their time", len(m))
	}
	b.pass(2 * time.Second)
	b.complete(s, list, "whole")
	for _, trigger := range []string{"a", "b"} {
		m := b.lease(s, 1, trigger, 9)
		if len(m) != 1 || string(m[0].Alerts[0].Payload) != "whole" || m[0].ID != list[0].ID {
			t.Fatalf("trigger %s: %+v", trigger, m)
		}
		b.finish(s, 1, Delivered, m...)
	}
	b.complete(s, list, "late")
	b.pass(time.Minute)
	if m := b.lease(s, 1, "a", 9); len(m) != 0 {
		t.Errorf("%d messages leave again", len(m))
	}
	if n := b.counts(s, "a"); n.Delivered != 1 || n.Pending != 0 {
		t.Errorf("%+v", n)
	}
}

// TestAHeldAlertOfAKilledProcess: nobody completes it, so it leaves as it was accepted, and the line that comes again adds none.
func TestAHeldAlertOfAKilledProcess(t *testing.T) {
	b := newBench(t)
	b.accept(b.open(), b.held("a"))
	s := b.other()
	if done := b.accept(s, b.held("a")); done.Duplicate != 1 || done.New != 0 {
		t.Errorf("the line that comes again: %+v", done)
	}
	b.pass(10 * time.Second)
	m := b.lease(s, 2, "a", 9)
	if len(m) != 1 || string(m[0].Alerts[0].Payload) != string(items(0, 1)[0].Payload) {
		t.Fatalf("%+v", m)
	}
	b.complete(s, b.held("a"), "too late")
	if n := b.counts(s, "a"); n.Accepted != 1 || n.Pending != 1 {
		t.Errorf("%+v", n)
	}
	b.finish(s, 2, Delivered, m...)
	if m := b.lease(s, 2, "a", 9); len(m) != 0 {
		t.Errorf("%d messages leave again", len(m))
	}
}

// TestAFailedDeliveryIsNotHurried: Complete leaves the pause after a failure alone.
func TestAFailedDeliveryIsNotHurried(t *testing.T) {
	b := newBench(t)
	s := b.open()
	list := b.held("a")
	b.accept(s, list)
	b.pass(10 * time.Second)
	b.finish(s, 1, Retry, b.lease(s, 1, "a", 1)...)
	b.complete(s, list, "whole")
	if m := b.lease(s, 1, "a", 1); len(m) != 0 {
		t.Errorf("a delivery that failed is tried again at once: %+v", m)
	}
	b.pass(time.Minute)
	if m := b.lease(s, 1, "a", 1); len(m) != 1 || m[0].Attempts != 1 {
		t.Errorf("%+v", m)
	}
}

func TestAHeldAlertJoinsItsGroupWhenItIsComplete(t *testing.T) {
	b := newBench(t)
	s := b.open()
	group := func(list []Item) []Item {
		for i := range list {
			for j := range list[i].Routes {
				r := &list[i].Routes[j]
				r.Group, r.Wait, r.Interval = []byte("0123456789abcdef"), 30*time.Second, time.Minute
			}
		}
		return list
	}
	list := group(b.held("a"))
	b.accept(s, list)
	b.pass(time.Second)
	b.accept(s, group(items(1, 1, "a")))
	b.pass(2 * time.Second)
	b.complete(s, list, "whole")
	b.pass(27 * time.Second)
	if m := b.lease(s, 1, "a", 9); len(m) != 0 {
		t.Fatalf("the group leaves before its wait: %+v", m)
	}
	b.pass(time.Second)
	if m := b.lease(s, 1, "a", 9); len(m) != 1 || len(m[0].Alerts) != 2 {
		t.Errorf("%+v", m)
	}
}

func TestCompleteOfWhatIsNotKnown(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.complete(s, items(7, 1, "a"), "x")
	if n := b.counts(s, "a"); n.Accepted != 0 {
		t.Errorf("%+v", n)
	}
}
