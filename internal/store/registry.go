package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

// Registry holds the open stores of a process, one per file, shared by all instances that use the file. Fluent Bit keeps the process over a hot
// reload, so a main package owns one Registry for the life of the process and passes it to every instance: two instances with one path share a
// connection instead of blocking each other, and a store in memory survives the reload. The zero value is ready to use.
type Registry struct {
	mu    sync.Mutex
	cores map[string]*core
	left  map[string][]Item // by path: see HandOver
}

// Options are the options of Open.
type Options struct {
	Settings Settings
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Wait is how long an operation waits for another process that locks the file; 0 is two seconds.
	Wait time.Duration
	// Guest opens a file that another process owns, as the command line does: it creates, trims and puts aside nothing, and uses only
	// MaxPending of the settings.
	Guest bool
	// MemoryIfNone keeps alerts in memory, with a warning, if the file does not exist and cannot be created. It suits the default path.
	// Otherwise Open returns an error.
	MemoryIfNone bool
	// OrMemory keeps alerts in memory, with an error in the log, if the file cannot be used. The next start of the process tries the file
	// again. Otherwise Open returns an error.
	OrMemory bool
	// Log gets the warnings for operators: a store in memory, a file put aside. nil discards them.
	Log *slog.Logger
}

// Open opens or creates the store. If the process has it open already, Open returns another handle of it, and the settings of the first Open stay in
// force. Every handle must be closed.
//
// Open returns an error of package dberr if the file or its folder cannot be created or used: ErrFolder, ErrReadOnly, ErrFull, ErrNewer, ErrBusy. With
// MemoryIfNone or OrMemory it returns a store in memory instead; see Mode. It puts a damaged file aside and replaces it; see Health. For a guest, a file
// that is missing, damaged or of another version is an error and is not changed.
func (r *Registry) Open(ctx context.Context, o Options) (*Store, error) {
	if err := setting.Join(o.Settings.Validate()); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Wait == 0 {
		o.Wait = defaultWait
	}
	if o.Settings.Path == "" {
		o.Settings.Path = DefaultPath("")
	}
	path, err := o.Settings.file()
	if err != nil {
		return nil, dberr.Wrap("open", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.cores[path]
	if c == nil {
		if c, err = openCore(ctx, path, o); err != nil {
			return nil, dberr.Wrap("open", err)
		}
		if r.cores == nil {
			r.cores = make(map[string]*core)
		}
		r.cores[path] = c
	}
	s := &Store{core: c, registry: r}
	c.handles[s] = nil
	return s, nil
}

// Claim registers the triggers of this handle: revisions maps their names to a text that changes with the destination or the credentials. It
// returns, sorted, the names that another handle of the process claims with another revision. Sharing the store, each of the two would send the
// other's alerts to its own receiver.
func (s *Store) Claim(revisions map[string]string) (clashing []string) {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.closed.Load() {
		return nil
	}
	s.core.handles[s] = maps.Clone(revisions)
	for _, name := range slices.Sorted(maps.Keys(revisions)) {
		for _, claimed := range s.core.handles {
			if other, known := claimed[name]; known && other != revisions[name] {
				clashing = append(clashing, name)
				break
			}
		}
	}
	return clashing
}

// release closes a handle. The last one closes the file; a store in memory stays open, because closing it would lose its alerts.
func (r *Registry) release(s *Store) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := s.core
	delete(c.handles, s)
	if len(c.handles) > 0 || c.mode == ModeMemory {
		return nil
	}
	delete(r.cores, c.path)
	return c.close()
}

// Close closes every store, also those in use. A process calls it at its end, after its last instance has stopped.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for path, c := range r.cores {
		delete(r.cores, path)
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// HandOver keeps alerts that could not be stored in memory, for the next handle of the same path in this process. Without it a hot reload would lose
// them. The caller bounds their number.
func (s *Store) HandOver(items []Item) {
	if len(items) == 0 {
		return
	}
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == nil {
		r.left = make(map[string][]Item)
	}
	r.left[s.core.path] = append(r.left[s.core.path], items...)
}

// TakeOver removes and returns the alerts that were handed over, oldest first.
func (s *Store) TakeOver() []Item {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	items := r.left[s.core.path]
	delete(r.left, s.core.path)
	return items
}
