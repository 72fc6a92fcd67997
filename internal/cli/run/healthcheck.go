package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

type healthcheckCommand struct {
	Files  []string
	URL    string
	CAFile string
	ID     string
	MaxAge time.Duration
	Quiet  bool
}

// NewHealthcheck returns the command healthcheck.
func NewHealthcheck(env *command.Env) *cobra.Command {
	cmd := &healthcheckCommand{ID: "docker", MaxAge: 45 * time.Second}
	c := &cobra.Command{
		Use: "healthcheck", Short: "Exit with 0 if run works, for HEALTHCHECK.", Args: command.Arguments(),
		Long: "Exit with 0 if docker-fluentbit run works, else with 1: for HEALTHCHECK in an image, or a probe.\n\nIt requests /healthz from the admin listener of the configuration. With listen = " +
			"\"off\" it reads the mark that run writes to its store every ten seconds.",
		Example: "  docker-fluentbit healthcheck\n  docker-fluentbit healthcheck -c /etc/fluentbit-trigger\n" +
			"  HEALTHCHECK CMD [\"/usr/local/bin/docker-fluentbit\", \"healthcheck\"]",
		RunE: func(*cobra.Command, []string) error { return cmd.run(env) },
	}
	f := command.FlagsOf(env, c)
	f.List(&cmd.Files, "config", "c", "FILE", "Configuration of run: where it listens, and where its store is.").Env(command.ConfigVariable).File()
	f.Text(&cmd.URL, "url", "", "URL", "Address of the listener, instead of the one in the configuration.").Env(command.URLVariable)
	f.Text(&cmd.CAFile, "ca-file", "", "FILE", "Certificates to verify an https:// server with.").File()
	f.Text(&cmd.ID, "id", "", "ID", "The --id of run.")
	f.Duration(&cmd.MaxAge, "max-age", "", "Maximum age of the mark in the store, if there is no listener.")
	f.Switch(&cmd.Quiet, "quiet", "q", "Print nothing if run works.")
	return c
}

// healthWithin bounds a check.
const healthWithin = 5 * time.Second

// run checks. Any failure ends with 1, as Docker requires.
func (cmd *healthcheckCommand) run(c *command.Env) error {
	ctx, cancel := context.WithTimeout(context.Background(), healthWithin)
	defer cancel()
	how, err := cmd.check(ctx, c)
	if err != nil {
		return &command.Error{Code: command.Findings, Text: "unhealthy: " + err.Error()}
	}
	if !cmd.Quiet {
		c.Printf("healthy: %s\n", how)
	}
	return nil
}

func (cmd *healthcheckCommand) check(ctx context.Context, c *command.Env) (how string, err error) {
	var s *config.Settings
	if len(cmd.Files) > 0 {
		result := config.Load(config.Sources{Files: cmd.Files})
		if result.Unusable() {
			return "", fmt.Errorf("cannot read the configuration: %s", result.Problems[0].Error())
		}
		s = &result.Settings
	}
	url := cmd.URL
	if url == "" && s != nil {
		if s.Admin.Listen == "" {
			s.Admin.Listen = c.Getenv(listenVariable) // as run has it
		}
		if s.Admin.Listen == listen.Off {
			return lookAtMark(ctx, s, cmd.ID, c.Now(), cmd.MaxAge)
		}
		url = command.URLOf(s.Admin)
	}
	api, err := client.New(client.Options{URL: url, CAFile: cmd.CAFile, Agent: "docker-fluentbit/" + c.Version, Timeout: healthWithin})
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

// markEvery is how often run writes its mark, a time, to its store.
const markEvery = 10 * time.Second

// lookAtMark reads the mark.
func lookAtMark(ctx context.Context, s *config.Settings, id string, now time.Time, maxAge time.Duration) (how string, err error) {
	path := s.Store.Path
	if path == store.MemoryPath {
		return "", errors.New(`no admin listener and no store file to check: [admin] listen or store must be set`)
	}
	if path == "" {
		path = store.DefaultPath(id)
	}
	var mark []byte
	err = command.WithStore(ctx, path, func(opened *store.Store) error {
		states, err := opened.LoadStates(ctx, pipeline.AliveKey(id))
		mark = states[pipeline.AliveKey(id)]
		return err
	})
	if err != nil {
		return "", err
	}
	at, err := time.Parse(time.RFC3339, string(mark))
	if err != nil {
		return "", fmt.Errorf("instance %q has no mark in %s", id, path)
	}
	if age := now.Sub(at); age > maxAge {
		return "", fmt.Errorf("the last mark of instance %q is %s old", id, age.Round(time.Second))
	}
	return fmt.Sprintf("instance %q worked at %s", id, at.Local().Format(time.TimeOnly)), nil
}
