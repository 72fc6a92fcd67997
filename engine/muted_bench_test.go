package engine

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkMissWithContext is a line that hits nothing, of a source none of whose rules has a context, and of one with.
func BenchmarkMissWithContext(b *testing.B) {
	for _, c := range []struct {
		name    string
		context Context
	}{{"without", Context{}}, {"before=5", Context{Before: 5}}, {"before=5,after=3", Context{Before: 5, After: 3}}} {
		b.Run(c.name, func(b *testing.B) {
			e := New()
			n, err := e.Compile(Settings{Limits: DefaultLimits(), Rules: []RuleSettings{{Name: "r", Pattern: "needle", Context: c.context}}})
			if err != nil {
				b.Fatal(err)
			}
			e.Apply(n)
			w := e.Worker()
			defer w.Release()
			rec := Record{Text: []byte(`10.0.0.1 - - "GET /cart HTTP/1.1" 200 1234 "-" "curl/8.5.0" 12ms`), Source: web("1"), Stream: Stdout}
			var dst []Alert
			b.ReportAllocs()
			for b.Loop() {
				dst = w.Process(&rec, t0, dst[:0])
			}
		})
	}
}

// hourly are the matchers of silences with hours.
func hourly(int) Matchers { return Matchers{Rule: "*"} }

// BenchmarkHitAmongSilences is a hit that a cooldown holds back, asked of many silences first, none of which is about it.
func BenchmarkHitAmongSilences(b *testing.B) {
	for _, c := range []struct {
		name string
		n    int
		make func(i int) Matchers
	}{
		{"none", 0, nil},
		{"100 globs", 100, func(i int) Matchers { return Matchers{Workload: fmt.Sprintf("team-%d/*", i)} }},
		{"1000 globs", 1000, func(i int) Matchers { return Matchers{Workload: fmt.Sprintf("team-%d/*", i)} }},
		{"1000 messages", 1000, func(i int) Matchers {
			return Matchers{Workload: "shop/*", Message: fmt.Sprint("order ", i)}
		}},
		{"10000 rules", 10_000, func(i int) Matchers { return Matchers{Rule: fmt.Sprint("rule-", i), Workload: "shop/*"} }},
		{"10000 globs", 10_000, func(i int) Matchers { return Matchers{Workload: fmt.Sprintf("team-%d/*", i)} }},
		{"100 hosts", 100, func(i int) Matchers { return Matchers{Where: map[string]string{"host": fmt.Sprint("edge-", i)}} }},
		{"100 fields", 100, func(i int) Matchers { return Matchers{Where: map[string]string{"field.tenant": fmt.Sprint(i)}} }},
		{"100 hours", 100, hourly}, // outside of which every hit is
	} {
		b.Run(c.name, func(b *testing.B) {
			e := New()
			n, err := e.Compile(Settings{Limits: DefaultLimits(), Rules: []RuleSettings{{Name: "r", Pattern: "boom", Cooldown: time.Hour, Fields: []string{"tenant"}}}})
			if err != nil {
				b.Fatal(err)
			}
			e.Apply(n)
			var list []Silence
			for i := range c.n {
				s := Silence{ID: fmt.Sprint(i), Matchers: c.make(i), From: t0 - 1, Until: t0 + int64(time.Hour)}
				if s.Rule == "*" {
					s.Every, s.Zone = []string{"sun 02:00-04:00"}, "Europe/Berlin"
				}
				list = append(list, s)
			}
			if err := e.SetSilences(list); err != nil {
				b.Fatal(err)
			}
			w := e.Worker()
			defer w.Release()
			rec := Record{Text: []byte("boom"), Source: web("1")}
			var dst []Alert
			b.ReportAllocs()
			for b.Loop() {
				dst = w.Process(&rec, t0, dst[:0])
			}
		})
	}
}
