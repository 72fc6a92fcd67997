package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// RuntimeKey names a managed object.
type RuntimeKey struct {
	Kind        config.ManagedKind
	Scope, Name string
}

// RuntimeObject is an object that was made at run time.
type RuntimeObject struct {
	RuntimeKey
	Revision int64
	Changed  time.Time
	// Value is the settings as they were given, secrets included. It is not to be modified.
	Value map[string]any
}

// RuntimeChange is a change of one object.
type RuntimeChange struct {
	RuntimeKey
	Who    string
	Action string
	// Revision is what the object must still have; 0: there must be none; AnyRevision: whatever it is, but it must be there.
	Revision int64
	// Make returns the new value; nil removes the object. It is given the value that there is, nil for none, and may be called more than once.
	Make func(current map[string]any) (map[string]any, error)
}

// AnyRevision stands for whatever revision there is.
const AnyRevision = -1

// The errors of Manage, beside a *ConfigError, which tells what is wrong with the new value, and the store's.
var (
	ErrRuntimeExists   = errors.New("there is one of this name already")
	ErrRuntimeMissing  = errors.New("there is none of this name that was made at run time")
	ErrRuntimeRevision = errors.New("it was changed meanwhile")
	ErrRuntimeMany     = fmt.Errorf("there are %d managed objects, or as many changes under way: no more are taken", maxRuntime)
	ErrRuntimeSources  = errors.New("the configuration's sources cannot be read just now")
)

// maxRuntime bounds the objects, and the changes that wait.
const maxRuntime = 20_000

// runtimeObjects is the objects that were made at run time.
type runtimeObjects struct {
	mu      sync.Mutex
	waiting []*runtimeJob
	view    map[RuntimeKey]RuntimeObject // replaced, never changed

	// The holder of Pipeline.reloading has these.
	last      int64 // revision
	recovered int64 // how often the store's file had been replaced
}

type runtimeJob struct {
	change RuntimeChange
	result RuntimeObject
	err    error
	done   bool // guarded by Pipeline.reloading
}

func (m *runtimeObjects) objects() map[RuntimeKey]RuntimeObject {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view
}

func (m *runtimeObjects) replace(view map[RuntimeKey]RuntimeObject) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.view = view
}

// RuntimeObjects returns the objects that were made at run time. The map is not to be modified.
func (p *Pipeline) RuntimeObjects() map[RuntimeKey]RuntimeObject { return p.runtime.objects() }

// withRuntime returns the sources with managed objects.
func (p *Pipeline) withRuntime(objects map[RuntimeKey]RuntimeObject) config.Sources {
	src := p.sources
	src.Managed = make([]config.Managed, 0, len(objects))
	for _, key := range sortedKeys(objects) {
		src.Managed = append(src.Managed, config.Managed{Kind: key.Kind, Scope: key.Scope, Name: key.Name, Value: objects[key].Value})
	}
	return src
}

func sortedKeys(objects map[RuntimeKey]RuntimeObject) []RuntimeKey {
	return slices.SortedFunc(maps.Keys(objects), func(a, b RuntimeKey) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Name, b.Name))
	})
}

// restoreRuntime reads the objects from the store.
func (p *Pipeline) restoreRuntime() (map[RuntimeKey]RuntimeObject, error) {
	rows, err := p.store.RuntimeObjects(p.ctx, p.id)
	objects := make(map[RuntimeKey]RuntimeObject, len(rows))
	for i := range rows {
		o := &rows[i]
		dec := json.NewDecoder(bytes.NewReader(o.Value))
		dec.UseNumber()
		value := map[string]any{}
		if bad := dec.Decode(&value); bad != nil {
			p.log.Error("a managed object in the store cannot be read", "kind", o.Kind, "scope", o.Scope, "name", o.Name)
			continue
		}
		key := RuntimeKey{config.ManagedKind(o.Kind), o.Scope, o.Name}
		objects[key] = RuntimeObject{key, o.Revision, o.Changed, value}
		p.runtime.last = max(p.runtime.last, o.Revision)
	}
	p.runtime.recovered = p.store.Health().Recovered
	p.runtime.replace(objects)
	return objects, err
}

