package pluginhost

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// ErrNoCompiler reports that the C compiler, which builds host and plugin, is not on PATH: gcc, or the one that the variable CC names.
var ErrNoCompiler = errors.New("the C compiler (gcc, or the one that CC names) is not on PATH: the plugin and its host cannot be built")

func compiler() string { return cmp.Or(os.Getenv("CC"), "gcc") }

// PluginTags are the tags of every build of the plugin. Names are resolved by Go, so that the C library is asked for threads and little else.
const PluginTags = "netgo,osusergo"

// Root returns the folder of go.mod, from the working directory upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod in the working directory or above it")
		}
		dir = parent
	}
}

// BuildHost compiles the host into dir and returns its path.
func BuildHost(dir string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	sources, err := filepath.Glob(filepath.Join(root, "test", "host", "*.c"))
	if err != nil || len(sources) == 0 {
		return "", fmt.Errorf("no sources of the host in %s", root)
	}
	out := filepath.Join(dir, "plugin-host")
	return out, compile(append(sources, "-o", out, "-ldl", "-pthread"))
}

// BuildProbe compiles the plugin without Go that the host's own tests use.
func BuildProbe(dir string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	out := filepath.Join(dir, "probe.so")
	return out, compile([]string{"-shared", "-fPIC", filepath.Join(root, "test", "host", "testdata", "probe.c"), "-o", out})
}

// BuildPlugin compiles the plugin into dir as the Makefile does, with further build tags when there are any, and returns the path of the shared object.
// GOARCH and CC in the environment make it one for another architecture.
func BuildPlugin(dir string, tags string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	if _, err := exec.LookPath(compiler()); err != nil {
		return "", ErrNoCompiler
	}
	out := filepath.Join(dir, "out_trigger.so")
	header := filepath.Join(root, "plugin", "symver.h")
	content, err := os.ReadFile(header)
	if err != nil {
		return "", err
	}
	// Go's cache knows flags, but no file that they name; so its checksum is one of them.
	flags := fmt.Sprintf("CGO_CFLAGS=-O2 -g %s -include %s -DSYMVER=%d", os.Getenv("CGO_CFLAGS"), header, crc32.ChecksumIEEE(content))
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-tags", strings.TrimSuffix(PluginTags+","+tags, ","), "-o", out, "./plugin")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", flags)
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./plugin: %w\n%s", err, text)
	}
	return out, nil
}

func compile(arguments []string) error {
	if _, err := exec.LookPath(compiler()); err != nil {
		return ErrNoCompiler
	}
	arguments = append([]string{"-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror"}, arguments...)
	if text, err := exec.Command(compiler(), arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", compiler(), err, text)
	}
	return nil
}
