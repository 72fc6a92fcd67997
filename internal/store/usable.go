package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Usable returns nil where a first start could make or use the file that the settings name, and otherwise the error that it would end with. It makes
// and changes nothing: whether the content of a store is damaged, or another process holds it, shows only when it is opened.
func Usable(s Settings) error {
	if s.Path == "" || isMemory(s.Path) {
		return nil // where the default file cannot be made, memory is used
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
		return wrap("open", makeFile(path)) // makes nothing, since there is something
	}
	if err := recognize(path); err != nil {
		return wrap("open", err)
	}
	return wrap("open", writable(path, unix.R_OK|unix.W_OK))
}

// creatable returns nil where a file can be made at a path, and its folder with it.
func creatable(path string) error {
	dir := filepath.Dir(path)
	if target, err := os.Readlink(path); err == nil { // the file is made where the link leads, and no folder there
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

// enterable returns nil where files can be made in a folder, which is made if it is not there.
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

// writable asks the system, which also knows of file systems that are mounted read-only.
func writable(path string, mode uint32) error {
	if err := unix.Faccessat(unix.AT_FDCWD, path, mode, unix.AT_EACCESS); err != nil {
		return &fs.PathError{Op: "access", Path: path, Err: err}
	}
	return nil
}
