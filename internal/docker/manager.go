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

// NoticeKind says what a notice is about.
type NoticeKind string

// The kinds of notices.
const (
	NoticeGap        NoticeKind = "gap"        // lines were removed before they could be read
	NoticeUnreadable NoticeKind = "unreadable" // a log driver keeps nothing to read
	NoticeCompress   NoticeKind = "compress"   // an engine loses lines when it compresses rotated logs
)

// NoticeKinds returns all kinds.
func NoticeKinds() []NoticeKind {
	return []NoticeKind{NoticeGap, NoticeUnreadable, NoticeCompress}
}

// Notice tells of lines that cannot be had.
type Notice struct {
	Kind   NoticeKind
	Source *engine.Source
	Text   string
}

// Options says what a Manager works on and with.
type Options struct {
	API      API
	Settings Settings
	Own      string // the container that this program runs in; see OwnContainer
	Host     string // the machine's name in sources
	// Since and Tail say where a first start begins: at a time in ns, or so many records before the end. Neither: now.
	Since int64
	Tail  int
	// Saved is what Save was given before.
	Saved map[string][]byte
	// Save keeps values by key; nil removes a key. It is called every second when something changed, and at the end.
	Save func(ctx context.Context, changed map[string][]byte) error
	// Sink takes lines. It returns when they are taken for good, or with an error when ctx ended before: then none of them was taken. It is
	// called for many containers at once, but for each container one call at a time.
	Sink func(ctx context.Context, b *Batch) error
	// OnEvent takes what happens to containers, as Sink takes lines, one at a time. nil: nobody wants to know.
	OnEvent func(ctx context.Context, o *ContainerEvent) error
	// OnContainer is told of a container before its log is read, and again before lines have another name of it; it may wait until ctx ends. Leave is told
	// when it is followed no more. nil: nobody is told.
	OnContainer     func(ctx context.Context, c *Container, s *engine.Source)
	OnContainerGone func(id string)
	// OnNotice is told of lines that cannot be had. It must not wait.
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

	inspecting       chan struct{} // held during a call of Inspect
	slots            chan struct{} // held while a giant frame is in memory
	budget           budget        // of partial lines
	events           chan Event
	wake             chan struct{} // holds one wish to reconcile now
	queue            chan Event    // on their way to Options.OnEvent
	stops            Stops
	idle             bool         // the last certain answer of Idle; guarded by mu
	subscribedBefore bool         // there was a subscription; of listen alone
	heardUntil       atomic.Int64 // the newest event's time, ns
	reportedUntil    atomic.Int64 // the newest time of an event that was taken, ns
	checkMissed      atomic.Bool  // events may have been missed: the next look at all containers is to find out
	knownUntil       atomic.Int64 // up to when events were known when that began, ns
	engineMayDiffer  atomic.Bool  // the engine may be another one than that which was asked what it is: it is asked again
	before23         atomic.Bool  // the engine is older than version 23

	mu          sync.Mutex
	tails       map[string]*tail
	ignored     map[string]notFollowed // as they were when that was found
	listed      map[string]Listed      // all containers that the engine listed last
	settings    Settings
	checkpoints map[string][]byte // cursors of containers that were not met yet
	deaths      map[string]int64  // when containers ended last, as far as it was told
	removed     []string          // whose cursors are to be removed from what is saved
	version     string            // of the engine, as it was told last
	offset      time.Duration     // from this machine's clock to the engine's
	first       bool              // nothing was saved by an earlier run
	began       int64             // when this run began, by the engine's clock
	since       int64             // containers created later, and not met yet, are of interest from their first line on
	compress    bool              // the notice about compression was given

	reconciled    atomic.Bool // all containers that were there at the start have tails
	saving        sync.Mutex  // keeps saves apart, and guards kept
	savedSince    int64       // since, as it was saved last
	savedReported int64       // told, as it was saved last

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
	managerKey    = "" // what the manager itself saves
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
	for id, value := range o.Saved {
		if id == managerKey {
			c, err := decodeCursor(value)
			if err != nil {
				o.Log.Warn("the place in the logs was not restored: following begins anew", "error", err)
				continue
			}
			m.first, m.since = false, c.since
			continue
		}
		if id == eventsKey {
			if told, n := binary.Varint(value); n > 0 {
				m.reportedUntil.Store(told)
				m.heardUntil.Store(told)
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

// Stop ends all streams, and saves where they stood. Lines that Sink took are not read again; others are. It is idempotent.
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
			err = fmt.Errorf("following containers did not end: %w", ctx.Err())
		}
		if failed := m.save(ctx); failed != nil {
			err = errors.Join(err, fmt.Errorf("the place in the logs was not saved: %w", failed))
		}
	})
	return err
}

// guarded runs fn. A panic ends fn alone.
func (m *Manager) guarded(doing string, fn func()) {
	defer guard.Recover(m.opt.Log, &m.counters.panics, doing)
	fn()
}

