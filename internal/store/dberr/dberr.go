// Package dberr sorts the errors of a store, those of SQLite and of the file system, into kinds with one remedy each.
package dberr

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// The kinds of errors. Every error of a method wraps at most one of them.
var (
	// ErrFull: the file has reached its bound, or the disk is full.
	ErrFull = errors.New("store is full")
	// ErrReadOnly: the file or its file system cannot be written.
	ErrReadOnly = errors.New("store is read-only")
	// ErrFolder: the folder of the file cannot be created or entered.
	ErrFolder = errors.New("store folder is not usable")
	// ErrCorrupt: the file is damaged and could not be put aside.
	ErrCorrupt = errors.New("store is corrupt")
	// ErrForeign: the file is not a store of this program. It is left as it is.
	ErrForeign = errors.New("not a store of this program")
	// ErrBusy: another process held the file for too long.
	ErrBusy = errors.New("store is busy")
	// ErrNewer: the file was written by a newer version of this program.
	ErrNewer = errors.New("store was written by a newer version")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("store is closed")
)

// KindOf returns the kind of err, or nil if it has none.
func KindOf(err error) error {
	for _, kind := range []error{ErrFull, ErrReadOnly, ErrForeign, ErrFolder, ErrCorrupt, ErrBusy, ErrNewer, ErrClosed} {
		if errors.Is(err, kind) {
			return kind
		}
	}
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		return kindOfCode(failure.Code())
	}
	switch {
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return ErrReadOnly
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ErrFull
	}
	return nil
}

func kindOfCode(code int) error {
	switch code {
	case sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS, sqlite3.SQLITE_IOERR_DATA:
		return ErrCorrupt
	case sqlite3.SQLITE_IOERR_SHMSIZE: // the index of the log cannot grow
		return ErrFull
	}
	switch code & 0xff {
	case sqlite3.SQLITE_FULL:
		return ErrFull
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
		return ErrReadOnly
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return ErrCorrupt
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrBusy
	}
	return nil
}

// Wrap adds the operation and the kind to an error.
func Wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	kind := KindOf(err)
	if kind == nil || errors.Is(err, kind) {
		return fmt.Errorf("store: %s: %w", op, err)
	}
	return fmt.Errorf("store: %s: %w: %w", op, kind, err)
}

// IsFault reports whether err means that the store failed. A caller that gave up and a closed store are no faults.
func IsFault(err error) bool {
	return err != nil && !errors.Is(err, ErrClosed) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// IsTemporary reports whether the operation that failed with err may succeed later: the store or its disk failed, and the data is good.
func IsTemporary(err error) bool {
	if err == nil {
		return false
	}
	switch KindOf(err) {
	case ErrFull, ErrReadOnly, ErrFolder, ErrForeign, ErrCorrupt, ErrBusy:
		return true
	case ErrNewer, ErrClosed:
		return false
	}
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		code := failure.Code() & 0xff
		return code == sqlite3.SQLITE_IOERR || code == sqlite3.SQLITE_NOMEM || code == sqlite3.SQLITE_INTERRUPT || code == sqlite3.SQLITE_PROTOCOL
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
