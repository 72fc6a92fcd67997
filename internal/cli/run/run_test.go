package run

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/client"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/internal/own"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

func TestStatusLine(t *testing.T) {
	var out bytes.Buffer
	s := newStatusLine(envFor(&out))
	s.show("1 line")
	_, _ = s.Write([]byte("log\n"))
	if out.String() != "log\n" {
		t.Errorf("off a terminal: %q", out.String())
	}
	out.Reset()
	s.live, s.width = true, func() int { return 80 }
	s.show("1 line")
	s.show("1 line")
	_, _ = s.Write([]byte("log\n"))
	s.clear()
	if want := command.EraseLine + "1 line" + command.EraseLine + "log\n1 line" + command.EraseLine; out.String() != want {
		t.Errorf("on a terminal: %q, want %q", out.String(), want)
	}
	out.Reset()
	s.width = func() int { return 8 }
	s.show("12 containers")
	if want := command.EraseLine + "12 c…"; out.String() != want {
		t.Errorf("on a narrow terminal: %q, want %q", out.String(), want)
	}
}

// TestFollow reloads and ends by signal, and goes on where it ended.
func TestFollow(t *testing.T) {
	daemon, server, dir, log := dockertest.Start(t), receiver.New(t), t.TempDir(), &await.Log{}
	path := filepath.Join(dir, "rules.toml")
	write := func(exclude string) {
		text := fmt.Sprintf("store = %q\nverbosity = \"debug\"\n[docker]\nexclude = [%q]\n[egress]\nallow = [\"127.0.0.1/32\"]\n[[trigger]]\nname = \"ops\"\nurl = %q\n"+
			"[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\ncooldown = \"0s\"\n", filepath.Join(dir, "store.db"), exclude, server.URL("/"))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("db")
	web, db := daemon.Run(dockertest.Container{Name: "web"}), daemon.Run(dockertest.Container{Name: "db"})
	api, err := client.New(daemon.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = api.Close() }()
	run := func() (caught *signals, ended chan error) {
		p, err := pipeline.New(pipeline.Options{
			ID: "docker", Sources: config.Sources{Files: []string{path}}, Stores: &store.Registry{}, LogTo: log, Origin: own.StandaloneOrigin,
		})
		if err != nil {
			t.Fatal(err)
		}
		p.Start()
		caught, ended = &signals{stop: make(chan os.Signal, 1), reload: make(chan os.Signal, 1)}, make(chan error, 1)
		go func() {
			err := follow(p, admin.NewRegistry(admin.Options{}), docker.Options{
				API: api, Settings: p.Settings().Docker, Sink: p.OnLines, Save: p.SavePositions, OnNotice: p.Report,
			}, caught, newStatusLine(envFor(t.Output())))
			if failed := p.Stop(t.Context()); err == nil {
				err = failed
			}
			ended <- err
		}()
		return caught, ended
	}
	heard := func(name string) bool {
		for _, a := range server.Alerts() {
			if strings.HasPrefix(a.Message, "boom") && a.Source.Container.Name == name {
				return true
			}
		}
		return false
	}
	speak := func(c *dockertest.Container) {
		n := 0
		await.That(t, patience, "there is an alert about "+c.Name, func() bool {
			n++
			c.Stdout(fmt.Sprint("boom ", n))
			return heard(c.Name)
		})
	}
	caught, ended := run()
	speak(web)
	if heard("db") {
		t.Error("an excluded container was followed")
	}
	write("nothing")
	caught.reload <- syscall.SIGHUP
	speak(db)
	daemon.Down()
	await.That(t, patience, "verbosity is that of the configuration", func() bool { return strings.Contains(log.String(), "event stream ended") }, log)
	daemon.Up()
	caught.stop <- syscall.SIGTERM
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	late := daemon.Run(dockertest.Container{Name: "late"})
	daemon.StepClock(time.Second)
	late.Stdout("boom while away")
	caught, ended = run()
	await.That(t, patience, "what was written while the program was away is read", func() bool { return heard("late") })
	caught.stop <- syscall.SIGTERM
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
