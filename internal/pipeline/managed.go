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

// ManagedKey names a managed object.
type ManagedKey struct {
	Kind        config.ManagedKind
	Scope, Name string
}

// Managed is an object that was made at run time.
type Managed struct {
	ManagedKey
	Revision int64
	Changed  time.Time
	// Value is the settings as they were given, secrets included. It is not to be modified.
	Value map[string]any
}

// ManagedChange is a change of one object.
type ManagedChange struct {
	ManagedKey
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
	ErrManagedExists   = errors.New("there is one of this name already")
	ErrManagedMissing  = errors.New("there is none of this name that was made at run time")
	ErrManagedRevision = errors.New("it was changed meanwhile")
	ErrManagedMany     = fmt.Errorf("there are %d managed objects, or as many changes under way: no more are taken", maxManaged)
	ErrManagedSources  = errors.New("the configuration's sources cannot be read just now")
)

// maxManaged bounds the objects, and the changes that wait.
const maxManaged = 20_000

// managing is the objects that were made at run time.
type managing struct {
	mu      sync.Mutex
	waiting []*managedJob
	view    map[ManagedKey]Managed // replaced, never changed

	// The holder of Pipeline.reloading has these.
	last      int64 // revision
	recovered int64 // how often the store's file had been replaced
}

type managedJob struct {
	change ManagedChange
	result Managed
	err    error
	done   bool // guarded by Pipeline.reloading
}

func (m *managing) objects() map[ManagedKey]Managed {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.view
}

func (m *managing) replace(view map[ManagedKey]Managed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.view = view
}

// Managed returns the objects that were made at run time. The map is not to be modified.
func (p *Pipeline) Managed() map[ManagedKey]Managed { return p.managing.objects() }

// withManaged returns the sources with managed objects.
func (p *Pipeline) withManaged(objects map[ManagedKey]Managed) config.Sources {
	src := p.sources
	src.Managed = make([]config.Managed, 0, len(objects))
	for _, key := range sortedKeys(objects) {
		src.Managed = append(src.Managed, config.Managed{Kind: key.Kind, Scope: key.Scope, Name: key.Name, Value: objects[key].Value})
	}
	return src
}

func sortedKeys(objects map[ManagedKey]Managed) []ManagedKey {
	return slices.SortedFunc(maps.Keys(objects), func(a, b ManagedKey) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Name, b.Name))
	})
}

// restoreManaged reads the objects from the store.
func (p *Pipeline) restoreManaged() (map[ManagedKey]Managed, error) {
	rows, err := p.store.RuntimeObjects(p.ctx, p.id)
	objects := make(map[ManagedKey]Managed, len(rows))
	for i := range rows {
		o := &rows[i]
		dec := json.NewDecoder(bytes.NewReader(o.Value))
		dec.UseNumber()
		value := map[string]any{}
		if bad := dec.Decode(&value); bad != nil {
			p.log.Error("a managed object in the store cannot be read", "kind", o.Kind, "scope", o.Scope, "name", o.Name)
			continue
		}
		key := ManagedKey{config.ManagedKind(o.Kind), o.Scope, o.Name}
		objects[key] = Managed{key, o.Revision, o.Changed, value}
		p.managing.last = max(p.managing.last, o.Revision)
	}
	p.managing.recovered = p.store.Health().Recovered
	p.managing.replace(objects)
	return objects, err
}

