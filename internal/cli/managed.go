package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
)

// kind is a kind of things that the API manages: rules or triggers.
type kind struct {
	noun string // as the configuration names its tables: rule, trigger
	path string // of the list
}

var (
	ruleKind    = kind{"rule", "/api/v1/rules"}
	triggerKind = kind{"trigger", "/api/v1/triggers"}
)

const workloadsPath = "/api/v1/workloads"

// managedRules is the rules of the workloads of a glob alone; those of all when it is empty.
func managedRules(workload string) kind {
	if workload == "" {
		return ruleKind
	}
	return kind{"rule", workloadsPath + client.Path(workload, "rules")}
}

// origin says where one is from, as the API tells it.
type origin struct {
	File   string `json:"file"`
	Origin string `json:"origin"` // configuration or runtime
}

func (o *origin) from() string {
	if o.Origin == "runtime" {
		return "made here"
	}
	return o.File
}

// addition is the arguments that describe what is made.
type addition struct {
	Name  string   `arg:"" optional:"" help:"The name, when no file gives it."`
	Files []string `short:"f" name:"file" placeholder:"FILE" help:"TOML with [[rule]] or [[trigger]] tables, or JSON; - is the standard input."`
	Set   []string `short:"s" placeholder:"KEY=VALUE" sep:"none" help:"A setting, as in a file; a text needs no quotes."`
}

// edition is the flags that describe a change.
type edition struct {
	Set   []string `short:"s" placeholder:"KEY=VALUE" sep:"none" help:"A setting, as in a file; a text needs no quotes. A dot leads into a table: labels.team=shop, headers.X-Team=shop."`
	Unset []string `short:"u" placeholder:"KEY" help:"A setting that gets its default."`
}

// all reads a list whole, page by page, into items of a type; with -o json it is shown as one answer, and items is nil.
func all[T any](ctx context.Context, c *console, r *remote, api *client.Client, k kind) (items []T, err error) {
	key := k.noun + "s"
	var raw []json.RawMessage
	query := url.Values{"limit": {"1000"}}
	for {
		page := map[string]json.RawMessage{}
		if _, err := api.Do(ctx, client.Request{Path: k.path, Query: query}, &page); err != nil {
			return nil, err
		}
		var part []json.RawMessage
		var next string
		if err := errors.Join(decode(page[key], &part), decode(page["next"], &next)); err != nil {
			return nil, fmt.Errorf("the list of %s cannot be read: %w", key, err)
		}
		raw = append(raw, part...)
		if next == "" || len(part) == 0 {
			break
		}
		query.Set("cursor", next)
	}
	if r.Output == "json" {
		if raw == nil {
			raw = []json.RawMessage{}
		}
		text, err := json.Marshal(map[string]any{key: raw})
		if err != nil {
			return nil, err
		}
		return nil, c.json(text)
	}
	items = make([]T, len(raw))
	for i := range raw {
		if err := json.Unmarshal(raw[i], &items[i]); err != nil {
			return nil, fmt.Errorf("the list of %s cannot be read: %w", key, err)
		}
	}
	return items, nil
}

// decode reads a part of an answer, which may be missing.
func decode(text json.RawMessage, out any) error {
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, out)
}

// readSettings reads what a file, or "-" for the standard input, holds of a kind: a TOML document with [[rule]] tables, the keys of one alone, or JSON.
func (k kind) readSettings(path string) ([]map[string]any, error) {
	var text []byte
	var err error
	if path == "-" {
		text, err = io.ReadAll(io.LimitReader(os.Stdin, maxSettingsFile))
	} else {
		text, err = readArgument(path, maxSettingsFile)
	}
	if err != nil {
		return nil, err
	}
	document := map[string]any{}
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		decoder := json.NewDecoder(bytes.NewReader(trimmed))
		decoder.UseNumber()
		err = decoder.Decode(&document)
	} else {
		_, err = toml.Decode(string(text), &document)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	list, ok := document[k.noun].([]map[string]any)
	switch {
	case ok && len(document) > 1:
		others := slices.DeleteFunc(slices.Sorted(maps.Keys(document)), func(key string) bool { return key == k.noun })
		return nil, fmt.Errorf("%s: holds %s beside [[%s]]: the API takes %ss alone", path, strings.Join(others, ", "), k.noun, k.noun)
	case ok:
		return list, nil
	case len(document) == 0:
		return nil, fmt.Errorf("%s: holds no %s", path, k.noun)
	}
	return []map[string]any{document}, nil
}

