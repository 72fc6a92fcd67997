package pipeline

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/heartbeat"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
)

// health has the facts that decide about the heartbeat, beside the counters.
type health struct {
	source   atomic.Pointer[func(context.Context) error] // set by WatchSource; nil: records come from Fluent Bit
	redactor atomic.Pointer[client.Redactor]
	files    atomic.Pointer[[]string]

	// Of the check alone, which one goroutine calls.
	chunks int64
	since  time.Time // when chunks was first seen; zero: never
}

// checkWithin bounds the questions of a check.
const checkWithin = 5 * time.Second

// heartbeatError is a heartbeat whose sender cannot be built, mostly because a secret is missing.
type heartbeatError struct{ err error }

// Error names the setting.
func (e *heartbeatError) Error() string { return "heartbeat: " + e.err.Error() }

// Unwrap returns the client's own error.
func (e *heartbeatError) Unwrap() error { return e.err }

// WatchSource sets the function that reports whether the source of records answers, for programs that read them themselves. nil: they come from Fluent Bit, and
// quiet applies.
func (p *Pipeline) WatchSource(answers func(context.Context) error) {
	if answers == nil {
		p.health.source.Store(nil)
		return
	}
	p.health.source.Store(&answers)
}

// setHeartbeat puts the heartbeat of a prepared configuration in force.
func (p *Pipeline) setHeartbeat(n *prepared) {
	set := &n.settings.Heartbeat
	files := set.Files()
	// Also without a sender, so that the file is watched for whose absence prevented it.
	p.health.files.Store(&files)
	if n.beats == nil {
		p.heart.Set(nil, 0)
		return
	}
	// Before the sender is in force, so that no log line shows its secrets.
	p.health.redactor.Store(n.beats.Redactor())
	p.heart.Set(n.beats, set.Every)
}

// Heartbeat returns the counters of the heartbeat. A configured heartbeat whose sender cannot be built has the reason.
func (p *Pipeline) Heartbeat() heartbeat.Status {
	status := p.heart.Status()
	if !status.On {
		if s := p.Settings(); s != nil && s.Heartbeat.On() {
			status.On, status.Every, status.Reason = true, s.Heartbeat.Every, "its settings cannot be used"
		}
	}
	return status
}

// unhealthy returns the reason why alerts may not arrive, or "".
func (p *Pipeline) unhealthy(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	if reason := p.quiet(ctx); reason != "" {
		return reason
	}
	if err := p.delivery.Room(); err != nil {
		return "alerts cannot be stored: " + err.Error()
	}
	stats := p.delivery.Stats(ctx)
	switch {
	case stats.Store.Err != nil:
		return "the store fails: " + stats.Store.Err.Error()
	case p.memoryInstead || stats.Store.Mode == store.ModeMemory && p.Settings().Store.Path != store.MemoryPath:
		return "the store is unavailable, alerts are kept in memory"
	case stats.Backlog > 0:
		return "alerts wait in memory for the store"
	case p.engine.Snapshot().Len() == 0:
		return "no rules are in force"
	case len(p.triggers.Load().all) == 0:
		return "no triggers are in force"
	}
	for i := range stats.Triggers {
		if t := &stats.Triggers[i]; t.Configured && t.State.Hold != store.HoldNone {
			return fmt.Sprintf("trigger %q is on hold", t.Name)
		}
	}
	return ""
}

// quiet returns the reason if the source of records does not answer, or if no chunk came for the time of quiet. The time is counted from the first check on.
func (p *Pipeline) quiet(ctx context.Context) string {
	if answers := p.health.source.Load(); answers != nil {
		if err := (*answers)(ctx); err != nil {
			return "the container engine does not answer: " + err.Error()
		}
		return ""
	}
	h, now := &p.health, p.now()
	// A clock that went back restarts the time of quiet.
	if n := p.counters.chunks.Load(); h.since.IsZero() || n != h.chunks || now.Before(h.since) {
		h.chunks, h.since = n, now
	}
	if limit := p.Settings().Heartbeat.Quiet; limit > 0 && now.Sub(h.since) >= limit {
		return "no record came for " + setting.FormatDuration(limit)
	}
	return ""
}
