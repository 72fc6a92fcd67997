package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
)

// Registry holds the listeners of a process, one for each address, however many instances name it. Fluent Bit keeps the process over a hot
// reload, so a main package owns one Registry for the life of the process. It is safe for concurrent use.
type Registry struct {
	opt Options

	mu      sync.Mutex
	doors   map[string]*door // by address as the settings write it
	at      map[string]*door // by id of the instance
	waiting map[*Instance]listen.Settings
	closing sync.WaitGroup // doors that are closed while requests end

	panics atomic.Int64
}

// Options says what program the registry is of.
type Options struct {
	Program string // as in "docker-fluentbit"
	Version string
	// Default is where an instance listens whose settings do not say; "" is nowhere.
	Default string
	// TestWithin bounds a test of a trigger, so that it is over before its answer would be late; 0: 50 s.
	TestWithin time.Duration
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Instance is a pipeline that is administered.
type Instance struct {
	Pipeline *pipeline.Pipeline
	// Tails tells of the containers that the standalone program follows; nil in the plugin.
	Tails func() docker.Stats

	gone bool // it was detached; guarded by the registry
}

// NewRegistry returns a registry without instances.
func NewRegistry(o Options) *Registry {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TestWithin == 0 {
		o.TestWithin = listen.WriteTimeout - 10*time.Second
	}
	return &Registry{opt: o, doors: map[string]*door{}, at: map[string]*door{}, waiting: map[*Instance]listen.Settings{}}
}

// closeWithin bounds how long requests under way hold a door that is closed.
const closeWithin = time.Second

// Attach lets an instance be administered where its settings say, and follows its settings through reloads. An address that cannot be had is an
// error, unless it is the program's default: then it is logged, and the instance does without.
func (r *Registry) Attach(i *Instance) error {
	err := r.place(i, i.Pipeline.Settings().Admin, false)
	i.Pipeline.OnApply(func(s *config.Settings) {
		if err := r.place(i, s.Admin, true); err != nil {
			i.Pipeline.Log().Error("the administration does not listen", "error", err)
		}
	})
	return err
}

// Detach ends the administration of an instance. When it was the last at its address, the address is free when Detach returns.
func (r *Registry) Detach(i *Instance) {
	i.Pipeline.OnApply(nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	i.gone = true
	delete(r.waiting, i)
	r.leave(i)
	r.enterWaiting()
}

// Close waits until the doors that were closed are.
func (r *Registry) Close() { r.closing.Wait() }

// place puts an instance at the address of its settings. Outputs that share a file are reloaded one after the other: with waits, the first to have new
// settings gets in when the last to have old ones has left.
func (r *Registry) place(i *Instance, set listen.Settings, waits bool) error {
	isDefault := set.Listen == ""
	if isDefault {
		set.Listen = r.opt.Default
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if i.gone { // a reload that was under way
		return nil
	}
	if d := r.at[i.Pipeline.ID()]; d != nil && reflect.DeepEqual(d.set, set) {
		return nil
	}
	delete(r.waiting, i)
	r.leave(i)
	defer r.enterWaiting()
	if set.Listen == "" || set.Listen == listen.Off {
		return nil
	}
	err := r.enter(i, set)
	if err != nil && waits {
		r.waiting[i] = set
	}
	if err != nil && isDefault {
		i.Pipeline.Log().Warn("the administration is not available: another address for it is [admin] listen, and \"off\" does without", "error", err)
		return nil
	}
	return err
}

// enterWaiting lets those in that found no place before. The caller holds the lock.
func (r *Registry) enterWaiting() {
	for _, i := range slices.SortedFunc(maps.Keys(r.waiting), func(a, b *Instance) int { return strings.Compare(a.Pipeline.ID(), b.Pipeline.ID()) }) {
		if err := r.enter(i, r.waiting[i]); err == nil {
			i.Pipeline.Log().Info("the administration listens now", "listen", r.waiting[i].Listen)
			delete(r.waiting, i)
		}
	}
}

// enter opens the door of an address, or joins the instances behind it. The caller holds the lock.
func (r *Registry) enter(i *Instance, set listen.Settings) error {
	id, log := i.Pipeline.ID(), i.Pipeline.Log()
	d := r.doors[set.Listen]
	switch {
	case d == nil:
		d = &door{set: set, instances: map[string]*Instance{}}
		api := newAPI(r, d)
		server, err := listen.Open(listen.Options{
			Settings: set, Handler: api, Open: isOpen, Log: log, Now: r.opt.Now,
			Refuse: func(w http.ResponseWriter, q *http.Request, why listen.Refusal) { api.answer(w, q, refused(why)) },
		})
		if err != nil {
			return fmt.Errorf("listen %q: %w", set.Listen, err)
		}
		d.server = server
		r.doors[set.Listen] = d
		address := set.Listen
		if server.Address().Network() == "tcp" {
			address = server.Address().String() // with the port that was chosen
		}
		log.Info("the administration listens", "address", address, "tokens", set.TokenFile != "", "tls", set.CertFile != "")
	case !reflect.DeepEqual(d.set, set):
		return fmt.Errorf("listen %q: another output listens there with other settings of [admin]", set.Listen)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.instances[id] != nil {
		return fmt.Errorf("listen %q: another output has the id %q", set.Listen, id)
	}
	d.instances[id] = i
	r.at[id] = d
	return nil
}

// leave takes an instance away, and closes the door behind the last. The caller holds the lock.
func (r *Registry) leave(i *Instance) {
	id := i.Pipeline.ID()
	d := r.at[id]
	if d == nil || d.get(id) != i {
		return
	}
	delete(r.at, id)
	d.mu.Lock()
	delete(d.instances, id)
	left := len(d.instances)
	d.mu.Unlock()
	if left > 0 {
		return
	}
	delete(r.doors, d.set.Listen)
	log := i.Pipeline.Log()
	if err := d.server.Free(); err != nil {
		log.Warn("the administration's address was not freed", "error", err)
	}
	r.closing.Go(func() { // the request under way may be the one that led here
		defer func() {
			if cause := recover(); cause != nil {
				r.panics.Add(1)
			}
		}()
		ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
		defer cancel()
		if err := d.server.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			log.Warn("the administration did not end in order", "error", err)
		}
	})
}

// door is one listener with the instances behind it.
type door struct {
	set    listen.Settings
	server *listen.Server

	mu        sync.Mutex
	instances map[string]*Instance
}

func (d *door) get(id string) *Instance {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.instances[id]
}

// all returns the instances, by id.
func (d *door) all() []*Instance {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]*Instance, 0, len(d.instances))
	for _, id := range slices.Sorted(maps.Keys(d.instances)) {
		out = append(out, d.instances[id])
	}
	return out
}

// choose returns the instance of an id, or the only one. why says what is wrong otherwise.
func (d *door) choose(id string) (i *Instance, why string) {
	all := d.all()
	var ids []string
	for _, i := range all {
		if i.Pipeline.ID() == id {
			return i, ""
		}
		ids = append(ids, i.Pipeline.ID())
	}
	switch {
	case id != "":
		return nil, fmt.Sprintf("there is no instance %q: there is %q", id, ids)
	case len(all) != 1:
		return nil, fmt.Sprintf("there are several instances: choose one by ?instance=, of %q", ids)
	}
	return all[0], ""
}
