package redis

import (
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/tinyforge/fluentbit-trigger/engine/rate"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/test/redis"
)

// BenchmarkTally reports hits of a key that 1,000 nodes hit, in batches of 64 keys. engine-µs is the server's own time for one report.
func BenchmarkTally(b *testing.B) {
	server := redis.Start(b, nil)
	e := engine(b, fleet.Single, []string{server.Addr}, nil)
	list := make([]fleet.Tally, 64)
	seq := int64(0)
	folds := make([]*fleet.Fold, len(list))
	report := func() {
		seq++
		for i := range list {
			list[i] = fleet.Tally{
				Key: fleet.KeyOf("rate", fmt.Sprint(i)), Run: fmt.Sprint("run-", seq%1000), Seq: seq, Slice: 25 * time.Second, Than: time.Hour, Fold: folds[i],
				Hits: []fleet.TallyHits{{Age: time.Duration(seq%13) * 25 * time.Second, Hits: 3}, {Age: time.Second, Hits: 1}, {Hits: 2}},
			}
		}
		for i, a := range e.Tally(b.Context(), list) {
			if a.Err != nil {
				b.Fatal(a.Err)
			}
			p := rate.Sum(25_000, time.Hour.Milliseconds(), a.Past, a.Slices, a.Now)
			if past, folded := p.Fold(a.Slices); len(folded) > 0 && past.Head > a.Past.Head {
				folds[i] = &fleet.Fold{Of: a.Past.Head, Past: past, Folded: folded}
			} else {
				folds[i] = nil
			}
		}
	}
	for range 1000 {
		report()
	}
	server.Do("CONFIG", "RESETSTAT")
	for b.Loop() {
		report()
	}
	stats, err := redigo.String(server.Do("INFO", "commandstats"), nil)
	found := regexp.MustCompile(`cmdstat_evalsha:calls=\d+,usec=\d+,usec_per_call=([0-9.]+)`).FindStringSubmatch(stats)
	if err != nil || found == nil {
		b.Fatalf("no statistics: %v", err)
	}
	each, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(each, "engine-µs")
	used, err := redigo.Int64(server.Do("MEMORY", "USAGE", e.prefix(list[0].Key.Shard())+"r:"+string(list[0].Key)), nil)
	runs, err2 := redigo.Int64(server.Do("MEMORY", "USAGE", e.prefix(list[0].Key.Shard())+"rr:"+string(list[0].Key)), nil)
	if err != nil || err2 != nil {
		b.Fatal(err, err2)
	}
	b.ReportMetric(float64(used), "bytes/slices")
	b.ReportMetric(float64(runs), "bytes/runs")
}
