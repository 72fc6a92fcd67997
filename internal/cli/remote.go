package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// remote are the flags of the commands that speak to a running instance.
type remote struct {
	URL       string        `env:"FLUENTBIT_TRIGGER_URL" placeholder:"URL" help:"Where its [admin] listens: http://, https:// or unix:///PATH. Default: what the configuration in FLUENTBIT_TRIGGER_CONFIG says, else http://127.0.0.1:2021."`
	TokenFile string        `env:"FLUENTBIT_TRIGGER_TOKEN_FILE" placeholder:"FILE" help:"A file that holds the token; FLUENTBIT_TRIGGER_TOKEN may hold it itself. Not needed for an instance of this user on this machine that made its token itself."`
	CAFile    string        `name:"ca-file" placeholder:"FILE" help:"Certificates that an https:// server is checked against."`
	Instance  string        `env:"FLUENTBIT_TRIGGER_INSTANCE" placeholder:"ID" help:"Which instance, where several listen at one place."`
	Timeout   time.Duration `default:"${timeout}" help:"How long an answer may take. Default: ${default}."`
	Output    string        `short:"o" enum:"text,json" default:"text" help:"text, or json: the answer of the API."`
}

// defaults are those of flags that are not the same everywhere.
var defaults = kong.Vars{"timeout": "15s"}

// tokenVariable holds a token. It is no flag, since others can read a command line.
const tokenVariable = "FLUENTBIT_TRIGGER_TOKEN"

// configVariable names the configuration of run.
const configVariable = "FLUENTBIT_TRIGGER_CONFIG"

// with makes a client and runs fn, until it is done or a signal ends it.
func (r *remote) with(fn func(context.Context, *client.Client) error) error {
	url, token, err := r.where()
	if err != nil {
		return err
	}
	api, err := client.New(client.Options{URL: url, Token: token, Instance: r.Instance, CAFile: r.CAFile, Agent: "docker-fluentbit/" + version, Timeout: r.Timeout})
	if err != nil {
		return err
	}
	defer api.Close()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err = fn(ctx, api)
	var problem *client.Problem
	switch {
	case err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled): // the user has enough
		return nil
	case errors.As(err, &problem):
		return &codeError{codeOf(problem), err.Error()}
	}
	return err
}

// where returns the address of the instance, and the token for it: what flags and variables say, else what an instance on this machine has left for
// this user, else what the configuration says that the environment names, as that of a container does.
func (r *remote) where() (url, token string, err error) {
	token = strings.TrimSpace(os.Getenv(tokenVariable))
	if r.TokenFile != "" {
		text, err := readArgument(r.TokenFile, maxTokenFile)
		if err != nil {
			return "", "", fmt.Errorf("--token-file: %w", err)
		}
		if token = listen.FirstToken(string(text)); token == "" {
			return "", "", fmt.Errorf("--token-file: %s holds no token", r.TokenFile)
		}
	}
	url, s := r.address()
	if token == "" {
		token = listen.Find(url)
	}
	if token == "" && s != nil {
		token = tokenOf(s)
	}
	return url, token, nil
}

// address returns the address of the instance, and the settings that name it, if the environment leads to them.
func (r *remote) address() (url string, s *config.Settings) {
	configured := ""
	if file := os.Getenv(configVariable); file != "" {
		if result := config.Load(config.Sources{Files: []string{file}}); !result.Unusable() && result.Settings.Admin.Listen != listen.Off {
			s, configured = &result.Settings, urlOf(result.Settings.Admin)
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

// tokenOf returns the token by which settings let in, "" where this user cannot read it.
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

// codeOf is the exit code for an answer of the API: what cannot be found, or has changed meanwhile, is a bad answer; what is refused as it is, a broken
// rule or trigger; the rest is about how it was asked.
func codeOf(p *client.Problem) int {
	switch p.Status {
	case http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed:
		return exitFindings
	case http.StatusUnprocessableEntity:
		return exitRules
	}
	if len(p.Errors) > 0 {
		return exitRules
	}
	return exitUsage
}

// ask makes one call and shows its answer: as it is for -o json, otherwise by show.
func ask[T any](c *console, r *remote, request client.Request, show func(*T) error) error {
	return r.with(func(ctx context.Context, api *client.Client) error {
		var out T
		answer, err := api.Do(ctx, request, &out)
		if err != nil {
			return err
		}
		if r.Output == "json" {
			return c.json(answer.Body)
		}
		return show(&out)
	})
}

// done tells that something was done: the answer of the API for -o json, otherwise in words.
func (r *remote) done(c *console, answer client.Answer, format string, args ...any) error {
	if r.Output == "json" {
		return c.json(answer.Body)
	}
	c.printf(format+"\n", args...)
	return nil
}

// json writes an answer of the API, indented.
func (c *console) json(body []byte) error {
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	var text bytes.Buffer
	if err := json.Indent(&text, body, "", "  "); err != nil {
		return err
	}
	c.printf("%s\n", bytes.TrimSpace(text.Bytes()))
	return nil
}

// table writes rows below a header; a row is one text with tabs, whose cells from outside are visible texts.
func (c *console) table(header string, rows []string) error {
	t := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, header)
	for _, row := range rows {
		_, _ = fmt.Fprintln(t, row)
	}
	return t.Flush()
}

// shorten cuts a text to a number of characters.
func shorten(text string, most int) string {
	if most <= 0 {
		return text
	}
	n := 0
	for i := range text {
		if n == most-1 && len(text[i:]) > 1 {
			return text[:i] + "…"
		}
		n++
	}
	return text
}

// when gives a time as the tables show it: the clock alone for today.
func when(at time.Time) string {
	if at.IsZero() {
		return "-"
	}
	local := at.Local()
	if local.Format(time.DateOnly) == time.Now().Format(time.DateOnly) {
		return local.Format(time.TimeOnly)
	}
	return local.Format(time.DateTime)
}
