package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Registry holds the open stores of a process, one for each file, however many instances use it. Fluent Bit keeps the process, and with it
// this plugin's memory, over a hot reload, so a main package owns one Registry for the life of the process and hands it to every instance:
// two instances with one path then share one connection instead of two that wait for each other, and a store in memory is still there
// after the reload. The zero value is ready to use.
type Registry struct {
	mu    sync.Mutex
	cores map[string]*core
	left  map[string][]Item // by path: what the file did not take
}

// Options says how to open a store.
type Options struct {
	Settings Settings
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Wait is how long an operation waits for another process that holds the file; 0 is two seconds.
	Wait time.Duration
	// Guest opens a file that another process owns, as the command line does: nothing is created, trimmed or put aside, and of the
	// settings only MaxPending counts.
	Guest bool
	// MemoryIfNone keeps alerts in memory, and logs a warning, where there is no file and none can be made, as suits a path that nobody chose.
	// Otherwise that is an error.
	MemoryIfNone bool
	// OrMemory keeps alerts in memory, and says so loudly, where a file that cannot be used would be an error. The file is tried again when
	// the process is started anew.
	OrMemory bool
	// Log is told what an operator must know: a store in memory, a file put aside. nil tells nobody.
	Log *slog.Logger
}

// Open opens or creates the store, or returns one more handle of it when the process already has it open; then the settings of the first
// Open stay in force. Every handle must be closed.
//
// A folder or a file that cannot be created, and a file that exists but cannot be used, is an error: ErrFolder, ErrReadOnly, ErrFull, ErrNewer,
// ErrBusy; MemoryIfNone and OrMemory put a store in memory in its place, see Mode. A damaged file is put aside and replaced; see Health. For a guest, a
// file that is missing, damaged, or not of this program's version is an error, and stays as it is.
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
	path, err := canonical(o.Settings.Path)
	if err != nil {
		return nil, wrap("open", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.cores[path]
	if c == nil {
		if c, err = openCore(ctx, path, o); err != nil {
			return nil, wrap("open", err)
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

// Claim says which triggers, by name, the deliveries of this handle go to: revisions has for each a text that changes with the destination or
// the credentials. It returns the names, sorted, that another handle of the process claims with another revision. Sharing the store, each
// would send the other's alerts to its own receiver.
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

// release gives a handle back. The last one closes the file; a store in memory stays, since closing it would lose what it holds.
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

// Close closes every store, used or not. A process that ends calls it once no instance runs any more.
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

// HandOver keeps, in memory, alerts that the store did not take, for the next handle of the same path in this process: what a hot reload would
// lose otherwise. The caller bounds them.
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

// TakeOver returns what was handed over, oldest first, and forgets it.
func (s *Store) TakeOver() []Item {
	r := s.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	items := r.left[s.core.path]
	delete(r.left, s.core.path)
	return items
}

// canonical returns the one name of the file that path leads to, so that two spellings of it share a store.
func canonical(path string) (string, error) {
	if isMemory(path) {
		return path, nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	}
	// The file, and perhaps some of its folders, does not exist yet: what does exist is resolved.
	dir, rest := filepath.Dir(abs), filepath.Base(abs)
	for {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest), nil
		} else if !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			return abs, nil
		}
		dir, rest = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rest)
	}
}
