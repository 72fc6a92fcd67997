package command

import (
	"errors"
	"fmt"
	"io"
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
