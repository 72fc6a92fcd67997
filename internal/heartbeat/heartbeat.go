package heartbeat

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Sender sends a request. A client.Client is one.
type Sender interface {
	Send(ctx context.Context, id string, alerts []trigger.Alert) trigger.Result
	Close()
}

// Options are the dependencies of a Heart.
type Options struct {
	// Check returns the reason why alerts may not arrive, or "". It is called before each request.
	Check          func(ctx context.Context) string
	Instance, Host string
	Now            func() time.Time // nil: time.Now
	Log            *slog.Logger
	Panics         *atomic.Int64
}

// Status is a copy of the counters of a Heart.
type Status struct {
	On       bool
	Every    time.Duration // between two requests
	Sent     int64         // requests that the service accepted
	Failed   int64         // requests that it did not, retries included
	Withheld int64         // moments at which no request was sent, because alerts may not arrive
	Last     time.Time     // the last accepted request; zero: none
	Reason   string        // why the latest request was withheld, or failed; "": it was accepted, or none was due yet
}

// Heart sends the requests. It is safe for concurrent use.
type Heart struct {
	opt  Options
	wake chan struct{}

	mu     sync.Mutex // guards the fields below
	sender Sender     // nil: no heartbeat
	every  time.Duration
	status Status
}

// New returns a Heart without a sender.
func New(o Options) *Heart {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Heart{opt: o, wake: make(chan struct{}, 1)}
}

// Set puts a sender in force, and closes the one before. The next request is sent at once. nil ends the heartbeat.
func (h *Heart) Set(s Sender, every time.Duration) {
	h.mu.Lock()
	before := h.sender
	h.sender, h.every = s, every
	h.status.On, h.status.Every, h.status.Reason = s != nil, every, ""
	h.mu.Unlock()
	if before != nil {
		before.Close()
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Status returns the present counters.
func (h *Heart) Status() Status {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.status
}

// Run sends requests until ctx ends. It is called once.
func (h *Heart) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var current Sender
	for {
		h.mu.Lock()
		sender, every := h.sender, h.every
		h.mu.Unlock()
		due := sender != current // a new sender sends at once
		current = sender
		if !due {
			select {
			case <-timer.C:
				due = true
			case <-h.wake:
			case <-ctx.Done():
				return
			}
		}
		if due && current != nil {
			h.beat(ctx, current)
			timer.Reset(every)
		}
	}
}

// beat sends one request, or notes why not.
func (h *Heart) beat(ctx context.Context, sender Sender) {
	defer guard.Recover(h.opt.Log, h.opt.Panics, "sending the heartbeat")
	if reason := h.opt.Check(ctx); reason != "" {
		if ctx.Err() == nil {
			h.note(sender, reason, func(s *Status) { s.Withheld++ })
		}
		return
	}
	now := h.opt.Now().UTC()
	result := sender.Send(ctx, "heartbeat_"+now.Format("20060102T150405.000Z"), []trigger.Alert{{
		Version: trigger.AlertVersion, Kind: trigger.KindTest, Severity: "info", Rule: "heartbeat", Summary: "heartbeat", Time: now, FirstSeen: now, LastSeen: now,
		Labels: map[string]string{"instance": h.opt.Instance}, Source: trigger.Source{Kind: trigger.KindTest, Host: h.opt.Host},
	}})
	switch {
	case result.Outcome == trigger.Delivered:
		h.note(sender, "", func(s *Status) { s.Sent, s.Last = s.Sent+1, now })
	case ctx.Err() == nil:
		h.note(sender, "the request failed: "+result.Reason, func(s *Status) { s.Failed++ })
	}
}

// note notes the result of a moment. A sender that was replaced meanwhile changes the counts alone.
func (h *Heart) note(sender Sender, reason string, count func(*Status)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	count(&h.status)
	if h.sender != sender {
		return
	}
	if before := h.status.Reason; before != "" && reason == "" {
		h.opt.Log.Info("heartbeat is sent again")
	}
	h.status.Reason = reason
}
