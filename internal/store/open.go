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

	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dbfile"
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
	if dberr.KindOf(err) == dberr.ErrCorrupt && !o.Guest {
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
	err := dbfile.Make(c.path)
	if !errors.Is(err, dbfile.ErrCannotMake) {
		return err
	}
	if !o.MemoryIfNone {
		return fmt.Errorf("%w: %s", err, dbfile.MakeHint)
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
			if err := dbfile.Make(c.path); err != nil {
				return err
			}
		}
		if c.opened, err = os.Stat(c.path); err != nil {
			return err
		}
		if err := dbfile.Recognize(c.path); err != nil {
			return err
		}
		if !c.guest {
			dbfile.Tighten(c.path, c.log)
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
	// A second connection to a store in memory would see another one, which is empty.
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
	if err := c.transact(c.trim); err != nil && dberr.KindOf(err) != dberr.ErrFull {
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
		return fmt.Errorf("%w: %s", dberr.ErrCorrupt, verdict)
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
		return dberr.Wrap("close", err)
	}
	defer c.release()
	c.closed = true
	c.disconnect()
	return nil
}

// replace puts a damaged file aside as NAME.corrupt-TIME and opens a new one. The pending deliveries and dead letters of the old file count as lost:
// the counts of each trigger continue in the new file, with pending and dead added to dropped.
//
// If the file is no longer the one that was opened, another process has replaced it already, and replace opens it.
func (c *core) replace(cause error) error {
	c.disconnect()
	if c.mode == ModeFile {
		info, err := os.Stat(c.path)
		if err == nil && (c.opened == nil || os.SameFile(info, c.opened)) {
			aside := c.path + ".corrupt-" + c.now().UTC().Format("20060102T150405.000000000Z")
			if err := c.moveAside(aside); err != nil {
				return fmt.Errorf("putting the damaged file aside: %w", err)
			}
			c.recovered.Add(1)
			c.fault.mu.Lock()
			c.fault.aside = aside
			c.fault.mu.Unlock()
			c.log.Error("store was damaged: put the file aside and started a new one; its pending alerts are lost",
				"path", c.path, "aside", aside, "error", cause)
		} else if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	before := c.last
	if err := c.connect(); err != nil {
		return err
	}
	for _, n := range before {
		c.lost.Add(n.Pending + n.Dead)
	}
	return c.transact(func() error { return c.carry(before) })
}

// moveAside renames the file and SQLite's two files beside it. The write-ahead log must not stay: SQLite would apply it to the new file.
func (c *core) moveAside(aside string) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Rename(c.path+suffix, aside+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return os.Rename(c.path, aside)
}

// carry adds the counts of the damaged file to the new one.
func (c *core) carry(before map[string]Counts) error {
	for name, n := range before {
		id, err := c.triggerID(name)
		if err != nil {
			return err
		}
		if _, err := c.exec(`UPDATE triggers SET accepted = accepted + ?, delivered = delivered + ?, dropped = dropped + ?,
			removed = removed + ?, held = held + ? WHERE id = ?`, n.Accepted, n.Delivered, n.Dropped+n.Pending+n.Dead, n.Removed, n.Held, id); err != nil {
			return err
		}
	}
	return nil
}
