package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/logging"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// instanceKey stands for an instance in the context that Fluent Bit keeps for it. It is never used twice.
type instanceKey int

// version is set by the linker.
var version = "unknown"

// exitWithin bounds how long Fluent Bit waits for an instance to stop.
const exitWithin = 3 * time.Second

// plugin is the one value of the process: the C interface has no place to hand it through. Fluent Bit keeps the shared object, and with it
// this value, over a hot reload.
var plugin = newHost(os.Stderr)

// host holds the instances of Fluent Bit's outputs. It is safe for concurrent use.
type host struct {
	log    *os.File
	stores *store.Registry
	admins *admin.Registry
	panics *atomic.Int64 // recovered outside of the instances

	mu         sync.Mutex
	instances  map[instanceKey]instance
	nextKey    instanceKey
	previous   map[string]*config.Settings // by id: the configuration before a hot reload
	generation int                         // counts PreRegister
	started    int                         // instances of this generation
	reloading  bool                        // the host starts instances because of a hot reload
	handlers   chan struct{}               // closed to end the goroutine that keeps the signal handlers; nil when it does not run

	starting     sync.Mutex // keeps starts apart
	saveHandlers sync.Once
}

// instance is one running output.
type instance struct {
	*pipeline.Pipeline
	generation int
	admin      *admin.Instance
}

func newHost(log *os.File) *host {
	panics := &atomic.Int64{}
	return &host{
		log: log, stores: &store.Registry{}, admins: admin.NewRegistry(admin.Options{Program: "out_trigger", Version: version, Panics: panics}), panics: panics,
		instances: map[instanceKey]instance{}, previous: map[string]*config.Settings{},
	}
}

// enter begins an exported function or a goroutine. The caller defers the result, which logs a panic and calls failed.
func (h *host) enter(function string, failed func()) func() {
	h.saveHandlers.Do(saveHandlers)
	restoreHandlers()
	return func() {
		if reason := recover(); reason != nil {
			guard.Report(h.logger("-"), h.panics, "running "+function, reason)
			failed()
		}
	}
}

func (h *host) logger(id string) *slog.Logger {
	return slog.New(logging.New(logging.Options{Writer: h.log, Origin: "output:trigger:" + id}))
}

func (h *host) preRegister(hotReload bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.generation++
	h.reloading, h.started = hotReload, 0
}

// failedInit is the result of Init after a panic. At a hot reload, an error would end Fluent Bit.
func (h *host) failedInit() (rc cInt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reloading {
		return rcOK
	}
	return rcError
}

