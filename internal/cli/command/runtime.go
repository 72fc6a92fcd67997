package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// Kind is a kind of things that the API makes and changes at run time: rules or triggers.
type Kind struct {
	Noun string // the name of its tables in the configuration: rule, trigger
	Path string // of the list
}

// The kinds.
var (
	RuleKind    = Kind{"rule", "/api/v1/rules"}
	TriggerKind = Kind{"trigger", "/api/v1/triggers"}
)

// RulesOf returns the kind of the rules for the workloads of a glob; that of all rules when it is empty.
func RulesOf(workload string) Kind {
	if workload == "" {
		return RuleKind
	}
	return Kind{"rule", WorkloadsPath + client.Path(workload, "rules")}
}

// Origin is where a rule or trigger was defined, as the API reports it.
type Origin struct {
	File   string `json:"file"`
	Origin string `json:"origin"` // configuration or runtime
}

// From returns the origin in words.
func (o *Origin) From() string {
	if o.Origin == "runtime" {
		return "runtime"
	}
	return o.File
}

// Addition is the arguments that describe a new rule or trigger.
type Addition struct {
	Name  string
	Files []string
	Set   []string
}

// Add adds the flags to a command.
func (a *Addition) Add(f *Flags) {
	f.Texts(&a.Files, "file", "f", "FILE", "TOML with [[rule]] or [[trigger]] tables, or JSON; - is standard input.").File()
	f.Texts(&a.Set, "set", "s", "KEY=VALUE", "A setting, as in a file; a text needs no quotes.")
}

// Edition is the flags that describe a change.
type Edition struct {
	Set   []string
	Unset []string
}

// Add adds the flags to a command.
func (e *Edition) Add(f *Flags) {
	f.Texts(&e.Set, "set", "s", "KEY=VALUE", "A setting, as in a file; a text needs no quotes. Dots lead into tables: labels.team=shop, headers.X-Team=shop.")
	f.List(&e.Unset, "unset", "u", "KEY", "A setting to reset to its default.")
}

// List reads a whole list, page by page.
func List[T any](ctx context.Context, api *client.Client, k Kind) ([]T, error) {
	raw, err := k.pages(ctx, api)
	if err != nil {
		return nil, err
	}
	items := make([]T, len(raw))
	for i := range raw {
		if err := json.Unmarshal(raw[i], &items[i]); err != nil {
			return nil, fmt.Errorf("cannot read the list of %ss: %w", k.Noun, err)
		}
	}
	return items, nil
}

// pages reads a list page by page.
func (k Kind) pages(ctx context.Context, api *client.Client) ([]json.RawMessage, error) {
	key, all := k.Noun+"s", []json.RawMessage{}
	query := url.Values{"limit": {"1000"}}
	for {
		page := map[string]json.RawMessage{}
		if _, err := api.Do(ctx, client.Request{Path: k.Path, Query: query}, &page); err != nil {
			return nil, err
		}
		var part []json.RawMessage
		var next string
		if err := errors.Join(decode(page[key], &part), decode(page["next"], &next)); err != nil {
			return nil, fmt.Errorf("cannot read the list of %s: %w", key, err)
		}
		if all = append(all, part...); next == "" || len(part) == 0 {
			return all, nil
		}
		query.Set("cursor", next)
	}
}

// WriteList writes a whole list as one answer in JSON.
func (k Kind) WriteList(ctx context.Context, env *Env, api *client.Client) error {
	all, err := k.pages(ctx, api)
	if err != nil {
		return err
	}
	return env.WriteJSON(map[string]any{k.Noun + "s": all})
}

// Show lists the objects as the command's output: as JSON, or as a table with the counts of the instance. rows returns a function for the
// cells of an object.
func Show[T any](env *Env, r *Remote, k Kind, head string, rows func(*adminapi.StatsResponse) func(*T) string) error {
	return r.With(env, func(ctx context.Context, api *client.Client) error {
		if r.Output == "json" {
			return k.WriteList(ctx, env, api)
		}
		list, err := List[T](ctx, api, k)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			env.Printf("no %ss\n", k.Noun)
			return nil
		}
		var stats adminapi.StatsResponse
		if _, err := api.Do(ctx, client.Request{Path: StatsPath}, &stats); err != nil {
			return err
		}
		row, cells := rows(&stats), make([]string, len(list))
		for i := range list {
			cells[i] = row(&list[i])
		}
		return env.Table(head, cells)
	})
}

// decode reads a part of an answer, which may be missing.
func decode(text json.RawMessage, out any) error {
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, out)
}

