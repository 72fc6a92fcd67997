package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestAcceptIsThereAfterReopening(t *testing.T) {
	b := newBench(t)
	s := b.open()
	if done := b.accept(s, items(0, 3, "a", "b")); done.New != 3 || done.Duplicate != 0 {
		t.Fatalf("accepted %+v, want 3 new", done)
	}
	if done := b.accept(s, items(2, 2, "a")); done.New != 1 || done.Duplicate != 1 {
		t.Fatalf("accepted %+v, want one new and one duplicate", done)
	}
	must(t, s.Close())
	s = b.open()
	if n := b.counts(s, "a"); n != (Counts{Accepted: 4, Pending: 4}) {
		t.Errorf("trigger a: %+v", n)
	}
	if n := b.counts(s, "b"); n != (Counts{Accepted: 3, Pending: 3}) {
		t.Errorf("trigger b: %+v", n)
	}
	if done := b.accept(s, items(0, 4, "a")); done.New != 0 || done.Duplicate != 4 {
		t.Errorf("accepted %+v, want four duplicates", done)
	}
}

// TestAcceptIsOneTransaction: an item that cannot be kept takes the whole call with it.
func TestAcceptIsOneTransaction(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 1, "a"))
	list := items(1, 5, "a")
	list[3].Payload = nil // NOT NULL
	if _, err := s.Accept(context.Background(), b.now(), list); err == nil {
		t.Fatal("accepted an alert without a payload")
	}
	if n := b.counts(s, "a"); n.Accepted != 1 {
		t.Errorf("%+v, want what was there before", n)
	}
	if done := b.accept(s, items(1, 5, "a")); done.New != 5 {
		t.Errorf("accepted %+v afterwards, want 5 new", done)
	}
}

func TestPendingBoundDropsTheOldest(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.MaxPending = 10 })
	s := b.open()
	b.accept(s, items(0, 8, "a"))
	b.pass(time.Second)
	leased := b.lease(s, 1, "a", 1)
	b.pass(time.Second)
	done := b.accept(s, items(8, 5, "a", "b"))
	if len(done.Dropped) != 1 || done.Dropped["a"] != 3 {
		t.Fatalf("dropped %v, want 3 of a", done.Dropped)
	}
	if n := b.counts(s, "a"); n != (Counts{Accepted: 13, Pending: 10, Dropped: 3}) {
		t.Fatalf("%+v", n)
	}
	b.finish(s, 1, Returned, leased...)
	want := []string{"al_000000000", "al_000000004"} // 0 was being sent, 1 to 3 made room
	if got := idsOf(b.lease(s, 1, "a", 2)); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("next are %v, want %v", got, want)
	}
}

func TestWindowsForgetWhatIsFinished(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.Alerts, s.IDs = 10, 20 })
	s := b.open()
	b.accept(s, items(0, 5, "a")) // stay pending
	b.accept(s, items(5, 5, "b"))
	b.finish(s, 1, Delivered, b.lease(s, 1, "b", 5)...)
	rows := func() (alerts, ids, deliveries int) {
		must(t, s.read(context.Background(), "count", func(c *core) error {
			return c.row("SELECT (SELECT count(*) FROM alerts), (SELECT count(*) FROM ids), (SELECT count(*) FROM deliveries)").
				Scan(&alerts, &ids, &deliveries)
		}))
		return alerts, ids, deliveries
	}
	b.accept(s, items(10, 10)) // only for the log: the first ten leave it
	if alerts, ids, deliveries := rows(); alerts != 15 || ids != 20 || deliveries != 5 {
		t.Errorf("%d alerts, %d ids, %d deliveries; want 15, 20, 5", alerts, ids, deliveries)
	}
	b.accept(s, items(20, 10))
	if alerts, ids, deliveries := rows(); alerts != 15 || ids != 20 || deliveries != 5 {
		t.Errorf("%d alerts, %d ids, %d deliveries; want 15, 20, 5", alerts, ids, deliveries)
	}
	b.finish(s, 1, Delivered, b.lease(s, 1, "a", 5)...)
	if alerts, ids, deliveries := rows(); alerts != 10 || ids != 20 || deliveries != 0 {
		t.Errorf("%d alerts, %d ids, %d deliveries; want 10, 20, 0", alerts, ids, deliveries)
	}
	if done := b.accept(s, items(10, 1)); done.Duplicate != 1 {
		t.Error("an id of the window was forgotten")
	}
	must(t, s.Close())
	b.set.Alerts, b.set.IDs = 3, 4
	s = b.open()
	if alerts, ids, _ := rows(); alerts != 3 || ids != 4 {
		t.Errorf("under smaller windows %d alerts and %d ids, want 3 and 4", alerts, ids)
	}
}

func TestEventsTellWhatBecameOfAlerts(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 1, "a", "b"))
	b.pass(time.Second)
	b.accept(s, items(1, 1))
	b.finish(s, 1, Delivered, b.lease(s, 1, "a", 1)...)
	b.finish(s, 1, Retry, b.lease(s, 1, "b", 1)...)
	events, err := s.Alerts(context.Background(), 0, 10)
	must(t, err)
	if len(events) != 2 || events[0].ID != "al_000000001" || len(events[0].Deliveries) != 0 {
		t.Fatalf("%+v", events)
	}
	got := events[1].Deliveries
	if len(got) != 2 || got[0].State != "delivered" || got[0].Attempts != 1 || got[1].State != "pending" || got[1].Reason != "because" ||
		!got[1].Due.Equal(b.now().Add(time.Minute)) {
		t.Errorf("deliveries %+v", got)
	}
	if older, err := s.Alerts(context.Background(), events[0].Seq, 10); err != nil || len(older) != 1 || older[0].Seq != events[1].Seq {
		t.Errorf("before %d: %+v, %v", events[0].Seq, older, err)
	}
}

