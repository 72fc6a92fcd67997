// Package namedfile reads the files that a configuration names: its own documents, secrets, tokens, certificates.
//
// It promises that reading a file ends: a user who can name or replace such a file can neither block a start or reload nor fill the memory. Named
// pipes, sockets, devices, folders and the virtual files of the kernel (/proc, /sys) are refused, even through links; opening never blocks; the
// size is bounded. ReadAll bounds other streams. ReadOwn and WriteOwn keep secrets of the program itself, which no other user may read.
package namedfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Read returns the content of a regular file of at most limit bytes. Its errors do not name the file: the caller does.
func Read(path string, limit int64) ([]byte, error) {
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading only
	text, err := ReadAll(f, limit)
	if err != nil {
		return nil, reason(err)
	}
	return text, nil
}

// ErrTooLong is the error of a file or stream that is longer than the limit of the call.
var ErrTooLong = errors.New("is longer than")

// ReadAll reads a stream to its end. If it is longer than limit bytes, ReadAll returns ErrTooLong instead of a part of it.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%w %d bytes", ErrTooLong, limit)
	}
	return text, nil
}

// Open opens a regular file for reading. It checks the open file, so replacing the file in between has no effect.
func Open(path string) (*os.File, error) {
	// This check comes before the open, because opening a device can have effects (a tape rewinds, a watchdog starts).
	info, err := os.Stat(path)
	if err != nil {
		return nil, reason(err)
	}
	if err := regular(info); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0) // a pipe may have replaced it
	if err != nil {
		return nil, reason(err)
	}
	info, err = f.Stat()
	if err == nil {
		err = regular(info)
	}
	if err == nil {
		err = onDisk(f)
	}
	if err != nil {
		_ = f.Close() // nothing was written
		return nil, reason(err)
	}
	return f, nil
}

// regular returns an error that names the kind of a file that is not regular.
func regular(info fs.FileInfo) error {
	kind := ""
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		kind = "a folder"
	case mode&fs.ModeNamedPipe != 0:
		kind = "a named pipe"
	case mode&fs.ModeSocket != 0:
		kind = "a socket"
	case mode&fs.ModeDevice != 0:
		kind = "a device"
	default:
		kind = "something else"
	}
	return errors.New("is not a regular file but " + kind)
}

// reason removes the path from an error of the file system.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("cannot be read: %w", pe.Err)
	}
	return err
}

// OthersMayRead reports whether every user of the machine can read a file: the modes of the file and of all folders above it allow it. It returns
// false for files in /run/secrets and /var/run/secrets: Docker, Podman and Kubernetes choose their mode, and only the container sees them.
func OthersMayRead(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return false
	}
	for _, folder := range []string{"/run/secrets/", "/var/run/secrets/"} {
		if strings.HasPrefix(real, folder) {
			return false
		}
	}
	info, err := os.Stat(real)
	if err != nil || info.Mode().Perm()&0o004 == 0 {
		return false
	}
	for dir := filepath.Dir(real); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}
