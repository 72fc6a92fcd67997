package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

// core is one open database, shared by its handles. One connection serves reads and writes: SQLite has only one writer, and each connection costs
// memory of the host. Its statements live as long as the connection.
type core struct {
	path    string
	mode    Mode
	set     Settings
	now     func() time.Time
	log     *slog.Logger
	wait    time.Duration                // for another process
	guest   bool                         // see Options
	handles map[*Store]map[string]string // with what each claims; guarded by the registry

	busy   chan struct{} // holds one token; its holder owns all fields down to the next blank line
	db     *sql.DB
	conn   *sql.Conn
	stmts  map[string]*sql.Stmt
	opened os.FileInfo      // the file as it was opened, to recognize a file that another process put in its place
	ids    map[string]int64 // trigger name → id; an id never changes
	last   map[string]Counts
	used   pages
	barren int64 // until when relieve does not search again for rows to remove
	closed bool

	changes   atomic.Uint64
	refuse    atomic.Bool // the file is nearly full
	recovered atomic.Int64
	lost      atomic.Int64
	fault     fault
}

// fault keeps the last error of the store until an operation succeeds.
type fault struct {
	mu    sync.Mutex
	err   error
	aside string
}

func (f *fault) set(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fault) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// acquire waits for the connection until ctx ends.
func (c *core) acquire(ctx context.Context) error {
	// A free connection wins over a ctx that has ended: select alone would choose at random.
	select {
	case <-c.busy:
		return nil
	default:
	}
	select {
	case <-c.busy:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *core) release() { c.busy <- struct{}{} }

// write runs fn in one transaction. If the file is damaged, write puts it aside and runs fn again on a new file, so fn must reset its results
// when it starts. ctx bounds the wait for the connection, not the transaction, which is short.
func (c *core) write(ctx context.Context, op string, now time.Time, fn func(*tx) error) error {
	return c.run(ctx, op, func() error {
		t := &tx{core: c, now: now.UnixNano(), deltas: make(map[int64]*Counts)}
		err := c.transact(func() error {
			if err := fn(t); err != nil {
				return err
			}
			return t.writeCounts()
		})
		if err != nil {
			// The rollback removed the triggers that this transaction created, so their ids are unknown again.
			clear(c.ids)
			return err
		}
		// Only after the commit, because a rollback must leave the last counts as they are.
		for name, counts := range t.written {
			c.last[name] = counts
		}
		return nil
	})
}

// run calls fn with the connection and keeps the store usable: it reconnects after a failure, replaces a damaged file, and returns a panic as an
// error.
func (c *core) run(ctx context.Context, op string, fn func() error) (err error) {
	if err := c.acquire(ctx); err != nil {
		return dberr.Wrap(op, err)
	}
	defer c.release()
	defer func() {
		if cause := recover(); cause != nil {
			if c.mode == ModeFile {
				c.disconnect() // its state is unknown, so the next call opens a new one
			}
			err = fmt.Errorf("store: %s: panic: %v", op, cause)
			c.fault.set(err)
		}
	}()
	if c.closed {
		return dberr.Wrap(op, dberr.ErrClosed)
	}
	err = c.attempt(fn)
	if !c.guest && (errors.Is(err, dberr.ErrCorrupt) || dberr.KindOf(err) == dberr.ErrCorrupt) {
		if aside := c.replace(err); aside != nil {
			err = errors.Join(err, aside)
		} else {
			err = c.attempt(fn)
		}
	}
	err = dberr.Wrap(op, err)
	if err == nil || dberr.IsFault(err) {
		c.fault.set(err)
	}
	return err
}

// attempt calls fn, and connects first if an earlier failure closed the connection.
func (c *core) attempt(fn func() error) error {
	if c.conn == nil {
		if err := c.connect(); err != nil {
			return err
		}
	}
	return fn()
}

// transact runs fn between BEGIN IMMEDIATE and COMMIT, and rolls back if one of them fails.
func (c *core) transact(fn func() error) error {
	// IMMEDIATE takes the write lock at once: a transaction that reads first could fail at its first write.
	if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	done := false
	defer func() {
		if !done { // an error or a panic
			// This fails if SQLite has rolled back by itself. In both cases no transaction is left open.
			_, _ = c.exec("ROLLBACK")
		}
	}()
	if err := fn(); err != nil {
		return err
	}
	if _, err := c.exec("COMMIT"); err != nil {
		return err
	}
	done = true
	return nil
}

// prepared returns the statement of query, which must be a constant text: it is kept with the connection.
func (c *core) prepared(query string) (*sql.Stmt, error) {
	if s := c.stmts[query]; s != nil {
		return s, nil
	}
	s, err := c.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	c.stmts[query] = s
	return s, nil
}

// exec runs a constant statement and returns the number of rows that it changed.
func (c *core) exec(query string, args ...any) (int64, error) {
	s, err := c.prepared(query)
	if err != nil {
		return 0, err
	}
	result, err := s.Exec(args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// script runs several statements without caching them.
func (c *core) script(text string) error {
	_, err := c.conn.ExecContext(context.Background(), text)
	return err
}

// scanner is a row or an error.
type scanner struct {
	row *sql.Row
	err error
}

// Scan copies the row's columns, or returns sql.ErrNoRows.
func (s scanner) Scan(dest ...any) error {
	if s.err != nil {
		return s.err
	}
	return s.row.Scan(dest...)
}

// row runs a constant query that returns at most one row.
func (c *core) row(query string, args ...any) scanner {
	s, err := c.prepared(query)
	if err != nil {
		return scanner{err: err}
	}
	return scanner{row: s.QueryRow(args...)}
}

// each runs a constant query and calls fn for every row. fn must not use the connection.
func (c *core) each(query string, args []any, fn func(*sql.Rows) error) error {
	s, err := c.prepared(query)
	if err != nil {
		return err
	}
	rows, err := s.Query(args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // rows.Err has the error
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
