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

// senderRef counts the users of a sender and closes it when the last one releases it.
type senderRef struct {
	Sender
	mu    sync.Mutex
	users int
}

func newSenderRef(s Sender) *senderRef { return &senderRef{Sender: s, users: 1} }

// is reports whether the reference holds the sender s. Senders of types that are not comparable all differ.
func (r *senderRef) is(s Sender) bool {
	return reflect.TypeOf(s).Comparable() && reflect.TypeOf(r.Sender).Comparable() && r.Sender == s
}

// acquire adds a user. It returns false if the sender is closed already.
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
		_ = s.Close() // there is no way to handle a connection that does not close
	case interface{ Close() }:
		s.Close()
	}
}

// useTimeout bounds how long SetTriggers waits for the store.
const useTimeout = 2 * time.Second

// SetTriggers replaces the triggers. A trigger that stays keeps working with its new sender and settings; its rate limit continues, and so does
// its hold, unless its revision changed. Deliveries of a removed trigger stay pending: they are sent when the trigger returns, or become dead
// letters at their max_age. If SetTriggers returns an error, nothing has changed.
func (d *Dispatcher) SetTriggers(triggers []Trigger) error {
	next := make(map[string]Trigger, len(triggers))
	var errs []error
	for _, t := range triggers {
		if _, twice := next[t.Name]; twice {
			errs = append(errs, fmt.Errorf("trigger %q is defined twice", t.Name))
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
		// A failing store does not stop the trigger: it learns its hold at the next reload or attempt.
		state, err := d.opt.Store.UseTrigger(ctx, d.opt.Now(), t.Name, t.Revision, destinationOf(t.Sender), t.MaxAge)
		if err != nil {
			d.opt.Log.Warn("cannot read the state of a trigger yet", "trigger", t.Name, "error", err)
		}
		d.setTrigger(t, state, err == nil)
	}
	for name, w := range d.workers {
		if _, stays := next[name]; !stays {
			delete(d.workers, name)
			w.retire()
			d.opt.Log.Info("trigger removed: its pending alerts are kept until it returns", "trigger", name)
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
