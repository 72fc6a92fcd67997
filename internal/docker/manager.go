package docker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// NoticeKind is the kind of a notice.
type NoticeKind string

// The kinds of notices.
const (
	NoticeGap        NoticeKind = "gap"        // lines were removed from a log before they could be read
	NoticeUnreadable NoticeKind = "unreadable" // a log driver does not store logs
	NoticeCompress   NoticeKind = "compress"   // the engine loses lines when it compresses rotated logs
)

// NoticeKinds returns all kinds of notices.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{NoticeGap, NoticeUnreadable, NoticeCompress}
}

// message returns the log message for notices of the kind.
func (k NoticeKind) message() string {
	switch k {
	case NoticeGap:
		return "log lines of this container were lost before they could be read"
	case NoticeUnreadable:
		return "the log of this container cannot be read"
	default:
		return "the engine loses log lines of this container (compressed log files cannot be followed)"
	}
}

// Notice reports lines of a container that are lost or cannot be read.
type Notice struct {
	Kind   NoticeKind
	Source *engine.Source
	Text   string
}

// Options configures a Manager.
type Options struct {
	API      API
	Settings Settings
	Own      string // the container that this program runs in; see OwnContainer
	Host     string // the machine's name in sources
	// Since and Tail are where the first run begins: at a time in ns, or that many records before the end. Neither: now.
	Since int64
	Tail  int
	// Saved is all that Save saved before.
	Saved map[string][]byte
	// Save saves checkpoints by key; nil removes a key. It is called every second if something changed, and at the end.
	Save func(ctx context.Context, changed map[string][]byte) error
	// Sink evaluates lines. It returns when their results are safe; if ctx ends before, it evaluates none and returns an error. Calls for one container
	// follow each other; calls for different containers are concurrent.
	Sink func(ctx context.Context, b *Batch) error
	// OnEvent evaluates container events, as Sink does lines, one at a time. May be nil.
	OnEvent func(ctx context.Context, o *ContainerEvent) error
	// OnContainer is called before the log of a container is read, and again before a new name appears in its lines; it may block until ctx ends.
	// OnContainerGone is called when a container is no longer followed. Both may be nil.
	OnContainer     func(ctx context.Context, c *Container, s *engine.Source)
	OnContainerGone func(id string)
	// OnNotice gets the notices. It must not block.
	OnNotice func(Notice)
	Log      *slog.Logger
	Now      func() time.Time // the clock; nil: time.Now
	Timing   *Timing          // nil: DefaultTiming
}

// Manager follows all containers of an engine.
type Manager struct {
	opt      Options
	timing   Timing
	counters counters

	inspecting       chan struct{} // holds a value during each call of Inspect
	slots            chan struct{} // holds a value while a large frame is in memory
	budget           budget        // of partial lines
	waiting          atomic.Int64  // bytes of waiting records
	joins            atomic.Bool   // Settings.Join
	events           chan Event
	wake             chan struct{} // capacity 1: a pending reconciliation
	queue            chan Event    // on their way to OnEvent
	stops            Stops
	idle             bool         // the last certain result of Idle; guarded by mu
	subscribedBefore bool         // of listen: there was a subscription
	heardUntil       atomic.Int64 // time of the newest received event, ns
	reportedUntil    atomic.Int64 // time of the newest evaluated event, ns
	eventsMissed     atomic.Bool  // events may have been missed: the next reconciliation searches for them
	knownUntil       atomic.Int64 // ns; all events up to it were received before eventsMissed was set
	engineMayDiffer  atomic.Bool  // the engine may have been replaced since the last call of Info
	before23         atomic.Bool  // the engine is older than version 23

	mu          sync.Mutex
	tails       map[string]*tail
	ignored     map[string]notFollowed // containers that are not followed
	listed      map[string]Listed      // the engine's last list of containers
	settings    Settings
	checkpoints map[string][]byte // cursors of earlier runs, of containers without a tail
	deaths      map[string]int64  // when containers last ended, as far as events reported it
	removed     []string          // containers whose cursors the next save removes
	version     string            // of the engine
	offset      time.Duration     // of the engine's clock from this machine's
	first       bool              // no earlier run saved anything
	began       int64             // start of this run, by the engine's clock
	since       int64             // new containers created after it are read from their first line
	compress    bool              // the notice about compression was sent

	reconciled    atomic.Bool // all containers of the first list have tails
	saving        sync.Mutex  // held during a save; guards savedSince and savedReported
	savedSince    int64       // since, as last saved
	savedReported int64       // reportedUntil, as last saved

	cancel   context.CancelFunc
	tailing  sync.WaitGroup // the tails
	running  sync.WaitGroup // everything else
	stopOnce sync.Once
	closing  context.CancelFunc
}

