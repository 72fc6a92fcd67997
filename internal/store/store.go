package store

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

// Store is a handle of an open store. Its methods are safe for concurrent use; after Close they return dberr.ErrClosed.
type Store struct {
	core     *core
	registry *Registry
	closed   atomic.Bool
}

// Close closes the handle; the last handle of a file closes the file. It may be called more than once.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	return s.registry.release(s)
}

// Mode returns whether the store is in a file or in memory.
func (s *Store) Mode() Mode { return s.core.mode }

// Settings returns the settings in force: those of the first handle.
func (s *Store) Settings() Settings { return s.core.set }

// Room returns nil if the store accepts alerts: it is open, its last operation succeeded, and the file is not nearly full. It does not use the
// file.
func (s *Store) Room() error {
	if s.closed.Load() {
		return dberr.Wrap("room", dberr.ErrClosed)
	}
	if err := s.core.fault.get(); err != nil {
		return err
	}
	if s.core.refuse.Load() {
		return dberr.Wrap("room", dberr.ErrFull)
	}
	return nil
}

// Health is the state of a store, for people and metrics.
type Health struct {
	Mode      Mode
	Path      string
	Err       error        // of the last operation; nil if it succeeded
	Used      setting.Size // without free pages
	Max       setting.Size // MaxSize
	Recovered int64        // how often a damaged file was replaced
	Aside     string       // path of the last damaged file
	Lost      int64        // pending deliveries and dead letters of damaged files
}

// Health returns the state of the store without using the file.
func (s *Store) Health() Health {
	c := s.core
	c.fault.mu.Lock()
	defer c.fault.mu.Unlock()
	return Health{
		Mode: c.mode, Path: c.path, Err: c.fault.err, Aside: c.fault.aside, Max: c.set.MaxSize,
		Used: setting.Size(c.used.Load() * pageSize), Recovered: c.recovered.Load(), Lost: c.lost.Load(),
	}
}

// Probe writes a row to test a store that failed, and removes rows from one that is nearly full.
func (s *Store) Probe(ctx context.Context, now time.Time) error {
	return s.write(ctx, "probe", now, func(t *tx) error {
		if err := t.relieve(probeRelief); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO owners (id, until) VALUES (0, ?) ON CONFLICT (id) DO UPDATE SET until = excluded.until`, t.now)
		return err
	})
}

// Changes returns a number that changes with every write of this process or another.
func (s *Store) Changes(ctx context.Context) (uint64, error) {
	var version uint64
	err := s.read(ctx, "changes", func(c *core) error { return c.row("PRAGMA data_version").Scan(&version) })
	return version<<32 + s.core.changes.Load(), err
}

func (s *Store) write(ctx context.Context, op string, now time.Time, fn func(*tx) error) error {
	if s.closed.Load() {
		return dberr.Wrap(op, dberr.ErrClosed)
	}
	return s.core.write(ctx, op, now, fn)
}

func (s *Store) read(ctx context.Context, op string, fn func(*core) error) error {
	if s.closed.Load() {
		return dberr.Wrap(op, dberr.ErrClosed)
	}
	return s.core.run(ctx, op, func() error { return fn(s.core) })
}
