package docker

import (
	"context"
	"maps"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/naming"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// reconcile compares the engine's containers with the tails, and so corrects for missed events. With all set, every tail inspects its container:
// events before the subscription are unknown.
func (m *Manager) reconcile(ctx context.Context, all bool) {
	// Taken before the list: a container that is created meanwhile counts as newer, and is read from its first line.
	since := m.opt.Now().Add(m.engineOffset()).Add(-clockMargin).UnixNano()
	call, cancel := context.WithTimeout(ctx, m.timing.call)
	defer cancel()
	// An engine that does not answer says nothing about its containers, so no tail ends on an error.
	list, err := m.opt.API.List(call)
	if err != nil {
		m.opt.Log.Debug("cannot list containers", "error", err)
		return
	}
	listed := make(map[string]Listed, len(list))
	for _, c := range list {
		listed[c.ID] = c
		m.unignore(c)
		t := m.ensureTail(ctx, c.ID)
		if t != nil && t.renamed(c.Name) && t.reconsidering.CompareAndSwap(false, true) {
			m.reconsider(ctx, t)
		}
		if t != nil && (all || t.parked() && (c.State == "running" || c.State == "restarting")) {
			t.wakeUp()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.listed = listed
	gone := func(id string) bool {
		_, there := listed[id]
		return !there
	}
	for id, t := range m.tails {
		if gone(id) {
			t.wakeUp() // it ends itself, after it has read the rest of the log
		}
	}
	maps.DeleteFunc(m.ignored, func(id string, _ notFollowed) bool { return gone(id) })
	maps.DeleteFunc(m.deaths, func(id string, _ int64) bool { return gone(id) })
	for id := range m.checkpoints {
		if gone(id) {
			delete(m.checkpoints, id)
			m.removed = append(m.removed, id)
		}
	}
	if since > m.since {
		m.since = since // all containers of that time have a tail, and so a position of their own
	}
	m.reconciled.Store(true)
}

// clockMargin bounds the error of the estimate of the engine's clock.
const clockMargin = 2e9

func (m *Manager) engineOffset() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.offset
}

// parked reports whether the tail waits for a start of its container.
func (t *tail) parked() bool { return State(t.state.Load()) == Parked }

// renamed reports whether the listed name differs from the name in the container's lines.
func (t *tail) renamed(listed string) bool {
	name := t.name.Load()
	return name != nil && *name != "" && listed != "" && *name != listed
}

// follows reports whether the settings in force select a container.
func (m *Manager) follows(c *Container) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settings.Follows(c, m.opt.Own)
}

// ignore notes that a container is not followed, so that it is not inspected with each reconciliation.
func (m *Manager) ignore(c *Container) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, _ := source(c, m.opt.Host, m.settings.AnyWorkload)
	m.ignored[c.ID] = notFollowed{c.Name, s.Container.Image, s.Workload, m.settings.whyNotFollowed(c, m.opt.Own)}
}

// unignore forgets that a container is not followed if its name changed.
func (m *Manager) unignore(c Listed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if i, ok := m.ignored[c.ID]; ok && c.Name != "" && c.Name != i.name {
		delete(m.ignored, c.ID)
	}
}

// started returns the start of this run, by the engine's clock.
func (m *Manager) started() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.began
}

// SetSettings puts new settings in force: it stops following containers that they do not select, and begins to follow those that they do.
func (m *Manager) SetSettings(ctx context.Context, s Settings) error {
	if err := setting.Join(s.Validate()); err != nil {
		return err
	}
	m.mu.Lock()
	m.settings = s
	m.joins.Store(s.Join)
	// The new settings may follow them.
	clear(m.ignored)
	tails := make([]*tail, 0, len(m.tails))
	for _, t := range m.tails {
		tails = append(tails, t)
	}
	m.mu.Unlock()
	for _, t := range tails {
		m.reconsider(ctx, t)
	}
	m.reconcileNow()
	return nil
}

// reconsider inspects a container again after its name or the settings changed.
func (m *Manager) reconsider(ctx context.Context, t *tail) {
	m.running.Go(func() {
		defer t.reconsidering.Store(false)
		m.guarded("inspecting a container again", func() {
			c, err := t.inspect(ctx)
			switch {
			case err != nil: // the container or the engine is gone: the tail handles it
			case !m.follows(&c):
				m.ignore(&c)
				t.dropped.Store(true)
				t.end()
			default:
				t.rename(ctx, &c)
			}
		})
	})
}

// describe returns the source of a container's lines. It logs a refused workload label, once per value.
func (t *tail) describe(c *Container) *engine.Source {
	s, refused := source(c, t.m.opt.Host, t.m.anyWorkload())
	if label := c.Labels[naming.LabelWorkload]; refused && t.refused.Swap(&label) == nil {
		t.m.opt.Log.Warn("ignoring a label that names a workload outside of the container's own project or namespace; labels.workload = \"any\" allows it",
			"container", c.Name, "label", naming.LabelWorkload, "value", bounded(label), "workload", s.Workload)
	}
	t.name.Store(&c.Name)
	return s
}

// anyWorkload reports whether labels may name any workload.
func (m *Manager) anyWorkload() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.settings.AnyWorkload
}

// rename puts a container's new name in force. Its lines wait until the rules of its labels are in force for the new name.
func (t *tail) rename(ctx context.Context, c *Container) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.describe(c)
	if t.m.opt.OnContainer != nil {
		t.m.opt.OnContainer(ctx, c, s)
	}
	t.source.Store(s)
	if t.m.opt.OnContainerGone != nil && State(t.state.Load()) == Gone { // the tail ended meanwhile
		t.m.opt.OnContainerGone(t.id)
	}
}

// notify counts, logs and reports a notice.
func (m *Manager) notify(n Notice) {
	m.counters.notices(n.Kind).Add(1)
	m.opt.Log.Warn(n.Kind.message(), "kind", string(n.Kind), "container", n.Source.Container.Name)
	m.opt.OnNotice(n)
}

// warnCompressed reports, once, that the engine loses lines of a container: engines before 23 do when they compress rotated files.
func (m *Manager) warnCompressed(t *tail) {
	m.mu.Lock()
	decided := m.compress || !m.before23.Load() || !compresses(&t.info)
	m.compress = m.compress || !decided
	version := m.version
	m.mu.Unlock()
	// Without the lock, because OnNotice is the caller's code.
	if !decided {
		m.notify(Notice{Kind: NoticeCompress, Source: t.source.Load(), Text: "container " + t.info.Name + " compresses its rotated logs, and engine " +
			version + " loses lines when that happens (version 23 does not)"})
	}
}

// compresses reports whether the log driver compresses rotated files.
func compresses(c *Container) bool {
	switch on := c.LogOptions["compress"]; c.Driver {
	case "json-file":
		return on == "true"
	case "local":
		return on != "false" && c.LogOptions["max-file"] != "1"
	}
	return false
}
