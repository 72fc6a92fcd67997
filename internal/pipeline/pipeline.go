package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/config/tomlfiles"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/heartbeat"
	"github.com/tinyforge/fluentbit-trigger/internal/links"
	"github.com/tinyforge/fluentbit-trigger/internal/logging"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/arrival"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/fleetnode"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/labels"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/recent"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/silence"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/taps"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/workload"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Options configures a pipeline.
type Options struct {
	// ID names the instance in log lines, alert ids and the default path of the store.
	ID string
	// Sources are the files and parameters of the configuration.
	Sources config.Sources
	// Lenient starts with the valid parts of a configuration that has errors, instead of failing.
	Lenient bool
	// Previous is the last configuration that ran under this id, for a lenient start when no source can be read. May be nil.
	Previous *config.Settings
	// Stores is the process's registry of open stores.
	Stores *store.Registry
	// Connect returns the engine of a fleet; nil: Redis or Valkey.
	Connect fleetnode.Connect
	// Version is that of the program, which the other nodes of a fleet see.
	Version string
	// LogTo gets the log lines, with Origin in brackets.
	LogTo  io.Writer
	Origin string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Passed is a monotonic clock: the time since some moment, even if the wall clock is set meanwhile. nil: the system's, or Now if that is set.
	Passed func() time.Duration
}

// Pipeline is one running instance. It is safe for concurrent use.
type Pipeline struct {
	id      string
	log     *slog.Logger
	level   *slog.LevelVar
	now     func() time.Time
	started time.Time
	arrival *arrival.Clock // the clock that lines are evaluated by

	configuration
	lifecycle

	// The path of a record, in this order.
	decoder   atomic.Pointer[chunk.Decoder]
	engine    *engine.Engine
	labels    *labels.Rules // rules from containers' labels
	silences  *silence.Set
	links     messageLinks
	digests   digests
	ordinals  alertOrdinals
	triggers  atomic.Pointer[triggers]
	outside   outsideHours
	pending   *pendingAlerts
	delivery  *delivery.Dispatcher
	store     *store.Store
	state     *engineState
	held      heldLines
	runtime   *runtimeObjects
	fleet     *fleetnode.Node
	heart     *heartbeat.Heart
	health    health
	tested    testedTriggers
	notices   notices
	counters  counters
	workloads workload.Table
	taps      taps.Set
	recent    recent.Lines

	subscribers   taps.Subscribers
	warnings      warnings
	memoryInstead bool  // the store is in memory, although the configuration names a file
	ignoredLabels int64 // as last logged; of expireLoop
}

// configuration holds the configuration in force, and how it is reloaded.
type configuration struct {
	sources     config.Sources
	watcher     *tomlfiles.Watcher
	loaded      atomic.Pointer[config.Result]
	restartOnly config.Standing          // the settings that the store and the delivery were made with
	adminFiles  atomic.Pointer[[]string] // of [admin] settings that are not in force because a file is missing or invalid; nil: none

	reloading sync.Mutex // held from loading to applying, so that reloads and runtime changes follow each other
	applying  sync.Mutex // guards settings and onReload
	settings  *config.Settings
	onReload  PrepareAdmin
}

// lifecycle starts and ends the pipeline's goroutines.
type lifecycle struct {
	jobs     chan job
	ctx      context.Context // of the pipeline's own work; ends at the end of Stop
	cancel   context.CancelFunc
	watching context.Context // ends when Stop begins
	endWatch context.CancelFunc
	due      chan struct{} // wakes tickLoop
	stopping chan struct{} // closed when Stop begins
	stopOnce sync.Once
	running  sync.WaitGroup
}

func (l *lifecycle) init() {
	l.jobs, l.due, l.stopping = make(chan job), make(chan struct{}, 1), make(chan struct{})
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.watching, l.endWatch = context.WithCancel(l.ctx)
}

