package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/metrics"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// Registry holds the listeners of a process, one for each address, however many instances name it. Fluent Bit keeps the process over a hot
// reload, so a main package owns one Registry for the life of the process. It is safe for concurrent use.
type Registry struct {
	opt Options

	moving sync.Mutex // keeps moves apart, from prepare to settle, and from Detach; taken before mu

	mu      sync.Mutex
	doors   map[string]*door // by address as the settings write it
	at      map[string]*door // by id of the instance
	closing sync.WaitGroup   // doors that are closed while requests end

	panics atomic.Int64

	inMemory  sync.Once // guards these
	unkept    string    // the token of instances without a store in a file
	unkeptErr error
}

// Options says what program the registry is of.
type Options struct {
	Program string // as in "docker-fluentbit"
	Version string
	// Default is where an instance listens whose settings do not say; "" is nowhere.
	Default string
	// Links has each start log a link that logs a browser in, where the instance made its token itself.
	Links bool
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
	// Containers lists those that the engine has, each with whether it is followed; nil in the plugin.
	Containers func() []docker.FollowStatus
	// Before is where it was administered before it was started anew, for when its settings cannot be had; nil: nowhere.
	Before *listen.Settings

	labels metrics.RuleLabels

	// The registry guards these.
	gone    bool  // it was detached
	refused error // why it is where Before says
}

// NewRegistry returns a registry without instances.
func NewRegistry(o Options) *Registry {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TestWithin == 0 {
		o.TestWithin = listen.WriteTimeout - 10*time.Second
	}
	return &Registry{opt: o, doors: map[string]*door{}, at: map[string]*door{}}
}

// closeWithin bounds how long requests under way hold a door that is closed.
const closeWithin = time.Second

// Attach lets an instance be administered where its settings say, and follows its settings through reloads. What cannot be had is an error, and the
// instance is where Instance.Before says, if that can be had; but the program's default address that is taken is logged, and the instance does without.
func (r *Registry) Attach(i *Instance) error {
	i.Pipeline.OnReload(func(s *config.Settings) (func(bool), error) { return r.prepare(i, s.Admin) })
	settle, err := r.prepare(i, i.Pipeline.Settings().Admin)
	if err == nil {
		settle(true)
		return nil
	}
	if i.Before == nil {
		return err
	}
	settle, failed := r.prepare(i, *i.Before)
	if failed != nil {
		return err
	}
	settle(true)
	r.mu.Lock()
	defer r.mu.Unlock()
	i.refused = err
	return fmt.Errorf("%w; it is where it was before", err)
}

