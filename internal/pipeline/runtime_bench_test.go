package pipeline

import (
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// BenchmarkManage changes one rule among many that were made at run time.
func BenchmarkManage(b *testing.B) {
	for _, rules := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			p, err := New(Options{ID: "bench", Sources: config.Sources{Inline: "store = \"memory\"\n"}, Stores: &store.Registry{}, LogTo: io.Discard})
			if err != nil {
				b.Fatal(err)
			}
			make := func(i, n int, revision int64) error {
				_, err := p.ChangeRuntime(RuntimeChange{
					RuntimeKey: config.RuntimeKey{Kind: config.RuntimeRule, Name: fmt.Sprintf("rule-%05d", i)}, Action: "change", Revision: revision,
					Make: func(map[string]any) (map[string]any, error) {
						return map[string]any{"keywords": []any{fmt.Sprintf("keyword-%05d", i)}, "summary": fmt.Sprint(n)}, nil
					},
				})
				return err
			}
			var wg sync.WaitGroup
			for i := range rules {
				wg.Go(func() {
					if err := make(i, 0, 0); err != nil {
						b.Error(err)
					}
				})
			}
			wg.Wait()
			n := 0
			for b.Loop() {
				n++
				if err := make(rules/2, n, AnyRevision); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if err := p.Stop(b.Context()); err != nil {
				b.Error(err)
			}
		})
	}
}