// put sets KEY=VALUE in settings; a key with dots is one of a table. A value is TOML where it can be, otherwise a text.
func put(settings map[string]any, assignment string) error {
	key, text, found := strings.Cut(assignment, "=")
	key = strings.TrimSpace(key)
	if !found || key == "" {
		return fmt.Errorf("--set %q: want KEY=VALUE, such as cooldown=10m or 'workloads=[\"shop/*\"]'", assignment)
	}
	var parsed struct{ V any }
	var value any = text
	if _, err := toml.Decode("v = "+text, &parsed); err == nil {
		value = parsed.V
	}
	return place(settings, key, value)
}

func place(settings map[string]any, key string, value any) error {
	parts := strings.Split(key, ".")
	for _, part := range parts[:len(parts)-1] {
		inner, ok := settings[part].(map[string]any)
		if !ok {
			inner = map[string]any{}
			settings[part] = inner
		}
		settings = inner
	}
	settings[parts[len(parts)-1]] = value
	return nil
}

// add creates everything that files and flags describe, in their order, and stops at the first that is refused.
func (k kind) add(c *console, r *remote, a *addition) error {
	if a.Name == "" && len(a.Files) == 0 {
		return fmt.Errorf("say which %s: a name with --set, or --file", k.noun)
	}
	var all []map[string]any
	for _, path := range a.Files {
		list, err := k.readSettings(path)
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	if len(a.Files) == 0 {
		all = []map[string]any{{}}
	}
	if len(all) > 1 && (a.Name != "" || len(a.Set) > 0) {
		return fmt.Errorf("a name and --set are for one %s, and the files hold %d", k.noun, len(all))
	}
	if a.Name != "" {
		all[0]["name"] = a.Name
	}
	for _, assignment := range a.Set {
		if err := put(all[0], assignment); err != nil {
			return err
		}
	}
	return r.with(func(ctx context.Context, api *client.Client) error {
		for _, settings := range all {
			answer, err := api.Do(ctx, client.Request{Method: http.MethodPost, Path: k.path, Body: settings}, nil)
			if err != nil {
				return k.of(settings, err)
			}
			if err := r.done(c, answer, "%s %q is in force", k.noun, settings["name"]); err != nil {
				return err
			}
		}
		return nil
	})
}

// of names what an error is about, where it does not do so itself.
func (k kind) of(settings map[string]any, err error) error {
	name, _ := settings["name"].(string)
	var problem *client.Problem
	if name == "" || !errors.As(err, &problem) || strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
		return err
	}
	return fmt.Errorf("%s %q: %w", k.noun, name, err)
}

// edit changes some settings of one: those of --set to a value, those of --unset to their defaults. What was changed by another since it was read is refused.
func (k kind) edit(c *console, r *remote, name string, e *edition) error {
	patch := map[string]any{}
	for _, assignment := range e.Set {
		if err := put(patch, assignment); err != nil {
			return err
		}
	}
	for _, key := range e.Unset {
		if err := place(patch, key, nil); err != nil {
			return err
		}
	}
	if len(patch) == 0 {
		return errors.New("say what to change: --set KEY=VALUE or --unset KEY")
	}
	return r.with(func(ctx context.Context, api *client.Client) error {
		path := k.path + client.Path(name)
		current, err := api.Do(ctx, client.Request{Path: path}, nil)
		if err != nil {
			return err
		}
		answer, err := api.Do(ctx, client.Request{Method: http.MethodPatch, Path: path, Body: patch, Patch: true, Match: current.ETag}, nil)
		if err != nil {
			return err
		}
		return r.done(c, answer, "%s %q is changed, and in force", k.noun, name)
	})
}

// remove deletes one, as it is now.
func (k kind) remove(c *console, r *remote, name string) error {
	return r.with(func(ctx context.Context, api *client.Client) error {
		path := k.path + client.Path(name)
		current, err := api.Do(ctx, client.Request{Path: path}, nil)
		if err != nil {
			return err
		}
		answer, err := api.Do(ctx, client.Request{Method: http.MethodDelete, Path: path, Match: current.ETag}, nil)
		if err != nil {
			return err
		}
		return r.done(c, answer, "%s %q is deleted", k.noun, name)
	})
}

// toml writes settings as a table of the configuration, with the tables in it. Numbers are json.Number, so that whole ones stay whole.
func (k kind) toml(settings map[string]any) (string, error) {
	var text strings.Builder
	encoder := toml.NewEncoder(&text)
	encoder.Indent = ""
	if err := encoder.Encode(map[string]any{k.noun: []map[string]any{settings}}); err != nil {
		return "", err
	}
	return text.String(), nil
}