// addRuntime adds what was made at run time to the configuration of the start. Its faults stop nothing: what is wrong is left out, and told.
func (p *Pipeline) addRuntime(n *prepared) *prepared {
	objects, err := p.restoreRuntime()
	if err != nil {
		p.log.Error("what was made at run time cannot be read from the store", "error", err)
	}
	if len(objects) == 0 || p.Loaded().Unusable() {
		return n
	}
	result := config.Load(p.withRuntime(objects))
	if result.Unusable() {
		return n
	}
	p.logProblems(result.Problems)
	result.Keep(n.settings)
	next, err := p.prepare(&result.Settings)
	if err != nil {
		p.log.Error("a part of what was made at run time is left out", "error", err)
	}
	n.close()
	p.loaded.Store(result)
	return next
}

// ChangeRuntime changes a managed object: when it returns nil, the change is in the store, and in force. Changes that wait for one another are made
// together, so that thousands cost a few reloads.
func (p *Pipeline) ChangeRuntime(change RuntimeChange) (RuntimeObject, error) {
	j := &runtimeJob{change: change}
	p.runtime.mu.Lock()
	if len(p.runtime.waiting) >= maxRuntime {
		p.runtime.mu.Unlock()
		return RuntimeObject{}, ErrRuntimeMany
	}
	p.runtime.waiting = append(p.runtime.waiting, j)
	p.runtime.mu.Unlock()
	p.reloading.Lock()
	defer p.reloading.Unlock()
	if !j.done {
		p.changeAll()
	}
	return j.result, j.err
}

// changeAll makes all changes that wait. The caller holds p.reloading.
func (p *Pipeline) changeAll() {
	p.runtime.mu.Lock()
	jobs := p.runtime.waiting
	p.runtime.waiting = nil
	p.runtime.mu.Unlock()
	defer func() {
		for _, j := range jobs {
			if !j.done {
				j.done, j.err = true, errors.New("this change made the program fail; the log tells how")
			}
		}
	}()
	defer p.recovered("changing managed objects")
	for left := jobs; len(left) > 0; {
		var batch, later []*runtimeJob
		touched := map[RuntimeKey]bool{}
		for _, j := range left {
			if touched[j.change.RuntimeKey] { // it is to see what the one before it did
				later = append(later, j)
				continue
			}
			touched[j.change.RuntimeKey] = true
			batch = append(batch, j)
		}
		p.changeBatch(batch)
		left = later
	}
}

// changeBatch makes changes of different objects, all that can be made together.
func (p *Pipeline) changeBatch(batch []*runtimeJob) {
	for len(batch) > 0 {
		plan, refused := p.plan(batch)
		if refused {
			batch = slices.DeleteFunc(batch, func(j *runtimeJob) bool { return j.done })
			continue
		}
		if plan.split {
			for _, j := range batch {
				p.changeBatch([]*runtimeJob{j})
			}
			return
		}
		err := p.store.SaveRuntime(p.ctx, p.now(), p.id, plan.rows, plan.audit)
		if err == nil {
			p.runtime.recovered = p.store.Health().Recovered
			p.runtime.replace(plan.objects)
			if report := p.applyLoaded(plan.loaded); !report.Applied {
				err = errors.Join(errors.New("the change is kept, but not in force"), report.LeftOut)
			}
		}
		for _, j := range batch {
			j.done, j.err = true, err
		}
		return
	}
}

// runtimePlan is what a batch of changes comes to.
type runtimePlan struct {
	objects map[RuntimeKey]RuntimeObject
	rows    []store.RuntimeObject
	audit   []store.AuditEntry
	loaded  *config.Result
	split   bool // what is wrong is nobody's in particular: each change is to be tried alone
}

