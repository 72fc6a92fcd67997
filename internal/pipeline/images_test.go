package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
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
			o := b.options(b.document(rule("boom", "^boom")+silence))
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