// work connects, and then listens and reconciles until ctx ends.
func (m *Manager) work(ctx context.Context) {
	for failures := 0; ; failures++ {
		err := m.connect(ctx)
		if err == nil {
			break
		}
		m.opt.Log.Warn("the container engine does not answer", "error", err)
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
		case <-m.wake:
			m.guarded("reconciling", func() { m.refresh(ctx); m.reconcile(ctx, true) })
		case <-ctx.Done():
			return
		}
	}
}

// wait waits for d, and reports whether ctx lasted that long.
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

// connect learns what the engine is and what time it has.
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

// refresh asks again what the engine is and what time it has, if it may have been restarted since: as another version, on a clock that was set. An
// engine that does not answer is asked with the next look at all containers.
func (m *Manager) refresh(ctx context.Context) {
	if !m.engineMayDiffer.Swap(false) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, m.timing.call)
	defer cancel()
	info, err := m.opt.API.Info(ctx)
	if err != nil {
		m.engineMayDiffer.Store(true)
		m.opt.Log.Debug("the container engine does not tell what it is", "error", err)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if before := m.version; info.Version != before {
		m.opt.Log.Info("the container engine has another version now", "version", info.Version, "before", before)
	}
	m.learn(&info)
}

// learn notes what the engine is. The caller holds the lock.
func (m *Manager) learn(info *Info) {
	m.version, m.offset = info.Version, info.Time.Sub(m.opt.Now())
	major, err := strconv.Atoi(strings.SplitN(info.Version, ".", 2)[0])
	m.before23.Store(err == nil && major < 23 && !info.Podman)
}

// listen subscribes to events until ctx ends. Each subscription begins with a look at all containers: events are not kept for those who
// do not listen.
func (m *Manager) listen(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; failures++ {
		began := m.opt.Now()
		err := errPanic
		m.noteUnsubscribed()
		late := time.AfterFunc(m.timing.firstByte, m.reconcileNow) // an engine may answer only with the first event
		m.guarded("listening to events", func() {
			since, known := m.heardUntil.Load(), int64(0)
			switch {
			case since > 0 && !m.subscribedBefore: // what an earlier run heard: a stop that was asked for then may end now
				since, known = since-int64(StopWithin), since
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
				default: // the next reconciliation makes up for it
					m.counters.missed.Add(1)
					m.reconcileNow()
				}
			})
		})
		late.Stop()
		if ctx.Err() != nil {
			return
		}
		if m.opt.Now().Sub(began) > time.Minute {
			failures = 0
		}
		m.opt.Log.Debug("the stream of events ended", "error", err)
		if !wait(ctx, m.timing.backoff(failures)) {
			return
		}
	}
}

// subscribed is called when events begin to come, from an engine that may have been restarted.
func (m *Manager) subscribed() {
	m.engineMayDiffer.Store(true)
	m.reconcileNow()
}

func (m *Manager) reconcileNow() {
	select {
	case m.wake <- struct{}{}:
	default: // there is a wish already
	}
}

// handle acts on an event.
func (m *Manager) handle(ctx context.Context, e Event) {
	switch e.Action {
	case "create":
		m.ensureTail(ctx, e.ID)
	case "start":
		if t := m.ensureTail(ctx, e.ID); t != nil {
			t.wakeUp()
		}
	case "destroy":
		if t := m.tail(e.ID); t != nil {
			t.wakeUp()
		}
	case "rename":
		m.mu.Lock()
		delete(m.ignored, e.ID)
		m.mu.Unlock()
		if t := m.ensureTail(ctx, e.ID); t != nil {
			m.reconsider(ctx, t)
		}
	}
}

// ensureTail returns the tail of a container, and begins one unless the container is to be ignored.
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

// tail returns the tail of a container, nil when there is none.
func (m *Manager) tail(id string) *tail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tails[id]
}

// newTail makes a tail with what was saved of it. The caller holds the lock.
func (m *Manager) newTail(id string) *tail {
	t := &tail{m: m, id: id, log: m.opt.Log, wake: make(chan struct{}, 1), limit: noLimit, since: m.since, early: !m.reconciled.Load()}
	t.source.Store(&engine.Source{Kind: "log", Workload: id, Host: m.opt.Host, Container: engine.Container{ID: id}})
	t.join = joiner{budget: &m.budget, emit: func(l Line, keys []key) { t.batch.add(l, keys) }}
	if value, ok := m.checkpoints[id]; ok {
		delete(m.checkpoints, id)
		c, err := decodeCursor(value)
		if err != nil {
			m.opt.Log.Warn("the place in a log was not restored: it is read from the last known time on", "container", id, "error", err)
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

// removeTail removes a tail that ended. While the manager runs, that is because its container is gone or not wanted.
func (m *Manager) removeTail(t *tail) {
	t.end()
	if m.opt.OnContainerGone != nil {
		m.opt.OnContainerGone(t.id)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.dropped.Load() && m.tails[t.id] == t {
		delete(m.tails, t.id)
		m.removed = append(m.removed, t.id)
	}
}
