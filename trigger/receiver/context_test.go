package receiver

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// TestTheMessageIsNeverCutForItsContext: a log line that fits without context is not cut when there is context.
func TestTheMessageIsNeverCutForItsContext(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"<", "&", "`", "ä", "🔥", "x", "*", "\\", " ", "\""}
	text := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		return b.String()
	}
	for _, format := range Formats() {
		shown := 0
		for i := range 40 {
			a := triggertest.Sample()
			a.Message = "begin " + text(rnd.IntN(1+i*60)) + " the-end"
			a.Context = nil
			without, err := testRenderer(format).Render(context.Background(), "id_1", []trigger.Alert{a})
			if err != nil {
				t.Fatal(err)
			}
			a.Context = &trigger.Context{}
			for range 1 + rnd.IntN(50) {
				a.Context.Before = append(a.Context.Before, text(rnd.IntN(300)))
				a.Context.After = append(a.Context.After, text(rnd.IntN(300)))
			}
			with, err := testRenderer(format).Render(context.Background(), "id_1", []trigger.Alert{a})
			if err != nil {
				t.Fatal(err)
			}
			checkPayload(t, format, with.Body)
			if !strings.Contains(string(asJSON(t, format, without.Body)), "the-end") {
				continue
			}
			shown++
			if !strings.Contains(string(asJSON(t, format, with.Body)), "the-end") {
				t.Errorf("%s: the message is cut for the lines around it", format)
			}
		}
		if shown == 0 {
			t.Errorf("%s: no message is shown whole", format)
		}
	}
}

// TestTheNearestLinesStay: where there is not room for all, those far from the message go first.
func TestTheNearestLinesStay(t *testing.T) {
	a := trigger.Alert{Message: "here", Context: &trigger.Context{}}
	for i := range 9 {
		a.Context.Before = append(a.Context.Before, fmt.Sprint("b", 9-i))
		a.Context.After = append(a.Context.After, fmt.Sprint("a", i+1))
	}
	for _, c := range []struct {
		runes int
		want  string
	}{
		{1000, "b9 b8 b7 b6 b5 b4 b3 b2 b1 here a1 a2 a3 a4 a5 a6 a7 a8 a9"},
		{22, "b3 b2 b1 here a1 a2 a3"},
		{11, "b1 here a1"},
		{6, "here"},
		{3, "he…"},
	} {
		if got := strings.ReplaceAll(render.CodeBlock(&a, c.runes), "\n", " "); got != c.want {
			t.Errorf("%d runes: %q, want %q", c.runes, got, c.want)
		}
	}
	long := trigger.Alert{Message: "here", Context: &trigger.Context{Before: []string{strings.Repeat("x", 100)}, After: []string{strings.Repeat("y", 100)}}}
	if got := render.CodeBlock(&long, 80); !strings.HasPrefix(got, "xxx") || !strings.Contains(got, "x…\nhere\nyyy") || len([]rune(got)) > 80 {
		t.Errorf("%q", got)
	}
}

// TestGenericKeepsAllLines: the generic payload carries the context unchanged.
func TestGenericKeepsAllLines(t *testing.T) {
	a := triggertest.Sample()
	a.Context = &trigger.Context{Before: []string{"", "<a>"}, After: []string{"b\tc"}}
	got, err := testRenderer("generic").Render(context.Background(), "id_1", []trigger.Alert{a})
	if err != nil {
		t.Fatal(err)
	}
	var back trigger.Alert
	if err := json.Unmarshal(got.Body, &back); err != nil || fmt.Sprintf("%q", back.Context) != fmt.Sprintf("%q", a.Context) {
		t.Errorf("%q, %v", back.Context, err)
	}
}
