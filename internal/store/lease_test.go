package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestLeaseInOrderOfDueTime(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 3, "a"))
	first := b.lease(s, 1, "a", 1)
	b.finish(s, 1, Retry, first...) // due in a minute
	b.pass(time.Second)
	b.accept(s, items(3, 1, "a"))
	if got := idsOf(b.lease(s, 1, "a", 10)); strings.Join(got, " ") != "al_000000001 al_000000002 al_000000003" {
		t.Errorf("leased %v", got)
	}
	messages, next, err := s.Lease(context.Background(), 1, b.now(), "a", 10)
	if err != nil || len(messages) != 0 || !next.Equal(start.Add(time.Minute)) {
		t.Errorf("%v, next %s, %v; want none until %s", messages, next, err, start.Add(time.Minute))
	}
	b.pass(time.Minute)
	again := b.lease(s, 1, "a", 10)
	if len(again) != 1 || again[0].ID != first[0].ID || again[0].Attempts != 1 {
		t.Errorf("leased %+v", again)
	}
	if messages, next, err := s.Lease(context.Background(), 1, b.now(), "nobody", 10); err != nil || messages != nil || !next.IsZero() {
		t.Errorf("an unknown trigger: %v %s %v", messages, next, err)
	}
}

// TestLeaseExcludesOthers uses two connections, as two processes do.
func TestLeaseExcludesOthers(t *testing.T) {
	b := newBench(t)
	s, other := b.open(), b.other()
	ctx := context.Background()
	b.accept(s, items(0, 4, "a"))
	mine := b.lease(s, 1, "a", 3)
	theirs := b.lease(other, 2, "a", 3)
	if len(mine) != 3 || len(theirs) != 1 {
		t.Fatalf("%d and %d, want 3 and 1", len(mine), len(theirs))
	}
	// Owner 2 dies. Its delivery is nobody's until its lease has run out, while owner 1 prolongs its own.
	b.pass(LeaseTime - time.Second)
	must(t, s.Renew(ctx, 1, b.now()))
	messages, next, err := s.Lease(ctx, 1, b.now(), "a", 3)
	if err != nil || len(messages) != 0 || !next.Equal(start.Add(LeaseTime)) {
		t.Fatalf("%v, next %s, %v", messages, next, err)
	}
	b.pass(2 * time.Second)
	if taken := b.lease(other, 3, "a", 10); len(taken) != 1 || taken[0].ID != theirs[0].ID {
		t.Fatalf("took over %v, want %v", idsOf(taken), idsOf(theirs))
	}
	// The dead one was only slow: what it delivered is delivered, what it failed at is not its business any more.
	b.finish(other, 2, Retry, theirs...)
	if got := b.lease(s, 1, "a", 10); len(got) != 0 {
		t.Errorf("a lost lease could still be returned: %v", idsOf(got))
	}
	b.finish(other, 2, Delivered, theirs...)
	b.finish(s, 3, Delivered, theirs...) // sent twice, counted once
	must(t, s.Release(ctx, 1, b.now()))
	if got := b.lease(other, 4, "a", 10); len(got) != 3 {
		t.Errorf("%d after a release, want 3", len(got))
	}
	if n := b.counts(s, "a"); n != (Counts{Accepted: 4, Delivered: 1, Pending: 3}) {
		t.Errorf("%+v", n)
	}
}

// TestStaleResultsTouchNothing: what a dispatcher leased from a file that was lost since names no row of the file in its place.
func TestStaleResultsTouchNothing(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 10, "a"))
	old := b.lease(s, 1, "a", 10)
	must(t, s.Close())
	b.set.Path += ".fresh"
	b.pass(time.Second)
	s = b.open()
	b.accept(s, items(10, 10, "a"))
	b.finish(s, 1, Delivered, old...)
	if n := b.counts(s, "a"); n != (Counts{Accepted: 10, Pending: 10}) {
		t.Errorf("%+v", n)
	}
}

func grouped(list []Item, key byte) []Item {
	for i := range list {
		for j := range list[i].Routes {
			r := &list[i].Routes[j]
			r.Group, r.Wait, r.Interval = []byte{key, 15: 0}, 10*time.Second, time.Minute
		}
	}
	return list
}

