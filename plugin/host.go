package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/logging"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// instanceKey stands for an instance in the context that Fluent Bit keeps for it. It is never used twice.
type instanceKey int

// exitWithin bounds how long Fluent Bit waits for an instance to stop.
const exitWithin = 3 * time.Second

// plugin is the one value of the process: the C interface has no place to hand it through. Fluent Bit keeps the shared object, and with it
// this value, over a hot reload.
var plugin = newHost(os.Stderr)

// host is what Fluent Bit's calls act on. It is safe for concurrent use.
type host struct {
	log    *os.File
	stores *store.Registry

	mu        sync.Mutex
	instances map[instanceKey]*pipeline.Pipeline
	nextKey   instanceKey
	ids       map[string]bool             // of the running instances
	previous  map[string]*config.Settings // by id: what ran before a hot reload
	started   int                         // instances since the last PreRegister
	reloading bool                        // the host starts instances because of a hot reload
	guard     chan struct{}               // closed to end the goroutine that keeps the signal handlers; nil when it does not run

	saveHandlers sync.Once
}

func newHost(log *os.File) *host {
	return &host{
		log: log, stores: &store.Registry{}, instances: map[instanceKey]*pipeline.Pipeline{},
		ids: map[string]bool{}, previous: map[string]*config.Settings{},
	}
}

// enter begins an exported function, and returns what it defers: a recovery that logs the panic and calls failed.
func (h *host) enter(function string, failed func()) func() {
	h.saveHandlers.Do(saveHandlers)
	restoreHandlers()
	return func() {
		if reason := recover(); reason != nil {
			h.logger("-").Error("panic", "in", function, "reason", fmt.Sprint(reason), "stack", string(debug.Stack()))
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
	h.reloading, h.started = hotReload, 0
}

// failedInit is what Init answers after a panic. At a hot reload, an error would end Fluent Bit.
func (h *host) failedInit() (rc cInt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reloading {
		return rcOK
	}
	return rcError
}

// init starts an instance. At first start a configuration with a problem is refused; at a hot reload, which Fluent Bit would not survive,
// the broken parts are left out, and when nothing can be read, what ran before runs on.
func (h *host) init(param func(string) string) (instanceKey, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := param("id")
	if id == "" {
		id = fmt.Sprintf("trigger.%d", h.started)
	}
	h.started++
	log := h.logger(id)
	if h.ids[id] {
		log.Error("the id is taken by another instance: give each output an id of its own", "id", id)
		return 0, false
	}
	p, err := pipeline.New(pipeline.Options{
		ID: id, Stores: h.stores, LogTo: h.log, Origin: "output:trigger:" + id,
		Sources:  config.Sources{Files: []string{param("config_file")}, Inline: param("config"), Params: param},
		Lenient:  h.reloading,
		Previous: h.previous[id],
	})
	if err != nil {
		log.Error("the instance does not start", "error", err)
		return 0, false
	}
	p.Start()
	h.nextKey++
	h.instances[h.nextKey], h.ids[id] = p, true
	h.keepHandlers()
	return h.nextKey, true
}

// flush hands a chunk to its instance. It returns false when the host is to hand it over again later.
func (h *host) flush(key instanceKey, chunk []byte, tag string) bool {
	h.mu.Lock()
	p := h.instances[key]
	h.mu.Unlock()
	return p == nil || p.Flush(chunk, tag) == pipeline.Accepted
}

// exit stops an instance and forgets it.
func (h *host) exit(key instanceKey) {
	h.mu.Lock()
	p := h.instances[key]
	delete(h.instances, key)
	if p != nil {
		delete(h.ids, p.ID())
		h.previous[p.ID()] = p.Settings()
	}
	h.keepHandlers()
	h.mu.Unlock()
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), exitWithin)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		h.logger(p.ID()).Error("the instance did not stop in order", "error", err)
	}
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
	if (len(h.instances) > 0) == (h.guard != nil) {
		return
	}
	if h.guard != nil {
		close(h.guard)
		h.guard = nil
		return
	}
	done := make(chan struct{})
	h.guard = done
	go func() {
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
