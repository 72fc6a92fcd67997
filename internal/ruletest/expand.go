package ruletest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/config/tomlfiles"
)

// Expand returns the files of tests that the entries name, each once: an entry is a file, a folder (its *.test.toml files, and those of the
// folders in it), or a glob. An entry that names none is an error.
func Expand(entries []string) ([]string, error) {
	var out []string
	var errs []error
	for _, entry := range entries {
		files, err := expandEntry(entry)
		if err == nil && len(files) == 0 {
			err = errors.New("no *.test.toml file is there")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", entry, err))
		}
		for _, f := range files {
			if f = filepath.Clean(f); !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out, errors.Join(errs...)
}

func expandEntry(entry string) ([]string, error) {
	info, err := os.Stat(entry)
	switch {
	case err == nil && info.IsDir():
		return inFolder(entry)
	case err == nil:
		return []string{entry}, nil
	case !strings.ContainsAny(entry, "*?["):
		var pe *fs.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, err
	}
	matches, err := filepath.Glob(entry)
	if err != nil {
		return nil, errors.New("not a glob: *, ? and [a-z] are known")
	}
	return slices.DeleteFunc(matches, func(m string) bool {
		info, err := os.Stat(m)
		return err != nil || info.IsDir() || !tomlfiles.IsTest(m)
	}), nil
}

// inFolder returns the files of tests in a folder and in those below it, hidden ones left out.
func inFolder(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path != dir && strings.HasPrefix(e.Name(), ".") && e.IsDir():
			return fs.SkipDir
		case !e.IsDir() && tomlfiles.IsTest(e.Name()) && !strings.HasPrefix(e.Name(), "."):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}
