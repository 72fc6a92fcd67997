package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

type healthcheckCommand struct {
	Files  []string      `short:"c" name:"config" env:"FLUENTBIT_TRIGGER_CONFIG" placeholder:"FILE" help:"The configuration of run: where it listens, and where its store is."`
	URL    string        `env:"FLUENTBIT_TRIGGER_URL" placeholder:"URL" help:"Where it listens, in the place of what the configuration says."`
	CAFile string        `name:"ca-file" placeholder:"FILE" help:"Certificates that an https:// server is checked against."`
	ID     string        `default:"docker" help:"The --id of run."`
	MaxAge time.Duration `default:"45s" help:"How old the mark in the store may be, when nothing listens. Default: ${default}."`
	Quiet  bool          `short:"q" help:"Say nothing when all is well."`
}

// Help tells how it is found out.
func (healthcheckCommand) Help() string {
	return "Ends with 0 when docker-fluentbit run is at work, else with 1: for HEALTHCHECK in an image, or a probe. It asks /healthz where the configuration says that the " +
		"administration listens. With listen = \"off\" it looks for the mark that run leaves in its store every ten seconds.\n\n" +
		"Examples:\n  docker-fluentbit healthcheck\n  docker-fluentbit healthcheck -c /etc/fluentbit-trigger\n" +
		"  HEALTHCHECK CMD [\"/usr/local/bin/docker-fluentbit\", \"healthcheck\"]"
}

// healthWithin bounds a look.
const healthWithin = 5 * time.Second

// Run looks. Whatever is wrong ends with 1, as Docker wants it.
func (cmd *healthcheckCommand) Run(c *console) error {
	ctx, cancel := context.WithTimeout(context.Background(), healthWithin)
	defer cancel()
	how, err := cmd.look(ctx)
	if err != nil {
		return &codeError{exitFindings, "unhealthy: " + err.Error()}
	}
	if !cmd.Quiet {
		c.printf("healthy: %s\n", how)
	}
	return nil
}

func (cmd *healthcheckCommand) look(ctx context.Context) (how string, err error) {
	var s *config.Settings
	if len(cmd.Files) > 0 {
		result := config.Load(config.Sources{Files: cmd.Files})
		if result.Unusable() {
			return "", fmt.Errorf("the configuration cannot be read: %s", result.Problems[0].Error())
		}
		s = &result.Settings
	}
	url := cmd.URL
	if url == "" && s != nil {
		if s.Admin.Listen == "" {
			s.Admin.Listen = os.Getenv("FLUENTBIT_TRIGGER_LISTEN") // as run has it
		}
		if s.Admin.Listen == listen.Off {
			return lookAtMark(ctx, s, cmd.ID, time.Now(), cmd.MaxAge)
		}
		url = urlOf(s.Admin)
	}
	api, err := client.New(client.Options{URL: url, CAFile: cmd.CAFile, Agent: "docker-fluentbit/" + version, Timeout: healthWithin})
	if err != nil {
		return "", err
	}
	defer api.Close()
	if _, err := api.Do(ctx, client.Request{Path: "/healthz"}, nil); err != nil {
		return "", err
	}
	if url == "" {
		url = client.DefaultURL
	}
	return url + " answers", nil
}

// urlOf is how a listener on this machine is reached, "" for the default.
func urlOf(s listen.Settings) string {
	if s.Listen == "" || strings.HasPrefix(s.Listen, "unix:") {
		return s.Listen
	}
	scheme := "http://"
	if s.CertFile != "" {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(s.Listen)
	if ip, bad := netip.ParseAddr(host); err == nil && (host == "" || bad == nil && ip.IsUnspecified()) {
		return scheme + net.JoinHostPort("127.0.0.1", port)
	}
	return scheme + s.Listen
}

// markEvery is how often run leaves its mark, a time in its store.
const markEvery = 10 * time.Second

// lookAtMark reads the mark.
func lookAtMark(ctx context.Context, s *config.Settings, id string, now time.Time, maxAge time.Duration) (how string, err error) {
	path := s.Store.Path
	if path == store.MemoryPath {
		return "", errors.New(`neither listens the administration nor is there a file of the store: set [admin] listen, or store`)
	}
	if path == "" {
		path = store.DefaultPath(id)
	}
	var mark []byte
	err = withStore(ctx, path, func(opened *store.Store) error {
		states, err := opened.LoadStates(ctx, pipeline.AliveKey(id))
		mark = states[pipeline.AliveKey(id)]
		return err
	})
	if err != nil {
		return "", err
	}
	at, err := time.Parse(time.RFC3339, string(mark))
	if err != nil {
		return "", fmt.Errorf("no instance %q left its mark in %s", id, path)
	}
	if age := now.Sub(at); age > maxAge {
		return "", fmt.Errorf("instance %q left its last mark %s ago", id, age.Round(time.Second))
	}
	return fmt.Sprintf("instance %q was at work at %s", id, at.Local().Format(time.TimeOnly)), nil
}
