package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Store is a handle of an open store. Its methods may be called from any goroutine; after Close they return ErrClosed.
type Store struct {
	core     *core
	registry *Registry
	closed   atomic.Bool
}

// Close gives the handle back; the last handle of a file closes it. It may be called more than once.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.registry.release(s)
}

// Mode says whether the store lives in a file or in memory.
func (s *Store) Mode() Mode { return s.core.mode }

// Settings returns the settings in force: those of the first handle.
func (s *Store) Settings() Settings { return s.core.set }

// Room returns nil when the store takes alerts: it is open, its last operation did not fail, and the file is not nearly full. It does not
// touch the file.
func (s *Store) Room() error {
	if s.closed.Load() {
		return wrap("room", ErrClosed)
	}
	if err := s.core.fault.get(); err != nil {
		return err
	}
	if s.core.refuse.Load() {
		return wrap("room", ErrFull)
	}
	return nil
}

// Health describes the state of a store to people and metrics.
type Health struct {
	Mode      Mode
	Path      string
	Err       error        // the last operation's, nil when it worked
	Used      setting.Size // of the file, without free pages
	Max       setting.Size // the bound
	Recovered int64        // how often a damaged file was replaced
	Aside     string       // where the last damaged file is
	Lost      int64        // deliveries, pending or dead, that damaged files held
}

// Health returns the state of the store, without touching the file.
func (s *Store) Health() Health {
	c := s.core
	c.fault.mu.Lock()
	defer c.fault.mu.Unlock()
	return Health{
		Mode: c.mode, Path: c.path, Err: c.fault.err, Aside: c.fault.aside, Max: c.set.MaxSize,
		Used: setting.Size(c.used.Load() * pageSize), Recovered: c.recovered.Load(), Lost: c.lost.Load(),
	}
}

// Probe writes a little, so that a store that failed is known to work again, and makes room in one that is nearly full.
func (s *Store) Probe(ctx context.Context, now time.Time) error {
	return s.write(ctx, "probe", now, func(t *tx) error {
		if err := t.relieve(probeRelief); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO owners (id, until) VALUES (0, ?) ON CONFLICT (id) DO UPDATE SET until = excluded.until`, t.now)
		return err
	})
}

// Changes returns a number that differs from an earlier one when something was written since, by this process or another.
func (s *Store) Changes(ctx context.Context) (uint64, error) {
	var version uint64
	err := s.read(ctx, "changes", func(c *core) error { return c.row("PRAGMA data_version").Scan(&version) })
	return version<<32 + s.core.changes.Load(), err
}

func (s *Store) write(ctx context.Context, op string, now time.Time, fn func(*tx) error) error {
	if s.closed.Load() {
		return wrap(op, ErrClosed)
	}
	return s.core.write(ctx, op, now, fn)
}

func (s *Store) read(ctx context.Context, op string, fn func(*core) error) error {
	if s.closed.Load() {
		return wrap(op, ErrClosed)
	}
	return s.core.run(ctx, op, func() error { return fn(s.core) })
}
