package fleetnode

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// The errors of what asks the engine.
var (
	ErrNone     = errors.New("this instance is in no fleet: set fleet.address and fleet.namespace")
	ErrNoAnswer = errors.New("the fleet's engine does not answer")
)

// askWithin bounds what a person asks the engine.
const askWithin = 5 * time.Second

// Status is what this instance did in its fleet.
type Status struct {
	On              bool
	Namespace, Node string
	fleet.Stats
	Totals store.FleetTotals
	Trips  prometheus.Metric // a histogram of round trips, in seconds
}

// Status returns it without the network.
func (n *Node) Status(ctx context.Context) Status {
	l := n.current.Load()
	if l == nil {
		return Status{}
	}
	s := Status{On: true, Namespace: l.settings.Namespace, Node: l.name(), Stats: l.fleet.Stats(), Trips: n.trips}
	if totals, err := n.store.FleetTotals(ctx, n.opt.Now(), n.opt.Instance); err == nil { // else they are 0
		s.Totals = totals
	}
	return s
}

// On reports whether the instance is in a fleet.
func (n *Node) On() bool { return n.current.Load() != nil }

// name returns the node's name.
func (l *loops) name() string {
	if l.settings.Node != "" {
		return l.settings.Node
	}
	return l.opt.Host
}

// ask asks the engine for a person.
func (n *Node) ask(ctx context.Context, fn func(context.Context, *loops) error) error {
	l := n.current.Load()
	if l == nil {
		return ErrNone
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if err := fn(ctx, l); err != nil {
		return fmt.Errorf("%w: %s", ErrNoAnswer, fleet.Why(err))
	}
	return nil
}

// Account sums up the fleet.
func (n *Node) Account(ctx context.Context) (a fleet.Account, err error) {
	err = n.ask(ctx, func(ctx context.Context, l *loops) (err error) {
		a, err = l.engine.Account(ctx)
		return err
	})
	return a, err
}

// Windows lists windows of the fleet.
func (n *Node) Windows(ctx context.Context, limit int) (list []fleet.Window, err error) {
	err = n.ask(ctx, func(ctx context.Context, l *loops) (err error) {
		list, err = l.engine.Windows(ctx, limit)
		return err
	})
	return list, err
}

// Outlook is the fleet's answer to an alert, if it were asked now.
type Outlook struct {
	Open   bool // there is a window of the key
	Window fleet.Window
	Held   bool // another alert of the key left, so this one would not
}

// Outlook asks the engine how it would answer an alert that has a cooldown key. It counts nothing.
func (n *Node) Outlook(ctx context.Context, cooldownKey string) (o Outlook, err error) {
	err = n.ask(ctx, func(ctx context.Context, l *loops) (err error) {
		o.Window, o.Open, err = l.engine.Window(ctx, fleet.KeyOf("cooldown", cooldownKey))
		w := &o.Window
		waits := w.Unreported+w.Frozen > 0 && w.Opened > 0 && w.Opened < fleet.Overdue(w.Cooldown, l.settings.Grace)
		o.Held = o.Open && (w.Left > 0 || waits)
		return err
	})
	return o, err
}

// CloseWindow closes a window on all nodes, and reports whether it was open: the next hit alerts.
func (n *Node) CloseWindow(ctx context.Context, key fleet.Key) (open bool, err error) {
	err = n.ask(ctx, func(ctx context.Context, l *loops) (err error) {
		if open, err = l.engine.CloseWindow(ctx, key); err != nil {
			return err
		}
		return l.fleet.Pull(ctx) // here at once; the other nodes within seconds
	})
	return open, err
}

// PutSilence writes a silence to the engine, and puts it in force here; the other nodes pull it within seconds.
func (n *Node) PutSilence(ctx context.Context, s fleet.Silence) error {
	return n.ask(ctx, func(ctx context.Context, l *loops) error {
		if err := l.engine.PutSilence(ctx, s, false); err != nil {
			return err
		}
		return l.fleet.Pull(ctx)
	})
}

// DropSilence ends a silence of the fleet on all nodes.
func (n *Node) DropSilence(ctx context.Context, id string) error {
	return n.ask(ctx, func(ctx context.Context, l *loops) error {
		if _, err := l.engine.DropSilence(ctx, id); err != nil {
			return err
		}
		return l.fleet.Pull(ctx)
	})
}
