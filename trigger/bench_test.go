package trigger

import (
	"context"
	"testing"
)

func BenchmarkRender(b *testing.B) {
	all := cases()
	for _, name := range []string{"single", "flood"} {
		for _, format := range Formats() {
			b.Run(name+"/"+format, func(b *testing.B) {
				r := testRenderer(format)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := r.render(context.Background(), "id", all[name]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
