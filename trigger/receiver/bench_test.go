package receiver

import (
	"context"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func BenchmarkRender(b *testing.B) {
	all := triggertest.Alerts()
	for _, name := range []string{"single", "flood"} {
		for _, format := range Formats() {
			b.Run(name+"/"+format, func(b *testing.B) {
				r := testRenderer(format)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := r.Render(context.Background(), "id", all[name]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
