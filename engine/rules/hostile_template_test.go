package rules

import (
	"strings"
	"testing"
)

// TestSummariesAndLabelsThatWouldNeverEnd: a template is refused where it is written when it is seen there, and otherwise costs an alert its
// summary, never the engine its time.
func TestSummariesAndLabelsThatWouldNeverEnd(t *testing.T) {
	t.Parallel()
	refused := []string{
		"{{ range $i := 1000000000000 }}{{ end }}x", "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}", "{{ printf \"%1000000000d\" 1 }}",
		"{{ $x := \"aaaaaaaaaaaaaaaa\" }}" + strings.Repeat("{{ $x = print $x $x }}", 40) + "x",
	}
	for _, text := range refused {
		for field, r := range map[string]RuleSettings{
			"summary": {Name: "r", Pattern: "x", Summary: text}, "labels": {Name: "r", Pattern: "x", Labels: map[string]string{"l": text}},
		} {
			faults := r.Validate()
			if len(faults) != 1 || !strings.HasPrefix(faults[0].Field, field) {
				t.Errorf("%s = %.50q: %v", field, text, faults)
			}
		}
	}
	late := "{{ $x := .Message }}" + strings.Repeat("{{ $x = print $x $x }}", 40) + "{{ range $.Captures }}{{ end }}x"
	r := RuleSettings{Name: "r", Pattern: "(?P<a>boom)", Summary: late, Labels: map[string]string{"l": late, "k": "kept"}, Cooldown: 0}
	if faults := r.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	data := &summaryData{Rule: "r", Workload: "w", Message: strings.Repeat("boom", 2000), Captures: map[string]string{"a": "boom"}}
	parsed, err := parseSummary(late)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if got := renderSummary(parsed, data); !strings.HasPrefix(got, "r in w: boom") {
			t.Fatalf("%q", got)
		}
	}
}

func TestRunbookIsAWebAddress(t *testing.T) {
	t.Parallel()
	for text, good := range map[string]bool{
		"": true, "https://wiki.example.com/oom": true, "http://wiki/oom?x=1#y": true, "HTTPS://wiki/": true,
		"javascript:alert(1)": false, "JavaScript://x/%0aalert(1)": false, "data:text/html,x": false, "file:///etc/passwd": false, "//wiki/oom": false, "wiki/oom": false,
		"https://": false, "https:///oom": false, "https://user:secret@wiki/": false, "vbscript:x": false, " https://wiki": false, "ftp://wiki/x": false, "%zz": false,
	} {
		r := RuleSettings{Name: "r", Pattern: "x", Runbook: text}
		faults := r.Validate()
		if (len(faults) == 0) != good || (!good && faults[0].Field != "runbook") {
			t.Errorf("%q: %v", text, faults)
		}
	}
}
