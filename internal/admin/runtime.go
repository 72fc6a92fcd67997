package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/jsonobject"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/openapi"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// collection is the set of objects of one kind, global or of the workload in the path.
type collection struct {
	kind   config.RuntimeKind
	key    string // of the list in the response
	noun   string
	scoped bool
}

var (
	globalRules = collection{config.RuntimeRule, "rules", "rule", false}
	triggers    = collection{config.RuntimeTrigger, "triggers", "trigger", false}
	ownRules    = collection{config.RuntimeRule, "rules", "rule", true}
	overrides   = collection{config.RuntimeOverride, "overrides", "override", true}
)

// item is one object of a collection: from the configuration, or created through the API.
type item struct {
	scope, name string
	place       string // in a file; "" for a runtime object
	settings    func() map[string]any
	runtime     *pipeline.RuntimeObject
}

// items lists the configured objects in force and all runtime objects, sorted by scope and name.
func (col collection) items(p *pipeline.Pipeline, scope string, all bool) []item {
	loaded := p.Loaded()
	s, parts := &loaded.Settings, &loaded.Parts
	var out []item
	add := func(scope, name string, list []config.Part, i int, settings func() map[string]any) {
		var place config.Place
		if i < len(list) {
			place = list[i].Place("", "")
		}
		if place.Origin.Kind != config.FromRuntime {
			out = append(out, item{scope: scope, name: name, place: place.String(), settings: settings})
		}
	}
	if col.kind == config.RuntimeTrigger {
		for i := range s.Triggers {
			add("", s.Triggers[i].Name, parts.Triggers, i, func() map[string]any { return config.Encode(&s.Triggers[i]) })
		}
	}
	if col.kind == config.RuntimeRule && !col.scoped {
		for i := range s.Rules {
			add("", s.Rules[i].Name, parts.Rules, i, func() map[string]any { return config.Encode(&s.Rules[i]) })
		}
	}
	for i := range s.Workloads {
		w := &s.Workloads[i]
		var part config.WorkloadPart
		if i < len(parts.Workloads) {
			part = parts.Workloads[i]
		}
		if !all && (!col.scoped || w.Match != scope) {
			continue
		}
		if col.kind == config.RuntimeRule {
			for j := range w.Rules {
				add(w.Match, w.Rules[j].Name, part.Rules, j, func() map[string]any { return config.Encode(&w.Rules[j]) })
			}
		}
		if col.kind == config.RuntimeOverride {
			for j := range w.Overrides {
				o := &w.Overrides[j]
				add(w.Match, o.Rule, part.Overrides, j, func() map[string]any {
					settings := config.Encode(&o.Settings, o.Keys...)
					for key := range settings {
						if !slices.Contains(o.Keys, key) {
							delete(settings, key)
						}
					}
					return settings
				})
			}
		}
	}
	for key, o := range p.RuntimeObjects() {
		if key.Kind == col.kind && (key.Scope == scope || all) {
			out = append(out, item{scope: key.Scope, name: key.Name, runtime: &o, settings: func() map[string]any {
				if key.Kind == config.RuntimeTrigger {
					return config.MaskSecrets(o.Value)
				}
				return o.Value
			}})
		}
	}
	slices.SortFunc(out, func(a, b item) int {
		return strings.Compare(a.scope+"\x00"+a.name, b.scope+"\x00"+b.name)
	})
	return out
}

// body returns the JSON form of an item: its settings and its origin.
func (col collection) body(it *item, problems map[config.RuntimeKey][]string) map[string]any {
	settings := it.settings()
	out := make(map[string]any, len(settings)+6)
	for key, v := range settings {
		out[key] = v
	}
	key := "name"
	if col.kind == config.RuntimeOverride {
		key = "rule"
	}
	out[key] = it.name
	if it.scope != "" {
		out["match"] = it.scope
		if col.kind == config.RuntimeRule {
			out["workload"] = it.scope // the name of the field in the rule's counters
		}
	}
	own := make(map[string]any, len(settings)+1)
	for k, v := range settings {
		own[k] = v
	}
	own[key] = it.name
	out["settings"] = own
	if it.runtime == nil {
		out["origin"] = originConfiguration
		out["file"] = it.place
		return out
	}
	out["origin"] = originRuntime
	out["etag"] = etagOf(it.runtime)
	out["changed"] = it.runtime.Changed.UTC()
	if wrong := problems[config.RuntimeKey{Kind: col.kind, Scope: it.scope, Name: it.name}]; len(wrong) > 0 {
		out["problems"] = wrong
	}
	return out
}

