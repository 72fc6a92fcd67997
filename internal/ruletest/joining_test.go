package ruletest

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTracesAreOneRecordInTests: the lines of a trace are one hit, unless records.join is off.
func TestTracesAreOneRecordInTests(t *testing.T) {
	t.Parallel()
	const test = `rules = ["rules.toml"]
[[test]]
name = "a trace"
line = [{ text = "ERROR cannot pay" }, { text = "java.io.IOException: closed" }, { text = "\tat shop.Pay.run(Pay.java:3)" }, { text = "on" }]
`
	for records, alert := range map[string]string{
		"":                            `alert = [{ rule = "closed", message = "ERROR cannot pay\njava.io.IOException: closed\n\tat shop.Pay.run(Pay.java:3)" }]` + "\n",
		"[records]\njoin = \"off\"\n": `alert = [{ rule = "closed", message = "java.io.IOException: closed" }]` + "\n",
	} {
		dir := t.TempDir()
		for name, text := range map[string]string{"rules.toml": records + "[[rule]]\nname = \"closed\"\npattern = 'closed'\n", "a.test.toml": test + alert} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		file, problems := Load(filepath.Join(dir, "a.test.toml"))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		report, err := file.Run(nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range report.Results {
			if !r.Passed {
				t.Errorf("%q: %+v", records, r.Failures)
			}
		}
	}
}