// The bounds of a manager's work.
const (
	maxInspecting = 8
	maxGiants     = 2
	maxEvents     = 4096
	managerKey    = "" // of the manager's own checkpoint
)

// New checks the options and starts nothing.
func New(o Options) (*Manager, error) {
	if o.API == nil || o.Sink == nil || o.Log == nil {
		return nil, errors.New("docker: API, Sink and Log must be set")
	}
	if err := setting.Join(o.Settings.Validate()); err != nil {
		return nil, fmt.Errorf("docker: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnNotice == nil {
		o.OnNotice = func(Notice) {}
	}
	if o.Save == nil {
		o.Save = func(context.Context, map[string][]byte) error { return nil }
	}
	timing := DefaultTiming()
	if o.Timing != nil {
		timing = *o.Timing
	}
	m := &Manager{
		opt: o, timing: timing, settings: o.Settings, inspecting: make(chan struct{}, maxInspecting), slots: make(chan struct{}, maxGiants),
		events: make(chan Event, maxEvents), queue: make(chan Event, maxEvents), wake: make(chan struct{}, 1), tails: map[string]*tail{}, ignored: map[string]notFollowed{}, listed: map[string]Listed{},
		checkpoints: map[string][]byte{}, deaths: map[string]int64{}, first: true,
	}
	m.joins.Store(o.Settings.Join)
	for id, value := range o.Saved {
		if id == managerKey {
			c, err := decodeCursor(value)
			if err != nil {
				o.Log.Warn("cannot read the saved position in the logs: starting from now", "error", err)
				continue
			}
			m.first, m.since = false, c.since
			continue
		}
		if id == eventsKey {
			if reported, n := binary.Varint(value); n > 0 {
				m.reportedUntil.Store(reported)
				m.heardUntil.Store(reported)
			}
			continue
		}
		m.checkpoints[id] = value
	}
	return m, nil
}

// Start launches the manager's goroutines. It is called once.
func (m *Manager) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	saving, closing := context.WithCancel(context.Background())
	m.cancel, m.closing = cancel, closing
	m.running.Go(func() { m.guarded("following", func() { m.work(ctx) }) })
	m.running.Go(func() { m.guarded("saving", func() { m.saveLoop(saving) }) })
}

// Stop ends all streams and saves their positions. Only lines that Sink did not accept are read again. It is idempotent.
func (m *Manager) Stop(ctx context.Context) error {
	var err error
	m.stopOnce.Do(func() {
		if m.cancel == nil {
			return
		}
		m.cancel()
		m.closing()
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			m.running.Wait()
			m.tailing.Wait()
		}()
		select {
		case <-ended:
		case <-ctx.Done():
			err = fmt.Errorf("waiting for the containers' streams to end: %w", ctx.Err())
		}
		// Last, because streams move their positions until they end.
		if failed := m.save(ctx); failed != nil {
			err = errors.Join(err, fmt.Errorf("saving the position in the logs: %w", failed))
		}
	})
	return err
}

// guarded runs fn. A panic ends fn alone.
func (m *Manager) guarded(doing string, fn func()) {
	defer guard.Recover(m.opt.Log, &m.counters.panics, doing)
	fn()
}

