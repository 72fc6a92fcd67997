package replay

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// finder collects the files of all inputs, each file once.
type finder struct {
	files   []found
	seen    map[string]bool // by real path
	folders []string        // without any log file
	missed  []missed
}

// missed is an unreadable file or folder that was found in a folder or by a glob.
type missed struct {
	path string
	err  error
}

func (f *finder) miss(path string, err error) {
	f.missed = append(f.missed, missed{path, unwrapped(err)})
}

// found is a file to read.
type found struct {
	path  string
	named bool // the user named it, not a folder or a glob
}

// add adds the files of an input: a file, a folder or a glob.
func (f *finder) add(input string) error {
	// Before globs, so that a file whose name contains a bracket can be named.
	info, err := os.Stat(input)
	switch {
	case err == nil && info.IsDir():
		return f.addFolder(input)
	case err == nil:
		return f.addFile(input, true)
	case !errors.Is(err, fs.ErrNotExist) || !strings.ContainsAny(input, "*?["):
		return unwrapped(err)
	}
	matches, err := filepath.Glob(input)
	if err != nil {
		return fmt.Errorf("not a glob: %w", err)
	}
	if len(matches) == 0 {
		return errors.New("no file matches")
	}
	for _, path := range matches {
		info, err := os.Stat(path)
		switch {
		case err != nil:
		case info.IsDir():
			err = f.addFolder(path)
		default:
			err = f.addFile(path, false)
		}
		if err != nil {
			f.miss(path, err)
		}
	}
	return nil
}

// addFolder adds all files below a folder, except those that isLogName excludes.
func (f *finder) addFolder(root string) error {
	before := len(f.files)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return unwrapped(err)
		case err != nil: // a subfolder without read permission
			f.miss(path, err)
			return fs.SkipDir
		case d.IsDir() && path != root && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || !isLogName(path):
			return nil
		}
		// Links to files are followed, because Kubernetes names its logs by links; links to folders are not, because they could lead in a circle.
		if d.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(path)
			if err != nil {
				f.miss(path, err)
				return nil
			} else if !info.Mode().IsRegular() {
				return nil
			}
		} else if !d.Type().IsRegular() {
			return nil
		}
		if err := f.addFile(path, false); err != nil {
			f.miss(path, err)
		}
		return nil
	})
	if len(f.files) == before {
		f.folders = append(f.folders, root)
	}
	return err
}

func (f *finder) addFile(path string, named bool) error {
	// By the real path, because several links may lead to one file.
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return unwrapped(err)
	}
	if f.seen[real] {
		return nil
	}
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	f.seen[real] = true
	f.files = append(f.files, found{path, named})
	return nil
}

// reason returns why no log was found.
func (f *finder) reason() string {
	if len(f.missed) > 0 {
		return fmt.Sprintf("%s cannot be read: %v", f.missed[0].path, f.missed[0].err)
	}
	if len(f.folders) > 0 {
		return "no log files in " + strings.Join(f.folders, ", ")
	}
	return "no input can be read"
}

// unwrapped removes the path from an error, because the caller names the input.
func unwrapped(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// notLogs are the names of other files in the folders of container logs and system logs.
var notLogs = []string{"config.v2.json", "hostconfig.json", "hostname", "hosts", "resolv.conf", "resolv.conf.hash", "wtmp", "btmp", "lastlog", "faillog"}

func isLogName(path string) bool {
	name := filepath.Base(path)
	if strings.HasPrefix(name, ".") || slices.Contains(notLogs, name) {
		return false
	}
	switch filepath.Ext(name) {
	case ".db", ".sqlite", ".pos", ".tar", ".zip", ".journal", ".xz", ".bz2", ".toml", ".md":
		return false
	}
	return true
}

// rotation is the position of a file among the rotated files of one log, according to its name.
type rotation struct {
	log    string // the path without the suffixes of rotation and compression
	number int    // of the rotation, higher is older; 0: the newest file, or a dated one
	date   string // of the rotation, copied from the name
}

var (
	compressedName = regexp.MustCompile(`\.(gz|zst|zstd)$`)
	numberedName   = regexp.MustCompile(`\.(\d{1,4})$`)
	datedName      = regexp.MustCompile(`[._-](\d{8}(?:[-T_.]?\d{2,6})?|\d{4}-\d{2}-\d{2}(?:[-T_.]\d{2}(?:[-:.]?\d{2}){0,2})?)(\.log)?$`)
)

func rotationOf(path string) rotation {
	name := compressedName.ReplaceAllString(path, "")
	if m := numberedName.FindStringSubmatchIndex(name); m != nil {
		n, err := strconv.Atoi(name[m[2]:m[3]])
		if err == nil && m[0] > 0 && name[m[0]-1] != '/' {
			return rotation{log: name[:m[0]], number: n + 1}
		}
	}
	if m := datedName.FindStringSubmatch(name); m != nil {
		if base := strings.TrimSuffix(name, m[0]); base != "" && !strings.HasSuffix(base, "/") {
			return rotation{log: base + m[2], date: m[1]}
		}
	}
	return rotation{log: name}
}

// before compares two files of one log for sorting, the oldest first: dated files, then numbers in descending order, then the newest file.
func (r rotation) before(o rotation) int {
	switch {
	case r.date != "" && o.date != "":
		return strings.Compare(r.date, o.date)
	case r.date != "":
		return -1
	case o.date != "":
		return 1
	}
	return o.number - r.number
}
