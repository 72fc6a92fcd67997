package measure

import (
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// TestRule expects a figure above zero.
func TestRule(t *testing.T) {
	s := engine.DefaultRule()
	s.Name, s.Pattern = "x", `\d+\s*\w+`
	if ns := Rule(s); ns <= 0 {
		t.Errorf("%v ns a line", ns)
	}
}