// work connects to the engine, then subscribes to events and reconciles until ctx ends.
func (m *Manager) work(ctx context.Context) {
	for failures := 0; ; failures++ {
		err := m.connect(ctx)
		if err == nil {
			break
		}
		m.opt.Log.Warn("cannot reach the container engine, trying again", "error", err)
		if !wait(ctx, m.timing.backoff(failures)) {
			return
		}
	}
	m.running.Go(func() { m.listen(ctx) })
	if m.opt.OnEvent != nil {
		m.running.Go(func() { m.reportEvents(ctx) })
	}
	tick := time.NewTicker(m.timing.reconcile)
	defer tick.Stop()
	for {
		select {
		case e := <-m.events:
			m.guarded("handling an event", func() { m.handle(ctx, e) })
		case <-tick.C:
			m.guarded("reconciling", func() { m.refresh(ctx); m.reconcile(ctx, false) })
			m.findMissed(ctx)
		// Without findMissed: after a subscription the engine first repeats the events that it still has.
		case <-m.wake:
			m.guarded("reconciling", func() { m.refresh(ctx); m.reconcile(ctx, true) })
		case <-ctx.Done():
			return
		}
	}
}

// wait waits for d. It returns false if ctx ends before.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// connect asks the engine for its version and time.
func (m *Manager) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.timing.call)
	defer cancel()
	if err := m.opt.API.Ping(ctx); err != nil {
		return err
	}
	info, err := m.opt.API.Info(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.learn(&info)
	m.began = info.Time.UnixNano()
	if m.opt.Host == "" {
		m.opt.Host = info.Name
	}
	if m.reportedUntil.Load() == 0 {
		m.reportedUntil.Store(m.began)
	}
	if m.first {
		m.since = m.began
		if m.opt.Since > 0 {
			m.since = m.opt.Since
		}
	}
	m.opt.Log.Info("following the container engine", "host", info.Name, "version", info.Version)
	return nil
}

// refresh asks for version and time again if the engine may have been restarted: its version and clock may have changed. If the engine does not
// answer, the next reconciliation asks again.
func (m *Manager) refresh(ctx context.Context) {
	// Reset before asking, so that a restart of the engine in the meantime is noticed.
	if !m.engineMayDiffer.Swap(false) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, m.timing.call)
	defer cancel()
	info, err := m.opt.API.Info(ctx)
	if err != nil {
		m.engineMayDiffer.Store(true)
		m.opt.Log.Debug("cannot ask the container engine for its version", "error", err)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if before := m.version; info.Version != before {
		m.opt.Log.Info("container engine has a new version", "version", info.Version, "before", before)
	}
	m.learn(&info)
}

// learn notes the engine's version and time. The caller holds the lock.
func (m *Manager) learn(info *Info) {
	m.version, m.offset = info.Version, info.Time.Sub(m.opt.Now())
	major, err := strconv.Atoi(strings.SplitN(info.Version, ".", 2)[0])
	m.before23.Store(err == nil && major < 23 && !info.Podman)
}

// listen subscribes to events until ctx ends. Each subscription triggers a reconciliation, since engines may have dropped earlier events.
func (m *Manager) listen(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; failures++ {
		began := m.opt.Now()
		err := errPanic
		m.noteUnsubscribed()
		late := time.AfterFunc(m.timing.firstByte, m.reconcileNow) // some engines answer only with the first event
		m.guarded("listening to events", func() {
			since, known := m.heardUntil.Load(), int64(0)
			switch {
			case since > 0 && !m.subscribedBefore: // an earlier run's events: a stop that was requested then may end now
				since, known = since-int64(StopWithin), since
			// The engine repeats events from since on, and that one was received.
			case since > 0:
				since++
			}
			subscribed := func() { m.subscribedBefore = true; m.subscribed() }
			err = m.opt.API.Events(ctx, since, subscribed, func(e Event) {
				if e.Time <= known {
					m.stops.Mark(e.ContainerEvent(m.opt.Host, m.anyWorkload()), "")
					return
				}
				m.heardUntil.Store(max(m.heardUntil.Load(), e.Time))
				m.queueEvent(e)
				select {
				case m.events <- e:
				default: // the reconciliation finds the container
					m.counters.missed.Add(1)
					m.reconcileNow()
				}
			})
		})
		late.Stop()
		if ctx.Err() != nil {
			return
		}
		// A stream that lasted is no failure: the next wait is short again.
		if m.opt.Now().Sub(began) > time.Minute {
			failures = 0
		}
		m.opt.Log.Debug("event stream ended", "error", err)
		if !wait(ctx, m.timing.backoff(failures)) {
			return
		}
	}
}

