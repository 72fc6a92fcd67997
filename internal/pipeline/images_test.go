package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestASilenceEndsWithTheNextImage in both programs: of records of Fluent Bit, and of lines that the program reads itself. It goes on over a restart.
func TestASilenceEndsWithTheNextImage(t *testing.T) {
	for name, write := range map[string]func(p *Pipeline, container, image, text string){
		"plugin": func(p *Pipeline, container, image, text string) {
			lines := chunktest.Lines(text)
			lines[0].Time = time.Now().UnixNano()
			lines[0].Extra = []chunktest.Pair{{Key: "container_image", Value: image}}
			if v := p.Flush(chunktest.DockerOf(strings.Repeat(container, 64), "shop-api-"+container, "shop", "api", lines...), "docker.web"); v != Accepted {
				t.Fatalf("a chunk was %s", v)
			}
		},
		"run": func(p *Pipeline, container, image, text string) {
			b := containerLines(text)
			b.Source.Container.ID, b.Source.Container.Image = container, image
			b.Lines[0].Time = time.Now().UnixNano()
			if err := p.OnLines(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			silence := fmt.Sprintf("[[silence]]\nname = \"known\"\nworkload = \"shop/api\"\nfrom = %s\nuntil = \"next image\"\n", time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))
			o := b.options(b.document(rule("boom", "^boom") + silence))
			p := b.start(o)
			write(p, "a", "api:1", "boom 1")
			b.stop(p)
			o.Stores = &store.Registry{}
			p = b.start(o)
			write(p, "a", "api:1", "boom 2")
			write(p, "b", "api:2", "boom 3")
			if got := b.messages(1); !slices.Equal(got, []string{"boom 3"}) {
				t.Errorf("alerts %q, want that of the next image", got)
			}
		})
	}
}

// TestTheEndOfAWorseImageGoesWhereItsAlertWent: to the trigger that sent the alert about the deploy, though its filters let nothing more pass by then, and over a
// restart.
func TestTheEndOfAWorseImageGoesWhereItsAlertWent(t *testing.T) {
	const counted = "[deploy]\ncompare = \"15m\"\n[[rule]]\nname = \"boom\"\npattern = \"^boom\"\ndeploy = true\ndry_run = true\n"
	b, hands := newBench(t), newClock()
	o := b.options(b.document(counted))
	o.Now = hands.now
	p := b.start(o)
	write := func(image string, minutes int, texts ...string) {
		t.Helper()
		for range minutes {
			batch := containerLines(texts...)
			batch.Source.Container.ID, batch.Source.Container.Image = image, image
			for i := range batch.Lines {
				batch.Lines[i].Time = hands.now().UnixNano()
			}
			if err := p.OnLines(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			hands.pass(time.Minute)
		}
	}
	write("shop/api:1", 20, "request", "request", "request")
	write("shop/api:2", 16, "request", "request", "boom")
	p.tick(p.newBatch())
	b.messages(1)
	begin := b.alerts()[0]
	if begin.Kind != trigger.KindDeploy || !begin.Resolves || begin.Deploy.Verdict != "worse" {
		t.Fatalf("%+v", begin)
	}
	b.write(b.document("rule = [\"another\"]\n" + counted))
	b.stop(p)
	o.Stores = &store.Registry{}
	p = b.start(o)
	write("shop/api:3", 1, "request")
	p.tick(p.newBatch())
	b.messages(2)
	end := b.alerts()[1]
	if end.Kind != trigger.KindResolved || end.Key != begin.Key || end.Severity != begin.Severity || end.Incident == nil || end.Incident.Alerts != 1 {
		t.Errorf("the end %+v of %+v", end, begin)
	}
	if !strings.HasPrefix(end.Summary, "shop/api: 2, worse than 1, was replaced by 3 after ") {
		t.Errorf("summary %q", end.Summary)
	}
}