// New loads the configuration, opens the store and builds all parts; it starts no goroutine. Unless the start is lenient, it fails if the
// configuration has problems, and the error names all of them.
func New(o Options) (*Pipeline, error) {
	if o.Now == nil {
		o.Now = time.Now
		if begun := time.Now(); o.Passed == nil {
			o.Passed = func() time.Duration { return time.Since(begun) }
		}
	}
	p := &Pipeline{
		id: o.ID, now: o.Now, started: o.Now(), level: &slog.LevelVar{}, configuration: configuration{sources: o.Sources},
		engine: engine.New(), pending: newPendingAlerts(),
	}
	p.links.now = o.Now
	p.engine.SetAlertKeys(isAlertKey) // before the store's silences are in force
	p.lifecycle.init()
	p.log = slog.New(logging.New(logging.Options{
		Writer: o.LogTo, Origin: o.Origin, Level: p.level, Redact: p.redact, Now: o.Now,
	}))
	p.labels = labels.New(p.log)
	p.arrival = arrival.New(o.Now, o.Passed, p.engine.Skip)
	begun := time.Now()
	// A monotonic clock: setting the wall clock must not distort the measured costs.
	p.engine.SetClock(func() int64 { return int64(time.Since(begun)) })
	p.heart = heartbeat.New(heartbeat.Options{
		Check: p.unhealthy, Instance: o.ID, Host: hostName(), Now: o.Now, Log: p.log, Panics: &p.counters.panics,
	})
	p.fleet = fleetnode.New(p.fleetOptions(&o))
	// Before the first load, so that the watcher misses no change made after it.
	p.watcher = tomlfiles.NewWatcher(tomlfiles.WatcherOptions{Files: o.Sources.Files, Secrets: p.secretFiles})
	settings, err := p.firstSettings(o)
	if err != nil {
		return nil, err
	}
	// Everything that needs no store comes first, so that a broken configuration creates no file.
	next, err := p.prepare(settings)
	if err != nil && !o.Lenient {
		next.close()
		return nil, placed(err, p.Loaded())
	}
	if err != nil {
		p.log.Error("skipping invalid parts of the configuration", "error", err)
	}
	if err := p.openStore(o, next); err != nil {
		next.close()
		return nil, err
	}
	// Runtime objects are in the store, so they can be added only now.
	next = p.addRuntime(next)
	if _, err := p.apply(next); err != nil {
		return nil, errors.Join(err, p.store.Close())
	}
	return p, nil
}

// openStore opens the store, builds the parts that use it, and restores their saved state.
func (p *Pipeline) openStore(o Options, n *prepared) error {
	s := n.settings
	opened, err := p.chooseStore(o, s.Store, n.triggers.revisions())
	if err != nil {
		return fmt.Errorf("cannot open the store: %w", err)
	}
	p.store, p.restartOnly = opened, config.NewStanding(s)
	p.memoryInstead = opened.Mode() == store.ModeMemory && s.Store.Path != store.MemoryPath
	p.delivery, err = delivery.New(delivery.Options{
		Store: opened, Settings: s.Delivery, Now: p.now, Log: p.log, Host: hostName(),
		Route: func(a *trigger.Alert) []string { return p.triggers.Load().of(a, p.now()) }, Ended: p.fleet.Delivered,
	})
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	p.state = &engineState{engine: p.engine, store: opened, instance: p.id, now: p.now, log: p.log}
	p.state.restore(p.ctx)
	p.restoreTested(p.ctx)
	p.runtime = &runtimeObjects{
		host: p, ctx: p.ctx, instance: p.id, store: opened, now: p.now, log: p.log, panics: &p.counters.panics, reloading: &p.reloading,
	}
	p.silences = silence.New(p.ctx, silence.Options{Instance: p.id, Engine: p.engine, Store: opened, Now: p.now, Log: p.log})
	p.fleet.Attach(opened, p.delivery, p.silences)
	return nil
}

// chooseStore opens the store that the settings name. If it cannot be used, or another instance uses it for different triggers of the same names,
// chooseStore fails; a lenient start gets a store in memory instead.
func (p *Pipeline) chooseStore(o Options, set store.Settings, revisions map[string]string) (*store.Store, error) {
	chosen := set.Path != ""
	set.Path = p.storePath(set.Path)
	open := func() (*store.Store, error) {
		return o.Stores.Open(p.ctx, store.Options{Settings: set, Now: p.now, Log: p.log, MemoryIfNone: !chosen, OrMemory: o.Lenient})
	}
	opened, err := open()
	if err != nil {
		return nil, err
	}
	clashing := opened.Claim(revisions)
	if len(clashing) == 0 {
		return opened, nil
	}
	err = fmt.Errorf("another output also uses the store %s, and its trigger %q has another receiver or other credentials: give each output "+
		"its own store, or rename the trigger", set.Path, clashing[0])
	if !o.Lenient {
		return nil, errors.Join(err, opened.Close())
	}
	p.log.Error("store unavailable: keeping alerts in memory, they will be lost on restart", "error", errors.Join(err, opened.Close()))
	set.Path = store.MemoryPathOf(p.id)
	// A store in memory belongs to this instance, so nothing can clash there.
	if opened, err = open(); err == nil {
		opened.Claim(revisions)
	}
	return opened, err
}

// storePath returns the path of the store for a setting.
func (p *Pipeline) storePath(set string) string {
	switch set {
	case "":
		return store.DefaultPath(p.id)
	case store.MemoryPath:
		return store.MemoryPathOf(p.id)
	}
	return set
}