// The origins of rules, triggers and overrides.
const (
	originConfiguration = "configuration" // a file or a parameter of the instance
	originRuntime       = "runtime"       // created through the API
)

func etagOf(m *pipeline.RuntimeObject) string { return fmt.Sprintf("\"m%d\"", m.Revision) }

// runtimeProblems returns the problems of the runtime objects.
func runtimeProblems(p *pipeline.Pipeline) map[config.RuntimeKey][]string {
	out := map[config.RuntimeKey][]string{}
	for _, problem := range p.Loaded().Problems {
		if problem.Origin.Kind == config.FromRuntime {
			out[problem.Origin.Runtime] = append(out[problem.Origin.Runtime], problem.Error())
		}
	}
	return out
}

func (col collection) scope(c *call) string {
	if col.scoped {
		return c.r.PathValue("workload")
	}
	return ""
}

func (col collection) list(c *call) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	cursor := c.query.Get("cursor")
	list, next := []map[string]any{}, ""
	problems := runtimeProblems(c.p)
	all := col.items(c.p, col.scope(c), !col.scoped)
	for i := range all {
		position := all[i].scope + "\x1f" + all[i].name
		if cursor != "" && strings.Compare(all[i].scope+"\x00"+all[i].name, strings.Replace(cursor, "\x1f", "\x00", 1)) <= 0 {
			continue
		}
		if len(list) == limit {
			break
		}
		list = append(list, col.body(&all[i], problems))
		if next = position; i == len(all)-1 {
			next = ""
		}
	}
	return map[string]any{col.key: list, "next": next}, nil
}

// find returns the item in the path.
func (col collection) find(c *call) (*item, error) {
	scope, name := col.scope(c), c.r.PathValue("name")
	if o, ok := c.p.RuntimeObjects()[config.RuntimeKey{Kind: col.kind, Scope: scope, Name: name}]; ok {
		return &item{scope: scope, name: name, runtime: &o, settings: func() map[string]any {
			if col.kind == config.RuntimeTrigger {
				return config.MaskSecrets(o.Value)
			}
			return o.Value
		}}, nil
	}
	all := col.items(c.p, scope, false)
	for i := range all {
		if all[i].scope == scope && all[i].name == name {
			return &all[i], nil
		}
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return nil, problem(http.StatusNotFound, "there is no %s %s%s", col.noun, quoted(name), meant(name, names))
}

func (col collection) get(c *call) (any, error) {
	it, err := col.find(c)
	if err != nil {
		return nil, err
	}
	if it.runtime != nil {
		c.w.Header().Set("ETag", etagOf(it.runtime))
	}
	return col.body(it, runtimeProblems(c.p)), nil
}

func (col collection) create(c *call) (any, error) {
	value, err := c.body()
	if err != nil {
		return nil, err
	}
	key := "name"
	if col.kind == config.RuntimeOverride {
		key = "rule"
	}
	name, ok := value[key].(string)
	if !ok || name == "" {
		p := problem(http.StatusUnprocessableEntity, "%s: must be set", key)
		p.Errors = []adminapi.ProblemField{{Field: key, Detail: "must be set"}}
		return nil, p
	}
	// The name is in the key of a runtime object, so the value has none.
	delete(value, key)
	value = jsonobject.Merge(nil, value) // removes null values
	return col.change(c, name, 0, "create", http.StatusCreated, func(map[string]any) (map[string]any, error) {
		return col.withSecrets(value, nil)
	})
}

// withSecrets resolves the placeholders of a trigger's secrets.
func (col collection) withSecrets(value, current map[string]any) (map[string]any, error) {
	if col.kind != config.RuntimeTrigger {
		return value, nil
	}
	kept, wrong := config.KeepSecrets(value, current)
	if wrong != nil {
		return nil, invalid(http.StatusUnprocessableEntity, []config.Problem{*wrong})
	}
	return kept, nil
}

func (col collection) patch(c *call) (any, error) {
	change, err := c.body()
	if err != nil {
		return nil, err
	}
	name := c.r.PathValue("name")
	key := "name"
	if col.kind == config.RuntimeOverride {
		key = "rule"
	}
	if given, ok := change[key]; ok && given != name {
		return nil, problem(http.StatusUnprocessableEntity, "%s: a %s is not renamed: make a new one, and delete this one", key, col.noun)
	}
	delete(change, key)
	revision, err := col.matched(c)
	if err != nil {
		return nil, err
	}
	return col.change(c, name, revision, "change", http.StatusOK, func(current map[string]any) (map[string]any, error) {
		kept, err := col.withSecrets(change, current)
		if err != nil {
			return nil, err
		}
		return jsonobject.Merge(current, kept), nil
	})
}

func (col collection) remove(c *call) (any, error) {
	revision, err := col.matched(c)
	if err != nil {
		return nil, err
	}
	_, err = col.change(c, c.r.PathValue("name"), revision, "delete", 0, func(map[string]any) (map[string]any, error) { return nil, nil })
	return nil, err
}

// matched returns the revision in If-Match. Objects from the configuration cannot be changed, whatever the header says.
func (col collection) matched(c *call) (int64, error) {
	it, err := col.find(c)
	if err != nil {
		return 0, err
	}
	if it.runtime == nil {
		return 0, problem(http.StatusConflict, "the %s %s is of %s: it is changed there", col.noun, quoted(it.name), it.place)
	}
	header := strings.TrimSpace(c.r.Header.Get("If-Match"))
	switch text, ok := strings.CutPrefix(strings.Trim(header, `"`), "m"); {
	case header == "":
		return 0, problem(http.StatusPreconditionRequired, "a change names the ETag that it is based on in If-Match, or *")
	case header == "*":
		return pipeline.AnyRevision, nil
	case ok:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
			return n, nil
		}
	}
	return 0, problem(http.StatusPreconditionFailed, "If-Match: the %s is not as it was", col.noun)
}

