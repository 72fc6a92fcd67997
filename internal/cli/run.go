package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/mattn/go-isatty"

	"github.com/tinyforge/fluentbit-trigger/internal/admin"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

type runCommand struct {
	Files  []string `short:"c" name:"config" required:"" env:"FLUENTBIT_TRIGGER_CONFIG" help:"TOML files, folders or globs."`
	Host   string   `short:"H" env:"DOCKER_HOST" placeholder:"URL" help:"The engine: unix://, tcp://, or ssh:// as the Docker CLI takes it. Default: that of the Docker context in use."`
	Listen string   `default:"127.0.0.1:2021" env:"FLUENTBIT_TRIGGER_LISTEN" placeholder:"ADDRESS" help:"Where the admin API and the page listen, unless [admin] listen says. Default: ${default}."`
	ID     string   `default:"docker" help:"Names this instance: in alert ids and in the default path of the store."`
	Since  string   `placeholder:"TIME" xor:"begin" help:"Where a first start begins: RFC 3339, seconds since 1970, or a length of time such as 10m ago. Default: now."`
	Tail   int      `placeholder:"N" xor:"begin" help:"Where a first start begins: so many lines before the end of each log."`
}

// Help gives examples.
func (runCommand) Help() string {
	return "Follows all containers of the engine until SIGTERM, Ctrl-C, or the end of the terminal that it was started in. A change of its files reloads the " +
		"configuration; so does SIGHUP where there is no terminal. Positions in the logs are kept in the store: the next start continues there, and --since and " +
		"--tail apply to the first start only.\n\nExamples:\n" +
		"  docker-fluentbit run -c /etc/fluentbit-trigger\n  docker-fluentbit run -c rules.toml --since 10m\n  docker-fluentbit run -c rules.toml -H ssh://me@server"
}

// stopWithin bounds how long the end takes.
const stopWithin = 20 * time.Second

// Run follows the engine's containers.
func (cmd *runCommand) Run(c *console) error {
	since, err := parseSince(cmd.Since, time.Now())
	if err != nil {
		return err
	}
	if since > time.Now().UnixNano() {
		return fmt.Errorf("--since: %q lies ahead: what is written until then would never be read", cmd.Since)
	}
	if cmd.Tail < 0 {
		return fmt.Errorf("--tail: %d must not be negative", cmd.Tail)
	}
	api, err := engineAt(cmd.Host)
	if err != nil {
		return err
	}
	defer func() { _ = api.Close() }() // it was read from only
	if err := setting.Join(setting.In("--", listen.Settings{Listen: cmd.Listen}.Validate())); err != nil {
		return err
	}
	status := newStatusLine(c.err)
	p, err := pipeline.New(pipeline.Options{
		ID: cmd.ID, Sources: config.Sources{Files: cmd.Files}, Stores: &store.Registry{}, LogTo: status, Origin: pipeline.StandaloneOrigin,
	})
	if err != nil {
		var refused *pipeline.ConfigError
		if errors.As(err, &refused) && !slices.ContainsFunc(refused.Problems, func(p config.Problem) bool { return p.Unusable }) {
			return &codeError{exitRules, err.Error()}
		}
		return err
	}
	signals := catchSignals(hangupEnds())
	defer signals.release()
	p.Start()
	doors := admin.NewRegistry(admin.Options{Program: "docker-fluentbit", Version: version, Default: cmd.Listen, Links: true})
	api.LogTo(p.Log())
	err = follow(p, doors, docker.Options{
		API: api, Settings: p.Settings().Docker, Own: docker.OwnContainer(), Since: since, Tail: cmd.Tail,
		Save: p.SavePositions, Sink: p.OnLines, OnEvent: p.OnEvent, OnContainer: p.OnContainer, OnContainerGone: p.OnContainerGone, OnNotice: p.Report,
	}, signals, status)
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return errors.Join(err, p.Stop(ctx))
}

// follow runs a manager, which logs where the pipeline does, until a signal ends it. The pipeline runs on.
func follow(p *pipeline.Pipeline, doors *admin.Registry, o docker.Options, signals *signals, status *statusLine) error {
	var err error
	o.Log = p.Log()
	if o.Saved, err = p.Positions(context.Background()); err != nil {
		return fmt.Errorf("the places in the logs cannot be read from the store: %w", err)
	}
	m, err := docker.New(o)
	if err != nil {
		return err
	}
	m.Start()
	p.AddWarnings(func() []pipeline.Warning { return idleWarnings(m, p) })
	defer p.AddWarnings(nil)
	administered := &admin.Instance{Pipeline: p, Tails: m.Stats, Containers: m.Containers}
	if err := doors.Attach(administered); err != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		return errors.Join(fmt.Errorf("the administration does not listen: %w", err), m.Stop(ctx))
	}
	defer doors.Close()
	defer doors.Detach(administered)
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
				if err := p.MarkAlive(ctx); err != nil { // healthcheck tells by the mark that grows old
					o.Log.Debug("the mark for healthcheck was not left", "error", err)
				}
				cancel()
				marked = now
			}
		}
		if now := p.Settings(); now != settings { // SIGHUP, or the files changed
			settings = now
			if err := m.SetSettings(context.Background(), now.Docker); err != nil {
				o.Log.Error("the containers to follow are as before", "error", err)
			}
		}
	}
}

// parseSince reads RFC 3339, seconds since 1970 with a fraction, or a length of time before now. "" is 0.
func parseSince(text string, now time.Time) (int64, error) {
	if text == "" {
		return 0, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UnixNano(), nil
	}
	if ago, err := setting.ParseDuration(text); err == nil {
		return now.Add(-ago).UnixNano(), nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds > 0 && seconds < 1e10 {
		return int64(seconds * 1e9), nil
	}
	return 0, fmt.Errorf("--since: %q is no time: want RFC 3339, seconds since 1970, or a length of time such as 10m", text)
}

// isTerminal reports whether a writer is a terminal.
func isTerminal(w any) bool {
	if out, ok := w.(io.Writer); ok {
		w = terminalOf(out)
	}
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
