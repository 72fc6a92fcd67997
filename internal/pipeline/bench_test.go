package pipeline

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// benchLines is how many lines there are in a chunk: about 2 MB of them, as Fluent Bit hands over.
const benchLines = 6000

// benchRules is how many rules the chunks go through.
const benchRules = 100

// benchChunk makes a chunk of lines of 20 containers, of which the rules match the share hits.
func benchChunk(n int, hits float64) []byte {
	var b []byte
	const run = 50 // lines of one container in a row, at most
	for i, lines := 0, matchtest.Lines(n, hits, matchtest.Rules(benchRules)); len(lines) > 0; i++ {
		var texts []string
		for _, l := range lines[:min(run, len(lines))] {
			texts = append(texts, string(l))
		}
		lines = lines[min(run, len(lines)):]
		n := i % 20
		b = append(b, chunktest.DockerOf(fmt.Sprintf("%064x", n), fmt.Sprintf("shop-%d-1", n), "shop", fmt.Sprint(n), chunktest.Lines(texts...)...)...)
	}
	return b
}

var benchChunks = sync.OnceValue(func() map[float64][]byte {
	chunks := map[float64][]byte{}
	for _, hits := range []float64{0, 0.01, 0.1} {
		chunks[hits] = benchChunk(benchLines, hits)
	}
	return chunks
})

// measure calls pass, which handles all lines of the chunk once, and reports what a line costs.
func measure(b *testing.B, chunk []byte, pass func()) {
	for range 2 { // the automata learn
		pass()
	}
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	start, passes := cpuTime(), 0
	for b.Loop() {
		pass()
		passes++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(passes*benchLines), "ns/line")
	b.ReportMetric(float64(cpuTime()-start)/float64(passes*benchLines), "cpu-ns/line")
}

// cpuTime is what the process has used of the processors: a figure that other programs on the machine disturb less.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkEvaluate is a chunk's way to alerts without the store: decoding and rules. One operation is a chunk of 6,000 lines.
func BenchmarkEvaluate(b *testing.B) {
	for _, hits := range []float64{0, 0.01, 0.1} {
		b.Run(fmt.Sprintf("hits=%g%%", hits*100), func(b *testing.B) {
			data := benchChunks()[hits]
			e := engine.New()
			settings := engine.Settings{Limits: engine.DefaultLimits()}
			for i, pattern := range matchtest.Rules(benchRules) {
				r := engine.DefaultRule()
				r.Name, r.Pattern = fmt.Sprintf("rule-%d", i), pattern
				settings.Rules = append(settings.Rules, r)
			}
			snapshot, err := e.Compile(settings)
			if err != nil {
				b.Fatal(err)
			}
			e.Apply(snapshot)
			d, err := chunk.New(chunk.DefaultSettings())
			if err != nil {
				b.Fatal(err)
			}
			var alerts []engine.Alert
			now := time.Now().UnixNano()
			measure(b, data, func() {
				w := e.Worker()
				defer w.Release()
				now += int64(time.Second)
				d.Decode(data, "docker", now, func(rec *engine.Record, _ []byte) { alerts = w.Process(rec, now, alerts[:0]) })
			})
		})
	}
}

// BenchmarkFlush is the same through a whole pipeline, with its store on disk and a receiver that takes everything. In "hits" the limits in
// force by default hold nearly all hits back; in "alerts" every hit is an alert, stored and delivered.
func BenchmarkFlush(b *testing.B) {
	for _, hits := range []float64{0, 0.01, 0.1} {
		b.Run(fmt.Sprintf("hits=%g%%", hits*100), func(b *testing.B) { benchFlush(b, hits, true) })
	}
	b.Run("alerts=1%", func(b *testing.B) { benchFlush(b, 0.01, false) })
}

func benchFlush(b *testing.B, hits float64, limited bool) {
	data := benchChunks()[hits]
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	p, err := New(Options{
		ID: "bench", Stores: &store.Registry{}, LogTo: io.Discard, Origin: "bench",
		Sources: config.Sources{Inline: benchConfig(b, filepath.Join(b.TempDir(), "bench.db"), receiver.URL, limited)},
	})
	if err != nil {
		b.Fatal(err)
	}
	p.Start()
	data = bytes.Clone(data)
	events := eventTimes(data)
	measure(b, data, func() {
		for _, at := range events { // the same line at the same time would be taken for the same alert
			binary.BigEndian.PutUint32(data[at:], binary.BigEndian.Uint32(data[at:])+1)
		}
		if v := p.Flush(data, "docker"); v != Accepted {
			b.Fatal(v)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		b.Fatal(err)
	}
}

// eventTimes returns where the seconds of the events of a chunk stand.
func eventTimes(chunk []byte) (at []int) {
	head := []byte{0x92, 0x92, 0xd7, 0x00}
	for i := 0; ; {
		n := bytes.Index(chunk[i:], head)
		if n < 0 {
			return at
		}
		i += n + len(head)
		at = append(at, i)
	}
}

// benchConfig writes the configuration of a pipeline with benchRules rules and one trigger.
func benchConfig(b *testing.B, path, url string, limited bool) string {
	type table = map[string]any
	doc := table{
		"store": path, "egress": table{"allow": []string{"127.0.0.0/8"}},
		"trigger": []table{{"name": "bench", "url": url, "format": "generic", "group_wait": "0s"}},
	}
	var rules []table
	for i, pattern := range matchtest.Rules(benchRules) {
		r := table{"name": fmt.Sprintf("rule-%d", i), "pattern": pattern}
		if !limited {
			r["cooldown"] = "0s"
		}
		rules = append(rules, r)
	}
	doc["rule"] = rules
	if !limited {
		doc["limits"] = table{"per_container": table{"rate": "0/s", "burst": 1}}
	}
	var out bytes.Buffer
	if err := toml.NewEncoder(&out).Encode(doc); err != nil {
		b.Fatal(err)
	}
	return out.String()
}
