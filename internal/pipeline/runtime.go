package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger/client"
)

// RuntimeObject is a rule, trigger, or exception that was made through the API.
type RuntimeObject struct {
	config.RuntimeKey
	Revision int64
	Changed  time.Time
	// Value is the settings as they were given, secrets included. It must not be modified.
	Value map[string]any
}

// RuntimeChange is a change of one object.
type RuntimeChange struct {
	config.RuntimeKey
	Who    string
	Action string
	// Revision is the revision that the object must have; 0: it must not exist; AnyRevision: it must exist, with any revision.
	Revision int64
	// Make returns the new value, nil to remove the object. It gets the present value, nil for a new object, and may be called more than once.
	Make func(current map[string]any) (map[string]any, error)
}

// AnyRevision matches every revision.
const AnyRevision = -1

// The errors of ChangeRuntime, beside those of the store and *ConfigError, which is for an invalid value.
var (
	ErrRuntimeExists   = errors.New("this name is already in use")
	ErrRuntimeMissing  = errors.New("there is no runtime object of this name")
	ErrRuntimeRevision = errors.New("it was changed in the meantime")
	ErrRuntimeMany     = fmt.Errorf("there are %d runtime objects or pending changes, which is the limit", maxRuntime)
	ErrRuntimeSources  = errors.New("cannot read the configuration's sources now")
)

// maxRuntime bounds the objects, and the pending changes.
const maxRuntime = 20_000

// runtimeHost loads and applies configurations that contain runtime objects. Its methods, and changes of runtime objects, are serialized by one
// mutex, which runtimeObjects shares with reloads.
type runtimeHost interface {
	loadWith(objects map[config.RuntimeKey]RuntimeObject) *config.Result
	Loaded() *config.Result
	applyLoaded(*config.Result) ReloadReport
}

// runtimeObjects holds the objects that were made through the API, and changes them: a change is in the store before it is in force.
type runtimeObjects struct {
	host     runtimeHost
	ctx      context.Context // ends with the pipeline
	instance string
	store    *store.Store
	now      func() time.Time
	log      *slog.Logger
	panics   *atomic.Int64

	mu      sync.Mutex // guards pending and view
	pending []*runtimeJob
	view    map[config.RuntimeKey]RuntimeObject // replaced, never modified

	reloading    *sync.Mutex // guards all below; held during each reload and each change
	lastRevision int64
	recoveries   int64 // how often the store replaced its file, as of the last save
}

type runtimeJob struct {
	change RuntimeChange
	result RuntimeObject
	err    error
	done   bool // guarded by reloading
}

func (m *runtimeObjects) objects() map[config.RuntimeKey]RuntimeObject {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view
}

func (m *runtimeObjects) replace(view map[config.RuntimeKey]RuntimeObject) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.view = view
}

// RuntimeObjects returns all runtime objects. The map must not be modified.
func (p *Pipeline) RuntimeObjects() map[config.RuntimeKey]RuntimeObject { return p.runtime.objects() }

// ChangeRuntime changes a runtime object. When it returns nil, the change is in the store and in force. Concurrent changes are applied together, so
// that thousands cost a few reloads.
func (p *Pipeline) ChangeRuntime(change RuntimeChange) (RuntimeObject, error) {
	return p.runtime.change(change)
}

// loadWith loads the configuration with the given runtime objects.
func (p *Pipeline) loadWith(objects map[config.RuntimeKey]RuntimeObject) *config.Result {
	src := p.sources
	src.Runtime = make([]config.RuntimeSettings, 0, len(objects))
	for _, key := range sortedKeys(objects) {
		src.Runtime = append(src.Runtime, config.RuntimeSettings{RuntimeKey: key, Value: objects[key].Value})
	}
	return config.Load(src)
}