// change makes a change and returns the new object.
func (col collection) change(c *call, name string, revision int64, action string, status int, fn func(map[string]any) (map[string]any, error)) (any, error) {
	key := config.RuntimeKey{Kind: col.kind, Scope: col.scope(c), Name: name}
	o, err := c.p.ChangeRuntime(pipeline.RuntimeChange{RuntimeKey: key, Who: c.who, Action: action, Revision: revision, Make: fn})
	if err != nil {
		return nil, col.refusal(name, err)
	}
	if action == "delete" {
		return nil, nil
	}
	c.status = status
	c.w.Header().Set("ETag", etagOf(&o))
	if action == "create" {
		at := c.r.URL.EscapedPath() + "/" + pathEscape(name)
		if id := c.query.Get("instance"); id != "" { // several instances may share the listener
			at += "?" + url.Values{"instance": {id}}.Encode()
		}
		c.w.Header().Set("Location", at)
	}
	it := item{scope: key.Scope, name: name, runtime: &o, settings: func() map[string]any {
		if col.kind == config.RuntimeTrigger {
			return config.MaskSecrets(o.Value)
		}
		return o.Value
	}}
	return col.body(&it, nil), nil
}

func (col collection) refusal(name string, err error) error {
	var bad *pipeline.ConfigError
	switch {
	// First, because this error has a ConfigError too.
	case errors.Is(err, pipeline.ErrRuntimeSources) && errors.As(err, &bad):
		p := invalid(http.StatusServiceUnavailable, bad.Problems)
		p.Detail = pipeline.ErrRuntimeSources.Error()
		return p
	case errors.As(err, &bad):
		status := http.StatusUnprocessableEntity
		for i := range bad.Problems {
			if bad.Problems[i].Origin.Kind != config.FromRuntime || bad.Problems[i].Code == setting.Taken {
				status = http.StatusConflict // the problem names the other object
			}
		}
		return invalid(status, bad.Problems)
	case errors.Is(err, pipeline.ErrRuntimeExists):
		return problem(http.StatusConflict, "the %s %s: %v", col.noun, quoted(name), err)
	case errors.Is(err, pipeline.ErrRuntimeMissing):
		return problem(http.StatusNotFound, "the %s %s: %v", col.noun, quoted(name), err)
	case errors.Is(err, pipeline.ErrRuntimeRevision):
		return problem(http.StatusPreconditionFailed, "the %s %s: %v", col.noun, quoted(name), err)
	case errors.Is(err, pipeline.ErrRuntimeMany):
		return problem(http.StatusInsufficientStorage, "%v", err)
	}
	return err
}