// subscribed is called at the start of each event stream. The engine may have been restarted.
func (m *Manager) subscribed() {
	m.engineMayDiffer.Store(true)
	m.reconcileNow()
}

func (m *Manager) reconcileNow() {
	select {
	case m.wake <- struct{}{}:
	default: // a reconciliation is pending already
	}
}

// handle wakes or creates the tail that an event is about.
func (m *Manager) handle(ctx context.Context, e Event) {
	switch e.Action {
	case "create":
		m.ensureTail(ctx, e.ID)
	case "start":
		if t := m.ensureTail(ctx, e.ID); t != nil {
			t.wakeUp()
		}
	// The tail reads the rest of the log before it ends, so it is only woken.
	case "destroy":
		if t := m.tail(e.ID); t != nil {
			t.wakeUp()
		}
	case "rename":
		m.mu.Lock()
		// The settings may follow the container under its new name.
		delete(m.ignored, e.ID)
		m.mu.Unlock()
		if t := m.ensureTail(ctx, e.ID); t != nil {
			m.reconsider(ctx, t)
		}
	}
}

// ensureTail returns the tail of a container, and starts one unless the container is ignored.
func (m *Manager) ensureTail(ctx context.Context, id string) *tail {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tails[id]
	if _, ignored := m.ignored[id]; t != nil || ignored || ctx.Err() != nil {
		return t
	}
	t = m.newTail(id)
	m.tails[id] = t
	ctx, t.end = context.WithCancel(ctx)
	m.tailing.Go(func() {
		defer m.removeTail(t)
		t.run(ctx)
	})
	return t
}

// tail returns the tail of a container, or nil.
func (m *Manager) tail(id string) *tail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tails[id]
}

// newTail creates a tail with its saved cursor. The caller holds the lock.
func (m *Manager) newTail(id string) *tail {
	t := &tail{m: m, id: id, log: m.opt.Log, wake: make(chan struct{}, 1), limit: noLimit, since: m.since, early: !m.reconciled.Load()}
	t.source.Store(&engine.Source{Kind: "log", Workload: id, Host: m.opt.Host, Container: engine.Container{ID: id}})
	t.join = joiner{budget: &m.budget, emit: t.addLine}
	if value, ok := m.checkpoints[id]; ok {
		delete(m.checkpoints, id)
		c, err := decodeCursor(value)
		if err != nil {
			m.opt.Log.Warn("cannot read the saved position in a log: reading it from the last known time", "container", id, "error", err)
			c = &cursor{since: m.since}
		}
		t.cursor, t.restored, t.dirty = *c, true, true
		t.positioned.Store(true)
		for _, k := range c.ring {
			t.newest = max(t.newest, k.time)
		}
	}
	return t
}

// removeTail removes a tail that ended. While the manager runs, tails end because their container is gone or no longer followed.
func (m *Manager) removeTail(t *tail) {
	t.end()
	if m.opt.OnContainerGone != nil {
		m.opt.OnContainerGone(t.id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	// A tail that ended with Stop keeps its cursor for the next run.
	if t.dropped.Load() && m.tails[t.id] == t {
		delete(m.tails, t.id)
		m.removed = append(m.removed, t.id)
	}
}
