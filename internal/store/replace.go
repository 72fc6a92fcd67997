package store

import (
	"errors"
	"fmt"
	"os"
)

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
			removed = removed + ? WHERE id = ?`, n.Accepted, n.Delivered, n.Dropped+n.Pending+n.Dead, n.Removed, id); err != nil {
			return err
		}
	}
	return nil
}
