package backtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/engine/match/matchtest"
)

// The rules and lines of the benchmark: one line in a hundred hits.
const (
	benchRules = 100
	benchLines = 200_000 // different ones
	benchHits  = 0.01
)

// benchBytes is the size of the log. FLUENTBIT_TRIGGER_BACKTEST_BYTES overrides it.
func benchBytes(b *testing.B) int64 {
	text := os.Getenv("FLUENTBIT_TRIGGER_BACKTEST_BYTES")
	if text == "" {
		return 64 << 20
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1<<20 {
		b.Fatalf("FLUENTBIT_TRIGGER_BACKTEST_BYTES: %q is no number of at least 1 MiB", text)
	}
	return n
}

// benchLog writes a log of about that many bytes with a thousand lines per second. It returns the path and the number of lines.
func benchLog(b *testing.B, form string, size int64, lines [][]byte) (path string, count int64) {
	b.Helper()
	path = filepath.Join(b.TempDir(), "bench.log")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	written := int64(0)
	for ; written < size; count++ {
		at := testStart.Add(time.Duration(count) * time.Millisecond).Format("2006-01-02T15:04:05.000000000Z")
		line := lines[count%int64(len(lines))]
		n := 0
		if form == "docker" {
			text, bad := json.Marshal(string(line) + "\n")
			if bad != nil {
				b.Fatal(bad)
			}
			n, err = fmt.Fprintf(w, `{"log":%s,"stream":"stdout","time":"%s"}`+"\n", text, at)
		} else {
			n, err = fmt.Fprintf(w, "%s %s\n", at, line)
		}
		if err != nil {
			b.Fatal(err)
		}
		written += int64(n)
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		b.Fatal(err)
	}
	return path, count
}

func benchSet() RuleSet {
	set := RuleSet{Engine: engine.Settings{Limits: engine.DefaultLimits()}}
	for i, expr := range matchtest.Rules(benchRules) {
		r := engine.DefaultRule()
		r.Name, r.Pattern, r.Severity = fmt.Sprintf("r%d", i), expr, engine.SeverityError
		set.Engine.Rules = append(set.Engine.Rules, r)
	}
	return set
}

// cost is a measurement of wall time and of processor time. Other programs on the machine disturb the latter less.
type cost struct{ wall, cpu time.Duration }

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// engineAlone returns a function that measures the engine's cost for the lines in one worker, like the engine's own benchmark but with the lines of the
// log. The function returns the least of three passes.
func engineAlone(b *testing.B, set RuleSet, lines [][]byte) func() cost {
	b.Helper()
	e := engine.New()
	snapshot, err := e.Compile(set.Engine)
	if err != nil {
		b.Fatal(err)
	}
	e.Apply(snapshot)
	w := e.Worker()
	b.Cleanup(w.Release)
	source := &engine.Source{Kind: "log", Workload: "bench"}
	var alerts []engine.Alert
	pass := func() {
		for i, line := range lines {
			rec := engine.Record{Time: testStart.UnixNano() + int64(i)*1e6, Text: line, Source: source}
			alerts = w.Process(&rec, rec.Time, alerts[:0])
		}
	}
	pass() // warms up the automata
	return func() cost {
		least := cost{math.MaxInt64, math.MaxInt64}
		for range 3 {
			start, cpu := time.Now(), cpuTime()
			pass()
			least.cpu = min(least.cpu, cpuTime()-cpu)
			least.wall = min(least.wall, time.Since(start))
		}
		return least
	}
}

// countLines measures the cost of wc -l.
func countLines(b *testing.B, path string) cost {
	b.Helper()
	least := cost{math.MaxInt64, math.MaxInt64}
	for range 3 {
		cmd := exec.Command("wc", "-l", path)
		start := time.Now()
		if err := cmd.Run(); err != nil {
			b.Skipf("wc -l: %v", err)
		}
		least.wall = min(least.wall, time.Since(start))
		least.cpu = min(least.cpu, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	}
	return least
}

// BenchmarkBacktest measures a whole backtest of a log. "of-sum" is the ratio of its time to the time of wc -l plus that of the engine alone, for the same
// number of lines and in the same run; "cpu-of-sum" is the same ratio of processor time.
func BenchmarkBacktest(b *testing.B) {
	lines := matchtest.Lines(benchLines, benchHits, matchtest.Rules(benchRules))
	for i, line := range lines {
		lines[i] = bytes.ReplaceAll(line, []byte("\n"), []byte(" ")) // so that each line is one line of the file
	}
	set := benchSet()
	for _, form := range []string{"plain", "docker"} {
		b.Run("form="+form, func(b *testing.B) {
			path, count := benchLog(b, form, benchBytes(b), lines)
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(info.Size())
			alone := engineAlone(b, set, lines)
			wc, before := countLines(b, path), alone()
			cpu := cpuTime()
			for b.Loop() {
				r := backtest(b, Options{Logs: openLogs(b, path), New: set, Samples: 3})
				if r.Lines != count || r.Rules[0].Hits == 0 {
					b.Fatalf("%d lines, want %d; %d hits", r.Lines, count, r.Rules[0].Hits)
				}
			}
			wall, used, after := float64(b.Elapsed())/float64(b.N), float64(cpuTime()-cpu)/float64(b.N), alone()
			scale := float64(count) / float64(len(lines)) / 2 // the mean of two measurements, before and after
			b.ReportMetric(wall/float64(count), "ns/line")
			b.ReportMetric(used/float64(count), "cpu-ns/line")
			b.ReportMetric(float64(before.cpu+after.cpu)/2/float64(len(lines)), "engine-cpu-ns/line")
			b.ReportMetric(wc.wall.Seconds()*1000, "wc-ms")
			b.ReportMetric(wall/(float64(wc.wall)+float64(before.wall+after.wall)*scale), "of-sum")
			b.ReportMetric(used/(float64(wc.cpu)+float64(before.cpu+after.cpu)*scale), "cpu-of-sum")
		})
	}
}
