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
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/logging"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/labels"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/silence"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/taps"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/workload"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Options says what a pipeline runs on.
type Options struct {
	// ID names the instance: in log lines, in alert ids and in the default path of the store.
	ID string
	// Sources says where the configuration comes from.
	Sources config.Sources
	// Lenient starts with what is usable of a broken configuration instead of refusing it.
	Lenient bool
	// Previous is the configuration that ran last under this id. A lenient start falls back to it when nothing can be read. May be nil.
	Previous *config.Settings
	// Stores is the process's registry of open stores.
	Stores *store.Registry
	// LogTo and Origin say where log lines go and what stands in their brackets.
	LogTo  io.Writer
	Origin string
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Passed is the time that passed since some moment, however the clock is set meanwhile; nil: the system's, or by Now where that is set.
	Passed func() time.Duration
}

// Pipeline is one running instance. It is safe for concurrent use.
type Pipeline struct {
	id      string
	sources config.Sources
	log     *slog.Logger
	level   *slog.LevelVar
	now     func() time.Time
	arrival *arrival // by which lines are evaluated

	engine   *engine.Engine
	decoder  atomic.Pointer[chunk.Decoder]
	triggers atomic.Pointer[triggers]
	store    *store.Store
	delivery *delivery.Dispatcher
	counters counters
	ordinals alertOrdinals
	pending  *pendingAlerts
	labels   *labels.Rules
	notices  notices
	ignored  int64 // labels, as they were logged last; the expirer's

	silences    *silence.Set
	workloads   workload.Table
	subscribers alertSubscribers
	runtime     runtimeObjects
	taps        taps.Set
	warnings    warnings
	born        time.Time

	reloading   sync.Mutex // keeps reloads apart, from loading to applying
	applying    sync.Mutex // guards settings
	settings    *config.Settings
	onReload    PrepareAdmin // guarded by applying
	loaded      atomic.Pointer[config.Result]
	restartOnly config.Standing // what store and delivery were made with
	// memoryInstead says that the store is in memory although a file was meant.
	memoryInstead bool
	watcher       *config.Watcher

	adminFiles atomic.Pointer[[]string] // of settings of [admin] that could not be had; nil: none

	saving  sync.Mutex        // guards unsaved
	unsaved map[string][]byte // limiter state on its way to the store

	jobs     chan job
	ctx      context.Context // of what the pipeline's own goroutines do; ends with Stop
	cancel   context.CancelFunc
	watching context.Context // ends when Stop begins
	endWatch context.CancelFunc
	stopping chan struct{} // closed when Stop begins
	stopOnce sync.Once
	running  sync.WaitGroup
}

// New validates the configuration and wires everything up; it starts no goroutine. Unless the start is lenient, any problem of the
// configuration is an error, which names all of them.
func New(o Options) (*Pipeline, error) {
	if o.Now == nil {
		o.Now = time.Now
		if begun := time.Now(); o.Passed == nil {
			o.Passed = func() time.Duration { return time.Since(begun) }
		}
	}
	p := &Pipeline{
		id: o.ID, sources: o.Sources, now: o.Now, born: o.Now(), level: &slog.LevelVar{},
		engine: engine.New(), pending: newPendingAlerts(), jobs: make(chan job), stopping: make(chan struct{}),
	}
	p.log = slog.New(logging.New(logging.Options{
		Writer: o.LogTo, Origin: o.Origin, Level: p.level, Redact: p.redact, Now: o.Now,
	}))
	p.labels = labels.New(p.log)
	p.arrival = newArrival(&o, p.engine.Skip)
	begun := time.Now()
	p.engine.SetClock(func() int64 { return int64(time.Since(begun)) })
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.watching, p.endWatch = context.WithCancel(p.ctx)
	p.watcher = config.NewWatcher(config.WatcherOptions{Files: o.Sources.Files, Secrets: p.secretFiles})
	settings, err := p.firstSettings(o)
	if err != nil {
		return nil, err
	}
	next, err := p.prepare(settings)
	if err != nil && !o.Lenient {
		next.close()
		return nil, placed(err, &p.Loaded().Parts)
	}
	if err != nil {
		p.log.Error("a part of the configuration is left out", "error", err)
	}
	if err := p.openStore(o, next); err != nil {
		next.close()
		return nil, err
	}
	next = p.addRuntime(next)
	if _, err := p.apply(next); err != nil {
		return nil, errors.Join(err, p.store.Close())
	}
	return p, nil
}

// openStore opens the store, builds the delivery on it and puts the saved limiter state back.
func (p *Pipeline) openStore(o Options, n *prepared) error {
	s := n.settings
	opened, err := p.chooseStore(o, s.Store, n.triggers.revisions())
	if err != nil {
		return fmt.Errorf("the store cannot be opened: %w", err)
	}
	p.store, p.restartOnly = opened, config.NewStanding(s)
	p.memoryInstead = opened.Mode() == store.ModeMemory && s.Store.Path != store.MemoryPath
	p.delivery, err = delivery.New(delivery.Options{
		Store: opened, Settings: s.Delivery, Now: p.now, Log: p.log, Host: hostName(),
		Route: func(a *trigger.Alert) []string { return p.triggers.Load().of(a) },
	})
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	p.restoreState()
	p.silences = silence.New(p.ctx, silence.Options{Instance: p.id, Engine: p.engine, Store: opened, Now: p.now, Log: p.log})
	return nil
}

