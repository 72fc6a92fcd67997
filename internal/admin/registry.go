package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/metrics"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/problems"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// Registry holds the listeners of a process, one per address, no matter how many instances use it. Fluent Bit keeps the process during a hot
// reload, so a main package has one Registry for the life of the process. It is safe for concurrent use.
type Registry struct {
	opt Options

	moving sync.Mutex // serializes moves, from prepare to settle, and Detach; locked before mu

	mu        sync.Mutex
	listeners map[string]*listener // by address as in the settings
	at        map[string]*listener // by instance ID
	closing   sync.WaitGroup       // listeners that wait for their last requests

	panics    *atomic.Int64
	backtests chan struct{} // one element while a backtest runs

	inMemory  sync.Once // guards these
	unkept    string    // the token of instances without a store in a file
	unkeptErr error
}

// Options configure a Registry.
type Options struct {
	Program string // such as "docker-fluentbit"
	Version string
	// Default is the address of instances whose settings have none; "": they have no listener.
	Default string
	// Links makes instances with a generated token log a login link when they start.
	Links bool
	// TestWithin bounds the test of a trigger, so that it ends before the response times out; 0: 50 s.
	TestWithin time.Duration
	// Panics counts the panics that are recovered outside of the pipelines, for the metrics; nil: a new counter.
	Panics *atomic.Int64
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Instance is a pipeline with an admin API.
type Instance struct {
	Pipeline *pipeline.Pipeline
	// Tails returns the counters of the standalone program's log reader; nil in the plugin.
	Tails func() docker.Stats
	// Containers lists the engine's containers and whether they are followed; nil in the plugin.
	Containers func() []docker.FollowStatus
	// Before holds the listener settings before a restart of the pipeline. They are the fallback if the new ones cannot be used; nil: none.
	Before *listen.Settings

	labels   metrics.RuleLabels
	problems problems.Index

	// The registry guards these.
	gone    bool  // Detach was called
	refused error // why it uses Before
}

// NewRegistry returns a registry without instances.
func NewRegistry(o Options) *Registry {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.TestWithin == 0 {
		o.TestWithin = listen.WriteTimeout - 10*time.Second
	}
	if o.Panics == nil {
		o.Panics = &atomic.Int64{}
	}
	return &Registry{opt: o, panics: o.Panics, backtests: make(chan struct{}, 1), listeners: map[string]*listener{}, at: map[string]*listener{}}
}

// closeWithin bounds the wait for requests in progress when a listener is closed.
const closeWithin = time.Second

// Attach serves an instance at the address in its settings, and follows its settings through reloads. If the address or a file cannot be used, it returns an
// error and falls back to Instance.Before. If the program's default address is in use, it logs a warning and the instance has no listener.
func (r *Registry) Attach(i *Instance) error {
	// Set first, so that no reload is missed while the instance is attached.
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
	return fmt.Errorf("%w; the previous settings stay in use", err)
}

// prepare does everything that can fail before settings take effect: it reads the files and listens on the address. The caller must call settle. Until then
// the instance stays where it is, and with false it stays there for good. The outputs behind a listener share its settings. They are reloaded one after
// another, so the first one with new settings changes them for all.
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
	i.refused = nil
	here := r.at[i.Pipeline.ID()]
	if here != nil && here.get(i.Pipeline.ID()) != i {
		return nil, refusedAddress(set, setting.Taken, fmt.Sprintf("another output has the ID %q", i.Pipeline.ID()))
	}
	if set.Listen == "" || set.Listen == listen.Off {
		if set.PublicURL != "" {
			i.Pipeline.Log().Warn("the links in messages lead nowhere: set [admin] listen, or remove public_url")
		}
		return r.settling(i, nil, nil, nil), nil
	}
	there := r.listeners[set.Listen]
	if there != nil && reflect.DeepEqual(there.set, set) {
		return r.settling(i, there, nil, nil), nil
	}
	if there != nil && here == nil {
		return nil, refusedAddress(set, setting.Taken, "another output uses this address with different [admin] settings")
	}
	l := there
	if l == nil {
		l = r.newListener(set)
	}
	policy, err := r.policy(i, l, set)
	if err != nil {
		return nil, err
	}
	if there != nil {
		return r.settling(i, there, policy, nil), nil
	}
	server, err := policy.Listen()
	switch {
	case err == nil:
		return r.settling(i, l, policy, server), nil
	// Nobody asked for the default address, so a program must not fail because another one uses it.
	case isDefault:
		i.Pipeline.Log().Warn("admin API not available: set [admin] listen to another address, or to \"off\"", "error", err)
		return r.settling(i, nil, nil, nil), nil
	case here != nil && samePort(here.set.Listen, set.Listen) && errors.Is(err, syscall.EADDRINUSE):
		return nil, refusedAddress(set, setting.Taken, fmt.Sprintf("%v, possibly by this admin listener at %q: moving it from there requires a restart", err, here.set.Listen))
	}
	return nil, refusedAddress(set, setting.Invalid, err.Error())
}

