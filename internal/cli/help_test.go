package cli

import (
	"bytes"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestEveryCommandHasAnExample asks each for help.
func TestEveryCommandHasAnExample(t *testing.T) {
	parser, err := kong.New(&commands{}, defaults)
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(true)
	if len(leaves) < 10 {
		t.Fatalf("%d commands", len(leaves))
	}
	for _, leaf := range leaves {
		var names []string
		for n := leaf; n.Parent != nil; n = n.Parent {
			names = append([]string{n.Name}, names...)
		}
		var out, errOut bytes.Buffer
		if code := run(append(names, "--help"), &out, &errOut); code != exitFine {
			t.Errorf("%q: code %d: %s", names, code, &errOut)
		}
		_, examples, _ := strings.Cut(out.String(), "Example")
		if !strings.Contains(examples, "docker-fluentbit "+names[0]) {
			t.Errorf("docker-fluentbit %s: its help has no example", strings.Join(names, " "))
		}
	}
}