// addRuntime adds the saved runtime objects to the configuration of the start. It never fails: invalid objects are logged and left out.
func (p *Pipeline) addRuntime(n *prepared) *prepared {
	objects, err := p.runtime.restore()
	if err != nil {
		p.log.Error("cannot read runtime objects from the store", "error", err)
	}
	if len(objects) == 0 || p.Loaded().Unusable() {
		return n
	}
	result := p.loadWith(objects)
	if result.Unusable() {
		return n
	}
	p.logProblems(result.Problems)
	result.Keep(n.settings)
	next, err := p.prepare(&result.Settings)
	if err != nil {
		p.log.Error("skipping invalid runtime objects", "error", err)
	}
	// Its clients were never in force.
	n.close()
	p.loaded.Store(result)
	return next
}

func sortedKeys(objects map[config.RuntimeKey]RuntimeObject) []config.RuntimeKey {
	return slices.SortedFunc(maps.Keys(objects), func(a, b config.RuntimeKey) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Name, b.Name))
	})
}

// restore reads the objects from the store.
func (m *runtimeObjects) restore() (map[config.RuntimeKey]RuntimeObject, error) {
	rows, err := m.store.RuntimeObjects(m.ctx, m.instance)
	objects := make(map[config.RuntimeKey]RuntimeObject, len(rows))
	for i := range rows {
		o := &rows[i]
		dec := json.NewDecoder(bytes.NewReader(o.Value))
		dec.UseNumber()
		value := map[string]any{}
		if bad := dec.Decode(&value); bad != nil {
			m.log.Error("skipping a runtime object in the store that cannot be read", "kind", o.Kind, "scope", o.Scope, "name", o.Name)
			continue
		}
		key := config.RuntimeKey{Kind: config.RuntimeKind(o.Kind), Scope: o.Scope, Name: o.Name}
		objects[key] = RuntimeObject{key, o.Revision, o.Changed, value}
		m.lastRevision = max(m.lastRevision, o.Revision)
	}
	m.recoveries = m.store.Health().Recovered
	m.replace(objects)
	return objects, err
}

// change queues a change, and applies all that are pending unless another call does so first.
func (m *runtimeObjects) change(c RuntimeChange) (RuntimeObject, error) {
	j := &runtimeJob{change: c}
	m.mu.Lock()
	if len(m.pending) >= maxRuntime {
		m.mu.Unlock()
		return RuntimeObject{}, ErrRuntimeMany
	}
	m.pending = append(m.pending, j)
	m.mu.Unlock()
	m.reloading.Lock()
	defer m.reloading.Unlock()
	if !j.done {
		m.changeAll()
	}
	return j.result, j.err
}

// changeAll makes all pending changes. The caller holds reloading.
func (m *runtimeObjects) changeAll() {
	m.mu.Lock()
	// mu is released before the work, so that further changes queue meanwhile and share the next reload.
	jobs := m.pending
	m.pending = nil
	m.mu.Unlock()
	defer func() {
		// After a panic was recovered: no caller may get a nil error for a change that was not made.
		for _, j := range jobs {
			if !j.done {
				j.done, j.err = true, errors.New("the change caused a panic: see the log")
			}
		}
	}()
	defer guard.Recover(m.log, m.panics, "changing runtime objects")
	for left := jobs; len(left) > 0; {
		var batch, later []*runtimeJob
		touched := map[config.RuntimeKey]bool{}
		for _, j := range left {
			if touched[j.change.RuntimeKey] { // it must see the result of the change before it
				later = append(later, j)
				continue
			}
			touched[j.change.RuntimeKey] = true
			batch = append(batch, j)
		}
		m.changeBatch(batch)
		left = later
	}
}

// changeBatch makes changes of different objects with one reload, if possible.
func (m *runtimeObjects) changeBatch(batch []*runtimeJob) {
	for len(batch) > 0 {
		plan, refused := m.plan(batch)
		if refused {
			batch = slices.DeleteFunc(batch, func(j *runtimeJob) bool { return j.done })
			continue
		}
		if plan.split {
			for _, j := range batch {
				m.changeBatch([]*runtimeJob{j})
			}
			return
		}
		// Saved first: a change in force that is not in the store would be lost by a restart.
		err := m.store.SaveRuntime(m.ctx, m.now(), m.instance, plan.rows, plan.audit)
		if err == nil {
			m.recoveries = m.store.Health().Recovered
			m.replace(plan.objects)
			if report := m.host.applyLoaded(plan.loaded); !report.Applied {
				err = errors.Join(errors.New("the change is saved, but not in force"), report.LeftOut)
			}
		}
		for _, j := range batch {
			j.done, j.err = true, err
		}
		return
	}
}

