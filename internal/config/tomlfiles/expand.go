// Package tomlfiles finds the files of a configuration and notices when they change. It looks at their content, never at notifications.
package tomlfiles

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Failure is an entry that names no file, with the reason. The error does not repeat the entry.
type Failure struct {
	Entry string
	Err   error
}

// Expand returns the files that entries name, each once: files, folders (their *.toml files, sorted; hidden ones and *.test.toml left out) and globs,
// several of them in one entry separated by commas.
func Expand(entries []string) (files []string, failures []Failure) {
	seen := map[string]bool{}
	for _, entry := range splitEntries(entries) {
		found, err := expandEntry(entry)
		if err != nil {
			failures = append(failures, Failure{entry, err})
		}
		for _, f := range found {
			if f = filepath.Clean(f); !seen[f] {
				seen[f] = true
				files = append(files, f)
			}
		}
	}
	return files, failures
}

func splitEntries(entries []string) []string {
	var out []string
	for _, entry := range entries {
		for _, e := range strings.Split(entry, ",") {
			if e = strings.TrimSpace(e); e != "" {
				out = append(out, e)
			}
		}
	}
	return out
}

func expandEntry(entry string) ([]string, error) {
	// Before globs, so that a file whose name contains a bracket can be named.
	info, err := os.Stat(entry)
	switch {
	case err == nil && info.IsDir():
		return folder(entry)
	case err == nil:
		return []string{entry}, nil
	case !strings.ContainsAny(entry, "*?["):
		return nil, reason(err)
	}
	matches, err := filepath.Glob(entry)
	if err != nil {
		return nil, errors.New("not a glob: *, ? and [a-z] are known")
	}
	var files []string
	for _, m := range matches {
		if info, err := os.Stat(m); err == nil && !info.IsDir() && !IsTest(m) {
			files = append(files, m)
		}
	}
	if len(files) == 0 {
		return nil, errors.New("no file matches")
	}
	return files, nil
}

// IsTest reports whether a file's name says that it tests rules. Such files lie beside the rules, and are no part of the configuration: folders
// and globs leave them out.
func IsTest(name string) bool { return strings.HasSuffix(name, ".test.toml") }

// folder returns the TOML files of a folder. Links are followed, because a Kubernetes ConfigMap is mounted as links.
func folder(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir) // sorted by name
	if err != nil {
		return nil, reason(err)
	}
	var files []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") || filepath.Ext(e.Name()) != ".toml" || IsTest(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			continue
		}
		files = append(files, path)
	}
	if len(files) == 0 {
		return nil, errors.New("the folder holds no *.toml file")
	}
	return files, nil
}

// reason drops the path from an error of the file system: the failure names it already.
func reason(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("cannot be read: %w", pe.Err)
	}
	return err
}