// refusedAddress returns the fault of an address that cannot be used.
func refusedAddress(set listen.Settings, code setting.Code, message string) error {
	return setting.Fault{Field: "listen", Value: set.Listen, Code: code, Message: message}
}

// settling returns the function that ends prepare. It moves the instance to a listener (nil: none), replaces the listener's policy (nil: keep it), and sets
// its server (nil: keep it).
func (r *Registry) settling(i *Instance, l *listener, policy *listen.Policy, server *listen.Server) func(applied bool) {
	return func(applied bool) {
		defer r.moving.Unlock()
		r.mu.Lock()
		defer r.mu.Unlock()
		log := i.Pipeline.Log()
		if !applied || i.gone { // it was detached during the reload
			if server != nil {
				r.shut(i, server)
			}
			return
		}
		switch {
		case l == nil:
		case server != nil:
			l.server = server
			r.listeners[l.set.Listen] = l
			l.policy = policy
			log.Info("admin API listening", "address", l.address(), "token_file", l.set.TokenFile, "tls", l.set.CertFile != "")
			r.publish(i, l)
		case policy != nil:
			l.set = policy.Settings()
			l.policy = policy
			l.server.Use(policy)
			log.Info("admin API settings changed", "address", l.address(), "token_file", l.set.TokenFile, "tls", l.set.CertFile != "")
			r.publish(i, l)
		}
		if l == r.at[i.Pipeline.ID()] {
			return
		}
		// Only now, when the new listener serves already.
		r.leave(i)
		if l != nil {
			r.join(i, l)
		}
		i.Pipeline.KeepRecentLines(l != nil)
	}
}

// samePort reports whether two TCP addresses have the same port.
func samePort(a, b string) bool {
	_, one, err := net.SplitHostPort(a)
	_, other, bad := net.SplitHostPort(b)
	return err == nil && bad == nil && one == other
}

// Detach stops serving an instance. If it was the last one at its address, the address is free when Detach returns.
func (r *Registry) Detach(i *Instance) {
	// First, so that no later reload attaches it again.
	i.Pipeline.OnReload(nil)
	r.moving.Lock()
	defer r.moving.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	i.gone = true
	r.leave(i)
	i.Pipeline.KeepRecentLines(false)
}

// Where returns the listener settings in use for an instance; false if it has no listener.
func (r *Registry) Where(i *Instance) (listen.Settings, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.at[i.Pipeline.ID()]; l != nil && l.get(i.Pipeline.ID()) == i {
		return l.set, true
	}
	return listen.Settings{}, false
}

// Close waits for the requests of closed listeners.
func (r *Registry) Close() { r.closing.Wait() }

// policy prepares the policy of a listener for settings.
func (r *Registry) policy(i *Instance, l *listener, set listen.Settings) (*listen.Policy, error) {
	token := ""
	if set.TokenFile == "" {
		var err error
		if token, err = r.token(i); err != nil {
			return nil, setting.Fault{Field: "token_file", Code: setting.Missing, Message: "must be set", Hint: fmt.Sprintf("cannot store a generated token beside the store: %v", err)}
		}
	}
	return listen.Prepare(listen.Options{
		Settings: set, Handler: l.api, Access: l.api.access, Token: token, Logins: l.logins, Refuse: l.api.refuse, Log: i.Pipeline.Log(), Panics: r.panics, Now: r.opt.Now,
	})
}

// token returns the generated token of an instance, and generates it if necessary. With a store in memory it cannot be stored: if login links are enabled, it
// is valid until the process ends; otherwise token returns "".
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

