package run

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/client"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/internal/own"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestTheHeartbeatAsksTheEngine has an engine that does not answer at the start, and then does.
func TestTheHeartbeatAsksTheEngine(t *testing.T) {
	daemon, server, dir, log := dockertest.Start(t), receiver.New(t), t.TempDir(), &await.Log{}
	path := filepath.Join(dir, "rules.toml")
	write := func(every string) {
		text := fmt.Sprintf("store = %q\n[egress]\nallow = [\"127.0.0.1/32\"]\n[[trigger]]\nname = \"ops\"\nurl = %q\n[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n"+
			"[heartbeat]\nurl = %q\nevery = %q\n", filepath.Join(dir, "store.db"), server.URL("/"), server.URL("/ping"), every)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("1h")
	api, err := client.New(daemon.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = api.Close() }()
	daemon.Down()
	p, err := pipeline.New(pipeline.Options{
		ID: "docker", Sources: config.Sources{Files: []string{path}}, Stores: &store.Registry{}, LogTo: log, Origin: own.StandaloneOrigin,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.WatchSource(api.Ping)
	p.Start()
	defer func() {
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	await.That(t, patience, "the first heartbeat is withheld", func() bool { return p.Heartbeat().Withheld == 1 }, log)
	if s := p.Heartbeat(); !strings.Contains(s.Reason, "the container engine does not answer") || server.Len() != 0 {
		t.Errorf("status %+v, %d requests", s, server.Len())
	}
	daemon.Up()
	write("2h") // a reload sends at once
	p.Reload()
	await.That(t, patience, "a heartbeat is sent", func() bool { return p.Heartbeat().Sent == 1 && p.Heartbeat().Reason == "" }, log)
}