// init starts an instance. At first start a configuration with a problem is refused; at a hot reload, which Fluent Bit would not survive,
// invalid parts are skipped, and if nothing can be read, the previous configuration stays in force.
func (h *host) init(get func(string) string) (instanceKey, bool) {
	h.starting.Lock()
	defer h.starting.Unlock()
	params := newParameters(get)
	defer params.seal()
	param := params.lookup
	id, ok := h.chooseID(param("id"))
	log := h.logger(id)
	if !ok {
		log.Error("not starting: another output has this id, each needs its own", "id", id)
		return 0, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	p, err := pipeline.New(pipeline.Options{
		ID: id, Stores: h.stores, LogTo: h.log, Origin: "output:trigger:" + id, Version: version,
		Sources:  config.Sources{Files: []string{param("config_file")}, Inline: param("config"), Params: param},
		Lenient:  h.reloading,
		Previous: h.previous[id],
	})
	var refused *pipeline.ConfigError
	switch {
	case errors.As(err, &refused):
		for i := range refused.Problems {
			log.Error("configuration problem: " + refused.Problems[i].Error())
		}
		log.Error("not starting: " + quantity.Plural(len(refused.Problems), "configuration error"))
		return 0, false
	case err != nil:
		log.Error("not starting", "error", err)
		return 0, false
	}
	p.Start()
	administered := &admin.Instance{Pipeline: p}
	if before := h.previous[id]; before != nil && h.reloading {
		administered.Before = &before.Admin
	}
	if err := h.admins.Attach(administered); err != nil {
		log.Error("admin API not available", "error", err)
		if !h.reloading {
			log.Error("not starting: the admin API is configured but not available")
			h.stop(p, administered)
			return 0, false
		}
	}
	h.nextKey++
	h.instances[h.nextKey] = instance{p, h.generation, administered}
	h.keepHandlers()
	return h.nextKey, true
}

// chooseID returns the id of an instance that is about to start. Without one of its own it is called as Fluent Bit calls it. An instance of
// an earlier generation that holds the id still, because its exit failed, is stopped. When another output has it, ok is false; but not at
// a hot reload, where a number is added instead.
func (h *host) chooseID(wanted string) (id string, ok bool) {
	h.mu.Lock()
	if wanted == "" {
		wanted = fmt.Sprintf("trigger.%d", h.started)
	}
	h.started++
	id = wanted
	var stale instanceKey
	for n := 2; ; n++ {
		key, holder, taken := h.holder(id)
		if !taken {
			break
		}
		if holder.generation < h.generation {
			stale = key
			break
		}
		if !h.reloading {
			h.mu.Unlock()
			return id, false
		}
		id = fmt.Sprintf("%s-%d", wanted, n)
	}
	h.mu.Unlock()
	if id != wanted {
		h.logger(id).Error("another output has this id, each needs its own: using a different one", "id", wanted, "used", id)
	}
	if stale != 0 {
		h.exit(stale)
	}
	return id, true
}

// holder returns the instance that has an id. The caller holds the lock.
func (h *host) holder(id string) (instanceKey, instance, bool) {
	for key, i := range h.instances {
		if i.ID() == id {
			return key, i, true
		}
	}
	return 0, instance{}, false
}

// flush hands a chunk to its instance. It returns false when the host is to hand it over again later.
func (h *host) flush(key instanceKey, chunk []byte, tag string) bool {
	h.mu.Lock()
	p, ok := h.instances[key]
	h.mu.Unlock()
	return !ok || p.Flush(chunk, tag) == pipeline.Accepted
}

// exit stops an instance and forgets it.
func (h *host) exit(key instanceKey) {
	h.mu.Lock()
	p, ok := h.instances[key]
	if !ok {
		h.mu.Unlock()
		return
	}
	// Removed first, so that no chunk is evaluated by an instance that is stopping.
	delete(h.instances, key)
	before := *p.Settings()
	if where, ok := h.admins.Where(p.admin); ok {
		before.Admin = where
	}
	h.previous[p.ID()] = &before
	// Stopping takes up to exitWithin, and other outputs must not wait for it.
	h.keepHandlers()
	h.mu.Unlock()
	h.stop(p.Pipeline, p.admin)
}

// stop stops a pipeline and its administration.
func (h *host) stop(p *pipeline.Pipeline, administered *admin.Instance) {
	// First, so that no request reaches a pipeline that is stopping.
	h.admins.Detach(administered)
	ctx, cancel := context.WithTimeout(context.Background(), exitWithin)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		h.logger(p.ID()).Error("cannot stop in order", "error", err)
	}
	h.admins.Close()
}

// exitAll stops every instance, for hosts that know no contexts.
func (h *host) exitAll() {
	h.mu.Lock()
	var keys []instanceKey
	for key := range h.instances {
		keys = append(keys, key)
	}
	h.mu.Unlock()
	for _, key := range keys {
		h.exit(key)
	}
}

// keepHandlers runs, while there are instances, a goroutine that puts the runtime's signal handlers back, for the goroutines that work
// between two calls of the host. The caller holds the lock.
func (h *host) keepHandlers() {
	if (len(h.instances) > 0) == (h.handlers != nil) {
		return
	}
	if h.handlers != nil {
		close(h.handlers)
		h.handlers = nil
		return
	}
	done := make(chan struct{})
	h.handlers = done
	go func() {
		defer h.enter("signal handlers", func() {})()
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				restoreHandlers()
			}
		}
	}()
}
