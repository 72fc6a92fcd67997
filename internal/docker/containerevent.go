package docker

import (
	"context"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// ContainerEvent is an event of a container that rules are evaluated on. The engine sent it, or an inspection of the container showed it later.
type ContainerEvent struct {
	Source    *engine.Source // of kind engine.SourceContainer
	Time      int64          // ns, by the engine's clock
	Action    string         // as the engine names it
	ExitCode  string         // of die; "": not known
	Signal    string         // of kill
	OldName   string         // of rename
	Requested bool           // somebody asked to stop the container: see Stops
	Recovered bool           // found by an inspection: there was no connection to the engine when it happened
}

var _ engine.Fields = (*ContainerEvent)(nil)

// AppendField implements engine.Fields: the fields that the engine defines for events.
func (o *ContainerEvent) AppendField(dst []byte, path string) ([]byte, bool) {
	value := ""
	switch path {
	case engine.EventField:
		value = o.Action
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
		if o.mayBeRequested() {
			value = strconv.FormatBool(o.Requested)
		}
	}
	return append(dst, value...), value != ""
}

// Text describes the event in words.
func (o *ContainerEvent) Text() string {
	text := "container " + o.Source.Container.Name + ": " + o.Action
	for _, part := range [...]struct{ word, value string }{{"exit code ", o.ExitCode}, {"signal ", o.Signal}, {"was ", o.OldName}} {
		if part.value != "" {
			text += ", " + part.word + part.value
		}
	}
	if o.mayBeRequested() && o.Requested {
		text += ", requested"
	}
	return text
}

// mayBeRequested reports whether a request to stop the container can be the reason: of its end, of those of commands in it, and of a check that fails meanwhile.
func (o *ContainerEvent) mayBeRequested() bool {
	return o.Action == "die" || o.Action == "exec_die" || strings.HasPrefix(o.Action, healthPrefix)
}

// Record returns the event as the engine evaluates it.
func (o *ContainerEvent) Record() engine.Record {
	return engine.Record{Time: o.Time, Text: []byte(o.Text()), Source: o.Source, Fields: o}
}

// eventsKey is the key under which the time of the last evaluated event is saved. No container has such an id.
const eventsKey = "events"

// queueEvent queues an event for reportEvents. If the queue is full, the next inspection of all containers finds what it can.
func (m *Manager) queueEvent(e Event) {
	if m.opt.OnEvent == nil || e.Time == 0 {
		return
	}
	select {
	case m.queue <- e:
		// Only if it was queued: the inspection must find one that was missed.
		m.rememberEvent(&e)
	default:
		m.counters.missed.Add(1)
		m.noteUnsubscribed()
	}
}

// reportEvents evaluates queued events one after the other, until ctx ends.
func (m *Manager) reportEvents(ctx context.Context) {
	for {
		select {
		case e := <-m.queue:
			m.guarded("evaluating an event", func() { m.reportEvent(ctx, &e) })
		case <-ctx.Done():
			return
		}
	}
}

func (m *Manager) reportEvent(ctx context.Context, e *Event) {
	// An event that concerns no rule must not be repeated after a restart either.
	if !m.follows(e.container()) {
		m.reportedUntil.Store(max(m.reportedUntil.Load(), e.Time))
		return
	}
	if e.Action == healthChecked && !m.healthChanged(ctx, e) {
		m.reportedUntil.Store(max(m.reportedUntil.Load(), e.Time))
		return
	}
	m.emit(ctx, e.ContainerEvent(m.opt.Host, m.anyWorkload()))
}

// healthChanged inspects a container after a health check of Podman's, and gives the event Docker's name with the status. It reports whether the
// status changed.
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

// emit evaluates an event, and notes that it did.
func (m *Manager) emit(ctx context.Context, o *ContainerEvent) {
	m.stops.Mark(o, m.stopSignal(o.Source.Container.ID))
	// After an error reportedUntil stays, so the engine repeats the event to the next run.
	if err := m.opt.OnEvent(ctx, o); err != nil {
		m.opt.Log.Debug("event was not evaluated", "error", err)
		return
	}
	m.counters.events.Add(1)
	// An inspection is no part of the event stream: events before its time may still be on their way.
	if !o.Recovered {
		m.reportedUntil.Store(max(m.reportedUntil.Load(), o.Time))
	}
}

// stopSignal returns the stop signal of a container's configuration; "" if unknown.
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

// rememberEvent keeps the facts that later inspections are compared with.
func (m *Manager) rememberEvent(e *Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Action == "die" {
		m.deaths[e.ID] = max(m.deaths[e.ID], e.Time)
	}
	if status, ok := strings.CutPrefix(e.Action, healthPrefix); ok && m.tails[e.ID] != nil {
		m.tails[e.ID].health.Store(&status)
	}
}

// noteDeath notes when a container ended, and reports whether that is new. All events up to known are known.
func (m *Manager) noteDeath(id string, at, known int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at <= max(known, m.deaths[id]) {
		return false
	}
	m.deaths[id] = at
	return true
}

const healthPrefix = "health_status: "

// noteUnsubscribed notes that events until now may have been missed.
func (m *Manager) noteUnsubscribed() {
	if m.opt.OnEvent != nil && !m.eventsMissed.Load() {
		known := m.heardUntil.Load()
		if known == 0 { // the first run
			known = m.started()
		}
		m.knownUntil.Store(known)
		m.eventsMissed.Store(true)
	}
}

// findMissed starts a search for missed events, if there may be any. It runs after the events that the engine still had.
func (m *Manager) findMissed(ctx context.Context) {
	if known := m.knownUntil.Load(); m.eventsMissed.Swap(false) {
		m.running.Go(func() { m.guarded("looking for missed events", func() { m.recoverEvents(ctx, known) }) })
	}
}

// recoverEvents inspects all containers for events missed while there was no connection to the engine: a container that ended, or whose health
// changed. An engine that restarts loses its events.
func (m *Manager) recoverEvents(ctx context.Context, known int64) {
	m.mu.Lock()
	tails := make([]*tail, 0, len(m.tails))
	for _, t := range m.tails {
		tails = append(tails, t)
	}
	// Released first, because inspections call the engine.
	m.mu.Unlock()
	for _, t := range tails {
		c, err := t.inspect(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil || !m.follows(&c) {
			continue // the container or the engine is gone: the next subscription begins with another search
		}
		t.reportMissed(ctx, &c, known)
	}
}

// reportMissed evaluates the events after known that an inspected container shows.
func (t *tail) reportMissed(ctx context.Context, c *Container, known int64) {
	o := ContainerEvent{Source: eventSource(c, t.m.opt.Host, t.m.anyWorkload()), Recovered: true}
	if ended := c.Finished.UnixNano(); c.Finished.Year() > 1 && t.m.noteDeath(c.ID, ended, known) {
		o.Time, o.Action = ended, "die"
		if !c.Running { // a start forgets the code
			o.ExitCode = strconv.Itoa(c.ExitCode)
		}
		die := o
		t.m.emit(ctx, &die)
		if c.OOMKilled {
			o.Action, o.ExitCode = "oom", ""
			t.m.emit(ctx, &o)
		}
	}
	before := t.health.Swap(&c.Health)
	if before != nil && *before != c.Health && (c.Health == "unhealthy" || c.Health == "healthy") {
		o.Time, o.Action, o.ExitCode = t.m.opt.Now().UnixNano(), healthPrefix+c.Health, ""
		t.m.emit(ctx, &o)
	}
}

// reportedCheckpoint returns the time of the last evaluated event, encoded for Save, if it changed since the last call.
func (m *Manager) reportedCheckpoint() []byte {
	reported := m.reportedUntil.Load()
	if m.opt.OnEvent == nil || reported == 0 || reported == m.savedReported {
		return nil
	}
	m.savedReported = reported
	return binary.AppendVarint(nil, reported)
}

// ParseEvent parses an event as engines write it, one message of GET /events. It is strict, so that it accepts nothing else: ok is false unless the
// message is of type container and has an action, a full container id, text attributes, and a time.
func ParseEvent(message []byte) (e Event, ok bool) {
	if len(message) == 0 || message[0] != '{' || !gjson.ValidBytes(message) {
		return Event{}, false
	}
	m := gjson.ParseBytes(message)
	kind, action, id, attributes := m.Get("Type"), m.Get("Action"), m.Get("Actor.ID"), m.Get("Actor.Attributes")
	if kind.Str != "container" || action.Str == "" || !isID(id.Str) || !attributes.IsObject() {
		return Event{}, false
	}
	e = Event{ID: strings.Clone(id.Str), Action: strings.Clone(EventName(action.Str)), Attributes: map[string]string{}}
	if status := m.Get("HealthStatus").Str; e.Action == healthChecked && status != "" {
		e.Action = healthPrefix + strings.Clone(status)
	}
	if e.Time = m.Get("timeNano").Int(); e.Time <= 0 {
		e.Time = m.Get("time").Int() * 1e9
	}
	ok = e.Time > 0
	attributes.ForEach(func(key, value gjson.Result) bool {
		ok = ok && value.Type == gjson.String
		e.Attributes[strings.Clone(key.Str)] = strings.Clone(value.Str)
		return ok
	})
	e.Name = e.Attributes["name"]
	return e, ok
}

// healthChecked is the event that Podman sends after each health check. Docker sends one with the status when the status changes.
const healthChecked = "health_status"

// EventName returns Docker's name for an event, which Podman may name differently.
func EventName(action string) string {
	if action == "remove" {
		return "destroy"
	}
	return action
}

// isID reports whether s is a full container id: 64 hexadecimal digits.
func isID(s string) bool {
	return len(s) == 64 && !strings.ContainsFunc(s, func(c rune) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'f') })
}

// Enabled reports whether the container's labels enable it.
func (e *Event) Enabled() bool { return enabled(e.Attributes) }

// container returns the container as the event describes it. Its labels are among the attributes.
func (e *Event) container() *Container {
	return &Container{ID: e.ID, Name: e.Name, Image: e.Attributes["image"], Labels: e.Attributes}
}

// ContainerEvent converts the event for rules. host is the name of the engine's machine; anyWorkload allows labels that name any workload.
func (e *Event) ContainerEvent(host string, anyWorkload bool) *ContainerEvent {
	return &ContainerEvent{
		Source: eventSource(e.container(), host, anyWorkload), Time: e.Time, Action: e.Action, ExitCode: e.Attributes["exitCode"],
		Signal: e.Attributes["signal"], OldName: strings.TrimPrefix(e.Attributes["oldName"], "/"),
	}
}

func eventSource(c *Container, host string, anyWorkload bool) *engine.Source {
	s := SourceOf(c, host, anyWorkload)
	s.Kind = engine.SourceContainer
	return s
}
