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

// bind listens on the address of the settings.
func bind(address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, socketScheme); ok {
		return bindSocket(path)
	}
	return net.Listen("tcp", address)
}

// bindSocket listens on a unix socket that only this user may use. The socket is created in a private directory and then moved into place, so that others
// can never connect to it. The socket of a dead process is replaced; one that another process serves, or may serve, is not.
func bindSocket(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%s exists and is not a socket", path)
		}
		c, err := net.Dial("unix", path)
		if err == nil {
			return nil, errors.Join(fmt.Errorf("%s is in use by another process", path), c.Close())
		}
		if !isDead(err) {
			return nil, fmt.Errorf("cannot determine whether %s is in use: %w", path, err)
		}
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".fbt")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // it is empty, or its socket was not moved
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

// isDead reports whether connecting failed because no process serves the socket, or the socket is gone. Other errors, such as a denied permission or a full
// queue, mean that it may be served.
func isDead(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, fs.ErrNotExist)
}

// socket removes its file when it is closed, unless the file was replaced.
type socket struct {
	*net.UnixListener
	path string
	made os.FileInfo
	once sync.Once
}

func (s *socket) Close() error {
	s.once.Do(func() {
		if info, err := os.Lstat(s.path); err == nil && os.SameFile(info, s.made) {
			_ = os.Remove(s.path) // the next start replaces a file that remains
		}
	})
	return s.UnixListener.Close()
}
