package nodes

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet/memory"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// BenchmarkFlushWhileTheEngineHangs compares flushes of a node whose engine hangs with those of a node without a fleet, one after the other in the same run:
// of hits that the cooldown suppresses, and of hits of which each makes an alert, so that both nodes write it to their stores.
func BenchmarkFlushWhileTheEngineHangs(b *testing.B) {
	for _, c := range []struct {
		name     string
		workload func(int) string
	}{
		{"suppressed", func(int) string { return "api" }},
		{"alerts", func(i int) string { return fmt.Sprint("api-", i) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			g := newGroup(b, nil)
			table := g.table
			g.rules += "[limits]\nper_container = { rate = \"0/s\", burst = 1 }\n"
			g.connect = func(*fleet.Settings, egress.Settings) (fleet.Engine, error) {
				return &hanging{Engine: memory.New(time.Now, 1000), asked: make(chan struct{}, 1)}, nil
			}
			hangs := g.add("hangs")
			g.table = ""
			without := g.add("without")
			g.table = table
			flush := func(n *node, i int) time.Duration {
				chunk := chunktest.DockerOf(fmt.Sprintf("%064d", i), "shop-api-1", "shop", c.workload(i), chunktest.Lines("boom")...)
				begun := time.Now()
				if v := n.Flush(chunk, "docker.api"); v != pipeline.Accepted {
					b.Fatalf("a chunk was %s", v)
				}
				return time.Since(begun)
			}
			var took [2][]time.Duration
			i := 0
			for b.Loop() {
				i++
				took[0] = append(took[0], flush(without, i))
				took[1] = append(took[1], flush(hangs, i))
			}
			median := func(all []time.Duration) float64 {
				slices.Sort(all)
				return float64(all[len(all)/2])
			}
			b.ReportMetric(median(took[0]), "ns-without")
			b.ReportMetric(median(took[1]), "ns-hanging")
			b.ReportMetric(median(took[1])/median(took[0]), "ratio")
			if s := hangs.Fleet().Status(context.Background()); s.Claims["lead"]+s.Claims["held"] != 0 {
				b.Errorf("the engine answered: %+v", s.Claims)
			}
		})
	}
}
