// Package dbfile takes care of the file of a store: it is made for its owner alone, a file of another program is never changed, and two spellings of a
// path are one file.
package dbfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

// The header of an SQLite file (https://www.sqlite.org/fileformat2.html#the_database_header).
const (
	magic         = "SQLite format 3\x00"
	headerSize    = 112 // of the database and of the b-tree on the first page
	applicationAt = 68
	treeAt        = 100
)

// ApplicationID marks a file as a store of this program, in SQLite's header: "FBTr".
const ApplicationID = 0x46425472

// Recognize returns dberr.ErrForeign for a file that is not a store of this program, so a wrong path never changes or moves a file: one that is not an
// SQLite file, or a database of another program. Empty databases and damaged stores pass (their damage shows when they are used): files with
// SQLite's magic, files that are cut within it, and files of only zeros, which a crash of the machine can leave.
func Recognize(path string) error {
	file, err := namedfile.Open(path)
	if err != nil {
		return fmt.Errorf("%w: %s %w", dberr.ErrForeign, path, err)
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
		return fmt.Errorf("%w: %s is not a store: it is not an SQLite file, and was not changed; set another path", dberr.ErrForeign, path)
	}
	if n < headerSize {
		return nil
	}
	id := binary.BigEndian.Uint32(header[applicationAt:])
	leaf, cells := header[treeAt] == 0x0d, binary.BigEndian.Uint16(header[treeAt+3:])
	if id == ApplicationID || (id == 0 && leaf && cells == 0) { // a database without tables belongs to no program yet
		return nil
	}
	return Foreign(path)
}

// Foreign returns the error for a database of another program.
func Foreign(path string) error {
	return fmt.Errorf("%w: %s is not a store: it is an SQLite database of another program, and was not changed; set another path", dberr.ErrForeign, path)
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

// Tighten removes the permissions of other users from the file and from SQLite's files beside it, because log lines may be confidential.
func Tighten(path string, log *slog.Logger) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil || info.Mode().Perm()&0o077 == 0 {
			continue
		}
		if err := os.Chmod(path+suffix, info.Mode().Perm()&^0o077); err != nil {
			log.Warn("other users can open the store, and its mode cannot be changed: run chmod go-rwx", "path", path+suffix,
				"mode", info.Mode().Perm().String(), "error", err)
			continue
		}
		log.Warn("other users could open the store: restricted its mode to the owner", "path", path+suffix, "mode", info.Mode().Perm().String())
	}
}

// Usable returns nil if a first start could create or use a file, and otherwise the error of that start. It creates and changes nothing. Damage of the
// content and locks of other processes show only when the store is opened.
func Usable(path string) error {
	path, err := Canonical(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR):
		return creatable(path)
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return Make(path) // it exists, so Make only returns the error
	}
	if err := Recognize(path); err != nil {
		return err
	}
	return writable(path, unix.R_OK|unix.W_OK)
}

// creatable returns nil if a file can be created at a path, with its folder.
func creatable(path string) error {
	dir := filepath.Dir(path)
	if target, err := os.Readlink(path); err == nil { // the file is created where the link leads; its folder is not
		if dir = filepath.Dir(target); !filepath.IsAbs(target) {
			dir = filepath.Join(filepath.Dir(path), dir)
		}
		if _, err := os.Stat(dir); err != nil {
			return fmt.Errorf("%w: %w: %s", ErrCannotMake, err, MakeHint)
		}
	}
	if err := enterable(dir); err != nil {
		if info, failed := os.Stat(dir); failed != nil || !info.IsDir() {
			err = fmt.Errorf("%w: %w", dberr.ErrFolder, err)
		}
		return fmt.Errorf("%w: %w: %s", ErrCannotMake, err, MakeHint)
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

// Canonical returns the real path of a file, so two spellings of a path share a store.
func Canonical(path string) (string, error) {
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

// MakeHint suggests a fix for a file that cannot be created.
const MakeHint = "make the folder writable, or set store to another file or to memory"

// ErrCannotMake marks a file that does not exist and cannot be created.
var ErrCannotMake = errors.New("cannot be made")

// Make creates the file if it does not exist, readable only by its owner, because log lines may be confidential.
func Make(path string) error {
	if info, err := os.Stat(path); err == nil {
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%w: %s is not a regular file", dberr.ErrForeign, path)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("%w: %w: %w", dberr.ErrFolder, ErrCannotMake, err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCannotMake, err)
	}
	return file.Close()
}
