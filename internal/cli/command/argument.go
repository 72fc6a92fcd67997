package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// Bounds of files, in bytes.
const (
	maxTokenFile    = 64 << 10
	maxSettingsFile = 16 << 20
	maxDockerFile   = 4 << 20
)

// readArgument reads at most limit bytes of a file that is named on the command line. Unlike a file that a configuration names it may be a stream, such
// as <(pass show token): the user can end it.
func readArgument(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading only
	text, err := namedfile.ReadAll(f, limit)
	if errors.Is(err, namedfile.ErrTooLong) { // other errors name the file
		err = fmt.Errorf("%s %w", path, err)
	}
	return text, err
}

// WriteFile writes a file as a whole.
func WriteFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// CreateFile writes a new file that only its mode lets others read. A file that is there is replaced as a whole if replace is set, and is an error otherwise;
// a link is replaced, too, and never followed.
func CreateFile(path string, mode os.FileMode, replace bool, text []byte) (err error) {
	name := path
	if replace {
		name = path + ".new"
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil && replace {
		err = os.Rename(name, path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