// runtimePlan is the result of a batch of changes, before it is saved.
type runtimePlan struct {
	objects map[config.RuntimeKey]RuntimeObject
	rows    []store.RuntimeObject
	audit   []store.AuditEntry
	loaded  *config.Result
	split   bool // a problem belongs to no change in particular: each must be tried alone
}

// plan plans a batch of changes. refused is true when it refused some of them and marked them as done: the caller plans the rest again.
func (m *runtimeObjects) plan(batch []*runtimeJob) (plan runtimePlan, refused bool) {
	before := m.objects()
	plan.objects = maps.Clone(before)
	if plan.objects == nil {
		plan.objects = map[config.RuntimeKey]RuntimeObject{}
	}
	now := m.now()
	for _, j := range batch {
		if err := m.planOne(j, &plan, now); err != nil {
			j.done, j.err, refused = true, err, true
		}
	}
	if refused {
		return plan, true
	}
	if m.store.Health().Recovered != m.recoveries { // the store replaced a damaged file: save all objects again
		changed := map[config.RuntimeKey]bool{}
		for i := range plan.rows {
			changed[config.RuntimeKey{Kind: config.RuntimeKind(plan.rows[i].Kind), Scope: plan.rows[i].Scope, Name: plan.rows[i].Name}] = true
		}
		for key, o := range plan.objects {
			if !changed[key] {
				plan.rows = append(plan.rows, rowOf(&o))
			}
		}
	}
	plan.loaded = m.host.loadWith(plan.objects)
	if plan.loaded.Unusable() {
		for _, j := range batch {
			j.done, j.err = true, fmt.Errorf("%w: %w", ErrRuntimeSources, &ConfigError{plan.loaded.Problems})
		}
		return plan, true
	}
	mine := map[config.Origin]*runtimeJob{}
	for _, j := range batch {
		mine[j.change.Origin()] = j
	}
	problems := map[*runtimeJob][]config.Problem{}
	var others []config.Problem
	for _, problem := range plan.loaded.Problems {
		if j := mine[problem.Origin]; j != nil {
			problems[j] = append(problems[j], problem)
		} else {
			others = append(others, problem)
		}
	}
	for j, found := range problems {
		j.done, j.err, refused = true, &ConfigError{found}, true
	}
	for _, j := range batch {
		if err := m.tryTrigger(j, plan.loaded); err != nil && !j.done {
			j.done, j.err, refused = true, err, true
		}
	}
	if refused {
		return plan, true
	}
	if fresh := newProblems(others, m.host.Loaded().Problems); len(fresh) > 0 {
		fresh = newProblems(fresh, m.host.loadWith(before).Problems) // files may have changed since they were loaded
		switch {
		case len(fresh) == 0:
		case len(batch) == 1:
			batch[0].done, batch[0].err, refused = true, &ConfigError{fresh}, true
		default:
			plan.split = true
		}
	}
	return plan, refused
}

