package run

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/own"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// TestMarkOfAnInstance is fresh, then old; another instance has none.
func TestMarkOfAnInstance(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.toml")
	text := "store = \"" + filepath.Join(dir, "store.db") + "\"\n[admin]\nlisten = \"off\"\n[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(pipeline.Options{
		ID: "docker", Sources: config.Sources{Files: []string{path}}, Stores: &store.Registry{}, LogTo: t.Output(), Origin: own.StandaloneOrigin,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	defer func() { _ = p.Stop(t.Context()) }() // nothing waits
	settings := config.Load(config.Sources{Files: []string{path}}).Settings
	look := func(id string, at time.Time) error {
		_, err := lookAtMark(t.Context(), &settings, id, at, time.Minute)
		return err
	}
	if err := look("docker", time.Now()); err == nil {
		t.Error("healthy before the mark")
	}
	if err := p.MarkAlive(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := look("docker", time.Now()); err != nil {
		t.Error(err)
	}
	if err := look("docker", time.Now().Add(time.Hour)); err == nil {
		t.Error("healthy by an old mark")
	}
	if err := look("other", time.Now()); err == nil {
		t.Error("healthy by the mark of another")
	}
}
