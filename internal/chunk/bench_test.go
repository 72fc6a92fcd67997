package chunk

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	ct "github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

// benchLine is as long as container log lines are on average.
const benchLine = `10.0.0.7 - - [22/Nov/2026:18:00:00 +0000] "GET /api/v1/orders/48213?expand=items HTTP/1.1" 200 1843 "-" "Mozilla/5.0 (X11; Linux x86_64) Gecko" 0.0`

// benchChunk makes a chunk of about 2 MB; lines is how many are in it.
func benchChunk(shape ct.Shape) (chunk []byte, lines int) {
	one := len(shape.Make(ct.Lines(benchLine)...))
	lines = 2 << 20 / one
	texts := make([]string, lines)
	for i := range texts {
		texts[i] = benchLine[:len(benchLine)-i%20]
	}
	return shape.Make(ct.Lines(texts...)...), lines
}

// BenchmarkDecode decodes a whole chunk of each shape. "bytes" is the cost of reading the chunk once, to compare with.
func BenchmarkDecode(b *testing.B) {
	shapes := append(ct.Shapes(), ct.Shape{Name: "docker-20-containers", Tag: "docker", Make: interleaved})
	b.Run("bytes", func(b *testing.B) {
		chunk, lines := benchChunk(shapes[0])
		b.SetBytes(int64(len(chunk)))
		for b.Loop() {
			bytes.Count(chunk, []byte{0xc1})
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(lines*b.N), "ns/record")
	})
	for _, shape := range shapes {
		b.Run(shape.Name, func(b *testing.B) {
			chunk, lines := benchChunk(shape)
			d := newDecoder(b)
			n := 0
			fn := func(*engine.Record, []byte) { n++ }
			b.SetBytes(int64(len(chunk)))
			b.ReportAllocs()
			start := cpuTime()
			for b.Loop() {
				d.Decode(chunk, shape.Tag, testNow, fn)
			}
			b.ReportMetric(float64(cpuTime()-start)/float64(n), "cpu-ns/record")
			if n != lines*b.N {
				b.Fatalf("got %d lines of %d", n, lines*b.N)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
			b.ReportMetric(float64(len(chunk))/float64(lines), "bytes/record")
		})
	}
}

// cpuTime is what the process has used of the processors: a figure that other programs on the machine disturb less.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// interleaved makes a chunk in which each line is from another container than the one before.
func interleaved(lines ...ct.Line) (chunk []byte) {
	for i, line := range lines {
		digit := "0123456789abcdefghij"[i%20 : i%20+1]
		chunk = append(chunk, ct.DockerOf(strings.Repeat("0", 63)+string("0123456789abcdef"[i%20%16]), "shop-api-"+digit, "shop", "api", line)...)
	}
	return chunk
}

// BenchmarkField looks a field up that stands deep in a record.
func BenchmarkField(b *testing.B) {
	chunk := ct.Kubernetes(ct.Lines(benchLine)...)
	newDecoder(b).Decode(chunk, "", testNow, func(rec *engine.Record, _ []byte) {
		var dst []byte
		b.ReportAllocs()
		for b.Loop() {
			dst, _ = rec.Fields.AppendField(dst[:0], "kubernetes.labels.app.kubernetes.io/name")
		}
	})
}
