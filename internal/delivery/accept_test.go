package delivery

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// block holds the file's write lock, as another process would that hangs in a transaction, until the returned function is called.
func block(t *testing.T, path string) (unblock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	must(t, err)
	conn, err := db.Conn(context.Background())
	must(t, err)
	_, err = conn.ExecContext(context.Background(), "BEGIN IMMEDIATE")
	must(t, err)
	return func() {
		_, err := conn.ExecContext(context.Background(), "ROLLBACK")
		must(t, err)
		must(t, conn.Close())
		must(t, db.Close())
	}
}

func TestAFailingStoreKeepsAlertsInMemory(t *testing.T) {
	inWorld(t, func(w *world) {
		w.opt.Settings.Backlog = 30
		r := &receiver{}
		w.start(newTrigger("a", r))
		w.accept(alert(0, "a"))
		unblock := block(t, w.set.Path)
		w.accept(alerts(1, 10, "a")...)
		if err := w.d.Room(); !errors.Is(err, dberr.ErrBusy) {
			t.Errorf("room: %v, want %v", err, dberr.ErrBusy)
		}
		w.accept(alerts(11, 10, "a")...) // evaluated before it was refused
		if s := w.d.Stats(t.Context()); s.Backlog != 20 || s.Lost != 0 || r.count() != 1 {
			t.Errorf("stats %+v", s)
		}
		if err := w.d.Accept(context.Background(), alerts(21, 15, "a")); !errors.Is(err, ErrBacklog) || !strings.Contains(err.Error(), "5 of 15") {
			t.Errorf("beyond the bound: %v", err)
		}
		unblock()
		w.pass(5 * time.Second)
		must(t, w.d.Room())
		got := r.all()
		if len(got) != 32 { // the last one reports the loss
			t.Fatalf("%d delivered, want 32", len(got))
		}
		for i, s := range got[:31] {
			if want := alert(i).Alert.ID; s.id != want {
				t.Errorf("message %d is %s, want %s: in order", i, s.id, want)
			}
		}
		if s := w.d.Stats(t.Context()); s.Accepted != 32 || s.Lost != 5 || s.Backlog != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// TestOutcomesWaitForTheStore: what was delivered while the store failed is recorded when it works again, and not sent twice.
func TestOutcomesWaitForTheStore(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		answer := make(chan struct{})
		r.set(func(context.Context, string, []trigger.Alert) trigger.Result {
			<-answer
			return trigger.Result{Outcome: trigger.Delivered}
		})
		w.start(newTrigger("a", r))
		w.accept(alert(0, "a"))
		unblock := block(t, w.set.Path)
		close(answer)
		w.pass(time.Minute)
		unblock()
		w.pass(10 * time.Second)
		if n := w.counts("a"); n.Delivered != 1 || r.count() != 1 {
			t.Errorf("%+v after %d messages", n, r.count())
		}
	})
}

func TestStopMovesTheBacklogToTheStore(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start(newTrigger("a", &receiver{}))
		unblock := block(t, w.set.Path)
		w.accept(alerts(0, 10, "gone")...)
		unblock()
		w.stop()
		w.start(newTrigger("a", &receiver{}))
		if n := w.counts("gone"); n.Pending != 10 {
			t.Errorf("%+v, want 10 pending", n)
		}
		unblock = block(t, w.set.Path)
		w.accept(alerts(10, 10, "gone")...)
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		if err := w.d.Stop(ctx); !errors.Is(err, dberr.ErrBusy) || !strings.Contains(err.Error(), "10 alerts are only in memory") {
			t.Errorf("stopping with a store that fails: %v", err)
		}
		unblock()
		must(t, w.store.Close())
		// A hot reload starts the next dispatcher in the same process.
		w.start(newTrigger("a", &receiver{}))
		if err := w.d.Room(); err == nil {
			t.Error("room for new alerts before the old ones are in the store")
		}
		w.pass(2 * time.Second)
		if n := w.counts("gone"); n.Pending != 20 {
			t.Errorf("%+v, want 20 pending", n)
		}
		must(t, w.d.Room())
	})
}

