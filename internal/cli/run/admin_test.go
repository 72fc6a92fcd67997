package run

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	dockerclient "github.com/tinyforge/fluentbit-trigger/internal/docker/client"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/logging"
	"github.com/tinyforge/fluentbit-trigger/internal/own"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// follower runs the standalone program's loop on an engine that is played, until the test ends.
func follower(t *testing.T, settings string, o admin.Options) *pipeline.Pipeline {
	t.Helper()
	daemon, dir := dockertest.Start(t), t.TempDir()
	path := filepath.Join(dir, "rules.toml")
	text := fmt.Sprintf("store = %q\n%s\n[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n", filepath.Join(dir, "store.db"), settings)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	daemon.Run(dockertest.Container{Name: "web"})
	api, err := dockerclient.New(daemon.Host())
	if err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(pipeline.Options{
		ID: "docker", Sources: config.Sources{Files: []string{path}}, Stores: &store.Registry{}, LogTo: t.Output(), Origin: own.StandaloneOrigin,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	caught, ended := &signals{stop: make(chan os.Signal, 1)}, make(chan error, 1)
	go func() {
		ended <- follow(p, admin.NewRegistry(o), docker.Options{
			API: api, Settings: p.Settings().Docker, Sink: p.OnLines, Save: p.SavePositions, OnNotice: p.Report,
			Log: slog.New(logging.New(logging.Options{Writer: t.Output(), Origin: own.StandaloneOrigin})),
		}, caught, newStatusLine(envFor(t.Output())))
	}()
	t.Cleanup(func() {
		caught.stop <- syscall.SIGTERM
		if err := <-ended; err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
		_ = api.Close()
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

// TestStandaloneIsAdministered asks over a unix socket how many containers are followed.
func TestStandaloneIsAdministered(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "admin.sock")
	follower(t, fmt.Sprintf("[admin]\nlisten = \"unix://%s\"", socket), admin.Options{Program: "docker-fluentbit", Version: "1"})
	c := clientOf(t, "unix://"+socket)
	defer c.Close()
	await.That(t, patience, "the container is reported", func() bool {
		var stats adminapi.StatsResponse
		_, err := c.Do(t.Context(), client.Request{Path: command.StatsPath}, &stats)
		followed := int64(0)
		for _, n := range stats.Tails {
			followed += n
		}
		return err == nil && followed == 1 && stats.Checklist[0].Name == "containers" && stats.Checklist[0].Done
	})
	var list adminapi.InstancesResponse
	if _, err := c.Do(t.Context(), client.Request{Path: "/api/v1/instances"}, &list); err != nil || list.Find("docker").Kind != "standalone" {
		t.Errorf("%v, %v", list, err)
	}
}

// TestATakenDefaultAddressStopsNothing has another program at the default address.
func TestATakenDefaultAddressStopsNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	p := follower(t, "", admin.Options{Program: "docker-fluentbit", Default: taken.Addr().String()})
	await.That(t, patience, "it runs", func() bool { return p.Ready() == nil && len(p.Settings().Rules) == 1 })
}

// patience bounds every wait of these tests.
const patience = 30 * time.Second

// envFor returns an environment whose Err is a writer, with the variables of this process.
func envFor(errOut io.Writer) *command.Env {
	return &command.Env{Err: errOut, Getenv: os.Getenv, Setenv: os.Setenv, Now: time.Now, Version: "test"}
}
