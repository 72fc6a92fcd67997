package artifacts

import (
	"debug/elf"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

// oldestGlibc is the C library of Enterprise Linux 7, the oldest system that Fluent Bit is packaged for, and the first one of arm64.
const oldestGlibc = "2.17"

// TestPluginLoadsWithAnOldCLibrary builds the plugin as everything else does and reads what a loader would look for.
func TestPluginLoadsWithAnOldCLibrary(t *testing.T) {
	if testing.Short() {
		t.Skip("the plugin is not built with -short")
	}
	path, err := pluginhost.BuildPlugin(t.TempDir(), "")
	if errors.Is(err, pluginhost.ErrNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	loadsWithAnOldCLibrary(t, path)
}

// TestMakefileBuildsThePluginAsTheTestsDo compares flags: a test of another shared object than the one that ships would show nothing.
func TestMakefileBuildsThePluginAsTheTestsDo(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not on PATH")
	}
	root, err := pluginhost.Root()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("make", "-n", "-C", root, "bin/out_trigger.so", "VERSION=test")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("make -n bin/out_trigger.so: %v\n%s", err, out)
	}
	for _, want := range []string{
		"-buildmode=c-shared -trimpath -buildvcs=false -tags " + pluginhost.PluginTags + " ",
		"-include " + filepath.Join(root, "plugin", "symver.h") + " ",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("make builds the plugin without %q:\n%s", want, out)
		}
	}
}

func loadsWithAnOldCLibrary(t *testing.T, path string) {
	t.Helper()
	object, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer object.Close()
	libraries, err := object.DynamicVersionNeeds()
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, library := range libraries {
		for _, need := range library.Needs {
			version, ok := strings.CutPrefix(need.Dep, "GLIBC_")
			if !ok {
				t.Errorf("%s asks %s for %s, which is not of the C library", path, library.Name, need.Dep)
				continue
			}
			asked++
			if newer(t, version, oldestGlibc) {
				t.Errorf("%s asks %s for %s, newer than GLIBC_%s, because of %s: pin these in plugin/symver.h",
					path, library.Name, need.Dep, oldestGlibc, importers(t, object, need.Dep))
			}
		}
	}
	imported, err := object.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	if asked == 0 && slices.Contains(imported, "libc.so.6") { // musl has another name, and no versions
		t.Errorf("%s asks for no version of the C library: nothing was tested", path)
	}
}

func importers(t *testing.T, object *elf.File, version string) string {
	t.Helper()
	symbols, err := object.ImportedSymbols()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, symbol := range symbols {
		if symbol.Version == version {
			names = append(names, symbol.Name)
		}
	}
	return strings.Join(names, ", ")
}

// newer compares versions such as 2.3.2, part by part.
func newer(t *testing.T, version, than string) bool {
	t.Helper()
	a, b := parts(t, version), parts(t, than)
	for i := range a {
		if a[i] != b[i] {
			return a[i] > b[i]
		}
	}
	return false
}

func parts(t *testing.T, version string) (n [3]int) {
	t.Helper()
	if read, _ := fmt.Sscanf(version, "%d.%d.%d", &n[0], &n[1], &n[2]); read < 2 {
		t.Fatalf("version %q of the C library has another form than 2.17", version)
	}
	return n
}

func TestVersionsAreComparedAsNumbers(t *testing.T) {
	for _, c := range []struct {
		version, than string
		want          bool
	}{{"2.34", "2.17", true}, {"2.17", "2.17", false}, {"2.2.5", "2.17", false}, {"2.17.1", "2.17", true}, {"2.3.2", "2.3", true}} {
		if got := newer(t, c.version, c.than); got != c.want {
			t.Errorf("newer(%s, %s) = %v", c.version, c.than, got)
		}
	}
}