// TestLossesAreReported: one alert of kind system goes to the other triggers, at most one in each interval.
func TestLossesAreReported(t *testing.T) {
	inWorld(t, func(w *world) {
		w.set.MaxPending = 10
		down, up := &receiver{}, &receiver{}
		down.says(trigger.Result{Outcome: trigger.RetryLater})
		var mu sync.Mutex
		var got []trigger.Alert
		up.set(func(_ context.Context, _ string, alerts []trigger.Alert) trigger.Result {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, alerts...)
			return trigger.Result{Outcome: trigger.Delivered}
		})
		reported := func() []trigger.Alert {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(got)
		}
		w.opt.Host = "node-1"
		w.start(newTrigger("down", down), newTrigger("up", up))
		w.accept(alerts(0, 25, "down")...)
		w.pass(2 * time.Second)
		reports := reported()
		if len(reports) != 1 {
			t.Fatalf("%d alerts of kind system", len(reports))
		}
		a := reports[0]
		if a.Kind != trigger.KindSystem || a.Source.Host != "node-1" || a.Count != 15 || !strings.HasPrefix(a.ID, "al_") ||
			a.Summary != `trigger "down": alerts were not delivered: 15 dropped because too many were waiting` {
			t.Errorf("%+v", a)
		}
		for n := range 9 {
			w.accept(alert(100+n, "down"))
			w.pass(time.Minute)
		}
		if reports = reported(); len(reports) != 1 {
			t.Errorf("%d alerts of kind system within ten minutes", len(reports))
		}
		w.pass(time.Minute)
		if reports = reported(); len(reports) != 2 || reports[1].Count != 9 {
			t.Errorf("%+v", reports)
		}
		for _, s := range down.all() {
			if s.id == a.ID {
				t.Error("a trigger got the report of its own loss")
			}
		}
	})
}

func TestADamagedStoreIsReported(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		r.says(trigger.Result{Outcome: trigger.Hold})
		w.start(newTrigger("a", r))
		w.accept(alerts(0, 10, "a")...)
		w.stop()
		must(t, truncate(w.set.Path))
		// Without the counts of a running process the number is not known, so nothing is claimed; the file and the log show it.
		r.set(nil)
		w.start(newTrigger("a", r))
		w.pass(5 * time.Second)
		if h := w.store.Health(); h.Recovered != 1 || !strings.Contains(w.logged.String()+h.Aside, "corrupt-") {
			t.Errorf("%+v", h)
		}
		must(t, w.d.Room())
		w.accept(alert(0, "a"))
		synctest.Wait()
		if n := w.counts("a"); n.Delivered < 1 {
			t.Errorf("%+v", n)
		}
	})
}

// TestAnAlertThatCannotBeKeptTakesNoOtherWithIt: the store knows as many triggers as it ever can.
func TestAnAlertThatCannotBeKeptTakesNoOtherWithIt(t *testing.T) {
	inWorld(t, func(w *world) {
		r := &receiver{}
		w.start(newTrigger("a", r))
		db, err := sql.Open("sqlite", "file:"+w.set.Path)
		must(t, err)
		_, err = db.Exec("INSERT INTO triggers (id, name) VALUES (65535, 'last')")
		must(t, err)
		must(t, db.Close())
		err = w.d.Accept(context.Background(), []Item{alert(0, "a"), alert(1, "one more"), alert(2, "a")})
		if err == nil || !strings.Contains(err.Error(), `lost alert "al_000001"`) || strings.Contains(err.Error(), "al_000002") {
			t.Errorf("accepting: %v", err)
		}
		synctest.Wait()
		if r.count() != 2 || w.d.Stats(t.Context()).Lost != 1 {
			t.Errorf("%d delivered, %d lost", r.count(), w.d.Stats(t.Context()).Lost)
		}
		unblock := block(t, w.set.Path)
		w.accept(alert(3, "a"), alert(4, "one more"), alert(5, "a")) // in memory: nothing is known against it yet
		unblock()
		w.pass(2 * time.Second)
		if s := w.d.Stats(t.Context()); s.Delivered != 5 || s.Lost != 2 || s.Backlog != 0 { // with the alert that reports the first loss
			t.Errorf("stats %+v", s)
		}
	})
}

// TestLeasesAreGivenBackEvenWhenResultsPileUp fills the way to the finisher, which does not run.
func TestLeasesAreGivenBackEvenWhenResultsPileUp(t *testing.T) {
	inWorld(t, func(w *world) {
		w.start()
		idle, err := New(w.opt)
		must(t, err)
		n := finishBatch + 20
		w.accept(alerts(0, n, "a")...)
		messages, _, err := w.store.Lease(context.Background(), idle.owner, time.Now(), "a", n)
		must(t, err)
		for i := range messages {
			idle.inFlight.Add(1)
			idle.returnLease(&messages[i])
		}
		if len(messages) != n || len(idle.returns) != 20 {
			t.Fatalf("%d leased, %d beside the channel", len(messages), len(idle.returns))
		}
		idle.returnLeases(context.Background())
		again, _, err := w.store.Lease(context.Background(), 1, time.Now(), "a", n)
		if err != nil || len(again) != 20 || idle.inFlight.Load() != finishBatch {
			t.Errorf("%d can be leased, %d under way, %v", len(again), idle.inFlight.Load(), err)
		}
	})
}
