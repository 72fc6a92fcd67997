package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	sdk "github.com/docker/docker/client"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// Client talks to one engine. It is safe for concurrent use.
type Client struct {
	sdk    *sdk.Client
	sshLog atomic.Pointer[slog.Logger] // receives ssh's stderr; nil: this program's stderr does
	podman atomic.Pointer[string]      // the version of Podman's own API; "": another engine; nil: not known yet
}

var _ docker.API = (*Client)(nil)

// New returns a client of the engine at host: unix://, tcp:// (with TLS according to DOCKER_TLS_VERIFY and DOCKER_CERT_PATH), npipe:// or
// ssh://[user@]host[:port]. Without a host it uses DOCKER_HOST, or else the platform's default socket. New does not connect; the
// first call negotiates the version of the API.
func New(host string) (*Client, error) {
	if host == "" {
		host = os.Getenv(sdk.EnvOverrideHost)
	}
	client := &Client{}
	options := []sdk.Opt{sdk.WithTLSClientConfigFromEnv(), sdk.WithVersionFromEnv(), sdk.WithAPIVersionNegotiation()}
	switch {
	case strings.HasPrefix(host, "ssh://"):
		dial, err := dialSSH(host, &client.sshLog)
		if err != nil {
			return nil, err
		}
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
		options = []sdk.Opt{sdk.WithHTTPClient(&http.Client{Transport: transport}), sdk.WithHost("http://docker.example.com"),
			sdk.WithDialContext(func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }), sdk.WithAPIVersionNegotiation()}
	case strings.Contains(host, "@") && !strings.HasPrefix(host, "unix://") && !strings.HasPrefix(host, "npipe://"):
		return nil, fmt.Errorf("docker host %q: a user name is allowed only with ssh://, a password never: use a certificate", redacted(host))
	case host != "":
		options = append(options, sdk.WithHost(host))
	}
	c, err := sdk.NewClientWithOpts(options...)
	if err != nil {
		return nil, fmt.Errorf("docker client: %w", err)
	}
	client.sdk = c
	return client, nil
}

// LogTo logs ssh's stderr line by line, from the next connection on. Prompts, such as for a passphrase, go to the terminal.
func (c *Client) LogTo(log *slog.Logger) { c.sshLog.Store(log) }

// redacted returns a host without its password for errors, even if it is not a URL.
func redacted(host string) string {
	at := strings.LastIndexByte(host, '@')
	if at < 0 {
		return host
	}
	scheme, user, ok := strings.Cut(host[:at], "://")
	if !ok {
		scheme, user = "", host[:at]
	} else {
		scheme += "://"
	}
	if name, _, secret := strings.Cut(user, ":"); secret {
		user = name + ":xxxxx"
	}
	return scheme + user + host[at:]
}

// Close closes idle connections.
func (c *Client) Close() error { return c.sdk.Close() }

// Ping reports whether the engine answers.
func (c *Client) Ping(ctx context.Context) error {
	_, err := c.sdk.Ping(ctx)
	return translate(err)
}

// Info returns the engine's name, version and time.
func (c *Client) Info(ctx context.Context) (docker.Info, error) {
	i, err := c.sdk.Info(ctx)
	if err != nil {
		return docker.Info{}, translate(err)
	}
	at, err := time.Parse(time.RFC3339Nano, i.SystemTime)
	if err != nil {
		at = time.Now() // older versions of Podman return no time: use this machine's
	}
	podman, err := c.askPodmanVersion(ctx)
	if err != nil {
		return docker.Info{}, err
	}
	return docker.Info{Name: i.Name, Version: i.ServerVersion, Podman: podman != "", Time: at}, nil
}

// List returns all containers, including stopped ones.
func (c *Client) List(ctx context.Context) ([]docker.Listed, error) {
	all, err := c.sdk.ContainerList(ctx, container.ListOptions{All: true})
	if err != nil {
		return nil, translate(err)
	}
	out := make([]docker.Listed, len(all))
	for i := range all {
		out[i] = docker.Listed{ID: all[i].ID, State: all[i].State}
		for _, name := range all[i].Names {
			if name = strings.TrimPrefix(name, "/"); !strings.Contains(name, "/") { // names with a slash are those of links
				out[i].Name = name
				break
			}
		}
	}
	return out, nil
}

