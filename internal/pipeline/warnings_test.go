package pipeline

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func (b *bench) warnings(p *Pipeline) (codes []string) {
	b.t.Helper()
	for _, w := range p.Warnings() {
		codes = append(codes, w.Code)
	}
	return codes
}

// TestAnInstanceThatAlertsNobodyWarns has one warning for each reason, in the log once and in Warnings for as long as it holds.
func TestAnInstanceThatAlertsNobodyWarns(t *testing.T) {
	trigger := "[[trigger]]\nname = \"ops\"\nurl = \"https://hooks.example/x\"\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                              {"", []string{WarningEmpty}},
		"comments alone":                       {"# [[rule]]\n", []string{WarningEmpty}},
		"a rule without trigger":               {rule("boom", "boom"), []string{WarningNoTriggers}},
		"a rule of a workload without trigger": {"[[workload]]\nmatch = \"shop/*\"\n[[workload.rule]]\nname = \"boom\"\npattern = \"boom\"\n", []string{WarningNoTriggers}},
		"a trigger without rule":               {trigger, []string{WarningNoRules}},
		"a block that adds no rule":            {trigger + "[[workload]]\nmatch = \"shop/*\"\n", []string{WarningNoRules}},
		"both":                                 {trigger + rule("boom", "boom"), nil},
		"a rule that looks at events":          {trigger + "[[rule]]\nname = \"died\"\nevent = [\"die\"]\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			p := b.start(b.options("store = \"memory\"\n" + c.text))
			if got := b.warnings(p); !slices.Equal(got, c.want) {
				t.Errorf("warnings %q, want %q", got, c.want)
			}
			if got := strings.Count(b.log.String(), "warning="); got != len(c.want) {
				t.Errorf("%d warnings are logged, want %d:\n%s", got, len(c.want), b.log)
			}
		})
	}
}

// TestAStoreInMemoryInsteadOfAFileWarns at a hot reload; at the first start it is an error.
func TestAStoreInMemoryInsteadOfAFileWarns(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := b.options(b.document(rule("boom", "boom")))
	b.write(strings.Replace(b.document(rule("boom", "boom")), b.dir, filepath.Join(file, "sub"), 1))
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "set store to another file or to memory") {
		t.Fatalf("the first start: %v", err)
	}
	o.Lenient = true
	p := b.start(o)
	if got := b.warnings(p); !slices.Equal(got, []string{WarningMemory}) {
		t.Errorf("warnings %q", got)
	}
}

func TestWarningsFollowReloads(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options("store = \"memory\"\n" + rule("boom", "boom")))
	b.write(b.document(rule("boom", "boom")))
	p.Reload()
	if got := b.warnings(p); got != nil {
		t.Errorf("with a trigger there is still %q", got)
	}
	b.write(b.document(""))
	p.Reload()
	if got := b.warnings(p); !slices.Equal(got, []string{WarningNoRules}) {
		t.Errorf("without rules there is %q", got)
	}
	b.eventually("the new reason is logged", func() bool { return strings.Contains(b.log.String(), "warning=no-rules") })
	p.AddWarnings(func() []Warning { return []Warning{{WarningNoContainer, "no container matches"}} })
	if got := b.warnings(p); !slices.Equal(got, []string{WarningNoRules, WarningNoContainer}) {
		t.Errorf("with a reason from elsewhere there is %q", got)
	}
	b.eventually("the reason from elsewhere is logged", func() bool { return strings.Contains(b.log.String(), "warning=no-container") })
	if got := strings.Count(b.log.String(), "warning=no-rules"); got != 1 {
		t.Errorf("the reason is logged %d times", got)
	}
}

// TestFiltersThatTakeNothingWarn has triggers whose filters no alert of the rules passes.
func TestFiltersThatTakeNothingWarn(t *testing.T) {
	trigger := func(name, filters string) string {
		return "[[trigger]]\nname = \"" + name + "\"\nurl = \"https://hooks.example/x\"\n" + filters
	}
	died := "[[rule]]\nname = \"died\"\nevent = [\"die\"]\n"
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"a severity that no rule has":     {trigger("ops", "severity = [\"critical\"]\n") + rule("boom", "boom") + "severity = \"info\"\n", []string{WarningUnreachable, WarningUnwanted}},
		"one that an escalation has":      {trigger("ops", "severity = [\"critical\"]\n") + rule("boom", "boom") + "severity = \"info\"\nescalate = [{ after = \"10m\", severity = \"critical\" }]\n", nil},
		"events alone and rules of lines": {trigger("ops", "source = [\"container\"]\n") + rule("boom", "boom"), []string{WarningUnreachable, WarningUnwanted}},
		"lines alone and rules of events": {trigger("ops", "source = [\"log\"]\n") + died, []string{WarningUnreachable, WarningUnwanted}},
		"system alerts alone":             {trigger("ops", "source = [\"system\"]\n") + rule("boom", "boom"), []string{WarningUnwanted}},
		"one of two rules":                {trigger("ops", "rule = [\"boom\"]\n") + rule("boom", "boom") + died, []string{WarningUnwanted}},
		"a misspelt rule beside another":  {trigger("ops", "rule = [\"bom\"]\n") + trigger("all", "") + rule("boom", "boom"), []string{WarningUnreachable}},
		"another workload":                {trigger("ops", "workload = [\"ops/*\"]\n") + rule("boom", "boom") + "workloads = [\"shop/*\"]\n", []string{WarningUnreachable, WarningUnwanted}},
		"each rule has a trigger":         {trigger("a", "rule = [\"boom\"]\n") + trigger("b", "source = [\"container\"]\n") + rule("boom", "boom") + died, nil},
		"dry runs":                        {trigger("ops", "") + rule("boom", "boom") + "dry_run = true\n", []string{WarningDryRun}},
		"an override":                     {trigger("ops", "severity = [\"critical\"]\n") + rule("boom", "boom") + "severity = \"info\"\n[[workload]]\nmatch = \"shop/*\"\n[[workload.override]]\nrule = \"boom\"\nseverity = \"critical\"\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			p := b.start(b.options("store = \"memory\"\n" + c.text))
			if got := b.warnings(p); !slices.Equal(got, c.want) {
				t.Errorf("warnings %q, want %q: %+v", got, c.want, p.Warnings())
			}
		})
	}
}

// TestWarningsAreDocumented wants each code in the document of the administration, and no other there.
func TestWarningsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Warnings\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, code := range WarningCodes() {
		if !strings.Contains(section, "| `"+code+"` | ") {
			t.Errorf("docs/admin.md does not list %s", code)
		}
	}
	if rows := strings.Count(section, "\n| `"); rows != len(WarningCodes()) {
		t.Errorf("docs/admin.md lists %d codes, want %d", rows, len(WarningCodes()))
	}
}
