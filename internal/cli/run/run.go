// Package run is the commands run, which follows the containers of a Docker engine, and healthcheck, which checks that run works.
package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/own"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

type runCommand struct {
	Files  []string
	Host   string
	Listen string
	ID     string
	Since  string
	Tail   int
}

// New returns the command.
func New(env *command.Env) *cobra.Command {
	cmd := &runCommand{Listen: "127.0.0.1:2021", ID: "docker"}
	c := &cobra.Command{
		Use: "run", Short: "Follow the containers of a Docker engine and send alerts.", Args: command.Arguments(),
		Long: "Follow the logs of all containers of a Docker engine and send alerts. Stop it with Ctrl-C or SIGTERM; it also stops when its terminal closes.\n\nThe configuration is reloaded when its " +
			"files change, and on SIGHUP if there is no terminal. The store remembers the position in each log, so a restart continues where the last run stopped: --since and --tail apply to the " +
			"first start only.",
		Example: "  docker-fluentbit run -c /etc/fluentbit-trigger\n  docker-fluentbit run -c rules.toml --since 10m\n  docker-fluentbit run -c rules.toml -H ssh://me@server",
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("since") && c.Flags().Changed("tail") {
				return &command.UsageError{Text: "--since and --tail cannot be used together"}
			}
			return cmd.run(env)
		},
	}
	f := command.FlagsOf(env, c)
	f.List(&cmd.Files, "config", "c", "FILE", "TOML files, folders or globs.").Env(command.ConfigVariable).Required().File()
	f.Text(&cmd.Host, "host", "H", "URL", "Docker engine: unix://, tcp:// or ssh://, as for the Docker CLI. Default: the engine of the current Docker context.").Env("DOCKER_HOST")
	f.Text(&cmd.Listen, "listen", "", "ADDRESS", "Address of the admin API and the page, unless the configuration sets [admin] listen.").Env(listenVariable)
	f.Text(&cmd.ID, "id", "", "ID", "Name of this instance. It is part of alert ids and of the default path of the store.")
	f.Text(&cmd.Since, "since", "", "TIME", "First start: read log lines from this time on (RFC 3339, seconds since 1970, or a duration before now such as 10m). Default: now.")
	f.Number(&cmd.Tail, "tail", "", "N", "First start: read this many of the last lines of each log.")
	return c
}

// listenVariable has the place of --listen.
const listenVariable = "FLUENTBIT_TRIGGER_LISTEN"

// stopWithin bounds the time of a stop.
const stopWithin = 20 * time.Second

// run follows the engine's containers.
func (cmd *runCommand) run(c *command.Env) error {
	since, err := command.ParseTime("--since", cmd.Since, c.Now())
	if err != nil {
		return err
	}
	if since > c.Now().UnixNano() {
		return fmt.Errorf("--since: %q is in the future: lines that are written before then would never be read", cmd.Since)
	}
	if cmd.Tail < 0 {
		return fmt.Errorf("--tail: %d must not be negative", cmd.Tail)
	}
	api, err := c.EngineAt(cmd.Host)
	if err != nil {
		return err
	}
	defer func() { _ = api.Close() }() // it was read from only
	if err := setting.Join(setting.In("--", listen.Settings{Listen: cmd.Listen}.Validate())); err != nil {
		return err
	}
	status := newStatusLine(c)
	p, err := pipeline.New(pipeline.Options{
		ID: cmd.ID, Sources: config.Sources{Files: cmd.Files}, Stores: &store.Registry{}, LogTo: status, Origin: own.StandaloneOrigin, Version: c.Version,
	})
	if err != nil {
		var refused *pipeline.ConfigError
		if errors.As(err, &refused) && !slices.ContainsFunc(refused.Problems, func(p config.Problem) bool { return p.Unusable }) {
			return &command.Error{Code: command.Rules, Text: err.Error()}
		}
		return err
	}
	signals := catchSignals(hangupEnds())
	defer signals.release()
	p.WatchSource(api.Ping) // before the start, which sends the first heartbeat
	p.Start()
	listeners := admin.NewRegistry(admin.Options{Program: "docker-fluentbit", Version: c.Version, Default: cmd.Listen, Links: true})
	api.LogTo(p.Log())
	err = follow(p, listeners, docker.Options{
		API: api, Settings: p.Settings().Docker, Own: docker.OwnContainer(), Since: since, Tail: cmd.Tail,
		Save: p.SavePositions, Sink: p.OnLines, OnEvent: p.OnEvent, OnContainer: p.OnContainer, OnContainerGone: p.OnContainerGone, OnNotice: p.Report,
	}, signals, status)
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return errors.Join(err, p.Stop(ctx))
}

// follow runs a manager, which logs where the pipeline does, until a signal ends it. The pipeline runs on.
func follow(p *pipeline.Pipeline, listeners *admin.Registry, o docker.Options, signals *signals, status *statusLine) error {
	var err error
	o.Log = p.Log()
	if o.Saved, err = p.Positions(context.Background()); err != nil {
		return fmt.Errorf("cannot read the positions in the logs from the store: %w", err)
	}
	m, err := docker.New(o)
	if err != nil {
		return err
	}
	m.Start()
	p.AddWarnings(func() []pipeline.Warning { return idleWarnings(m, p) })
	defer p.AddWarnings(nil)
	instance := &admin.Instance{Pipeline: p, Tails: m.Stats, Containers: m.Containers}
	if err := listeners.Attach(instance); err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		return errors.Join(fmt.Errorf("admin listener: %w", err), m.Stop(ctx))
	}
	defer listeners.Close()
	defer listeners.Detach(instance)
	settings := p.Settings()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var marked time.Time
	for {
		select {
		case s := <-signals.stop:
			status.clear()
			o.Log.Info("stopping", "signal", s.String())
			ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
			defer cancel()
			return m.Stop(ctx)
		case <-signals.reload:
			p.Reload()
		case now := <-tick.C:
			status.show(statusText(m.Stats(), p))
			if now.Sub(marked) >= markEvery {
				ctx, cancel := context.WithTimeout(context.Background(), markEvery)
				if err := p.MarkAlive(ctx); err != nil { // healthcheck finds the mark old, and fails
					o.Log.Debug("cannot write the mark for healthcheck", "error", err)
				}
				cancel()
				marked = now
			}
		}
		if now := p.Settings(); now != settings { // SIGHUP, or the files changed
			settings = now
			if err := m.SetSettings(context.Background(), now.Docker); err != nil {
				o.Log.Error("cannot change the containers to follow", "error", err)
			}
		}
	}
}
