package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// opensFiles lists the files of the product that may open or read a file in another way than by internal/namedfile, each with its reason.
var opensFiles = map[string]string{
	"internal/namedfile/namedfile.go":  "it is the way",
	"internal/cli/command/argument.go": "what somebody names on the command line may be a stream",
	"internal/cli/run/signals.go":      "/dev/tty, which no configuration names",
	"internal/docker/identity.go":      "/proc/self/mountinfo, which no configuration names",
	"internal/store/open.go":           "checks the database, whose file was found to be regular",
	"internal/store/dbfile/dbfile.go":  "creates the database",
}

// product lists the packages of the product whose name is like that of a helper of tests.
var product = map[string]bool{"internal/cli/backtest": true, "internal/cli/test": true, "internal/backtest": true, "internal/ruletest": true}

// TestFilesThatAConfigurationNamesAreReadInOneWay finds code that opens files by itself: a named pipe, a device or a file without end would
// hang the host or fill its memory.
func TestFilesThatAConfigurationNamesAreReadInOneWay(t *testing.T) {
	used := map[string]bool{}
	for _, root := range []string{"docker-fluentbit", "engine", "internal", "plugin", "trigger"} {
		err := filepath.WalkDir(filepath.Join("../..", root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			name, err := filepath.Rel("../..", path)
			if err != nil || strings.Contains(name, "/testdata/") || strings.HasSuffix(filepath.Dir(name), "test") && !product[filepath.Dir(name)] || strings.Contains(name, "/gendoc/") || strings.HasPrefix(name, "docker-fluentbit/packages/") {
				return err // generators and helpers of tests run on files of this repository
			}
			for _, call := range opens(t, path) {
				if opensFiles[name] == "" {
					t.Errorf("%s calls %s: read files that a configuration names by internal/namedfile, or give the reason here", name, call)
				}
				used[name] = true
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range opensFiles {
		if !used[name] {
			t.Errorf("%s opens no file any more: take it off the list", name)
		}
	}
}

// opens returns the calls in a file that open or read a file by its name.
func opens(t *testing.T, path string) (calls []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	forbidden := map[string][]string{
		"os": {"Open", "OpenFile", "ReadFile", "OpenRoot", "DirFS"}, "io/ioutil": {"ReadFile"}, "crypto/tls": {"LoadX509KeyPair"},
		"syscall": {"Open"}, "golang.org/x/sys/unix": {"Open", "Openat", "Openat2"},
	}
	names := map[string][]string{} // of packages in this file
	for _, imp := range file.Imports {
		p, err := strconv.Unquote(imp.Path.Value)
		if err != nil || forbidden[p] == nil {
			continue
		}
		name := filepath.Base(p)
		if imp.Name != nil {
			name = imp.Name.Name
		}
		names[name] = forbidden[p]
	}
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := selector.X.(*ast.Ident); ok {
			for _, f := range names[pkg.Name] {
				if f == selector.Sel.Name {
					calls = append(calls, pkg.Name+"."+f)
				}
			}
		}
		return true
	})
	return calls
}
