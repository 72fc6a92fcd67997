package config

import (
	"cmp"
	"maps"
	"reflect"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// RuntimeSettings is a rule, an override, an exception or a trigger that was made through the API: settings in the form of the sources, as JSON has
// them with numbers as json.Number, without the name. It is bound and checked as a part of a file is.
type RuntimeSettings struct {
	RuntimeKey
	Value map[string]any
}

// runtime binds the runtime objects. Those of a scope form a block.
func (l *loader) runtime(all []RuntimeSettings) {
	blocks := map[string]*node{}
	for i := range all {
		m := &all[i]
		n := m.node()
		switch {
		case m.Scope != "":
			b := blocks[m.Scope]
			if b == nil {
				at := Place{Origin: RuntimeKey{Kind: runtimeWorkload, Scope: m.Scope}.Origin()}
				b = &node{at: at, table: map[string]*node{"match": {at: at, value: m.Scope}}}
				blocks[m.Scope] = b
			}
			list := b.table[string(m.Kind)]
			if list == nil {
				list = &node{at: b.at, list: true}
				b.table[string(m.Kind)] = list
			}
			list.items = append(list.items, n)
		case m.Kind == RuntimeRule:
			l.rules = append(l.rules, l.rule(part{node: n, path: elementPath("", "rule", "name", i, n), ok: true}))
		case m.Kind == RuntimeTrigger:
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
func (m *RuntimeSettings) node() *node {
	at := Place{Origin: m.Origin()}
	if m.Kind == RuntimeDisable {
		return &node{at: at, value: m.Name}
	}
	n := jsonNode(m.Value, at)
	key := "name"
	if m.Kind == RuntimeOverride {
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
	return &Problem{Field: field, Code: setting.Missing, Message: "the placeholder keeps the secret that is set, and no secret is set"}
}

// CheckRule binds and checks one rule by itself.
func CheckRule(value map[string]any) (engine.RuleSettings, []Problem) {
	name, _ := value["name"].(string)
	value = maps.Clone(value)
	delete(value, "name")
	r := Load(Sources{Runtime: []RuntimeSettings{{RuntimeKey{Kind: RuntimeRule, Name: cmp.Or(name, "test")}, value}}})
	if len(r.Problems) > 0 || len(r.Settings.Rules) != 1 {
		return engine.RuleSettings{}, r.Problems
	}
	return r.Settings.Rules[0], nil
}