// hostName returns the machine's name, "" if the system does not report it.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// Start launches the pipeline's goroutines. It is called once.
func (p *Pipeline) Start() {
	// First, so that no candidate of an earlier run leaves before it is asked about again.
	p.fleet.Start(p.ctx)
	p.delivery.Start()
	for range runtime.GOMAXPROCS(0) {
		p.running.Go(p.evaluateLoop)
	}
	p.running.Go(p.expireLoop)
	p.running.Go(p.labelLoop)
	p.running.Go(p.tickLoop)
	p.running.Go(p.saveLoop)
	p.running.Go(p.watchLoop)
	p.running.Go(func() { p.heart.Run(p.watching) })
	s := p.Settings()
	p.log.Info("started", "rules", len(s.Rules), "workloads", len(s.Workloads), "triggers", len(s.Triggers),
		"store", string(p.store.Mode()))
	p.logWarnings()
}

// Stop evaluates the remaining partial lines, saves the state of rules, stops the delivery and closes the store. Accepted alerts that were not sent
// stay in the store. It is idempotent. The error names the steps that failed or did not end before ctx.
func (p *Pipeline) Stop(ctx context.Context) error {
	var err error
	p.stopOnce.Do(func() { err = p.stop(ctx) })
	return err
}

func (p *Pipeline) stop(ctx context.Context) error {
	close(p.stopping)
	p.endWatch()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.running.Wait()
	}()
	var errs []error
	// Evaluation ends first: the steps after it save and store its results.
	select {
	case <-ended:
		b := p.newBatch()
		p.expire(b, true)
		p.releaseWaiting(b)
		p.reportDue(true)
		p.tickDigests(true)
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("evaluation did not end: %w", ctx.Err()))
	}
	// Behind the last candidates, and before the store closes.
	p.fleet.Stop()
	if err := p.state.save(ctx, true); err != nil {
		errs = append(errs, fmt.Errorf("saving the state of rules: %w", err))
	}
	if err := p.delivery.Stop(ctx); err != nil {
		errs = append(errs, fmt.Errorf("stopping the delivery: %w", err))
	}
	// Not earlier: the steps above store alerts with this context.
	p.cancel()
	if err := p.store.Close(); err != nil {
		errs = append(errs, fmt.Errorf("closing the store: %w", err))
	}
	p.logTotals()
	return errors.Join(errs...)
}

// Silences returns the silences, configured and runtime.
func (p *Pipeline) Silences() *silence.Set { return p.silences }

// Fleet returns the instance's part of its fleet. Without [fleet] it is in none.
func (p *Pipeline) Fleet() *fleetnode.Node { return p.fleet }

// Store returns the pipeline's store. Stop closes it.
func (p *Pipeline) Store() *store.Store { return p.store }

// Log returns the pipeline's logger. It redacts the secrets of the triggers in force.
func (p *Pipeline) Log() *slog.Logger { return p.log }

// Now returns the pipeline's time.
func (p *Pipeline) Now() time.Time { return p.now() }

// Rules returns the rules in force.
func (p *Pipeline) Rules() *engine.Snapshot { return p.engine.Snapshot() }

// Records returns the settings of the decoder.
func (p *Pipeline) Records() *chunk.Settings { return p.decoder.Load().Settings() }

// KeepRecentLines turns copies of the last lines on or off, which the admin listener shows rules on. Off, there are none.
func (p *Pipeline) KeepRecentLines(on bool) { p.recent.Set(on) }

// RecentLines returns copies of the last lines, as records without fields, and how many lines of that time were not kept. They are as in the log: whoever
// shows them masks them.
func (p *Pipeline) RecentLines() (records []engine.Record, skipped int64) { return p.recent.Records() }

// Explain returns each rule's decision on a record, as of now, without side effects.
func (p *Pipeline) Explain(rec *engine.Record) []engine.Explanation {
	return p.engine.Explain(rec, p.now().UnixNano())
}

// Deploy compares the image that a workload runs with the last one; ok is false if no image of it is known.
func (p *Pipeline) Deploy(workload string) (r engine.DeployReport, ok bool) {
	return p.engine.Deploy(workload, p.now().UnixNano())
}

// Started returns when the pipeline was created.
func (p *Pipeline) Started() time.Time { return p.started }

// Ready returns nil if the pipeline accepts records, otherwise the reason.
func (p *Pipeline) Ready() error { return p.delivery.Room() }

// ID returns the instance's name.
func (p *Pipeline) ID() string { return p.id }

// Settings returns the configuration in force. It must not be modified.
func (p *Pipeline) Settings() *config.Settings {
	p.applying.Lock()
	defer p.applying.Unlock()
	return p.settings
}

// redact removes the secrets of the triggers in force, and the tokens of links, from a log line.
func (p *Pipeline) redact(line string) string {
	line = links.Mask(line, setting.Placeholder)
	if t := p.triggers.Load(); t != nil {
		line = t.redact(line)
	}
	if r := p.health.redactor.Load(); r != nil {
		line = r.Redact(line)
	}
	return line
}