// disable disables a global rule for the workloads that match a glob.
func disable(c *call) (any, error) {
	key := config.RuntimeKey{Kind: config.RuntimeDisable, Scope: c.r.PathValue("workload"), Name: c.r.PathValue("rule")}
	// PUT is idempotent: a second one changes nothing and has no audit entry.
	if _, there := c.p.RuntimeObjects()[key]; there {
		return nil, nil
	}
	_, err := c.p.ChangeRuntime(pipeline.RuntimeChange{
		RuntimeKey: key, Who: c.who, Action: "create", Make: func(map[string]any) (map[string]any, error) { return map[string]any{}, nil },
	})
	// If it exists by now, another request had the same result.
	if err != nil && !errors.Is(err, pipeline.ErrRuntimeExists) {
		return nil, collection{noun: "exception from"}.refusal(key.Name, err)
	}
	return nil, nil
}

// enable reverts disable.
func enable(c *call) (any, error) {
	key := config.RuntimeKey{Kind: config.RuntimeDisable, Scope: c.r.PathValue("workload"), Name: c.r.PathValue("rule")}
	_, err := c.p.ChangeRuntime(pipeline.RuntimeChange{
		RuntimeKey: key, Who: c.who, Action: "delete", Revision: pipeline.AnyRevision, Make: func(map[string]any) (map[string]any, error) { return nil, nil },
	})
	if err != nil {
		return nil, collection{noun: "exception from"}.refusal(key.Name, err)
	}
	return nil, nil
}

// object returns the schema of settings. The reference of the configuration describes them.
func object(more openapi.Schema) openapi.Schema {
	properties := openapi.Schema{"name": openapi.Schema{"type": "string"}}
	for key, v := range more {
		properties[key] = v
	}
	return openapi.Schema{"type": "object", "description": "Settings as docs/configuration.md has them.", "properties": properties}
}

var shownObject = object(openapi.Schema{
	"origin": openapi.Schema{"type": "string", "enum": []string{originConfiguration, originRuntime}}, "file": openapi.Schema{"type": "string"}, "etag": openapi.Schema{"type": "string"}, "changed": openapi.Schema{"type": "string", "format": "date-time"},
	"settings": openapi.Schema{"type": "object"}, "problems": openapi.Schema{"type": "array", "items": openapi.Schema{"type": "string"}},
})

// routes returns the routes of a collection below a path.
func (col collection) routes(path string) []route {
	list := openapi.Schema{
		"type": "object", "required": []string{col.key, "next"}, "additionalProperties": false,
		"properties": openapi.Schema{col.key: openapi.Schema{"type": "array", "items": shownObject}, "next": openapi.Schema{"type": "string"}},
	}
	of := ""
	if col.scoped {
		of = " of the workloads that match a glob"
	}
	article := "a "
	if strings.HasPrefix(col.noun, "o") {
		article = "an "
	}
	one, problems := article+col.noun+of, append([]int{http.StatusNotFound}, changeProblems...)
	return []route{
		{op{Method: "GET", Path: path, Summary: "List the " + col.key + of + ".", Params: pageParams, Answer: list}, col.list},
		{op{Method: "POST", Path: path, Summary: "Create " + one + ".", Body: object(nil), Answer: shownObject, Status: 201, Problems: problems}, col.create},
		{op{Method: "GET", Path: path + "/{name}", Summary: "Get " + one + ".", Answer: shownObject}, col.get},
		{op{Method: "PATCH", Path: path + "/{name}", Summary: "Change " + one + ". Omitted settings keep their values, null restores the default.",
			Body: object(nil), Answer: shownObject, Match: true, Problems: problems}, col.patch},
		{op{Method: "DELETE", Path: path + "/{name}", Summary: "Delete " + one + ".", Match: true, Problems: problems}, col.remove},
	}
}
