package planted

import (
	"strings"
	"testing"
)

func TestEachLineHoldsItsSecret(t *testing.T) {
	t.Parallel()
	all := Secrets()
	if len(all) != 100 {
		t.Fatalf("%d secrets, want 100", len(all))
	}
	for i, s := range all {
		if len(s.Text) < 11 || !strings.Contains(s.Line, s.Text) || !strings.HasPrefix(s.Line, "boom ") {
			t.Errorf("line %d, %q, with the secret %q", i, s.Line, s.Text)
		}
	}
}
