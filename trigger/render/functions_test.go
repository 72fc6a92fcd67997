package render

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// TestDocumentHasEveryFunction compares the functions of body templates with those that docs/receivers.md lists.
func TestDocumentHasEveryFunction(t *testing.T) {
	t.Parallel()
	text := triggertest.Document(t)
	var functions []string
	for _, code := range triggertest.CodesOf(triggertest.CutOut(t, strings.Join(strings.Fields(text), " "), "and the functions", "None can read")) {
		functions = append(functions, strings.Fields(code)[0])
	}
	slices.Sort(functions)
	if want := slices.Sorted(maps.Keys(templateFuncs())); !slices.Equal(functions, want) {
		t.Errorf("the document names the functions %q, there are %q", functions, want)
	}
}
