package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// The paths of the API that more than one command uses.
const (
	StatsPath     = "/api/v1/stats"
	WorkloadsPath = "/api/v1/workloads"
)

// The variables that have the place of flags.
const (
	ConfigVariable = "FLUENTBIT_TRIGGER_CONFIG" // the configuration of run
	URLVariable    = "FLUENTBIT_TRIGGER_URL"

	// tokenVariable holds a token. It is no flag, because other users can read a command line.
	tokenVariable = "FLUENTBIT_TRIGGER_TOKEN"
)

// defaultTimeout is how long an answer may take.
const defaultTimeout = 15 * time.Second

// Remote are the flags of the commands that call a running instance.
type Remote struct {
	URL       string
	TokenFile string
	CAFile    string
	Instance  string
	Timeout   time.Duration
	Output    string
}

// Add adds the flags to a command.
func (r *Remote) Add(f *Flags) {
	r.Output = "text"
	if r.Timeout == 0 {
		r.Timeout = defaultTimeout
	}
	f.Text(&r.URL, "url", "", "URL", "Address of the instance's admin listener: http://, https:// or unix:///PATH. Default: the one in the configuration that "+
		ConfigVariable+" names, else http://127.0.0.1:2021.").Env(URLVariable)
	f.Text(&r.TokenFile, "token-file", "", "FILE", "File with the token; "+tokenVariable+" can contain the token itself. Not needed for an instance on this machine that runs as the same user and generates its token.").
		Env("FLUENTBIT_TRIGGER_TOKEN_FILE").File()
	f.Text(&r.CAFile, "ca-file", "", "FILE", "CA certificates to verify an https:// server with.").File()
	f.Text(&r.Instance, "instance", "", "ID", "ID of the instance, if several share one listener.").Env("FLUENTBIT_TRIGGER_INSTANCE")
	f.Duration(&r.Timeout, "timeout", "", "How long to wait for an answer.")
	f.Choice(&r.Output, "output", "o", []string{"text", "json"}, "text, or json for the answer of the API.")
}

// With makes a client and runs fn, until it returns or a signal ends it.
func (r *Remote) With(env *Env, fn func(context.Context, *client.Client) error) error {
	api, err := r.client(env)
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, stop := Interruptible()
	defer stop()
	err = fn(ctx, api)
	var problem *client.Problem
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled): // by Ctrl-C
		return nil
	case errors.As(err, &problem):
		return &Error{codeOf(problem), err.Error()}
	}
	return err
}

func (r *Remote) client(env *Env) (*client.Client, error) {
	url, token, err := r.where(env)
	if err != nil {
		return nil, err
	}
	return client.New(client.Options{URL: url, Token: token, Instance: r.Instance, CAFile: r.CAFile, Agent: "docker-fluentbit/" + env.Version, Timeout: r.Timeout})
}

// where returns the address of the instance, and the token for it: those of flags and variables, else those that an instance on this machine has left for
// this user, else those of the configuration that the environment names, as the environment of a container does.
func (r *Remote) where(env *Env) (url, token string, err error) {
	token = strings.TrimSpace(env.Getenv(tokenVariable))
	if r.TokenFile != "" {
		text, err := readArgument(r.TokenFile, maxTokenFile)
		if err != nil {
			return "", "", fmt.Errorf("--token-file: %w", err)
		}
		if token = listen.FirstToken(string(text)); token == "" {
			return "", "", fmt.Errorf("--token-file: %s contains no token", r.TokenFile)
		}
	}
	url, s := r.Address(env)
	if token == "" {
		token = listen.Find(url)
	}
	if token == "" && s != nil {
		token = tokenOf(s)
	}
	return url, token, nil
}

// Address returns the address of the instance, and the settings that name it, if the environment leads to them.
func (r *Remote) Address(env *Env) (url string, s *config.Settings) {
	configured := ""
	if file := env.Getenv(ConfigVariable); file != "" {
		if result := config.Load(config.Sources{Files: []string{file}}); !result.Unusable() && result.Settings.Admin.Listen != listen.Off {
			s, configured = &result.Settings, URLOf(result.Settings.Admin)
		}
	}
	if configured == "" {
		configured = client.DefaultURL
	}
	if r.URL != "" && r.URL != configured {
		return r.URL, nil
	}
	return configured, s
}

// URLOf returns the URL by which a listener on this machine is reached, "" for the default.
func URLOf(s listen.Settings) string {
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

// tokenOf returns a token that settings accept, "" where this user cannot read it.
func tokenOf(s *config.Settings) string {
	file := s.Admin.TokenFile
	if path := s.Store.Path; file == "" && path != "" && path != store.MemoryPath {
		file = listen.TokenPath(path)
	}
	text, err := namedfile.Read(file, maxTokenFile)
	if err != nil {
		return ""
	}
	return listen.FirstToken(string(text))
}

// codeOf returns the exit code for an error of the API: Findings for a thing that does not exist or has changed, Rules for a broken rule or trigger, and
// Usage for a request that cannot be answered.
func codeOf(p *client.Problem) int {
	switch p.Status {
	case http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed:
		return Findings
	case http.StatusUnprocessableEntity:
		return Rules
	}
	if len(p.Errors) > 0 {
		return Rules
	}
	return Usage
}

// Ask makes one call and shows its answer: as it is for -o json, otherwise by show.
func Ask[T any](env *Env, r *Remote, request client.Request, show func(*T) error) error {
	return r.With(env, func(ctx context.Context, api *client.Client) error {
		var out T
		answer, err := api.Do(ctx, request, &out)
		if err != nil {
			return err
		}
		if r.Output == "json" {
			return env.JSON(answer.Body)
		}
		return show(&out)
	})
}

// Done reports that a call succeeded: the answer of the API for -o json, otherwise in words.
func (r *Remote) Done(env *Env, answer client.Answer, format string, args ...any) error {
	if r.Output == "json" {
		return env.JSON(answer.Body)
	}
	env.Printf(format+"\n", args...)
	return nil
}
