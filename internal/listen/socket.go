package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// bind opens the address of the settings.
func bind(address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, socketScheme); ok {
		return bindSocket(path)
	}
	return net.Listen("tcp", address)
}

// bindSocket makes a unix socket that only this user may use. It is made in a folder of its own and moved to its place then, so that there is
// no moment in which others may. What a process that died left in the place is replaced; a socket that somebody serves, or may, is not.
func bindSocket(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%s is there, and is no socket", path)
		}
		c, err := net.Dial("unix", path)
		if err == nil {
			return nil, errors.Join(fmt.Errorf("%s is served by another process", path), c.Close())
		}
		if !isDead(err) {
			return nil, fmt.Errorf("whether another process serves %s cannot be told: %w", path, err)
		}
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".fbt")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // empty by then, or of no use
	made := filepath.Join(dir, "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, err
	}
	ln.SetUnlinkOnClose(false)
	err = os.Chmod(made, 0o600)
	var info os.FileInfo
	if err == nil {
		info, err = os.Lstat(made)
	}
	if err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return &socket{UnixListener: ln, path: path, made: info}, nil
}

// isDead reports whether an attempt to connect failed because nobody serves the socket, or it is not there any more. One that may not be connected to, or
// is too busy, is served.
func isDead(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// socket removes its file when it is closed, unless another took its place.
type socket struct {
	*net.UnixListener
	path string
	made os.FileInfo
	once sync.Once
}

func (s *socket) Close() error {
	s.once.Do(func() {
		if info, err := os.Lstat(s.path); err == nil && os.SameFile(info, s.made) {
			_ = os.Remove(s.path) // one that stays is replaced by the next start
		}
	})
	return s.UnixListener.Close()
}
