package namedfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrNotOwn is that another user can read or write a file.
var ErrNotOwn = errors.New("must be a regular file with mode 0600 that belongs to this user")

// ReadOwn returns the content of a secret that the program keeps for itself, of at most limit bytes. It refuses a file that another user can read or write,
// with ErrNotOwn.
func ReadOwn(path string, limit int64) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || !ok || int(owner.Uid) != os.Geteuid() && os.Geteuid() != 0 {
		return "", fmt.Errorf("%s %w", path, ErrNotOwn)
	}
	text, err := Read(path, limit)
	return string(text), err
}

// WriteOwn writes such a file, with mode 0600. A reader sees the former text or the new one.
func WriteOwn(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".own") // 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // best effort: the first error is more important
	}
	return err
}
