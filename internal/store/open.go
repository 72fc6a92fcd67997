package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

// Mode says where a store lives.
type Mode string

// The modes of a store.
const (
	ModeFile   Mode = "file"
	ModeMemory Mode = "memory"
)

const (
	pageSize    = 4096
	defaultWait = 2 * time.Second
	// closeTimeout bounds the wait for an operation that is under way when the store is closed.
	closeTimeout = 2 * time.Second
	// checkUpTo is the size up to which a file is checked whole when it is opened. Damage in a larger one shows when it is met.
	checkUpTo = 32 << 20
)

// openCore opens the database, or one in memory when its file cannot be made.
func openCore(ctx context.Context, path string, o Options) (*core, error) {
	c := &core{
		path: path, mode: ModeFile, set: o.Settings, now: o.Now, log: o.Log, wait: o.Wait, guest: o.Guest,
		busy: make(chan struct{}, 1), last: make(map[string]Counts), handles: make(map[*Store]map[string]string),
	}
	err := c.find(o)
	if err == nil {
		err = c.connect()
	}
	if kindOf(err) == ErrCorrupt && !o.Guest {
		err = c.replace(err)
	}
	if err != nil && c.mode == ModeFile && o.OrMemory {
		o.Log.Error("the store's file cannot be used: ALERTS ARE KEPT IN MEMORY ONLY until this process is started anew", "path", path, "error", err)
		c.mode = ModeMemory
		err = c.connect()
	}
	if err != nil {
		return nil, err
	}
	c.release()
	return c, ctx.Err()
}

// find makes sure that there is a file, or decides for memory.
func (c *core) find(o Options) error {
	if o.Guest {
		_, err := os.Stat(c.path) // a guest makes no file
		return err
	}
	if isMemory(c.path) {
		c.mode = ModeMemory
		return nil
	}
	err := makeFile(c.path)
	if !errors.Is(err, errCannotMake) {
		return err
	}
	if !o.MemoryIfNone {
		return fmt.Errorf("%w: %s", err, makeHint)
	}
	c.mode = ModeMemory
	o.Log.Warn("the store's file cannot be made: ALERTS ARE KEPT IN MEMORY ONLY and will not survive a restart; "+
		"make the folder writable or set another path", "path", c.path, "error", err)
	return nil
}

// makeHint is the way out where a file cannot be made.
const makeHint = "make the folder writable, or set store to another file or to memory"

// errCannotMake marks a file that does not exist and cannot be created.
var errCannotMake = errors.New("cannot be made")

// makeFile makes sure that the file exists, readable by its owner only, since log lines may be confidential.
func makeFile(path string) error {
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%w: %s is not a file", ErrReadOnly, path)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("%w: %w: %w", ErrFolder, errCannotMake, err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", errCannotMake, err)
	}
	return file.Close()
}

// dsn holds what every connection needs. An immediate lock at BEGIN is written out in transact.
func (c *core) dsn() string {
	params := url.Values{"_dqs": {"0"}, "_defensive": {"1"}, "_error_rc": {"1"}}
	for _, pragma := range []string{
		fmt.Sprintf("busy_timeout(%d)", c.wait.Milliseconds()),
		fmt.Sprintf("page_size(%d)", pageSize),
		"cache_size(-2000)", // KiB: it is the host's memory
		"mmap_size(0)",      // a file that shrinks under a mapping is a SIGBUS
		"temp_store(MEMORY)",
		"trusted_schema(0)",
		"synchronous(FULL)",
		"secure_delete(FAST)", // what is deleted is overwritten where that costs no further write; SaveRuntime asks for more
		"wal_autocheckpoint(500)",
		"journal_size_limit(4194304)",
	} {
		params.Add("_pragma", pragma)
	}
	name := "file::memory:"
	if c.mode == ModeFile {
		if !c.guest {
			params.Add("_pragma", "journal_mode(WAL)")
		}
		name = (&url.URL{Scheme: "file", Path: c.path, OmitHost: true}).String()
	}
	return name + "?" + params.Encode()
}

// connect opens the connection, checks the file, and creates the schema in an empty one. After an error nothing stays open.
func (c *core) connect() (err error) {
	defer func() {
		if err != nil {
			c.disconnect()
		}
	}()
	if c.mode == ModeFile {
		if !c.guest {
			if err := makeFile(c.path); err != nil {
				return err
			}
		}
		if c.opened, err = os.Stat(c.path); err != nil {
			return err
		}
		if err := recognize(c.path); err != nil {
			return err
		}
		if !c.guest {
			c.tighten()
		}
		// SQLite would open a file that it may only read, and fail at the first write.
		file, err := os.OpenFile(c.path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	}
	connector, err := sqlite.NewConnector(c.dsn())
	if err != nil {
		return err
	}
	c.db = sql.OpenDB(connector)
	c.db.SetMaxOpenConns(1)
	c.db.SetMaxIdleConns(1)
	if c.conn, err = c.db.Conn(context.Background()); err != nil {
		return err
	}
	c.stmts = make(map[string]*sql.Stmt)
	c.ids = make(map[string]int64)
	if err := c.check(); err != nil {
		return err
	}
	if err := c.belongs(); err != nil {
		return err
	}
	if err := c.create(); err != nil {
		return err
	}
	if c.guest {
		return c.loadTriggers()
	}
	// The bound comes after the schema, so that a file that is already larger can still be opened, read and emptied.
	if err := c.script(fmt.Sprintf("PRAGMA max_page_count = %d", c.hardPages())); err != nil {
		return err
	}
	if err := c.loadTriggers(); err != nil {
		return err
	}
	if err := c.transact(c.trim); err != nil && kindOf(err) != ErrFull {
		return err
	}
	return c.measure()
}

// check looks a small file through for damage. A large one is only asked for its first page.
func (c *core) check() error {
	if c.mode == ModeMemory || c.opened.Size() == 0 {
		return nil
	}
	query := "PRAGMA schema_version"
	if c.opened.Size() <= checkUpTo {
		query = "PRAGMA quick_check(1)"
	}
	var verdict string
	if err := c.row(query).Scan(&verdict); err != nil {
		return err
	}
	if c.opened.Size() <= checkUpTo && verdict != "ok" {
		return fmt.Errorf("%w: %s", ErrCorrupt, verdict)
	}
	return nil
}

// disconnect closes what is open. A store in memory loses its content.
func (c *core) disconnect() {
	for _, s := range c.stmts {
		_ = s.Close()
	}
	c.stmts = nil
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
	if c.db != nil {
		_ = c.db.Close()
		c.db = nil
	}
}

// close waits for what is under way and closes the database for good.
func (c *core) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := c.acquire(ctx); err != nil {
		return wrap("close", err)
	}
	defer c.release()
	c.closed = true
	c.disconnect()
	return nil
}