// plan works out what a batch of changes comes to. refused is true when some of them were refused, and marked as done: the rest is to be
// planned anew.
func (p *Pipeline) plan(batch []*runtimeJob) (plan runtimePlan, refused bool) {
	before := p.runtime.objects()
	plan.objects = maps.Clone(before)
	if plan.objects == nil {
		plan.objects = map[RuntimeKey]RuntimeObject{}
	}
	now := p.now()
	for _, j := range batch {
		if err := p.planOne(j, &plan, now); err != nil {
			j.done, j.err, refused = true, err, true
		}
	}
	if refused {
		return plan, true
	}
	if p.store.Health().Recovered != p.runtime.recovered { // a damaged file took the others with it
		changed := map[RuntimeKey]bool{}
		for i := range plan.rows {
			changed[RuntimeKey{config.ManagedKind(plan.rows[i].Kind), plan.rows[i].Scope, plan.rows[i].Name}] = true
		}
		for key, o := range plan.objects {
			if !changed[key] {
				plan.rows = append(plan.rows, rowOf(&o))
			}
		}
	}
	plan.loaded = config.Load(p.withRuntime(plan.objects))
	if plan.loaded.Unusable() {
		for _, j := range batch {
			j.done, j.err = true, fmt.Errorf("%w: %w", ErrRuntimeSources, &ConfigError{plan.loaded.Problems})
		}
		return plan, true
	}
	mine := map[string]*runtimeJob{}
	for _, j := range batch {
		m := config.Managed{Kind: j.change.Kind, Scope: j.change.Scope, Name: j.change.Name}
		mine[m.Place()] = j
	}
	problems := map[*runtimeJob][]config.Problem{}
	var others []config.Problem
	for _, problem := range plan.loaded.Problems {
		if j := mine[problem.File]; j != nil {
			problems[j] = append(problems[j], problem)
		} else {
			others = append(others, problem)
		}
	}
	for j, found := range problems {
		j.done, j.err, refused = true, &ConfigError{found}, true
	}
	for _, j := range batch {
		if err := p.tryTrigger(j, plan.loaded); err != nil && !j.done {
			j.done, j.err, refused = true, err, true
		}
	}
	if refused {
		return plan, true
	}
	if fresh := newProblems(others, p.Loaded().Problems); len(fresh) > 0 {
		fresh = newProblems(fresh, config.Load(p.withRuntime(before)).Problems) // the files may have changed meanwhile
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
func (p *Pipeline) planOne(j *runtimeJob, plan *runtimePlan, now time.Time) error {
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
	if there && reflect.DeepEqual(value, current.Value) { // a change that changes nothing
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
		if c.Kind == config.ManagedRule && c.Scope == "" {
			plan.removeOf(c)
		}
		return nil
	}
	p.runtime.last = max(p.runtime.last+1, now.UnixNano())
	j.result = RuntimeObject{c.RuntimeKey, p.runtime.last, now, value}
	plan.objects[c.RuntimeKey] = j.result
	plan.rows = append(plan.rows, rowOf(&j.result))
	return nil
}

func (plan *runtimePlan) remove(key RuntimeKey) {
	delete(plan.objects, key)
	plan.rows = append(plan.rows, store.RuntimeObject{Kind: string(key.Kind), Scope: key.Scope, Name: key.Name})
}

// removeOf removes what goes with a global rule that is deleted: its overrides, and the exceptions from it. Each is in the audit.
func (plan *runtimePlan) removeOf(c *RuntimeChange) {
	for _, key := range sortedKeys(plan.objects) {
		if key.Name == c.Name && (key.Kind == config.ManagedOverride || key.Kind == config.ManagedDisable) {
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

// masked gives a value as the audit keeps it: without secrets.
func masked(kind config.ManagedKind, value map[string]any) []byte {
	if value == nil {
		return nil
	}
	if kind == config.ManagedTrigger {
		value = config.MaskSecrets(value)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return text
}

// tryTrigger builds the client of a trigger that was made or changed, which reads its files and variables.
func (p *Pipeline) tryTrigger(j *runtimeJob, loaded *config.Result) error {
	if j.change.Kind != config.ManagedTrigger {
		return nil
	}
	for i := range loaded.Settings.Triggers {
		set := &loaded.Settings.Triggers[i]
		if set.Name != j.change.Name {
			continue
		}
		client, err := trigger.New(*set, trigger.Deps{Egress: loaded.Settings.Egress, Now: p.now, UserAgent: userAgent})
		if err != nil {
			m := config.Managed{Kind: j.change.Kind, Name: j.change.Name}
			return &ConfigError{[]config.Problem{{File: m.Place(), Message: strings.TrimPrefix(err.Error(), fmt.Sprintf("trigger %q: ", set.Name))}}}
		}
		client.Close()
	}
	return nil
}

// newProblems returns the problems that are not among those known.
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

// AddAudit adds a change that is no change of a managed object to the audit.
func (p *Pipeline) AddAudit(ctx context.Context, e store.AuditEntry) error {
	return p.store.SaveRuntime(ctx, p.now(), p.id, nil, []store.AuditEntry{e})
}

// Audit lists up to limit entries of the audit with a number below before (0: from the newest), the newest first.
func (p *Pipeline) Audit(ctx context.Context, before int64, limit int) ([]store.AuditEntry, error) {
	return p.store.Audit(ctx, p.id, before, limit)
}
