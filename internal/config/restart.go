package config

import (
	"cmp"
	"reflect"
	"slices"
)

// Standing holds the settings that a program reads once, at its start: a reload does not apply them.
type Standing struct{ settings Settings }

// NewStanding copies them from the settings that a program starts with.
func NewStanding(s *Settings) Standing {
	return Standing{Settings{Store: s.Store, Delivery: s.Delivery}}
}

// Changed reports, as problems, which of them a configuration that is loaded later sets otherwise. storePath makes one text of the ways to write
// one place of the store.
func (s *Standing) Changed(r *Result, storePath func(string) string) (problems []Problem) {
	for _, table := range []struct {
		prefix      string
		before, now any
	}{{"", s.settings.Store, r.Settings.Store}, {"delivery.", s.settings.Delivery, r.Settings.Delivery}} {
		before, now := reflect.ValueOf(table.before), reflect.ValueOf(table.now)
		for key, f := range structFields(now.Type()) {
			old, set := before.FieldByIndex(f.Index).Interface(), now.FieldByIndex(f.Index).Interface()
			if old == set || key == storeKey && storePath(s.settings.Store.Path) == storePath(r.Settings.Store.Path) {
				continue
			}
			p := Problem{Field: table.prefix + key, Message: "a change takes effect after a restart"}
			if at, ok := r.Parts.Single(p.Field); ok {
				p.Place = at
			}
			problems = append(problems, p)
		}
	}
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Origin.String(), b.Origin.String()), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field))
	})
	return problems
}

// storeKey is the key of the store's place.
const storeKey = "store"
