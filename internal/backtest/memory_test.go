package backtest

import (
	"context"
	"fmt"
	"io"
	"math/rand"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// readings is how many reads in a row measure the memory at a position.
const readings = 8

// madeLog is a log that is generated while it is read. At each of the positions in at, it records the program's memory use: the least of some readings, because
// how many blocks are in flight depends on how busy the machine is.
type madeLog struct {
	size, made, read int64
	lines            int64
	write            func(b []byte, i int64) []byte // appends line i
	rest             []byte
	at, held         []int64
	least            []int64 // the readings at the present position
}

func (l *madeLog) Read(p []byte) (int, error) {
	if n := len(l.held); n < len(l.at) && l.read >= l.at[n] {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		l.least = append(l.least, int64(m.HeapAlloc))
		if len(l.least) == readings {
			l.held, l.least = append(l.held, slices.Min(l.least)), nil
		}
	}
	for len(l.rest) < len(p) && l.made < l.size {
		before := len(l.rest)
		l.rest = l.write(l.rest, l.lines)
		l.made += int64(len(l.rest) - before)
		l.lines++
	}
	if len(l.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, l.rest)
	l.rest = append(l.rest[:0], l.rest[n:]...)
	l.read += int64(n)
	return n, nil
}

// TestMemoryDoesNotGrowWithTheInput: near the end of the input, a run uses no more memory than near the beginning. All lines differ, and they hit rules with
// samples and contexts, cooldowns by template, counts and windows.
func TestMemoryDoesNotGrowWithTheInput(t *testing.T) {
	const (
		size  = 30 << 20
		grows = 4 << 20 // allowed growth of caches; the input between the two measurements is six times as long
	)
	for form, layout := range map[string]string{"plain": "%s %s\n", "docker": `{"log":%[2]s,"stream":"stderr","time":"%[1]s"}` + "\n"} {
		t.Run(form, func(t *testing.T) {
			rng := rand.New(rand.NewSource(1))
			in := &madeLog{size: size, at: []int64{size / 10, size * 9 / 10}, write: func(b []byte, i int64) []byte {
				text := line(rng)
				if form == "docker" {
					text = strconv.Quote(text + "\n")
				}
				return fmt.Appendf(b, layout, testStart.Add(time.Duration(i)*10*time.Millisecond).Format(time.RFC3339Nano), text)
			}}
			logs, err := replay.Open(context.Background(), []string{"-"}, replay.Options{
				Now: testStart.AddDate(0, 1, 0), Records: chunk.DefaultSettings(), Stdin: in, Workload: "shop/c1",
			})
			if err != nil {
				t.Fatal(err)
			}
			rules := "[[rule]]\nname = \"around\"\nkeywords = [\"failed\"]\ncontext = { before = 5, after = 5 }\n" + testRules
			r := backtest(t, Options{Logs: logs, New: ruleSet(t, rules), Samples: 3})
			if err := logs.Close(); err != nil {
				t.Fatal(err)
			}
			accounted(t, r)
			if r.Lines != in.lines || r.Rules[0].Hits < r.Lines/40 {
				t.Errorf("%d lines of %d, %d hits", r.Lines, in.lines, r.Rules[0].Hits)
			}
			t.Logf("%d lines; in use: %.1f MB at a tenth, %.1f MB at nine tenths", r.Lines, float64(in.held[0])/1e6, float64(in.held[1])/1e6)
			if more := in.held[1] - in.held[0]; more > grows {
				t.Errorf("%.1f MB more in use than near the beginning", float64(more)/1e6)
			}
		})
	}
}