// ReadSettings reads the settings in a file, or for "-" in standard input: a TOML document with [[rule]] tables, the keys of one rule, or JSON.
func (k Kind) ReadSettings(env *Env, path string) ([]map[string]any, error) {
	var text []byte
	var err error
	if path == "-" {
		if text, err = namedfile.ReadAll(env.In, maxSettingsFile); errors.Is(err, namedfile.ErrTooLong) {
			err = fmt.Errorf("standard input %w", err)
		}
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
	list, ok := document[k.Noun].([]map[string]any)
	switch {
	case ok && len(document) > 1:
		others := slices.DeleteFunc(slices.Sorted(maps.Keys(document)), func(key string) bool { return key == k.Noun })
		return nil, fmt.Errorf("%s: contains %s besides [[%s]]: the API accepts only %ss", path, strings.Join(others, ", "), k.Noun, k.Noun)
	case ok:
		return list, nil
	case len(document) == 0:
		return nil, fmt.Errorf("%s: contains no %s", path, k.Noun)
	}
	return []map[string]any{document}, nil
}

// Put sets KEY=VALUE in settings; a key with dots is one of a table. A value that is not TOML is a text.
func Put(settings map[string]any, assignment string) error {
	key, text, found := strings.Cut(assignment, "=")
	key = strings.TrimSpace(key)
	if !found || key == "" {
		return fmt.Errorf("--set %q: must be KEY=VALUE, such as cooldown=10m or 'workloads=[\"shop/*\"]'", assignment)
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

// Add creates everything that files and flags describe, in their order, and stops at the first that the API rejects.
func (k Kind) Add(env *Env, r *Remote, a *Addition) error {
	if a.Name == "" && len(a.Files) == 0 {
		return fmt.Errorf("missing %s: must be a name with --set, or --file", k.Noun)
	}
	var all []map[string]any
	for _, path := range a.Files {
		list, err := k.ReadSettings(env, path)
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	if len(a.Files) == 0 {
		all = []map[string]any{{}}
	}
	if len(all) > 1 && (a.Name != "" || len(a.Set) > 0) {
		return fmt.Errorf("a name and --set apply to one %s, but the files contain %d", k.Noun, len(all))
	}
	if a.Name != "" {
		all[0]["name"] = a.Name
	}
	for _, assignment := range a.Set {
		if err := Put(all[0], assignment); err != nil {
			return err
		}
	}
	return r.With(env, func(ctx context.Context, api *client.Client) error {
		for _, settings := range all {
			answer, err := api.Do(ctx, client.Request{Method: http.MethodPost, Path: k.Path, Body: settings}, nil)
			if err != nil {
				return k.of(settings, err)
			}
			if err := r.Done(env, answer, "%s %q is in force", k.Noun, settings["name"]); err != nil {
				return err
			}
		}
		return nil
	})
}

// of adds the name of the rule or trigger to an error without it.
func (k Kind) of(settings map[string]any, err error) error {
	name, _ := settings["name"].(string)
	var problem *client.Problem
	if name == "" || !errors.As(err, &problem) || strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
		return err
	}
	return fmt.Errorf("%s %q: %w", k.Noun, name, err)
}

// Edit changes settings: those of --set to a value, those of --unset to their defaults. The API rejects it where somebody else changed them since they were read.
func (k Kind) Edit(env *Env, r *Remote, name string, e *Edition) error {
	patch := map[string]any{}
	for _, assignment := range e.Set {
		if err := Put(patch, assignment); err != nil {
			return err
		}
	}
	for _, key := range e.Unset {
		if err := place(patch, key, nil); err != nil {
			return err
		}
	}
	if len(patch) == 0 {
		return errors.New("nothing to change: must have --set KEY=VALUE or --unset KEY")
	}
	return r.With(env, func(ctx context.Context, api *client.Client) error {
		path := k.Path + client.Path(name)
		current, err := api.Do(ctx, client.Request{Path: path}, nil)
		if err != nil {
			return err
		}
		answer, err := api.Do(ctx, client.Request{Method: http.MethodPatch, Path: path, Body: patch, Patch: true, Match: current.ETag}, nil)
		if err != nil {
			return err
		}
		return r.Done(env, answer, "%s %q changed", k.Noun, name)
	})
}

// Remove deletes one.
func (k Kind) Remove(env *Env, r *Remote, name string) error {
	return r.With(env, func(ctx context.Context, api *client.Client) error {
		path := k.Path + client.Path(name)
		current, err := api.Do(ctx, client.Request{Path: path}, nil)
		if err != nil {
			return err
		}
		answer, err := api.Do(ctx, client.Request{Method: http.MethodDelete, Path: path, Match: current.ETag}, nil)
		if err != nil {
			return err
		}
		return r.Done(env, answer, "%s %q deleted", k.Noun, name)
	})
}

// toml returns settings as a table of the configuration, with the tables in it. Numbers are json.Number, so that whole ones stay whole.
func (k Kind) toml(settings map[string]any) (string, error) {
	var text strings.Builder
	encoder := toml.NewEncoder(&text)
	encoder.Indent = ""
	if err := encoder.Encode(map[string]any{k.Noun: []map[string]any{settings}}); err != nil {
		return "", err
	}
	return text.String(), nil
}

// WriteSettings writes one thing of the API as TOML, as it would be in a file.
func (e *Env) WriteSettings(k Kind, o map[string]json.RawMessage) error {
	settings := map[string]any{}
	text := o["settings"]
	if text == nil {
		whole, err := json.Marshal(o)
		if err != nil {
			return err
		}
		text = whole
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&settings); err != nil {
		return err
	}
	written, err := k.toml(settings)
	if err != nil {
		return err
	}
	e.Printf("%s", written)
	return nil
}