// publish makes a generated token available to commands of the same user, and logs a login link. The caller must hold the lock.
func (r *Registry) publish(i *Instance, l *listener) {
	if l.withdraw != nil {
		l.withdraw()
		l.withdraw = nil
	}
	made := l.policy.Made()
	if made == "" {
		return
	}
	log := i.Pipeline.Log()
	var published bool
	if l.withdraw, published = listen.Publish(l.address(), made); !published {
		log.Warn("cannot publish the token for local commands: use --token-file", "token_file", listen.TokenPath(i.Pipeline.Store().Health().Path))
	}
	base := listen.Browser(l.set, l.server.Address())
	if !r.opt.Links || base == "" {
		return
	}
	code, _ := l.logins.Code(l.policy.Owner())
	log.Info("open " + listen.Link(base, code) + " in a browser within 10 minutes, it works once; \"docker-fluentbit page\" prints a new link")
}

// newListener returns a listener without a server.
func (r *Registry) newListener(set listen.Settings) *listener {
	l := &listener{set: set, logins: listen.NewLogins(r.opt.Now), instances: map[string]*Instance{}}
	l.api = newAPI(r, l)
	return l
}

// join adds an instance to a listener. The caller must hold the lock.
func (r *Registry) join(i *Instance, l *listener) {
	id := i.Pipeline.ID()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.instances[id] = i
	r.at[id] = l
}

// leave removes an instance, and closes the listener after the last one. The caller must hold the lock.
func (r *Registry) leave(i *Instance) {
	id := i.Pipeline.ID()
	l := r.at[id]
	if l == nil || l.get(id) != i {
		return
	}
	delete(r.at, id)
	l.mu.Lock()
	delete(l.instances, id)
	empty := len(l.instances) == 0
	l.mu.Unlock()
	if empty {
		delete(r.listeners, l.set.Listen)
		if l.withdraw != nil {
			l.withdraw()
		}
		r.shut(i, l.server)
	}
}

// shut frees the address of a server at once, and closes it when its requests have ended.
func (r *Registry) shut(i *Instance, server *listen.Server) {
	log := i.Pipeline.Log()
	if err := server.Free(); err != nil {
		log.Warn("admin listener: cannot free the address", "error", err)
	}
	r.closing.Go(func() { // in the background: one of the requests may have led here
		defer guard.Recover(log, r.panics, "closing the admin listener")
		ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
		defer cancel()
		if err := server.Close(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			log.Warn("admin listener: cannot close the server", "error", err)
		}
	})
}

// problem returns the reason why an instance uses its previous listener settings, or nil.
func (r *Registry) problem(i *Instance) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return i.refused
}

// listener is an admin listener with the instances that it serves.
type listener struct {
	api    *api
	logins *listen.Logins

	// Registry.mu guards these.
	set      listen.Settings
	policy   *listen.Policy
	server   *listen.Server
	withdraw func() // removes the published token; nil: none is published

	mu        sync.Mutex
	instances map[string]*Instance
}

// address returns the address with the actual port. The caller must hold Registry.mu.
func (l *listener) address() string {
	if at := l.server.Address(); at.Network() == "tcp" {
		return at.String()
	}
	return l.set.Listen
}

func (l *listener) get(id string) *Instance {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.instances[id]
}

// all returns the instances, sorted by ID.
func (l *listener) all() []*Instance {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*Instance, 0, len(l.instances))
	for _, id := range slices.Sorted(maps.Keys(l.instances)) {
		out = append(out, l.instances[id])
	}
	return out
}

// log returns the log of the first instance. While a listener has none, its messages are dropped.
func (l *listener) log() *slog.Logger {
	if all := l.all(); len(all) > 0 {
		return all[0].Pipeline.Log()
	}
	return slog.New(slog.DiscardHandler)
}

// choose returns the instance with an ID, or the only one if the ID is empty. why is the reason if there is none.
func (l *listener) choose(id string) (i *Instance, why string) {
	all := l.all()
	var ids []string
	for _, i := range all {
		if i.Pipeline.ID() == id {
			return i, ""
		}
		ids = append(ids, i.Pipeline.ID())
	}
	switch {
	case id != "":
		return nil, fmt.Sprintf("instance %q does not exist: must be one of %q", id, ids)
	case len(all) != 1:
		return nil, fmt.Sprintf("several instances: set ?instance= to one of %q", ids)
	}
	return all[0], ""
}