// Inspect returns one container.
func (c *Client) Inspect(ctx context.Context, id string) (docker.Container, error) {
	i, err := c.sdk.ContainerInspect(ctx, id)
	if err != nil {
		return docker.Container{}, translate(err)
	}
	if i.ContainerJSONBase == nil || i.Config == nil {
		return docker.Container{}, fmt.Errorf("container %s: incomplete response from the engine", id)
	}
	out := docker.Container{
		ID: i.ID, Name: strings.TrimPrefix(i.Name, "/"), Image: i.Config.Image, Labels: i.Config.Labels, TTY: i.Config.Tty,
		ImageID: i.Image, StopSignal: i.Config.StopSignal,
	}
	if i.Created != "" {
		if out.Created, err = time.Parse(time.RFC3339Nano, i.Created); err != nil {
			return docker.Container{}, fmt.Errorf("container %s: created: %w", id, err)
		}
	}
	if i.State != nil {
		out.Running = i.State.Running || i.State.Restarting
		out.Started = i.State.StartedAt != "" && !strings.HasPrefix(i.State.StartedAt, "0001-")
	}
	if i.State != nil {
		out.ExitCode, out.OOMKilled = i.State.ExitCode, i.State.OOMKilled
		if at, err := time.Parse(time.RFC3339Nano, i.State.FinishedAt); err == nil {
			out.Finished = at
		}
		if i.State.Health != nil {
			out.Health = i.State.Health.Status
		}
	}
	if i.HostConfig != nil {
		out.Driver, out.LogOptions = i.HostConfig.LogConfig.Type, i.HostConfig.LogConfig.Config
	}
	podman, err := c.podmanVersion(ctx)
	if err != nil {
		return docker.Container{}, err
	}
	out.TTY = out.TTY && podman == "" // see podmanLogs
	out.LineEnds = out.Driver == "journald" || podman != ""
	out.Seconds = podman != ""
	return out, nil
}

// Logs opens the log of a container, with time stamps.
func (c *Client) Logs(ctx context.Context, id string, o docker.LogOptions) (io.ReadCloser, error) {
	options := container.LogsOptions{ShowStdout: true, ShowStderr: true, Timestamps: true, Follow: o.Follow, Tail: "all"}
	if o.Tail > 0 {
		options.Tail = fmt.Sprint(o.Tail)
	}
	if o.Since > 0 {
		options.Since = moment(o.Since)
	}
	podman, err := c.podmanVersion(ctx)
	if err != nil {
		return nil, err
	}
	if podman != "" {
		return c.podmanLogs(ctx, podman, id, options)
	}
	body, err := c.sdk.ContainerLogs(ctx, id, options)
	return body, translate(err)
}

// moment formats a time in ns for the engine.
func moment(ns int64) string { return fmt.Sprintf("%d.%09d", ns/1e9, ns%1e9) }

// Events calls each for the events of containers until ctx or the connection ends. It calls subscribed once the engine has accepted the subscription,
// as far as the protocol shows.
func (c *Client) Events(ctx context.Context, since int64, subscribed func(), each func(docker.Event)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	options := events.ListOptions{Filters: filters.NewArgs(filters.Arg("type", string(events.ContainerEventType)))}
	if since > 0 {
		options.Since = moment(since)
	}
	messages, errs := c.sdk.Events(ctx, options)
	subscribed()
	for {
		select {
		case m := <-messages:
			if m.TimeNano < since { // Podman 4 sends earlier events of the second again
				continue
			}
			each(docker.Event{ID: m.Actor.ID, Action: docker.EventName(string(m.Action)), Name: m.Actor.Attributes["name"], Time: m.TimeNano, Attributes: m.Actor.Attributes})
		case err := <-errs:
			if err == nil || errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF
			}
			return translate(err)
		}
	}
}

// translate wraps the errors that callers handle.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errdefs.IsNotFound(err):
		return fmt.Errorf("%w: %w", docker.ErrNotFound, err)
	case errdefs.IsNotImplemented(err):
		return fmt.Errorf("%w: %w", docker.ErrUnreadable, err)
	case errdefs.IsConflict(err):
		return fmt.Errorf("%w: %w", docker.ErrDead, err)
	}
	return err
}
