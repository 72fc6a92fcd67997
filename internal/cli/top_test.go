package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/own"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// TestTopRefreshesInPlace draws a running instance on a terminal: as it changes, and when the terminal became smaller. Ctrl-C gives the terminal back
// as it was.
func TestTopRefreshesInPlace(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	p := served(t, "unix://"+socket)
	feed := func(lines ...string) { p.Flush(chunktest.Docker(chunktest.Lines(lines...)...), "docker.web") }
	feed("boom 1", "quiet")
	clientOf(t, "unix://"+socket).Close()
	x := onTerminal(t, 20, 80, "top", "--url", "unix://"+socket, "--interval", "200ms")
	x.until("rules and workloads are shown on the terminal's other page", func(s *screen) bool {
		return s.alternate && s.hidden && hasLine(s, "RULE") && hasLine(s, "boom", "1") && hasLine(s, "WORKLOAD") && hasLine(s, "shop/api", "2")
	})
	feed("boom 2", "boom 3", "quiet")
	x.until("it refreshes in place, with rates", func(s *screen) bool {
		return hasLine(s, "RULE", "HITS", "HITS/S") && hasLine(s, "boom", "3") && hasLine(s, "shop/api", "5") && strings.Count(s.text(), "RULE") == 1
	})
	x.resize(8, 30)
	x.until("it fits a smaller terminal", func(s *screen) bool {
		return s.drawn > 2 && hasLine(s, "RULE") && hasLine(s, "boom", "3") && hasLine(s, "shop/api", "5") && strings.Contains(s.text(), "…")
	})
	if _, err := x.master.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-x.ended:
		if err != nil {
			t.Errorf("it ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("Ctrl-C does not end it")
	}
	if s := x.look(); s.alternate || s.hidden {
		t.Error("the terminal is not as it was")
	}
}

// hasLine reports whether some line begins with the words.
func hasLine(s *screen, words ...string) bool {
	for line := range strings.Lines(s.text()) {
		fields := strings.Fields(line)
		if len(fields) >= len(words) && strings.Join(fields[:len(words)], " ") == strings.Join(words, " ") {
			return true
		}
	}
	return false
}

// served runs a pipeline with a rule, whose API listens at an address.
func served(t *testing.T, listen string) *pipeline.Pipeline {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "rules.toml")
	text := fmt.Sprintf("store = %q\n[admin]\nlisten = %q\n[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n", filepath.Join(dir, "store.db"), listen)
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
	listeners, instance := admin.NewRegistry(admin.Options{Program: "docker-fluentbit", Version: "1"}), &admin.Instance{Pipeline: p}
	if err := listeners.Attach(instance); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		listeners.Detach(instance)
		listeners.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}

// clientOf waits until an instance that made its token listens at a URL.
func clientOf(t *testing.T, url string) *client.Client {
	t.Helper()
	var token string
	await.That(t, patience, "the instance listens", func() bool { token = listen.Find(url); return token != "" })
	c, err := client.New(client.Options{URL: url, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