// addManaged adds what was made at run time to the configuration of the start. Its faults stop nothing: what is wrong is left out, and told.
func (p *Pipeline) addManaged(n *prepared) *prepared {
	objects, err := p.restoreManaged()
	if err != nil {
		p.log.Error("what was made at run time cannot be read from the store", "error", err)
	}
	if len(objects) == 0 || p.Loaded().Unusable() {
		return n
	}
	result := config.Load(p.withManaged(objects))
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

// Manage changes a managed object: when it returns nil, the change is in the store, and in force. Changes that wait for one another are made
// together, so that thousands cost a few reloads.
func (p *Pipeline) Manage(change ManagedChange) (Managed, error) {
	j := &managedJob{change: change}
	p.managing.mu.Lock()
	if len(p.managing.waiting) >= maxManaged {
		p.managing.mu.Unlock()
		return Managed{}, ErrManagedMany
	}
	p.managing.waiting = append(p.managing.waiting, j)
	p.managing.mu.Unlock()
	p.reloading.Lock()
	defer p.reloading.Unlock()
	if !j.done {
		p.manageAll()
	}
	return j.result, j.err
}

// manageAll makes all changes that wait. The caller holds p.reloading.
func (p *Pipeline) manageAll() {
	p.managing.mu.Lock()
	jobs := p.managing.waiting
	p.managing.waiting = nil
	p.managing.mu.Unlock()
	defer func() {
		for _, j := range jobs {
			if !j.done {
				j.done, j.err = true, errors.New("this change made the program fail; the log tells how")
			}
		}
	}()
	defer p.recovered("changing managed objects")
	for left := jobs; len(left) > 0; {
		var batch, later []*managedJob
		touched := map[ManagedKey]bool{}
		for _, j := range left {
			if touched[j.change.ManagedKey] { // it is to see what the one before it did
				later = append(later, j)
				continue
			}
			touched[j.change.ManagedKey] = true
			batch = append(batch, j)
		}
		p.manageBatch(batch)
		left = later
	}
}

// manageBatch makes changes of different objects, all that can be made together.
func (p *Pipeline) manageBatch(batch []*managedJob) {
	for len(batch) > 0 {
		plan, refused := p.plan(batch)
		if refused {
			batch = slices.DeleteFunc(batch, func(j *managedJob) bool { return j.done })
			continue
		}
		if plan.split {
			for _, j := range batch {
				p.manageBatch([]*managedJob{j})
			}
			return
		}
		err := p.store.SaveRuntime(p.ctx, p.now(), p.id, plan.rows, plan.audit)
		if err == nil {
			p.managing.recovered = p.store.Health().Recovered
			p.managing.replace(plan.objects)
			if report := p.use(plan.loaded); !report.Applied {
				err = errors.Join(errors.New("the change is kept, but not in force"), report.LeftOut)
			}
		}
		for _, j := range batch {
			j.done, j.err = true, err
		}
		return
	}
}

// managedPlan is what a batch of changes comes to.
type managedPlan struct {
	objects map[ManagedKey]Managed
	rows    []store.RuntimeObject
	audit   []store.AuditEntry
	loaded  *config.Result
	split   bool // what is wrong is nobody's in particular: each change is to be tried alone
}

// plan works out what a batch of changes comes to. refused is true when some of them were refused, and marked as done: the rest is to be
// planned anew.
func (p *Pipeline) plan(batch []*managedJob) (plan managedPlan, refused bool) {
	before := p.managing.objects()
	plan.objects = maps.Clone(before)
	if plan.objects == nil {
		plan.objects = map[ManagedKey]Managed{}
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
	if p.store.Health().Recovered != p.managing.recovered { // a damaged file took the others with it
		changed := map[ManagedKey]bool{}
		for i := range plan.rows {
			changed[ManagedKey{config.ManagedKind(plan.rows[i].Kind), plan.rows[i].Scope, plan.rows[i].Name}] = true
		}
		for key, o := range plan.objects {
			if !changed[key] {
				plan.rows = append(plan.rows, rowOf(&o))
			}
		}
	}
	plan.loaded = config.Load(p.withManaged(plan.objects))
	if plan.loaded.Unusable() {
		for _, j := range batch {
			j.done, j.err = true, fmt.Errorf("%w: %w", ErrManagedSources, &ConfigError{plan.loaded.Problems})
		}
		return plan, true
	}
	mine := map[string]*managedJob{}
	for _, j := range batch {
		m := config.Managed{Kind: j.change.Kind, Scope: j.change.Scope, Name: j.change.Name}
		mine[m.Place()] = j
	}
	problems := map[*managedJob][]config.Problem{}
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
		fresh = newProblems(fresh, config.Load(p.withManaged(before)).Problems) // the files may have changed meanwhile
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
func (p *Pipeline) planOne(j *managedJob, plan *managedPlan, now time.Time) error {
	c := &j.change
	current, there := plan.objects[c.ManagedKey]
	switch {
	case c.Revision == 0 && there:
		return ErrManagedExists
	case c.Revision != 0 && !there:
		return ErrManagedMissing
	case c.Revision > 0 && c.Revision != current.Revision:
		return ErrManagedRevision
	case !there && len(plan.objects) >= maxManaged:
		return ErrManagedMany
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
		plan.remove(c.ManagedKey)
		if c.Kind == config.ManagedRule && c.Scope == "" {
			plan.removeOf(c)
		}
		return nil
	}
	p.managing.last = max(p.managing.last+1, now.UnixNano())
	j.result = Managed{c.ManagedKey, p.managing.last, now, value}
	plan.objects[c.ManagedKey] = j.result
	plan.rows = append(plan.rows, rowOf(&j.result))
	return nil
}

func (plan *managedPlan) remove(key ManagedKey) {
	delete(plan.objects, key)
	plan.rows = append(plan.rows, store.RuntimeObject{Kind: string(key.Kind), Scope: key.Scope, Name: key.Name})
}

// removeOf removes what goes with a global rule that is deleted: its overrides, and the exceptions from it. Each is in the audit.
func (plan *managedPlan) removeOf(c *ManagedChange) {
	for _, key := range sortedKeys(plan.objects) {
		if key.Name == c.Name && (key.Kind == config.ManagedOverride || key.Kind == config.ManagedDisable) {
			plan.audit = append(plan.audit, store.AuditEntry{
				Who: c.Who, Action: c.Action, Kind: string(key.Kind), Scope: key.Scope, Name: key.Name, Before: masked(key.Kind, plan.objects[key].Value),
			})
			plan.remove(key)
		}
	}
}

func rowOf(o *Managed) store.RuntimeObject {
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
func (p *Pipeline) tryTrigger(j *managedJob, loaded *config.Result) error {
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

// Note adds a change that is no change of a managed object to the audit.
func (p *Pipeline) Note(ctx context.Context, e store.AuditEntry) error {
	return p.store.SaveRuntime(ctx, p.now(), p.id, nil, []store.AuditEntry{e})
}

// Audit lists up to limit entries of the audit with a number below before (0: from the newest), the newest first.
func (p *Pipeline) Audit(ctx context.Context, before int64, limit int) ([]store.AuditEntry, error) {
	return p.store.Audit(ctx, p.id, before, limit)
}
