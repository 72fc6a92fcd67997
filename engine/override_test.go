package engine

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

func TestOverrideApply(t *testing.T) {
	base := RuleSettings{Name: "r", Pattern: "a", Cooldown: time.Minute, Labels: map[string]string{"team": "a"}}
	o := Override{Rule: "r", Keys: []string{"cooldown", "dry_run", "name"}, Settings: RuleSettings{
		Name: "other", Pattern: "ignored", Cooldown: time.Hour, DryRun: true,
	}}
	got := o.Apply(base)
	want := base
	want.Cooldown, want.DryRun = time.Hour, true
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestOverrideKnowsEveryKey holds Apply to all settings there are: a key that the configuration knows and Apply does not would be lost.
func TestOverrideKnowsEveryKey(t *testing.T) {
	rt := reflect.TypeFor[RuleSettings]()
	for i := range rt.NumField() {
		key := rt.Field(i).Tag.Get("toml")
		if key == "" {
			t.Errorf("%s has no name in the configuration", rt.Field(i).Name)
		}
		if key == "name" {
			continue
		}
		var from RuleSettings
		setSomething(reflect.ValueOf(&from).Elem().Field(i))
		o := Override{Keys: []string{key}, Settings: from}
		if got := o.Apply(RuleSettings{}); !reflect.DeepEqual(got, from) {
			t.Errorf("%s: got %+v, want %+v", key, got, from)
		}
	}
}

func setSomething(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"x": "y"}))
	case reflect.Int, reflect.Int64:
		v.SetInt(5)
	case reflect.Uint8:
		v.SetUint(2)
	}
}

// TestWorkloadsAreBounded meets more workloads than are remembered, many of them with rules of a kind of their own.
func TestWorkloadsAreBounded(t *testing.T) {
	s := Settings{Limits: DefaultLimits(), Rules: []RuleSettings{{Name: "r", Pattern: "x"}}}
	for i := range 10 {
		s.Workloads = append(s.Workloads, WorkloadSettings{Match: fmt.Sprintf("*%d*", i), Overrides: []Override{
			{Rule: "r", Keys: []string{"cooldown"}, Settings: RuleSettings{Cooldown: time.Duration(i) * time.Second}},
		}})
	}
	n, err := New().Compile(s)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rules.MaxWorkloads {
		n.EffectiveFor(fmt.Sprint(i))
	}
	before := len(n.Sets)
	n.EffectiveFor("one too many")
	if n.Known.Load() != 1 || len(n.Variants) != 0 || before < 100 {
		t.Errorf("%d workloads known, %d variants; %d sets before: want 1, 0 and more than 100", n.Known.Load(), len(n.Variants), before)
	}
	if e := n.EffectiveFor("7"); len(e.Variants) != 1 {
		t.Error("the override of a workload is lost once the caches were emptied")
	}
}

func TestEffective(t *testing.T) {
	s := &Settings{
		Rules: []RuleSettings{
			{Name: "a", Pattern: "a"},
			{Name: "b", Pattern: "b", Workloads: []string{"shop/*"}},
			{Name: "c", Pattern: "c", ExcludeWorkloads: []string{"shop/web"}},
		},
		Workloads: []WorkloadSettings{
			{Match: "shop/*", Overrides: []Override{
				{Rule: "a", Keys: []string{"cooldown"}, Settings: RuleSettings{Cooldown: time.Hour}},
				{Rule: "c", Keys: []string{"exclude_workloads"}, Settings: RuleSettings{}},
			}},
			{Match: "shop/api", Disable: []string{"b"},
				Overrides: []Override{{Rule: "a", Keys: []string{"severity"}, Settings: RuleSettings{Severity: SeverityCritical}}},
				Rules:     []RuleSettings{{Name: "own", Pattern: "o"}}},
		},
	}
	cases := []struct{ workload, want string }{
		{"ops/db", "a c"},
		{"shop/web", "a[1h0m0s] b c"},
		{"shop/api", "a[1h0m0s critical] c own@shop/api"},
	}
	for _, c := range cases {
		var got []string
		for _, r := range Effective(s, c.workload) {
			var set []string
			if r.Settings.Cooldown != 0 {
				set = append(set, r.Settings.Cooldown.String())
			}
			if r.Settings.Severity != 0 {
				set = append(set, r.Settings.Severity.String())
			}
			text := r.ID
			if len(set) > 0 {
				text += "[" + strings.Join(set, " ") + "]"
			}
			got = append(got, text)
		}
		if !slices.Equal(got, strings.Split(c.want, " ")) && strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %s, want %s", c.workload, got, c.want)
		}
	}
}

func ExampleEffective() {
	s := &Settings{
		Rules: []RuleSettings{{Name: "panic", Pattern: "^panic:"}, {Name: "noise", Pattern: "health"}},
		Workloads: []WorkloadSettings{{
			Match: "shop/api", Disable: []string{"noise"},
			Overrides: []Override{{Rule: "panic", Keys: []string{"severity"}, Settings: RuleSettings{Severity: SeverityCritical}}},
			Rules:     []RuleSettings{{Name: "slow", Pattern: "duration"}},
		}},
	}
	for _, workload := range []string{"shop/api", "shop/web"} {
		for _, r := range Effective(s, workload) {
			fmt.Printf("%s: %s severity=%s\n", workload, r.ID, r.Settings.Severity)
		}
	}
	// Output:
	// shop/api: panic severity=critical
	// shop/api: slow@shop/api severity=
	// shop/web: panic severity=
	// shop/web: noise severity=
}
