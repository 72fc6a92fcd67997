package admin

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestThePageCallsWhatThereIs compares the paths in the page's scripts with the routes. test/browser compares the fields.
func TestThePageCallsWhatThereIs(t *testing.T) {
	scripts, err := filepath.Glob("page/assets/*.js")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%v: %v", scripts, err)
	}
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	known := map[string]bool{}
	for _, rt := range routes() {
		known[parameter.ReplaceAllString(rt.Path, "{}")] = true
	}
	used := regexp.MustCompile("['`](/(?:api/|-/|login|logout)[^'`?]*)['`?]")
	interpolated := regexp.MustCompile(`\$\{[^}]*\}`)
	checked := 0
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range used.FindAllStringSubmatch(string(text), -1) {
			checked++
			if path := interpolated.ReplaceAllString(m[1], "{}"); !known[strings.TrimSuffix(path, "/")] {
				t.Errorf("%s calls %s, which the API does not have", script, path)
			}
		}
	}
	if checked < 15 {
		t.Errorf("only %d paths were found", checked)
	}
}
