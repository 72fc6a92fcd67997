package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// The header of an SQLite file (https://www.sqlite.org/fileformat2.html#the_database_header).
const (
	magic         = "SQLite format 3\x00"
	headerSize    = 112 // of the database and of the b-tree on the first page
	applicationAt = 68
	treeAt        = 100
)

// applicationID marks a file as a store of this program, in SQLite's header: "FBTr".
const applicationID = 0x46425472

// recognize returns ErrForeign for a file that is not a store of this program, so that a wrong path never changes or moves it: anything
// that is not an SQLite file, and a database of another program. A damaged store passes, and shows its damage when it is used: one with
// SQLite's magic, one cut within it, and one of nothing but zeros, as a crash of the machine can leave it. So does an empty database.
func recognize(path string) error {
	file, err := namedfile.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %s %w", ErrForeign, path, err)
	}
	defer func() { _ = file.Close() }() // only read from
	header := make([]byte, headerSize)
	n, err := io.ReadFull(file, header)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	header = header[:n]
	if !bytes.HasPrefix(header, []byte(magic)) {
		if bytes.HasPrefix([]byte(magic), header) || onlyZeros(header, file) {
			return nil
		}
		return fmt.Errorf("%w: %s is not a store: it is no SQLite file, and stays as it is; set another path", ErrForeign, path)
	}
	if n < headerSize {
		return nil
	}
	id := binary.BigEndian.Uint32(header[applicationAt:])
	leaf, cells := header[treeAt] == 0x0d, binary.BigEndian.Uint16(header[treeAt+3:])
	if id == applicationID || (id == 0 && leaf && cells == 0) { // without any table it is nobody's yet
		return nil
	}
	return foreign(path)
}

func foreign(path string) error {
	return fmt.Errorf("%w: %s is not a store: it is an SQLite database of another program, and stays as it is; set another path", ErrForeign, path)
}

// onlyZeros reports whether the begin of a file and all that follows holds nothing.
func onlyZeros(begin []byte, rest io.Reader) bool {
	buffer := make([]byte, 64<<10)
	for {
		if len(bytes.Trim(begin, "\x00")) > 0 {
			return false
		}
		n, err := rest.Read(buffer)
		if n == 0 && err != nil {
			return errors.Is(err, io.EOF)
		}
		begin = buffer[:n]
	}
}

// belongs asks the open database what recognize asked the file: what another process has written may still be in the log beside it.
func (c *core) belongs() error {
	var id int64
	var tables int
	if err := c.row("PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if id == applicationID {
		return nil
	}
	if err := c.row("SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if id != 0 || tables > 0 {
		return foreign(c.path)
	}
	return nil
}

// tighten takes from others what they may do with the file and those that SQLite keeps beside it, since log lines may be confidential.
func (c *core) tighten() {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(c.path + suffix)
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		if err := os.Chmod(c.path+suffix, info.Mode().Perm()&^0o077); err != nil {
			c.log.Warn("other users may open the store, and its mode cannot be changed: chmod go-rwx", "path", c.path+suffix,
				"mode", info.Mode().Perm().String(), "error", err)
			continue
		}
		c.log.Warn("other users could open the store: now its owner alone may", "path", c.path+suffix, "mode", info.Mode().Perm().String())
	}
}
