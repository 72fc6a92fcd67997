package backtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// engineAlone returns what the engine takes for a line, in one worker and without hits being judged against old times: the figure of the engine's
// own benchmark, on the lines of the log.
func engineAlone(b *testing.B, set RuleSet, lines [][]byte) time.Duration {
	b.Helper()
	e := engine.New()
	snapshot, err := e.Compile(set.Engine)
	if err != nil {
		b.Fatal(err)
	}
	e.Apply(snapshot)
	w := e.Worker()
	defer w.Release()
	source := &engine.Source{Kind: "log", Workload: "bench"}
	var alerts []engine.Alert
	pass := func() {
		for i, line := range lines {
			rec := engine.Record{Time: testStart.UnixNano() + int64(i)*1e6, Text: line, Source: source}
			alerts = w.Process(&rec, rec.Time, alerts[:0])
		}
	}
	pass() // the automata learn
	best := time.Duration(1 << 62)
	for range 3 {
		start := time.Now()
		pass()
		best = min(best, time.Since(start))
	}
	return best / time.Duration(len(lines))
}

// countLines runs wc -l, or what it does where it is not there.
func countLines(b *testing.B, path string) time.Duration {
	b.Helper()
	start := time.Now()
	if _, err := exec.LookPath("wc"); err == nil {
		if err := exec.Command("wc", "-l", path).Run(); err != nil {
			b.Fatal(err)
		}
		return time.Since(start)
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was read from only
	if _, err := io.Copy(io.Discard, f); err != nil {
		b.Fatal(err)
	}
	return time.Since(start)
}

// BenchmarkBacktest is a whole backtest of a log. "of-sum" sets it beside the time of wc -l plus what the engine alone takes for as many lines in
// the same run.
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
			perLine := engineAlone(b, set, lines)
			wc := countLines(b, path)
			wc = min(wc, countLines(b, path))
			for b.Loop() {
				r := backtest(b, Options{Logs: openLogs(b, path), New: set, Samples: 3})
				if r.Lines != count || r.Rules[0].Hits == 0 {
					b.Fatalf("%d lines, want %d; %d hits", r.Lines, count, r.Rules[0].Hits)
				}
			}
			took := float64(b.Elapsed()) / float64(b.N)
			b.ReportMetric(took/float64(count), "ns/line")
			b.ReportMetric(float64(perLine), "engine-ns/line")
			b.ReportMetric(wc.Seconds()*1000, "wc-ms")
			b.ReportMetric(took/(float64(wc)+float64(perLine)*float64(count)), "of-sum")
		})
	}
}
