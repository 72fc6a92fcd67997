package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

var licenseFile = regexp.MustCompile(`^(?i)(?:LICEN[CS]E|COPYING|NOTICE|PATENTS)(?:[-._].*)?$`)

// licenses returns the licenses and notices of modules and of Go, which their authors want beside programs built from them. A module without any is an error.
func licenses(modules []debug.Module) ([]byte, error) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	type folder struct{ name, path string }
	folders := []folder{{"Go", string(bytes.TrimSpace(root))}}
	arguments := []string{"mod", "download", "-json"}
	for _, module := range modules {
		arguments = append(arguments, module.Path+"@"+module.Version)
	}
	out, err := exec.Command("go", arguments...).Output()
	if err != nil {
		return nil, fmt.Errorf("go mod download: %w\n%s", err, out)
	}
	for decoder := json.NewDecoder(bytes.NewReader(out)); decoder.More(); {
		var module struct{ Path, Version, Dir string }
		if err := decoder.Decode(&module); err != nil {
			return nil, err
		}
		folders = append(folders, folder{module.Path + " " + module.Version, module.Dir})
	}
	slices.SortFunc(folders[1:], func(a, b folder) int { return strings.Compare(a.name, b.name) })
	var b bytes.Buffer
	b.WriteString("The programs of fluentbit-trigger contain these works. Its own license is Apache-2.0.\n")
	for _, folder := range folders {
		entries, err := os.ReadDir(folder.path)
		if err != nil {
			return nil, err
		}
		entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return !e.Type().IsRegular() || !licenseFile.MatchString(e.Name()) })
		if len(entries) == 0 {
			return nil, fmt.Errorf("%s has no license in %s", folder.name, folder.path)
		}
		for _, entry := range entries {
			text, err := os.ReadFile(filepath.Join(folder.path, entry.Name()))
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&b, "\n======== %s: %s ========\n\n%s\n", folder.name, entry.Name(), bytes.TrimSpace(text))
		}
	}
	return b.Bytes(), nil
}
