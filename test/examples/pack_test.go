package examples

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/config/tomlfiles"
	"github.com/tinyforge/fluentbit-trigger/internal/ruletest"
)

// TestRulePack runs the tests of the rule pack and of the examples of routing, deploys, incidents and traces as docker-fluentbit test does. Each rule needs a test that holds a hit of it, and a text that is
// nearly one and is not.
func TestRulePack(t *testing.T) {
	t.Parallel()
	var files []string
	for _, folder := range []string{"rules", "routing", "deploys", "incidents", "traces"} {
		found, err := filepath.Glob(filepath.Join(root, "examples", folder, "*.toml"))
		if found = slices.DeleteFunc(found, tomlfiles.IsTest); err != nil || len(found) == 0 {
			t.Fatalf("no rules in %s: %v", folder, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".toml")
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			f, problems := ruletest.Load(name + ".test.toml")
			for _, p := range problems {
				t.Error(p)
			}
			if f == nil || t.Failed() {
				return
			}
			for _, p := range f.RuleProblems() {
				t.Error(p)
			}
			report, err := f.Run(nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range report.Results {
				for _, failure := range r.Failures {
					t.Errorf("%s:%d: %s: %s\n%s", failure.File, failure.Line, r.Name, failure.Message, failure.Diff)
				}
			}
			missed := map[string]bool{}
			for i := range f.Tests {
				if len(f.Tests[i].Misses) > 0 {
					missed[f.Tests[i].Rule] = true
				}
			}
			for rule, hit := range report.Rules {
				if !hit {
					t.Errorf("no test holds a hit of %s", rule)
				}
				if !missed[rule.ID] {
					t.Errorf("no test holds a miss of %s", rule)
				}
			}
		})
	}
}