// prepare does all that can fail with settings before they are in force: it reads the files and opens the address. Until settle is called, which has to
// be, the instance is where it was; with false, it stays there. The outputs behind a door share its settings. Since they are reloaded one after the
// other, the first that has others changes them for all.
func (r *Registry) prepare(i *Instance, set listen.Settings) (settle func(applied bool), err error) {
	isDefault := set.Listen == ""
	if isDefault {
		set.Listen = r.opt.Default
	}
	r.moving.Lock()
	defer func() {
		if settle == nil { // an error, or a panic
			r.moving.Unlock()
		}
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	i.refused = nil // it is told anew
	here := r.at[i.Pipeline.ID()]
	if here != nil && here.get(i.Pipeline.ID()) != i {
		return nil, refusedAddress(set, setting.Taken, fmt.Sprintf("another output has the id %q", i.Pipeline.ID()))
	}
	if set.Listen == "" || set.Listen == listen.Off {
		return r.settling(i, nil, nil, nil), nil
	}
	there := r.doors[set.Listen]
	if there != nil && reflect.DeepEqual(there.set, set) {
		return r.settling(i, there, nil, nil), nil
	}
	if there != nil && here == nil {
		return nil, refusedAddress(set, setting.Taken, "another output listens there with other settings of [admin]")
	}
	d := there
	if d == nil {
		d = r.newDoor(set)
	}
	front, err := r.front(i, d, set)
	if err != nil {
		return nil, err
	}
	if there != nil {
		return r.settling(i, there, front, nil), nil
	}
	server, err := front.Listen()
	switch {
	case err == nil:
		return r.settling(i, d, front, server), nil
	case isDefault:
		i.Pipeline.Log().Warn("the administration is not available: another address for it is [admin] listen, and \"off\" does without", "error", err)
		return r.settling(i, nil, nil, nil), nil
	case here != nil && samePort(here.set.Listen, set.Listen) && errors.Is(err, syscall.EADDRINUSE):
		return nil, refusedAddress(set, setting.Taken, fmt.Sprintf("%v, perhaps by the admin listener itself at %q: only a restart moves it from there", err, here.set.Listen))
	}
	return nil, refusedAddress(set, setting.Invalid, err.Error())
}

// refusedAddress returns the fault of an address at which the admin listener cannot be.
func refusedAddress(set listen.Settings, code setting.Code, message string) error {
	return setting.Fault{Field: "listen", Value: set.Listen, Code: code, Message: message}
}

// settling returns what ends a prepare: it takes the instance to a door (nil: to none), whose front is to be this one (nil: the one it has), and whose
// server is new (nil: it has one).
func (r *Registry) settling(i *Instance, d *door, front *listen.Front, server *listen.Server) func(applied bool) {
	return func(applied bool) {
		defer r.moving.Unlock()
		r.mu.Lock()
		defer r.mu.Unlock()
		log := i.Pipeline.Log()
		if !applied || i.gone { // the latter: a reload that was under way
			if server != nil {
				r.shut(i, server)
			}
			return
		}
		switch {
		case d == nil:
		case server != nil:
			d.server = server
			r.doors[d.set.Listen] = d
			d.front = front
			log.Info("admin API listening", "address", d.address(), "token_file", d.set.TokenFile, "tls", d.set.CertFile != "")
			r.publish(i, d)
		case front != nil:
			d.set = front.Settings()
			d.front = front
			d.server.Use(front)
			log.Info("admin API has other settings", "address", d.address(), "token_file", d.set.TokenFile, "tls", d.set.CertFile != "")
			r.publish(i, d)
		}
		if d == r.at[i.Pipeline.ID()] {
			return
		}
		r.leave(i)
		if d != nil {
			r.join(i, d)
		}
	}
}

// samePort reports whether two addresses of TCP have the same port.
func samePort(a, b string) bool {
	_, one, err := net.SplitHostPort(a)
	_, other, bad := net.SplitHostPort(b)
	return err == nil && bad == nil && one == other
}

// Detach ends the administration of an instance. When it was the last at its address, the address is free when Detach returns.
func (r *Registry) Detach(i *Instance) {
	i.Pipeline.OnReload(nil)
	r.moving.Lock()
	defer r.moving.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	i.gone = true
	r.leave(i)
}

// Where returns the settings by which an instance is administered; false when it is nowhere.
func (r *Registry) Where(i *Instance) (listen.Settings, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.at[i.Pipeline.ID()]; d != nil && d.get(i.Pipeline.ID()) == i {
		return d.set, true
	}
	return listen.Settings{}, false
}

// Close waits until the doors that were closed are.
func (r *Registry) Close() { r.closing.Wait() }

// front prepares the front of a door for settings.
func (r *Registry) front(i *Instance, d *door, set listen.Settings) (*listen.Front, error) {
	token := ""
	if set.TokenFile == "" {
		var err error
		if token, err = r.token(i); err != nil {
			return nil, setting.Fault{Field: "token_file", Code: setting.Missing, Message: "must be set", Hint: fmt.Sprintf("no generated token can be kept beside the store: %v", err)}
		}
	}
	return listen.Prepare(listen.Options{
		Settings: set, Handler: d.api, Access: d.api.access, Token: token, Logins: d.logins, Refuse: d.api.refuse, Log: i.Pipeline.Log(), Now: r.opt.Now,
	})
}

// token returns the token that an instance has made for itself, or makes now. With a store in memory there is no place to keep it: then it is for this run, if
// there is a link by which a browser gets in all the same, and "" otherwise.
func (r *Registry) token(i *Instance) (string, error) {
	if h := i.Pipeline.Store().Health(); h.Mode == store.ModeFile {
		return listen.MakeToken(listen.TokenPath(h.Path))
	}
	if !r.opt.Links {
		return "", nil
	}
	r.inMemory.Do(func() { r.unkept, r.unkeptErr = listen.MakeToken("") })
	return r.unkept, r.unkeptErr
}

// publish leaves the token that an instance made for itself to the command line of the same user, and logs a link. The caller holds the lock.
func (r *Registry) publish(i *Instance, d *door) {
	if d.withdraw != nil {
		d.withdraw()
		d.withdraw = nil
	}
	made := d.front.Made()
	if made == "" {
		return
	}
	log := i.Pipeline.Log()
	var published bool
	if d.withdraw, published = listen.Publish(d.address(), made); !published {
		log.Warn("no folder for the token of this listener: commands need --token-file", "token_file", listen.TokenPath(i.Pipeline.Store().Health().Path))
	}
	base := listen.Browser(d.set, d.server.Address())
	if !r.opt.Links || base == "" {
		return
	}
	code, _ := d.logins.Code(d.front.Owner())
	log.Info("open " + listen.Link(base, code) + " in a browser within 10 minutes, it works once; \"docker-fluentbit page\" prints another link")
}

// newDoor returns a door that listens nowhere yet.
func (r *Registry) newDoor(set listen.Settings) *door {
	d := &door{set: set, logins: listen.NewLogins(r.opt.Now), instances: map[string]*Instance{}}
	d.api = newAPI(r, d)
	return d
}

// join adds an instance to a door. The caller holds the lock.
func (r *Registry) join(i *Instance, d *door) {
	id := i.Pipeline.ID()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.instances[id] = i
	r.at[id] = d
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
	empty := len(d.instances) == 0
	d.mu.Unlock()
	if empty {
		delete(r.doors, d.set.Listen)
		if d.withdraw != nil {
			d.withdraw()
		}
		r.shut(i, d.server)
	}
}

// shut frees the address of a server at once, and ends it when its requests did.
func (r *Registry) shut(i *Instance, server *listen.Server) {
	log := i.Pipeline.Log()
	if err := server.Free(); err != nil {
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
		if err := server.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			log.Warn("the administration did not end in order", "error", err)
		}
	})
}

// problem tells why an instance is not administered as its settings say though they were applied, or nil.
func (r *Registry) problem(i *Instance) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return i.refused
}

// door is one listener with the instances behind it.
type door struct {
	api    *api
	logins *listen.Logins

	// Registry.mu guards these.
	set      listen.Settings
	front    *listen.Front
	server   *listen.Server
	withdraw func() // takes the token back that was published; nil: none was

	mu        sync.Mutex
	instances map[string]*Instance
}

// address is where the door is, with the port that was chosen. The caller holds Registry.mu.
func (d *door) address() string {
	if at := d.server.Address(); at.Network() == "tcp" {
		return at.String()
	}
	return d.set.Listen
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
