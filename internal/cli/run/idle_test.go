package run

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/client"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
	"github.com/tinyforge/fluentbit-trigger/internal/own"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

// TestNoContainerMatches warns, in the log and in the list of warnings, for as long as none does.
func TestNoContainerMatches(t *testing.T) {
	for name, c := range map[string]struct{ settings, want string }{
		"misspelt":     {`containers = ["webb"]`, `[docker] containers = ["webb"] matches none, did you mean "web"? (there are db, web)`},
		"nothing near": {`containers = ["payments-*"]`, `[docker] containers = ["payments-*"] matches none (there are db, web)`},
		"excluded":     {`exclude = ["*"]`, `labels or [docker] exclude leave out all of them (there are db, web)`},
	} {
		t.Run(name, func(t *testing.T) {
			daemon, dir, log := dockertest.Start(t), t.TempDir(), &await.Log{}
			path := filepath.Join(dir, "rules.toml")
			text := fmt.Sprintf("store = %q\n[admin]\nlisten = \"off\"\n[docker]\n%s\n[[trigger]]\nname = \"ops\"\nurl = \"https://hooks.example/x\"\n[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n",
				filepath.Join(dir, "store.db"), c.settings)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			daemon.Run(dockertest.Container{Name: "web"})
			daemon.Run(dockertest.Container{Name: "db"})
			api, err := client.New(daemon.Host())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = api.Close() }()
			p, err := pipeline.New(pipeline.Options{
				ID: "docker", Sources: config.Sources{Files: []string{path}}, Stores: &store.Registry{}, LogTo: log, Origin: own.StandaloneOrigin,
			})
			if err != nil {
				t.Fatal(err)
			}
			p.Start()
			caught, ended := &signals{stop: make(chan os.Signal, 1)}, make(chan error, 1)
			go func() {
				ended <- follow(p, admin.NewRegistry(admin.Options{}), docker.Options{
					API: api, Settings: p.Settings().Docker, Sink: p.OnLines, Save: p.SavePositions, OnNotice: p.Report,
				}, caught, newStatusLine(envFor(t.Output())))
			}()
			warned := func() string {
				for _, w := range p.Warnings() {
					if w.Code == pipeline.WarningNoContainer {
						return w.Message
					}
				}
				return ""
			}
			await.That(t, patience, "there is a warning", func() bool { return warned() != "" }, log)
			if got := warned(); !strings.HasSuffix(got, c.want) {
				t.Errorf("%s\nwant …%s", got, c.want)
			}
			await.That(t, patience, "it is logged", func() bool { return strings.Contains(log.String(), "warning=no-container") }, log)
			daemon.Run(dockertest.Container{Name: "webb"})
			daemon.Run(dockertest.Container{Name: "payments-1"})
			if name != "excluded" {
				await.That(t, patience, "it is over when one matches", func() bool { return warned() == "" }, log)
			}
			caught.stop <- os.Interrupt
			if err := <-ended; err != nil {
				t.Error(err)
			}
			if err := p.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
