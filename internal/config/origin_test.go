package config

import "testing"

// TestOrigins holds how sources are named, and that no two objects made through the API are named alike.
func TestOrigins(t *testing.T) {
	seen := map[string]bool{}
	for want, o := range map[string]Origin{
		"rules.toml":                                         FileOrigin("rules.toml"),
		"parameter rule.oom.cooldown":                        parameterOrigin("rule.oom.cooldown"),
		`runtime rule "oom"`:                                 RuntimeKey{Kind: RuntimeRule, Name: "oom"}.Origin(),
		`runtime trigger "ops"`:                              RuntimeKey{Kind: RuntimeTrigger, Name: "ops"}.Origin(),
		`runtime workload "shop/*"`:                          RuntimeKey{Kind: runtimeWorkload, Scope: "shop/*"}.Origin(),
		"container web-1: label l.r.k":                       {Kind: FromLabel, Name: "l.r.k", Container: "web-1"},
		`runtime rule "oom" of workload "shop/*"`:            RuntimeKey{Kind: RuntimeRule, Scope: "shop/*", Name: "oom"}.Origin(),
		`runtime override of "oom" for workload "shop/*"`:    RuntimeKey{Kind: RuntimeOverride, Scope: "shop/*", Name: "oom"}.Origin(),
		`runtime exception from "oom" for workload "shop/*"`: RuntimeKey{Kind: RuntimeDisable, Scope: "shop/*", Name: "oom"}.Origin(),
	} {
		if got := o.String(); got != want || seen[got] {
			t.Errorf("%+v is called %q, want %q", o, got, want)
		}
		seen[o.String()] = true
	}
	for want, p := range map[string]Place{"a.toml:12": {FileOrigin("a.toml"), 12, 3}, "parameter x": {Origin: parameterOrigin("x")}} {
		if got := p.String(); got != want {
			t.Errorf("the place is %q, want %q", got, want)
		}
	}
	// A file may be called like another source: it is still a file.
	if FileOrigin("parameter x") == parameterOrigin("x") {
		t.Error("a file is taken for a parameter")
	}
}