func TestStateIsKept(t *testing.T) {
	b := newBench(t)
	s := b.open()
	ctx := context.Background()
	must(t, s.SaveState(ctx, b.now(), map[string][]byte{"x/1": []byte("one"), "x/2": {0, 1}, "x%": []byte("p"), "y": []byte("y")}))
	must(t, s.SaveState(ctx, b.now(), map[string][]byte{"x/1": []byte("uno"), "x/2": nil}))
	must(t, s.Close())
	s = b.open()
	if all, err := s.LoadStates(ctx, "x/"); err != nil || len(all) != 1 || string(all["x/1"]) != "uno" {
		t.Errorf("%q, %v", all, err)
	}
	if err := s.SaveState(ctx, b.now(), map[string][]byte{"k": make([]byte, maxState+1)}); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a value too large: %v", err)
	}
}

func TestDeadLetters(t *testing.T) {
	b := newBench(t)
	s := b.open()
	ctx := context.Background()
	b.accept(s, items(0, 4, "a", "b"))
	b.finish(s, 1, Dead, b.lease(s, 1, "a", 4)...)
	b.pass(time.Minute)
	b.finish(s, 1, Dead, b.lease(s, 1, "b", 2)...)
	letters, err := s.DeadLetters(ctx, Select{}, DeadLetterMark{}, 100)
	must(t, err)
	if len(letters) != 6 || letters[0].Trigger != "b" || letters[5].Trigger != "a" || letters[0].Reason != "because" || letters[0].Attempts != 1 {
		t.Fatalf("%+v", letters)
	}
	letter, ok, err := s.DeadLetter(ctx, "al_000000002", "a")
	if err != nil || !ok || !strings.Contains(string(letter.Payload), "al_000000002") {
		t.Fatalf("%+v %t %v", letter, ok, err)
	}
	if _, ok, err := s.DeadLetter(ctx, "al_000000002", "b"); ok || err != nil {
		t.Fatalf("a delivery that is not dead: %t %v", ok, err)
	}
	// Another process, as the command line is one, while this one has the file open.
	other := b.other()
	before, err := s.Changes(ctx)
	must(t, err)
	if back, left, err := other.Redeliver(ctx, b.now(), Select{AlertID: "al_000000002"}); back != 1 || left != 0 || err != nil {
		t.Fatalf("redelivered %d, left %d, %v", back, left, err)
	}
	if n, err := other.Remove(ctx, b.now(), Select{Trigger: "b"}); n != 2 || err != nil {
		t.Fatalf("removed %d, %v", n, err)
	}
	if after, err := s.Changes(ctx); err != nil || after == before {
		t.Errorf("changes of another process go unnoticed (%d, %v)", after, err)
	}
	if got := idsOf(b.lease(s, 1, "a", 10)); len(got) != 1 || got[0] != "al_000000002" {
		t.Errorf("leased %v after redelivery", got)
	}
	if n := b.counts(s, "a"); n != (Counts{Accepted: 4, Pending: 1, Dead: 3}) {
		t.Errorf("a: %+v", n)
	}
	if n := b.counts(s, "b"); n != (Counts{Accepted: 4, Pending: 2, Removed: 2}) {
		t.Errorf("b: %+v", n)
	}
}

func TestRedeliverKeepsTheBound(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.MaxPending = 4 })
	s := b.open()
	b.accept(s, items(0, 4, "a"))
	b.finish(s, 1, Dead, b.lease(s, 1, "a", 4)...)
	b.accept(s, items(4, 3, "a"))
	back, left, err := s.Redeliver(context.Background(), b.now(), Select{Trigger: "a"})
	if back != 1 || left != 3 || err != nil {
		t.Errorf("redelivered %d, left %d, %v; want 1 and 3", back, left, err)
	}
	b.counts(s, "a")
}

func TestSweepByAge(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.MaxDead = 700 })
	s := b.open()
	ctx := context.Background()
	b.accept(s, items(0, 1200, "a"))
	b.pass(12 * time.Hour)
	b.accept(s, items(1200, 10, "a"))
	sweep := func() (expired, dropped int64, calls int) {
		for more := true; more; calls++ {
			done, err := s.Sweep(ctx, b.now())
			must(t, err)
			expired, dropped, more = expired+done.Expired["a"], dropped+done.Dropped["a"], done.More
		}
		return expired, dropped, calls
	}
	if expired, _, _ := sweep(); expired != 0 {
		t.Fatalf("%d expired too early", expired)
	}
	b.pass(12 * time.Hour)
	expired, dropped, calls := sweep()
	if expired != 1200 || dropped != 500 || calls != 3 {
		t.Errorf("%d expired, %d dropped in %d calls; want 1200, 500, 3", expired, dropped, calls)
	}
	b.pass(b.set.DeadMaxAge)
	if expired, dropped, _ = sweep(); expired != 10 || dropped != 700 {
		t.Errorf("%d expired, %d dropped; want 10 and 700", expired, dropped)
	}
	if n := b.counts(s, "a"); n != (Counts{Accepted: 1210, Dead: 10, Dropped: 1200}) {
		t.Errorf("%+v", n)
	}
}
