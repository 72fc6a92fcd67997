package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite"
)

// Mode is where a store keeps its data.
type Mode string

// The modes of a store.
const (
	ModeFile   Mode = "file"
	ModeMemory Mode = "memory"
)

const (
	pageSize    = 4096
	defaultWait = 2 * time.Second
	// closeTimeout bounds the wait for a running operation when the store is closed.
	closeTimeout = 2 * time.Second
	// checkUpTo is the size up to which a file is checked completely when it is opened. Damage in a larger file shows when the page is read.
	checkUpTo = 32 << 20
)

// openCore opens the database, or one in memory if the options allow that and the file cannot be used.
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
		o.Log.Error("store unavailable: keeping alerts in memory, they will be lost on restart", "path", path, "error", err)
		c.mode = ModeMemory
		err = c.connect()
	}
	if err != nil {
		return nil, err
	}
	c.release()
	return c, ctx.Err()
}

// find creates the file if it does not exist, or chooses memory.
func (c *core) find(o Options) error {
	if o.Guest {
		_, err := os.Stat(c.path) // a guest creates no file
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
	o.Log.Warn("cannot create the store: keeping alerts in memory, they will be lost on restart; "+
		"make the folder writable or set another path", "path", c.path, "error", err)
	return nil
}

// dsn returns the settings of every connection. The immediate lock at BEGIN is in transact.
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
		"secure_delete(FAST)", // overwrite deleted content where that costs no extra write; SaveRuntime asks for more
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
		// SQLite opens a file without write permission, too, and fails only at the first write.
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

// check looks for damage: in all pages of a small file, in the first page of a large one.
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

// disconnect closes the connection. A store in memory loses its content.
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

// close waits for a running operation and closes the database permanently.
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
