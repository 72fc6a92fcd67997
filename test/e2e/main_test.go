package e2e

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/slow"
)

// soakTime is how long the drill that kills the host goes on: 10 s, or what FLUENTBIT_TRIGGER_SOAK says, such as 10m.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("FLUENTBIT_TRIGGER_SOAK")
	if text == "" {
		return 10 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("FLUENTBIT_TRIGGER_SOAK: %v", err)
	}
	return d
}

// once builds something at its first use, for all tests.
type once struct {
	sync.Once
	path string
	err  error
}

func (o *once) get(t *testing.T, build func(dir string) (string, error)) string {
	t.Helper()
	o.Do(func() {
		var dir string
		if dir, o.err = os.MkdirTemp(scratch, "build"); o.err == nil {
			o.path, o.err = build(dir)
		}
	})
	if errors.Is(o.err, pluginhost.ErrNoCompiler) {
		t.Skip(o.err)
	}
	if o.err != nil {
		t.Fatal(o.err)
	}
	return o.path
}

// What the test run builds. The plugin with faults is another shared object, made with the build tag faultinject.
var (
	scratch                      string
	hostOnce, soOnce, faultyOnce once
)

func TestMain(m *testing.M) {
	if slow.Skipped() {
		return
	}
	var err error
	if scratch, err = os.MkdirTemp("", "fluentbit-trigger-e2e"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// The binaries are built by the tests, or, where there is neither Go nor gcc, as in Fluent Bit's images, taken from where these variables
// of the environment say. TestDemo runs go itself and skips there.
const (
	hostVariable   = "FLUENTBIT_TRIGGER_HOST"
	pluginVariable = "FLUENTBIT_TRIGGER_PLUGIN"
	faultyVariable = "FLUENTBIT_TRIGGER_FAULTY_PLUGIN"
)

func hostBinary(t *testing.T) string {
	t.Helper()
	return hostOnce.get(t, given(hostVariable, pluginhost.BuildHost))
}

func plugin(t *testing.T) string {
	t.Helper()
	return soOnce.get(t, given(pluginVariable, func(dir string) (string, error) { return pluginhost.BuildPlugin(dir, "") }))
}

func faultyPlugin(t *testing.T) string {
	t.Helper()
	return faultyOnce.get(t, given(faultyVariable, func(dir string) (string, error) { return pluginhost.BuildPlugin(dir, "faultinject") }))
}

// given returns what the variable names in place of building it.
func given(variable string, build func(dir string) (string, error)) func(dir string) (string, error) {
	if path := os.Getenv(variable); path != "" {
		return func(string) (string, error) { return path, nil }
	}
	return build
}

// fluentBitBinary skips the test when there is no Fluent Bit.
func fluentBitBinary(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("fluent-bit")
	if err != nil {
		t.Skip("fluent-bit is not on PATH: the scenario ran in the plugin host only")
	}
	return path
}
