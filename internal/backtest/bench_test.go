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

// benchBytes is how large the log is. FLUENTBIT_TRIGGER_BACKTEST_BYTES says otherwise.
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

// benchLog writes a log of about so many bytes, a thousand lines a second, and returns its path and how many lines it has.
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

// cost is what something took: of the clock, and of the processors, which other programs on the machine disturb less.
type cost struct{ wall, cpu time.Duration }

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// engineAlone returns a function that tells what the engine takes for the lines, in one worker: the figure of the engine's own benchmark, on the lines
// of the log. The function returns the least of three passes.
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
	pass() // the automata learn
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

// countLines tells what wc -l takes.
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

// BenchmarkBacktest is a whole backtest of a log. "of-sum" sets it beside the time of wc -l plus what the engine alone takes for as many lines in
// the same run; "cpu-of-sum" does so with the time of the processors.
func BenchmarkBacktest(b *testing.B) {
	lines := matchtest.Lines(benchLines, benchHits, matchtest.Rules(benchRules))
	for i, line := range lines {
		lines[i] = bytes.ReplaceAll(line, []byte("\n"), []byte(" ")) // a line is one in the file, too
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
			scale := float64(count) / float64(len(lines)) / 2 // of two measurements, before and after
			b.ReportMetric(wall/float64(count), "ns/line")
			b.ReportMetric(used/float64(count), "cpu-ns/line")
			b.ReportMetric(float64(before.cpu+after.cpu)/2/float64(len(lines)), "engine-cpu-ns/line")
			b.ReportMetric(wc.wall.Seconds()*1000, "wc-ms")
			b.ReportMetric(wall/(float64(wc.wall)+float64(before.wall+after.wall)*scale), "of-sum")
			b.ReportMetric(used/(float64(wc.cpu)+float64(before.cpu+after.cpu)*scale), "cpu-of-sum")
		})
	}
}