func TestGroupsLeaveAsOneMessage(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, grouped(items(0, 3, "a"), 'x'))
	b.pass(4 * time.Second)
	b.accept(s, grouped(items(3, 1, "a"), 'x'))
	b.accept(s, grouped(items(4, 1, "a"), 'y'))
	if got := b.lease(s, 1, "a", 10); len(got) != 0 {
		t.Fatalf("%v left before the wait was over", idsOf(got))
	}
	b.pass(6 * time.Second)
	first := b.lease(s, 1, "a", 10)
	if len(first) != 1 || len(first[0].Alerts) != 4 || !strings.HasPrefix(first[0].ID, "gr_") {
		t.Fatalf("%+v, want one message of four alerts", first)
	}
	b.pass(4 * time.Second)
	if single := b.lease(s, 1, "a", 10); len(single) != 1 || single[0].ID != "al_000000004" {
		t.Fatalf("%+v, want the one of the other group, under its own id", single)
	}
	// A failed message keeps its id and its alerts, whatever joins the group meanwhile, even over a restart.
	b.finish(s, 1, Retry, first...)
	b.accept(s, grouped(items(5, 2, "a"), 'x'))
	must(t, s.Close())
	s = b.open()
	b.pass(10 * time.Second)
	if second := b.lease(s, 2, "a", 10); len(second) != 1 || len(second[0].Alerts) != 2 || second[0].ID == first[0].ID {
		t.Fatalf("%+v, want the two new ones", second)
	} else {
		b.finish(s, 2, Delivered, second...)
	}
	b.pass(50 * time.Second)
	again := b.lease(s, 2, "a", 10)
	if len(again) != 2 || len(again[0].Alerts)+len(again[1].Alerts) != 5 {
		t.Fatalf("%+v, want the failed message and the single one whose owner died", again)
	}
	for _, m := range again {
		if len(m.Alerts) == 4 && (m.ID != first[0].ID || fmt.Sprint(m.Alerts) != fmt.Sprint(first[0].Alerts)) {
			t.Errorf("the message changed: %v %v, was %v %v", m.ID, m.Alerts, first[0].ID, first[0].Alerts)
		}
	}
	b.finish(s, 2, Delivered, again...)
	// The next message keeps the interval to the last.
	b.accept(s, grouped(items(7, 1, "a"), 'x'))
	if _, next, err := s.Lease(context.Background(), 2, b.now(), "a", 10); err != nil || !next.Equal(b.now().Add(time.Minute)) {
		t.Errorf("next message at %s, want %s (%v)", next, b.now().Add(time.Minute), err)
	}
	b.counts(s, "a")
}

func TestGroupMessageIsBounded(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, grouped(items(0, maxGroup+20, "a"), 'x'))
	b.pass(time.Hour)
	messages := b.lease(s, 1, "a", 1)
	if len(messages) != 1 || len(messages[0].Alerts) != maxGroup {
		t.Fatalf("%d alerts in the first message, want %d", len(messages[0].Alerts), maxGroup)
	}
	if messages = b.lease(s, 1, "a", 1); len(messages) != 1 || len(messages[0].Alerts) != 20 {
		t.Fatalf("the rest is %+v", messages)
	}
}

func TestTargetState(t *testing.T) {
	b := newBench(t)
	s := b.open()
	ctx := context.Background()
	state, err := s.UseTrigger(ctx, b.now(), "a", "one", "", time.Hour)
	if err != nil || state != (TriggerState{}) {
		t.Fatalf("a new trigger: %+v %v", state, err)
	}
	b.accept(s, items(0, 1, "a"))
	messages := b.lease(s, 1, "a", 1)
	held := TriggerState{NotBefore: b.now().Add(15 * time.Minute), Failures: 3, Hold: HoldProbing, Reason: "answered 403 Forbidden"}
	_, err = s.Finish(ctx, 1, b.now(), []Result{{Message: &messages[0], Outcome: Retry, Due: b.now().Add(time.Hour), State: &held}})
	must(t, err)
	must(t, s.Close())
	s = b.open()
	if state, err = s.UseTrigger(ctx, b.now(), "a", "one", "", time.Hour); err != nil || state != held {
		t.Errorf("after a restart %+v, want %+v (%v)", state, held, err)
	}
	if state, err = s.UseTrigger(ctx, b.now(), "a", "two", "", time.Hour); err != nil || state != (TriggerState{}) {
		t.Errorf("with another revision %+v, want none (%v)", state, err)
	}
	if got := b.lease(s, 1, "a", 1); len(got) != 1 {
		t.Error("what was to be tried in an hour is not due at once under a new revision")
	}
	all, err := s.Triggers(ctx)
	if err != nil || len(all) != 1 || !all[0].Oldest.Equal(start) || all[0].Counts.Pending != 1 {
		t.Errorf("%+v %v", all, err)
	}
}

