package docker

import (
	"context"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// Occurrence is something that happened to a container, as the engine tells it or as a look at the container shows later.
type Occurrence struct {
	Source    *engine.Source // of kind engine.SourceContainer
	Time      int64          // ns, by the engine's clock
	Event     string         // as the engine names it
	ExitCode  string         // of die; "": not known
	Signal    string         // of kill
	OldName   string         // of rename
	Requested bool           // it follows from a request to stop the container: see Stops
	Recovered bool           // it was found by a look at the container: the engine could not be listened to when it happened
}

var _ engine.Fields = (*Occurrence)(nil)

// AppendField gives the fields of engine's events.
func (o *Occurrence) AppendField(dst []byte, path string) ([]byte, bool) {
	value := ""
	switch path {
	case engine.EventField:
		value = o.Event
	case engine.ExitCodeField:
		value = o.ExitCode
	case engine.SignalField:
		value = o.Signal
	case engine.OldNameField:
		value = o.OldName
	case engine.RecoveredField:
		if o.Recovered {
			value = "true"
		}
	case engine.RequestedField:
		if o.ends() {
			value = strconv.FormatBool(o.Requested)
		}
	}
	return append(dst, value...), value != ""
}

// Text says what happened in words.
func (o *Occurrence) Text() string {
	text := "container " + o.Source.Container.Name + ": " + o.Event
	for _, part := range [...]struct{ word, value string }{{"exit code ", o.ExitCode}, {"signal ", o.Signal}, {"was ", o.OldName}} {
		if part.value != "" {
			text += ", " + part.word + part.value
		}
	}
	if o.ends() && o.Requested {
		text += ", requested"
	}
	return text
}

// ends reports whether a request to stop the container can be the reason: of its end, of those of commands in it, and of a check that fails meanwhile.
func (o *Occurrence) ends() bool {
	return o.Event == "die" || o.Event == "exec_die" || strings.HasPrefix(o.Event, healthPrefix)
}

// Record is the occurrence as the engine evaluates it.
func (o *Occurrence) Record() engine.Record {
	return engine.Record{Time: o.Time, Text: []byte(o.Text()), Source: o.Source, Fields: o}
}

// eventsKey is under what the time is saved up to which events were taken. No container has such an id.
const eventsKey = "events"

// happened queues an event for the sink. A full queue is made up for, as far as it can be, by a look at the containers.
func (m *Manager) happened(e Event) {
	if m.opt.Happened == nil || e.Time == 0 {
		return
	}
	select {
	case m.happenings <- e:
		m.noteEvent(&e)
	default:
		m.counters.missed.Add(1)
		m.lapse()
	}
}

// tell hands events over, one after the other, until ctx ends.
func (m *Manager) tell(ctx context.Context) {
	for {
		select {
		case e := <-m.happenings:
			m.guarded("telling an event", func() { m.tellOne(ctx, &e) })
		case <-ctx.Done():
			return
		}
	}
}

func (m *Manager) tellOne(ctx context.Context, e *Event) {
	if !m.wanted(e.container()) {
		m.told.Store(max(m.told.Load(), e.Time))
		return
	}
	if e.Action == healthChecked && !m.healthChanged(ctx, e) {
		m.told.Store(max(m.told.Load(), e.Time))
		return
	}
	m.occurs(ctx, e.Occurrence(m.opt.Host, m.anyWorkload()))
}

// healthChanged looks at a container whose health was checked, and has the event say what it is, as Docker's do, if that changed.
func (m *Manager) healthChanged(ctx context.Context, e *Event) bool {
	t := m.tail(e.ID)
	if t == nil {
		return false // it is gone
	}
	c, err := t.inspect(ctx)
	if err != nil {
		return false // the next check brings another event
	}
	before := t.health.Swap(&c.Health)
	e.Action = healthPrefix + c.Health
	return (before == nil || *before != c.Health) && (c.Health == "healthy" || c.Health == "unhealthy")
}

// occurs hands an occurrence over, and notes that it was taken.
func (m *Manager) occurs(ctx context.Context, o *Occurrence) {
	m.stops.Mark(o, m.stopSignal(o.Source.Container.ID))
	if err := m.opt.Happened(ctx, o); err != nil {
		m.opt.Log.Debug("an event was not taken", "error", err)
		return
	}
	m.counters.events.Add(1)
	if !o.Recovered {
		m.told.Store(max(m.told.Load(), o.Time))
	}
}

// stopSignal returns the signal that a container is configured to be stopped by; "" where it is not known.
func (m *Manager) stopSignal(id string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.tails[id]; t != nil {
		if s := t.stopSignal.Load(); s != nil {
			return *s
		}
	}
	return ""
}

// noteEvent keeps what a later look at the container is compared with.
func (m *Manager) noteEvent(e *Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Action == "die" {
		m.deaths[e.ID] = max(m.deaths[e.ID], e.Time)
	}
	if status, ok := strings.CutPrefix(e.Action, healthPrefix); ok && m.tails[e.ID] != nil {
		m.tails[e.ID].health.Store(&status)
	}
}

// ended notes when a container ended, and reports whether that was not told yet. known is up to when all events are known.
func (m *Manager) ended(id string, at, known int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at <= max(known, m.deaths[id]) {
		return false
	}
	m.deaths[id] = at
	return true
}

const healthPrefix = "health_status: "

// lapse notes that the engine was not listened to until now.
func (m *Manager) lapse() {
	if m.opt.Happened != nil && !m.recover.Load() {
		known := m.heard.Load()
		if known == 0 { // nothing is known of earlier runs
			known = m.started()
		}
		m.known.Store(known)
		m.recover.Store(true)
	}
}

// findMissed begins to look for what happened unheard, if that may be. It comes behind the events that the engine kept.
func (m *Manager) findMissed(ctx context.Context) {
	if known := m.known.Load(); m.recover.Swap(false) {
		m.running.Go(func() { m.guarded("looking for missed events", func() { m.recoverEvents(ctx, known) }) })
	}
}

// recoverEvents looks for what happened while the engine could not be listened to: a container that ended behind the last event, or became
// unhealthy. Restarts of the engine lose its events.
func (m *Manager) recoverEvents(ctx context.Context, known int64) {
	m.mu.Lock()
	tails := make([]*tail, 0, len(m.tails))
	for _, t := range m.tails {
		tails = append(tails, t)
	}
	m.mu.Unlock()
	for _, t := range tails {
		c, err := t.inspect(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil || !m.wanted(&c) {
			continue // it is gone, or the engine is: the next subscription begins with another look
		}
		t.compare(ctx, &c, known)
	}
}

// compare tells what a look at a container shows to have happened since the time up to which events are known.
func (t *tail) compare(ctx context.Context, c *Container, known int64) {
	o := Occurrence{Source: eventSource(c, t.m.opt.Host, t.m.anyWorkload()), Recovered: true}
	if ended := c.Finished.UnixNano(); c.Finished.Year() > 1 && t.m.ended(c.ID, ended, known) {
		o.Time, o.Event = ended, "die"
		if !c.Running { // a start forgets the code
			o.ExitCode = strconv.Itoa(c.ExitCode)
		}
		die := o
		t.m.occurs(ctx, &die)
		if c.OOMKilled {
			o.Event, o.ExitCode = "oom", ""
			t.m.occurs(ctx, &o)
		}
	}
	before := t.health.Swap(&c.Health)
	if before != nil && *before != c.Health && (c.Health == "unhealthy" || c.Health == "healthy") {
		o.Time, o.Event, o.ExitCode = t.m.opt.Now().UnixNano(), healthPrefix+c.Health, ""
		t.m.occurs(ctx, &o)
	}
}

// takeTold returns the time up to which events were taken, to be saved, if it changed.
func (m *Manager) takeTold() []byte {
	told := m.told.Load()
	if m.opt.Happened == nil || told == 0 || told == m.toldSaved {
		return nil
	}
	m.toldSaved = told
	return binary.AppendVarint(nil, told)
}
