package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"golang.org/x/sys/unix"
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

// recognize returns ErrForeign for a file that is not a store of this program, so a wrong path never changes or moves a file: one that is not an
// SQLite file, or a database of another program. Empty databases and damaged stores pass (their damage shows when they are used): files with
// SQLite's magic, files that are cut within it, and files of only zeros, which a crash of the machine can leave.
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
		return fmt.Errorf("%w: %s is not a store: it is not an SQLite file, and was not changed; set another path", ErrForeign, path)
	}
	if n < headerSize {
		return nil
	}
	id := binary.BigEndian.Uint32(header[applicationAt:])
	leaf, cells := header[treeAt] == 0x0d, binary.BigEndian.Uint16(header[treeAt+3:])
	if id == applicationID || (id == 0 && leaf && cells == 0) { // a database without tables belongs to no program yet
		return nil
	}
	return foreign(path)
}

func foreign(path string) error {
	return fmt.Errorf("%w: %s is not a store: it is an SQLite database of another program, and was not changed; set another path", ErrForeign, path)
}

// onlyZeros reports whether a file, from its beginning to the end of rest, has only zero bytes.
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

// belongs repeats the check of recognize in the open database, because the writes of another process may still be in the write-ahead log.
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

// tighten removes the permissions of other users from the file and from SQLite's files beside it, because log lines may be confidential.
func (c *core) tighten() {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(c.path + suffix)
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		if err := os.Chmod(c.path+suffix, info.Mode().Perm()&^0o077); err != nil {
			c.log.Warn("other users can open the store, and its mode cannot be changed: run chmod go-rwx", "path", c.path+suffix,
				"mode", info.Mode().Perm().String(), "error", err)
			continue
		}
		c.log.Warn("other users could open the store: restricted its mode to the owner", "path", c.path+suffix, "mode", info.Mode().Perm().String())
	}
}

// Usable returns nil if a first start could create or use the file of the settings, and otherwise the error of that start. It creates and changes
// nothing. Damage of the content and locks of other processes show only when the store is opened.
func Usable(s Settings) error {
	if s.Path == "" || isMemory(s.Path) {
		return nil // if the default file cannot be created, the store is in memory
	}
	path, err := canonical(s.Path)
	if err != nil {
		return wrap("open", err)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR):
		return wrap("open", creatable(path))
	case err != nil:
		return wrap("open", err)
	case !info.Mode().IsRegular():
		return wrap("open", makeFile(path)) // it exists, so makeFile only returns the error
	}
	if err := recognize(path); err != nil {
		return wrap("open", err)
	}
	return wrap("open", writable(path, unix.R_OK|unix.W_OK))
}

// creatable returns nil if a file can be created at a path, with its folder.
func creatable(path string) error {
	dir := filepath.Dir(path)
	if target, err := os.Readlink(path); err == nil { // the file is created where the link leads; its folder is not
		if dir = filepath.Dir(target); !filepath.IsAbs(target) {
			dir = filepath.Join(filepath.Dir(path), dir)
		}
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("%w: %w: %s", errCannotMake, err, makeHint)
		}
	}
	if err := enterable(dir); err != nil {
		if info, failed := os.Stat(dir); failed != nil || !info.IsDir() {
			err = fmt.Errorf("%w: %w", ErrFolder, err)
		}
		return fmt.Errorf("%w: %w: %s", errCannotMake, err, makeHint)
	}
	return nil
}

// enterable returns nil if files can be created in a folder, which is created if it does not exist.
func enterable(dir string) error {
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir):
		return enterable(filepath.Dir(dir))
	case err != nil:
		return err
	case !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: dir, Err: unix.ENOTDIR}
	}
	return writable(dir, unix.W_OK|unix.X_OK)
}

// writable asks the system, which also considers file systems that are mounted read-only.
func writable(path string, mode uint32) error {
	if err := unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS); err != nil {
		return &fs.PathError{Op: "access", Path: path, Err: err}
	}
	return nil
}

// canonical returns the real path of a file, so two spellings of a path share a store.
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
	// The file and perhaps some of its folders do not exist yet: resolve the part that exists.
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

// makeHint suggests a fix for a file that cannot be created.
const makeHint = "make the folder writable, or set store to another file or to memory"

// errCannotMake marks a file that does not exist and cannot be created.
var errCannotMake = errors.New("cannot be made")

// makeFile creates the file if it does not exist, readable only by its owner, because log lines may be confidential.
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
