package examples

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
)

// root is the checkout, as seen from this folder.
const root = "../.."

// scratch is where the shared object is built.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "fluentbit-trigger-examples"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(scratch)
	os.Exit(code)
}

// buildPlugin builds the shared object once. FLUENTBIT_TRIGGER_PLUGIN names one that is there already.
var buildPlugin = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("FLUENTBIT_TRIGGER_PLUGIN"); path != "" {
		return filepath.Abs(path)
	}
	return pluginhost.BuildPlugin(scratch, "")
})

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