// planOne adds one change to the plan.
func (m *runtimeObjects) planOne(j *runtimeJob, plan *runtimePlan, now time.Time) error {
	c := &j.change
	current, there := plan.objects[c.RuntimeKey]
	switch {
	case c.Revision == 0 && there:
		return ErrRuntimeExists
	case c.Revision != 0 && !there:
		return ErrRuntimeMissing
	case c.Revision > 0 && c.Revision != current.Revision:
		return ErrRuntimeRevision
	case !there && len(plan.objects) >= maxRuntime:
		return ErrRuntimeMany
	}
	value, err := c.Make(current.Value)
	if err != nil {
		return err
	}
	if there && reflect.DeepEqual(value, current.Value) { // nothing changes: no revision, no audit entry
		j.result = current
		return nil
	}
	entry := store.AuditEntry{
		Who: c.Who, Action: c.Action, Kind: string(c.Kind), Scope: c.Scope, Name: c.Name, Before: masked(c.Kind, current.Value), After: masked(c.Kind, value),
	}
	plan.audit = append(plan.audit, entry)
	if value == nil {
		j.result = current
		plan.remove(c.RuntimeKey)
		if c.Kind == config.RuntimeRule && c.Scope == "" {
			plan.removeOf(c)
		}
		return nil
	}
	// From the time, because after a restart the revisions of removed objects are unknown and must not be used again; it grows even if the clock goes back.
	m.lastRevision = max(m.lastRevision+1, now.UnixNano())
	j.result = RuntimeObject{c.RuntimeKey, m.lastRevision, now, value}
	plan.objects[c.RuntimeKey] = j.result
	plan.rows = append(plan.rows, rowOf(&j.result))
	return nil
}

func (plan *runtimePlan) remove(key config.RuntimeKey) {
	delete(plan.objects, key)
	plan.rows = append(plan.rows, store.RuntimeObject{Kind: string(key.Kind), Scope: key.Scope, Name: key.Name})
}

// removeOf removes the overrides of a deleted global rule and the exceptions from it. Each gets its audit entry.
func (plan *runtimePlan) removeOf(c *RuntimeChange) {
	// Sorted, so that the audit has the same order each time; it is a copy, so removing is safe.
	for _, key := range sortedKeys(plan.objects) {
		if key.Name == c.Name && (key.Kind == config.RuntimeOverride || key.Kind == config.RuntimeDisable) {
			plan.audit = append(plan.audit, store.AuditEntry{
				Who: c.Who, Action: c.Action, Kind: string(key.Kind), Scope: key.Scope, Name: key.Name, Before: masked(key.Kind, plan.objects[key].Value),
			})
			plan.remove(key)
		}
	}
}

func rowOf(o *RuntimeObject) store.RuntimeObject {
	value, err := json.Marshal(o.Value)
	if err != nil { // it came from JSON
		value = []byte("{}")
	}
	return store.RuntimeObject{Kind: string(o.Kind), Scope: o.Scope, Name: o.Name, Revision: o.Revision, Changed: o.Changed, Value: value}
}

// masked returns a value for the audit, without secrets.
func masked(kind config.RuntimeKind, value map[string]any) []byte {
	if value == nil {
		return nil
	}
	if kind == config.RuntimeTrigger {
		value = config.MaskSecrets(value)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return text
}

// tryTrigger builds the client of a new or changed trigger, which reads its files and variables.
func (m *runtimeObjects) tryTrigger(j *runtimeJob, loaded *config.Result) error {
	if j.change.Kind != config.RuntimeTrigger {
		return nil
	}
	for i := range loaded.Settings.Triggers {
		set := &loaded.Settings.Triggers[i]
		if set.Name != j.change.Name {
			continue
		}
		sender, err := client.New(*set, client.Deps{Egress: loaded.Settings.Egress, Now: m.now, UserAgent: userAgent})
		if err != nil {
			return &ConfigError{loaded.Parts.Triggers[i].Unavailable(err)}
		}
		sender.Close()
	}
	return nil
}

// newProblems returns the problems that are not among the known ones.
func newProblems(found, known []config.Problem) []config.Problem {
	old := make(map[string]bool, len(known))
	for i := range known {
		old[known[i].Error()] = true
	}
	var fresh []config.Problem
	for i := range found {
		if !old[found[i].Error()] {
			fresh = append(fresh, found[i])
		}
	}
	return fresh
}

// AddAudit records a change of something else than a runtime object in the audit.
func (p *Pipeline) AddAudit(ctx context.Context, e store.AuditEntry) error {
	return p.store.SaveRuntime(ctx, p.now(), p.id, nil, []store.AuditEntry{e})
}

// Audit returns up to limit audit entries, newest first, with a number below before; 0: from the newest.
func (p *Pipeline) Audit(ctx context.Context, before int64, limit int) ([]store.AuditEntry, error) {
	return p.store.Audit(ctx, p.id, before, limit)
}
