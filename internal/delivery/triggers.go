package delivery

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// senderRef closes a sender when nobody uses it any more.
type senderRef struct {
	Sender
	mu    sync.Mutex
	users int
}

func newSenderRef(s Sender) *senderRef { return &senderRef{Sender: s, users: 1} }

// is reports whether the reference is of the sender s. Senders that cannot be compared are all different.
func (r *senderRef) is(s Sender) bool {
	return reflect.TypeOf(s).Comparable() && reflect.TypeOf(r.Sender).Comparable() && r.Sender == s
}

// acquire reports false when the sender was closed already.
func (r *senderRef) acquire() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == 0 {
		return false
	}
	r.users++
	return true
}

func (r *senderRef) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.users--
	if r.users != 0 {
		return
	}
	switch s := r.Sender.(type) {
	case interface{ Close() error }:
		_ = s.Close() // nothing can be done about a connection that does not close
	case interface{ Close() }:
		s.Close()
	}
}

// useTimeout bounds how long SetTriggers waits for the store.
const useTimeout = 2 * time.Second

// SetTriggers replaces the triggers. Those that stay go on without a pause, with their new sender and settings; their rate, and unless their
// revision changed their hold, goes on too. What is pending for a trigger that was left out stays pending, is not sent, and is delivered
// when the trigger comes back, or becomes a dead letter at its age. On an error nothing has changed.
func (d *Dispatcher) SetTriggers(triggers []Trigger) error {
	next := make(map[string]Trigger, len(triggers))
	var errs []error
	for _, t := range triggers {
		if _, twice := next[t.Name]; twice {
			errs = append(errs, fmt.Errorf("trigger %q is given twice", t.Name))
		}
		errs = append(errs, t.validate())
		next[t.Name] = t
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delivery: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping {
		return fmt.Errorf("delivery: %w", ErrStopped)
	}
	ctx, cancel := context.WithTimeout(context.Background(), useTimeout)
	defer cancel()
	for _, t := range triggers {
		// A store that fails just now does not stop the trigger: its hold is learnt at the next reload or attempt.
		state, err := d.opt.Store.UseTrigger(ctx, d.opt.Now(), t.Name, t.Revision, t.MaxAge)
		if err != nil {
			d.opt.Log.Warn("the state of a trigger is not known yet", "trigger", t.Name, "error", err)
		}
		d.setTrigger(t, state, err == nil)
	}
	for name, w := range d.workers {
		if _, stays := next[name]; !stays {
			delete(d.workers, name)
			w.retire()
			d.opt.Log.Info("a trigger was removed; what is pending for it waits for its return", "trigger", name)
		}
	}
	d.triggers = next
	return nil
}

func (d *Dispatcher) setTrigger(t Trigger, state store.TriggerState, known bool) {
	if w := d.workers[t.Name]; w != nil {
		w.update(t, state, known)
		return
	}
	w := newWorker(d, t, state)
	d.workers[t.Name] = w
	if d.started {
		d.launch(w)
	}
}
