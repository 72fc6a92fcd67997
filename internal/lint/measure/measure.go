// Package measure says how long a rule takes on ordinary lines, which it does not match.
package measure

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// A rule runs over the sample this many times in a round. The fastest round counts, because others use the machine too.
const (
	times  = 20
	rounds = 5
)

// Rule returns the cost of a rule, run by itself over a sample of ordinary lines, in ns a line. The rule is valid.
func Rule(s engine.RuleSettings) float64 {
	e := engine.New()
	s.Workloads, s.ExcludeWorkloads = nil, nil
	snapshot, err := e.Compile(engine.Settings{Limits: engine.DefaultLimits(), Rules: []engine.RuleSettings{s}})
	if err != nil {
		return 0
	}
	e.Apply(snapshot)
	w := e.Worker()
	defer w.Release()
	records := sample()
	var hits []engine.Hit
	best := time.Duration(0)
	for range rounds {
		begin := time.Now()
		for range times {
			for i := range records {
				hits = w.Find(&records[i], hits[:0])
			}
		}
		if took := time.Since(begin); best == 0 || took < best {
			best = took
		}
	}
	return float64(best.Nanoseconds()) / float64(times*len(records))
}

// sample returns ordinary lines, of several kinds of programs.
func sample() []engine.Record {
	source := &engine.Source{Kind: "log", Workload: "sample"}
	lines := sampleLines()
	records := make([]engine.Record, len(lines))
	for i, line := range lines {
		records[i] = engine.Record{Text: []byte(line), Stream: engine.Stream(1 + i%2), Source: source}
	}
	return records
}

func sampleLines() []string {
	return []string{
		`10.0.3.17 - - [02/Jan/2026:12:00:00 +0000] "GET /api/v1/orders?page=2 HTTP/1.1" 200 5123 "https://shop.example.com/" "Mozilla/5.0 (X11; Linux x86_64)" rt=0.021`,
		`10.0.3.18 - - [02/Jan/2026:12:00:00 +0000] "POST /api/v1/cart HTTP/1.1" 201 87 "-" "okhttp/4.12.0" rt=0.007`,
		`{"time":"2026-01-02T12:00:00.123Z","level":"info","msg":"request done","method":"GET","path":"/healthz","status":200,"duration_ms":3}`,
		`{"level":30,"time":1767355200123,"pid":17,"hostname":"shop-api-1","reqId":"req-4f","msg":"incoming request"}`,
		`2026-01-02 12:00:00.123  INFO 1 --- [nio-8080-exec-4] c.e.shop.orders.OrderService             : order 48213 accepted in 12 ms`,
		`2026-01-02 12:00:00.456 UTC [812] LOG:  checkpoint complete: wrote 312 buffers (1.9%); 0 WAL file(s) added, 0 removed, 1 recycled`,
		`I0102 12:00:00.789012       1 controller.go:114] "Reconciling" controller="deployment" namespace="shop" name="api" reconcileID="6a0b1c"`,
		`time="2026-01-02T12:00:00Z" level=info msg="scrape finished" target=node-1:9100 samples=812 took=18.2ms`,
		`1:M 02 Jan 2026 12:00:00.123 * Background saving terminated with success`,
		`[2026/01/02 12:00:00] [ info] [input:tail:tail.0] inotify_fs_add(): inode=5243312 watch_fd=7 name=/var/log/app.log`,
		`INFO:     10.0.3.17:52110 - "GET /docs HTTP/1.1" 200 OK`,
		`    at java.base/java.lang.Thread.run(Thread.java:1583)`,
	}
}