// TestAlertsOfOneOrderWaitForEachOther: the end of an incident must not overtake its beginning, which fails, waits for lines, or is being sent, nor a new
// beginning that end. Other triggers and other orders do not wait.
func TestAlertsOfOneOrderWaitForEachOther(t *testing.T) {
	ordered := func(list []Item, order byte) []Item {
		for i := range list {
			for r := range list[i].Routes {
				list[i].Routes[r].Order = []byte{order, 15: 0}
			}
		}
		return list
	}
	b := newBench(t)
	s := b.open()
	b.accept(s, ordered(items(0, 2, "a", "b"), 'x'))
	b.accept(s, ordered(items(2, 1, "a"), 'y'))
	b.accept(s, items(3, 1, "a"))
	first := b.lease(s, 1, "a", 10)
	if got := strings.Join(idsOf(first), " "); got != "al_000000000 al_000000002 al_000000003" {
		t.Fatalf("leased %s", got)
	}
	if got := idsOf(b.lease(s, 1, "b", 1)); len(got) != 1 {
		t.Errorf("another trigger waits: %v", got)
	}
	if got := b.lease(s, 1, "a", 10); len(got) != 0 {
		t.Errorf("%v left while the alert before it was being sent", idsOf(got))
	}
	b.finish(s, 1, Retry, first[0]) // due in a minute
	b.finish(s, 1, Delivered, first[1:]...)
	messages, next, err := s.Lease(context.Background(), 1, b.now(), "a", 10)
	if err != nil || len(messages) != 0 || !next.Equal(start.Add(time.Minute)) {
		t.Errorf("%v, next %s, %v; want none until the retry", idsOf(messages), next, err)
	}
	must(t, s.Close())
	s = b.open()
	b.pass(time.Minute)
	again := b.lease(s, 2, "a", 10)
	if len(again) != 1 || again[0].ID != "al_000000000" {
		t.Fatalf("leased %v", idsOf(again))
	}
	b.finish(s, 2, Dead, again...)
	last := b.lease(s, 2, "a", 10)
	if len(last) != 1 || last[0].ID != "al_000000001" {
		t.Fatalf("leased %v after the first was a dead letter", idsOf(last))
	}
	b.finish(s, 2, Delivered, last...)
	// One that waits for lines holds back the end.
	late := ordered(items(4, 1, "a"), 'x')
	late[0].NotBefore = b.now().Add(10 * time.Second)
	b.accept(s, late)
	b.accept(s, ordered(items(5, 1, "a"), 'x'))
	if got := b.lease(s, 2, "a", 10); len(got) != 0 {
		t.Errorf("%v did not wait for an alert that waits for lines", idsOf(got))
	}
	b.pass(10 * time.Second)
	if got := b.lease(s, 2, "a", 10); len(got) != 1 || got[0].ID != "al_000000004" {
		t.Errorf("leased %v", idsOf(got))
	} else {
		b.finish(s, 2, Delivered, got...)
	}
	if got := b.lease(s, 2, "a", 10); len(got) != 1 || got[0].ID != "al_000000005" {
		t.Errorf("leased %v", idsOf(got))
	}
	b.counts(s, "a")
}

// TestAGroupKeepsItsOrder: beginning and end in one message leave together, and a message that failed holds back the end in the next one.
func TestAGroupKeepsItsOrder(t *testing.T) {
	ordered := func(first, n int) []Item {
		list := grouped(items(first, n, "a"), 'x')
		for i := range list {
			list[i].Routes[0].Order = []byte{'k', 15: 0}
		}
		return list
	}
	b := newBench(t)
	s := b.open()
	b.accept(s, ordered(0, 2))
	b.pass(10 * time.Second)
	first := b.lease(s, 1, "a", 10)
	if len(first) != 1 || len(first[0].Alerts) != 2 {
		t.Fatalf("%+v, want one message of two", first)
	}
	b.finish(s, 1, Retry, first...)
	b.accept(s, ordered(2, 1))
	b.accept(s, grouped(items(3, 1, "a"), 'x'))
	b.pass(50 * time.Second)
	other := b.lease(s, 1, "a", 10)
	if len(other) != 1 || len(other[0].Alerts) != 1 || other[0].ID != "al_000000003" {
		t.Fatalf("%+v, want the alert without an order", other)
	}
	b.finish(s, 1, Delivered, other...)
	b.pass(time.Minute)
	again := b.lease(s, 1, "a", 10)
	if len(again) != 1 || again[0].ID != first[0].ID {
		t.Fatalf("%v, want the failed message", idsOf(again))
	}
	b.finish(s, 1, Delivered, again...)
	if last := b.lease(s, 1, "a", 10); len(last) != 1 || last[0].ID != "al_000000002" {
		t.Errorf("%v, want the end", idsOf(last))
	}
	b.counts(s, "a")
}
