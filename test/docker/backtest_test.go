package docker

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestBacktestOfAContainer tries rules on the log of a container, by its name, with each log driver: one that ended twice, and one that runs. Every
// line is there, a long one whole, with the container's workload and the time that the engine gave it.
func TestBacktestOfAContainer(t *testing.T) {
	b := newBench(t)
	for name, shape := range b.shapes() {
		ended := b.create(name, shape, "/bin/sh", "/generate", "60")
		b.runs(ended)
		b.runs(ended)
		long := "head -c 40000 /dev/zero | tr '\\0' x; echo"
		if name == "local-tty" {
			long = "echo short" // engines before 23 end no long line of this driver: on a terminal, the next one stands behind it
		}
		running := b.script(name+"-running", shape, "echo line 1; "+long+"; echo line 2; exec sleep 600")
		b.must("start", running)
		eventually(t, "the container has written", func() bool { return b.must("logs", "--tail", "1", running) == "line 2" })
		for _, c := range []struct {
			container, workload string
			lines, hits         int64
		}{{ended, name, 120, 120}, {running, name + "-running", 3, 2}} {
			cmd := exec.Command(b.binary, "backtest", "--quiet", "-o", "json", "--rules", filepath.Join(b.dir, "rules.toml"), "docker://"+c.container)
			cmd.Env, cmd.Stderr = b.environment(), b.log
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", c.container, err)
			}
			var result struct {
				Lines int64
				Rules []struct {
					Hits, Alerts int64
					First, Last  string
					Samples      []struct{ Workload, Container, Time string }
				}
			}
			if err := json.Unmarshal(out, &result); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if result.Lines != c.lines || len(result.Rules) != 1 || result.Rules[0].Hits != c.hits || result.Rules[0].Alerts != c.hits {
				t.Errorf("%s: %.2000s", c.container, out)
				continue
			}
			times := b.timesOfHits(c.container)
			r := result.Rules[0]
			if r.First != times[0] || r.Last != times[len(times)-1] || !slices.Contains(times, r.Samples[0].Time) {
				t.Errorf("%s: from %s to %s, the first sample at %s, the engine says %q", c.container, r.First, r.Last, r.Samples[0].Time, times)
			}
			if r.Samples[0].Workload != c.workload || r.Samples[0].Container != c.container {
				t.Errorf("%s: %+v", c.container, r)
			}
		}
	}
}

// timesOfHits returns the times of the lines that the rule matches, as the engine gives them, sorted. Records of the two streams may be out of order in a log.
func (e *engine) timesOfHits(container string) (times []string) {
	e.t.Helper()
	for _, record := range e.log(container) {
		stamp, text, _ := strings.Cut(record, " ")
		if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil && strings.HasPrefix(text, "line ") {
			times = append(times, at.Format(time.RFC3339Nano))
		}
	}
	slices.SortFunc(times, func(a, b string) int { return parsed(a).Compare(parsed(b)) })
	if len(times) == 0 {
		e.t.Fatalf("%s has no line that the rule matches", container)
	}
	return times
}

// parsed returns the time that Format wrote.
func parsed(text string) time.Time {
	at, _ := time.Parse(time.RFC3339Nano, text) // it is of that form
	return at
}