// chooseStore opens the store that the settings name. One that cannot be made or used, or that another instance uses for other receivers of the
// same names, is an error, or, in a lenient start, replaced by memory.
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
	err = fmt.Errorf("%s is the store of another output, too, whose trigger %q has another receiver or other credentials: give each output "+
		"a store of its own, or the trigger another name", set.Path, clashing[0])
	if !o.Lenient {
		return nil, errors.Join(err, opened.Close())
	}
	p.log.Error("ALERTS ARE KEPT IN MEMORY ONLY until this is mended", "error", errors.Join(err, opened.Close()))
	set.Path = store.MemoryPathOf(p.id)
	if opened, err = open(); err == nil {
		opened.Claim(revisions)
	}
	return opened, err
}

// storePath returns the path of the store that the settings mean.
func (p *Pipeline) storePath(set string) string {
	switch set {
	case "":
		return store.DefaultPath(p.id)
	case store.MemoryPath:
		return store.MemoryPathOf(p.id)
	}
	return set
}

// hostName returns the machine's name, "" when it does not tell.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	return name
}

// Start launches the pipeline's goroutines. It is called once.
func (p *Pipeline) Start() {
	p.delivery.Start()
	for range runtime.GOMAXPROCS(0) {
		p.running.Go(p.evaluateLoop)
	}
	p.running.Go(p.expireLoop)
	p.running.Go(p.labelLoop)
	p.running.Go(p.tickLoop)
	p.running.Go(p.saveLoop)
	p.running.Go(p.watchLoop)
	s := p.Settings()
	p.log.Info("started", "rules", len(s.Rules), "workloads", len(s.Workloads), "triggers", len(s.Triggers),
		"store", string(p.store.Mode()))
	p.logWarnings()
}

// Stop evaluates the partial lines that are still held, saves the limiter's state, stops the delivery and closes the store. What was
// accepted and not delivered is in the store. It is idempotent, and returns an error that names the steps that failed or did not end in
// the time that ctx leaves.
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
	select {
	case <-ended:
		b := p.newBatch()
		p.expire(b, true)
		p.releaseWaiting(b)
		p.reportDue(true)
	case <-ctx.Done():
		errs = append(errs, fmt.Errorf("evaluation did not end: %w", ctx.Err()))
	}
	if err := p.saveState(ctx, true); err != nil {
		errs = append(errs, fmt.Errorf("the limiter's state was not saved: %w", err))
	}
	if err := p.delivery.Stop(ctx); err != nil {
		errs = append(errs, fmt.Errorf("the delivery did not stop: %w", err))
	}
	p.cancel()
	if err := p.store.Close(); err != nil {
		errs = append(errs, fmt.Errorf("the store was not closed: %w", err))
	}
	p.logTotals()
	return errors.Join(errs...)
}

// Silences returns the silences, which it also changes.
func (p *Pipeline) Silences() *silence.Set { return p.silences }

// Store returns the store of the pipeline, which closes it.
func (p *Pipeline) Store() *store.Store { return p.store }

// Log returns the pipeline's log, which takes out the secrets of the triggers in force.
func (p *Pipeline) Log() *slog.Logger { return p.log }

// Now returns the time by the pipeline's clock.
func (p *Pipeline) Now() time.Time { return p.now() }

// Rules returns the rules in force.
func (p *Pipeline) Rules() *engine.Snapshot { return p.engine.Snapshot() }

// Records returns the settings by which lines become records.
func (p *Pipeline) Records() *chunk.Settings { return p.decoder.Load().Settings() }

// Explain tells for a record what each rule of its workload makes of it, now, without consequences.
func (p *Pipeline) Explain(rec *engine.Record) []engine.Explanation {
	return p.engine.Explain(rec, p.now().UnixNano())
}

// TestTrigger sends a test alert through a trigger, by the way of any other, and tells how it went.
func (p *Pipeline) TestTrigger(ctx context.Context, name string) (trigger.Result, error) {
	return p.delivery.Test(ctx, name, trigger.TestAlert(p.now().UTC()))
}

// Started returns when the pipeline was made.
func (p *Pipeline) Started() time.Time { return p.born }

// Ready returns nil when records are taken, and otherwise why they are not.
func (p *Pipeline) Ready() error { return p.delivery.Room() }

// ID returns the instance's name.
func (p *Pipeline) ID() string { return p.id }

// Settings returns the configuration in force. It is not to be modified.
func (p *Pipeline) Settings() *config.Settings {
	p.applying.Lock()
	defer p.applying.Unlock()
	return p.settings
}

// redact removes the secrets of the triggers in force from a log line.
func (p *Pipeline) redact(line string) string {
	if t := p.triggers.Load(); t != nil {
		return t.redact(line)
	}
	return line
}
