package delivery

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// sent is one message that a receiver was given.
type sent struct {
	at     time.Time
	id     string
	alerts []string
}

// receiver is a sender whose answers a test writes. The zero value takes everything.
type receiver struct {
	mu      sync.Mutex
	answer  func(ctx context.Context, id string, alerts []trigger.Alert) trigger.Result
	got     []sent
	running int
	most    int // attempts at once
	closed  int
}

var _ Sender = (*receiver)(nil)

func (r *receiver) Send(ctx context.Context, id string, alerts []trigger.Alert) trigger.Result {
	s := sent{at: time.Now(), id: id}
	for _, a := range alerts {
		s.alerts = append(s.alerts, a.ID)
	}
	r.mu.Lock()
	r.got = append(r.got, s)
	answer := r.answer
	r.running++
	r.most = max(r.most, r.running)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.running--
		r.mu.Unlock()
	}()
	if answer == nil {
		return trigger.Result{Outcome: trigger.Delivered}
	}
	return answer(ctx, id, alerts)
}

func (r *receiver) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed++
}

func (r *receiver) set(answer func(context.Context, string, []trigger.Alert) trigger.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// says makes every answer the same.
func (r *receiver) says(result trigger.Result) {
	r.set(func(context.Context, string, []trigger.Alert) trigger.Result { return result })
}

func (r *receiver) all() []sent {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]sent(nil), r.got...)
}

func (r *receiver) count() int { return len(r.all()) }

func (r *receiver) closes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func (r *receiver) peak() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most
}

// world is one store with a dispatcher on it.
type world struct {
	t        *testing.T
	registry *store.Registry
	set      store.Settings
	opt      Options
	store    *store.Store
	d        *Dispatcher
	logged   *bytes.Buffer
}

// inWorld runs a test in a bubble of its own time, with a store in a real file.
func inWorld(t *testing.T, test func(*world)) {
	path := filepath.Join(t.TempDir(), "a.db")
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, registry: new(store.Registry), set: store.DefaultSettings(), logged: new(bytes.Buffer)}
		w.set.Path = path
		w.opt = Options{Settings: DefaultSettings(), Random: func() float64 { return 1 }, Log: slog.New(slog.NewTextHandler(w.logged, nil))}
		defer func() { // after a failed test, too: its goroutines would be taken for a deadlock
			if w.d != nil {
				ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
				defer cancel()
				if err := w.d.Stop(ctx); err != nil {
					t.Error(err)
				}
			}
			if err := w.registry.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(w)
	})
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// start opens the store and starts a dispatcher with these triggers.
func (w *world) start(triggers ...Trigger) {
	w.t.Helper()
	var err error
	w.store, err = w.registry.Open(context.Background(), store.Options{Settings: w.set, Wait: 20 * time.Millisecond})
	must(w.t, err)
	w.opt.Store = w.store
	w.d, err = New(w.opt)
	must(w.t, err)
	must(w.t, w.d.SetTriggers(triggers))
	w.d.Start()
}

// stop ends the dispatcher in good order.
func (w *world) stop() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	must(w.t, w.d.Stop(ctx))
	must(w.t, w.store.Close())
	w.d = nil
}

// pass lets time pass and waits until all is quiet.
func (w *world) pass(d time.Duration) {
	time.Sleep(d) // the bubble's clock: no real time passes
	synctest.Wait()
}

func (w *world) accept(items ...Item) {
	w.t.Helper()
	must(w.t, w.d.Accept(context.Background(), items))
	synctest.Wait()
}

// counts checks the account and returns it.
func (w *world) counts(name string) store.Counts {
	w.t.Helper()
	a, err := w.store.Account(context.Background())
	must(w.t, err)
	return a.Triggers[name]
}

func (w *world) state(name string) store.TriggerState {
	w.t.Helper()
	all, err := w.store.Triggers(context.Background())
	must(w.t, err)
	for _, info := range all {
		if info.Name == name {
			return info.State
		}
	}
	w.t.Fatalf("no trigger %q", name)
	return store.TriggerState{}
}

func newTrigger(name string, r Sender) Trigger {
	return Trigger{Name: name, Sender: r, Concurrency: 1, MaxAge: 24 * time.Hour, Revision: "1"}
}

// alert returns alert n for the triggers.
func alert(n int, triggers ...string) Item {
	return Item{Alert: trigger.Alert{
		Version: trigger.AlertVersion, ID: fmt.Sprintf("al_%06d", n), Kind: trigger.KindLog, Severity: "error", Rule: "r", Message: "m",
	}, Triggers: triggers}
}

func alerts(first, n int, triggers ...string) []Item {
	all := make([]Item, n)
	for i := range all {
		all[i] = alert(first+i, triggers...)
	}
	return all
}

// truncate cuts a file in the middle of its third page.
func truncate(path string) error { return os.Truncate(path, 10_000) }
