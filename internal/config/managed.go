package config

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// ManagedKind says what a managed object is.
type ManagedKind string

// The kinds of managed objects.
const (
	ManagedRule     ManagedKind = "rule"     // a global rule, or with a scope one of the workloads that it matches
	ManagedOverride ManagedKind = "override" // settings of the global rule Name that are different in the scope
	ManagedDisable  ManagedKind = "disable"  // the global rule Name does not apply in the scope
	ManagedTrigger  ManagedKind = "trigger"
)

// Managed is a rule, an override or a trigger that was made at run time: settings in the form of the sources, as JSON has them with numbers as
// json.Number, without the name. It is bound and checked as a part of a file is.
type Managed struct {
	Kind  ManagedKind
	Scope string // the glob of the workloads; "" for what is global
	Name  string
	Value map[string]any
}

// Place names the object as the File of a problem or a place does. It is different for each object.
func (m *Managed) Place() string {
	switch {
	case m.Kind == ManagedOverride:
		return fmt.Sprintf("managed override of %q for workload %q", m.Name, m.Scope)
	case m.Kind == ManagedDisable:
		return fmt.Sprintf("managed exception from %q for workload %q", m.Name, m.Scope)
	case m.Scope != "":
		return fmt.Sprintf("managed %s %q of workload %q", m.Kind, m.Name, m.Scope)
	}
	return fmt.Sprintf("managed %s %q", m.Kind, m.Name)
}

// ManagedBlock names the block that the managed objects of a scope form, as the File of a problem does.
func ManagedBlock(scope string) string { return fmt.Sprintf("managed workload %q", scope) }

// managed binds objects that were made at run time.
func (l *loader) managed(all []Managed) {
	blocks := map[string]*node{}
	for i := range all {
		m := &all[i]
		n := m.node()
		switch {
		case m.Scope != "":
			b := blocks[m.Scope]
			if b == nil {
				at := position{file: ManagedBlock(m.Scope)}
				b = &node{at: at, table: map[string]*node{"match": {at: at, value: m.Scope}}}
				blocks[m.Scope] = b
			}
			list := b.table[string(m.Kind)]
			if list == nil {
				list = &node{at: b.at, list: true}
				b.table[string(m.Kind)] = list
			}
			list.items = append(list.items, n)
		case m.Kind == ManagedRule:
			l.rules = append(l.rules, l.rule(part{node: n, path: elementPath("", "rule", "name", i, n), ok: true}))
		case m.Kind == ManagedTrigger:
			t := &triggerPart{part: part{node: n, path: elementPath("", "trigger", "name", i, n)}, settings: trigger.DefaultSettings()}
			t.ok = l.table(scope{path: t.path, hide: true}, n, reflect.ValueOf(&t.settings).Elem(), nil)
			l.triggers = append(l.triggers, t)
		}
	}
	for i, match := range slices.Sorted(maps.Keys(blocks)) {
		b := blocks[match]
		l.workloads = append(l.workloads, l.workload(part{node: b, path: elementPath("", "workload", "match", i, b)}))
	}
}

// node gives the object as a table of a source.
func (m *Managed) node() *node {
	at := position{file: m.Place()}
	if m.Kind == ManagedDisable {
		return &node{at: at, value: m.Name}
	}
	n := jsonNode(m.Value, at)
	key := "name"
	if m.Kind == ManagedOverride {
		key = "rule"
	}
	n.table[key] = &node{at: at, value: m.Name}
	return n
}

// secretFields are the keys of a trigger whose values are secrets.
func secretFields() map[string]bool {
	out := map[string]bool{}
	for key, f := range structFields(reflect.TypeFor[trigger.Settings]()) {
		out[key] = isSecret(f.Type)
	}
	return out
}

// MaskSecrets returns the settings of a trigger with the placeholder in place of each secret.
func MaskSecrets(value map[string]any) map[string]any {
	secrets := secretFields()
	out := make(map[string]any, len(value))
	for key, v := range value {
		table, isTable := v.(map[string]any)
		switch {
		case !secrets[key]:
			out[key] = v
		case isTable:
			masked := map[string]any{}
			for name := range table {
				masked[name] = setting.Placeholder
			}
			out[key] = masked
		default:
			out[key] = setting.Placeholder
		}
	}
	return out
}

// KeepSecrets returns a change of a trigger's settings without the secrets that it leaves as they are, which it names by the placeholder. The
// problem is a placeholder where there is no secret to keep.
func KeepSecrets(change, current map[string]any) (map[string]any, *Problem) {
	secrets := secretFields()
	out := make(map[string]any, len(change))
	for key, v := range change {
		table, isTable := v.(map[string]any)
		switch {
		case secrets[key] && v == setting.Placeholder:
			if _, set := current[key].(string); !set {
				return nil, noSecret(key)
			}
		case secrets[key] && isTable:
			before, _ := current[key].(map[string]any)
			kept := map[string]any{}
			for name, e := range table {
				if e == setting.Placeholder {
					if _, set := before[name].(string); !set {
						return nil, noSecret(key + "." + name)
					}
					continue
				}
				kept[name] = e
			}
			out[key] = kept
		default:
			out[key] = v
		}
	}
	return out, nil
}

func noSecret(field string) *Problem {
	return &Problem{File: "the change", Field: field, Message: "the placeholder stands for the secret that is set, and none is"}
}

// CheckRule binds and checks one rule by itself.
func CheckRule(value map[string]any) (engine.RuleSettings, []Problem) {
	name, _ := value["name"].(string)
	value = maps.Clone(value)
	delete(value, "name")
	r := Load(Sources{Managed: []Managed{{Kind: ManagedRule, Name: cmp.Or(name, "test"), Value: value}}})
	if len(r.Problems) > 0 || len(r.Settings.Rules) != 1 {
		return engine.RuleSettings{}, r.Problems
	}
	return r.Settings.Rules[0], nil
}
