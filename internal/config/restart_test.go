package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestEverySettingIsReloadedOrTakesARestart wants each table that exists once named here, by whether a reload puts it in force.
func TestEverySettingIsReloadedOrTakesARestart(t *testing.T) {
	reloaded := []string{"Verbosity", "Limits", "Deploy", "Records", "Docker", "Labels", "Admin", "Egress", "Redact", "Heartbeat", "Fleet", "Rules", "Workloads", "Silences", "Inhibits", "Triggers"}
	before, after := DefaultSettings(), DefaultSettings()
	s := NewStanding(&before)
	var want []string
	fields := reflect.ValueOf(&after).Elem()
	for i := range fields.NumField() {
		f := fields.Type().Field(i)
		if slices.Contains(reloaded, f.Name) {
			continue
		}
		prefix := ""
		if key := f.Tag.Get("toml"); key != ",inline" {
			prefix = key + "."
		}
		table := fields.Field(i)
		for j := range table.NumField() {
			want = append(want, prefix+table.Type().Field(j).Tag.Get("toml"))
			if v := table.Field(j); v.CanInt() {
				v.SetInt(v.Int() + 1)
			} else {
				v.SetString("/elsewhere")
			}
		}
	}
	var got []string
	for _, p := range s.Changed(&Result{Settings: after}, strings.Clone) {
		got = append(got, p.Field)
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 10 || !slices.Equal(got, want) {
		t.Errorf("a restart is wanted for\n%q, want\n%q", got, want)
	}
}
