package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/redis"
	"github.com/tinyforge/fluentbit-trigger/internal/heartbeat"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/fleetnode"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
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

// fleetError is a fleet whose settings cannot be used, mostly because a secret is missing.
type fleetError struct{ err error }

// Error names the setting.
func (e *fleetError) Error() string { return "fleet: " + e.err.Error() }

// Unwrap returns the engine's own error.
func (e *fleetError) Unwrap() error { return e.err }

// connect returns an engine in Redis or Valkey.
func connect(s *fleet.Settings, e egress.Settings) (fleet.Engine, error) {
	policy, faults := egress.NewPolicy(e)
	if len(faults) > 0 {
		return nil, setting.Join(faults)
	}
	made, err := redis.New(redis.Options{Settings: *s, Guard: egress.NewGuard(policy, nil)})
	if err != nil {
		return nil, err // and no interface that holds nil
	}
	return made, nil
}

// fleetOptions returns what the node of a fleet needs of the pipeline.
func (p *Pipeline) fleetOptions(o *Options) fleetnode.Options {
	if o.Connect == nil {
		o.Connect = connect
	}
	return fleetnode.Options{
		Instance: o.ID, Host: hostName(), Version: o.Version, Rules: p.engine.Snapshot, Decide: p.engine.Decide, Alone: p.engine.Alone, Known: p.engine.Known, Close: p.engine.CloseWindows,
		Route: func(a *trigger.Alert) []string { return p.triggers.Load().of(a, p.now()) }, Lost: p.reportLost, Connect: o.Connect, Now: o.Now, Log: p.log,
		Panics: &p.counters.panics, Counts: p.engine.SetFleet, Crossed: p.crossed, Exceeded: p.exceeded, Reached: p.engine.Reach,
		Heard: func(key string, at time.Time) { p.engine.Heard(key, at.UnixNano()) }, Absence: p.fleetAbsence, Recovery: p.fleetRecovery,
		Followed: p.followed, WaitOver: p.engine.WaitOver, Missing: p.fleetMissing,
		Shown: func(a *engine.Alert) *trigger.Alert { alert := NewAlert(a, ""); return &alert },
	}
}

// fleetAbsence makes the alert of an absence that the fleet found.
func (p *Pipeline) fleetAbsence(rule, workload string, since time.Time, heard bool) (a *trigger.Alert, sent func(), later bool) {
	made, later, ok := p.engine.FleetAbsence(rule, workload, since.UnixNano(), heard, p.now().UnixNano())
	if !ok {
		return nil, nil, false
	}
	alert := NewAlert(&made, "")
	return &alert, func() { p.engine.FleetSent(&made, p.now().UnixNano()) }, later
}

// fleetRecovery makes the alert of the end of an absence that the fleet found.
func (p *Pipeline) fleetRecovery(rule, workload string, at time.Time, gone time.Duration) (a *trigger.Alert, sent func()) {
	made, ok := p.engine.FleetRecovery(rule, workload, at.UnixNano(), int64(gone))
	if !ok {
		return nil, nil
	}
	alert := NewAlert(&made, "")
	return &alert, func() { p.engine.FleetSent(&made, p.now().UnixNano()) }
}

// fleetMissing completes the alert about a hit that the other rule of its sequence followed on no node.
func (p *Pipeline) fleetMissing(rule string, shown *trigger.Alert, at time.Time) (a *trigger.Alert, sent func(), later bool) {
	from := &shown.Source
	severity := engine.ParseLevel([]byte(shown.Severity)) // unknown: the rule has one
	made, later, ok := p.engine.FleetMissing(rule, &engine.Alert{
		Severity: severity, Summary: shown.Summary, Message: shown.Message, Labels: shown.Labels, Source: &engine.Source{
			Kind: cmp.Or(from.Kind, trigger.KindLog), Workload: from.Workload, Host: from.Host, Tag: from.Tag,
			Container: engine.Container{ID: from.Container.ID, Name: from.Container.Name, Image: from.Container.Image},
		},
	}, at.UnixNano(), p.now().UnixNano())
	if !ok {
		return nil, nil, false
	}
	alert := NewAlert(&made, "")
	return &alert, func() { p.engine.FleetSent(&made, p.now().UnixNano()) }, later
}

// followed has the engine of rules alert for a hit that followed another rule on another node, at once.
func (p *Pipeline) followed(key string, shown any) {
	p.engine.Follow(key, shown, p.now().UnixNano())
	p.wakeDue()
}

// crossed has the engine of rules alert for a threshold of the fleet, at once.
func (p *Pipeline) crossed(key string, sum int64) {
	p.engine.Cross(key, sum, p.now().UnixNano())
	p.wakeDue()
}

// exceeded has the engine of rules alert for a rate or a ratio of the fleet, at once.
func (p *Pipeline) exceeded(key string, by engine.FleetCompared) {
	p.engine.Exceed(key, by, p.now().UnixNano())
	p.wakeDue()
}

// wakeDue has the alerts made that are due.
func (p *Pipeline) wakeDue() {
	select {
	case p.due <- struct{}{}:
	default:
	}
}

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
