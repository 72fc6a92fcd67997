package cli

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/replay"
	"github.com/tinyforge/fluentbit-trigger/test/await"
)

func TestProgressTellsRateAndTimeLeft(t *testing.T) {
	for _, c := range []struct {
		read, total, lines int64
		after              time.Duration
		want               string
	}{
		{0, 100e6, 0, 0, "░░░░░░░░░░░░░░░░░░░░░░░░   0 %, 0 lines, 0.0 MB/s, ? left"},
		{25e6, 100e6, 250_000, 5 * time.Second, "██████░░░░░░░░░░░░░░░░░░  25 %, 250.0 k lines, 5.0 MB/s, 15s left"},
		{100e6, 100e6, 1_000_000, 20 * time.Second, "████████████████████████ 100 %, 1.0 M lines, 5.0 MB/s, 0s left"},
		{25e6, 0, 250_000, 5 * time.Second, "25.0 MB read, 250.0 k lines, 5.0 MB/s"},
		{101e6, 100e6, 12, 20 * time.Second, "101.0 MB read, 12 lines, 5.0 MB/s"}, // it grew meanwhile
	} {
		if got := progressText(c.read, c.total, c.lines, c.after); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestProgressOnATerminal: the bar is drawn in place, never wraps, and is gone in the end.
func TestProgressOnATerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	screen, tty := scrollingTerminal(t, 100)
	var lines, read atomic.Int64
	p := startProgress(tty, &lines, func() replay.Stats { return replay.Stats{BytesRead: read.Load(), BytesTotal: 100e6} })
	shows := func(want string) {
		t.Helper()
		pattern := regexp.MustCompile(want)
		await.That(t, patience, "the bar is "+want, func() bool { _, last := screen.lines(); return pattern.MatchString(last) })
	}
	shows(`^░{24}   0 %, 0 lines, 0\.0 MB/s, \? left$`)
	lines.Store(250_000)
	read.Store(25e6)
	shows(`^█{6}░{18}  25 %, 250\.0 k lines, \d+\.\d MB/s, \S+ left$`)
	read.Store(50e6)
	shows(`^█{12}░{12}  50 %, `)
	resize(t, screen, tty, 30)
	shows(`^█{12}░{12}  50 $`) // the last column stays free: there, some terminals wrap
	p.end()
	await.That(t, patience, "the bar is gone", func() bool { _, last := screen.lines(); return last == "" })
	if ended, _ := screen.lines(); len(ended) > 0 || screen.strange != "" {
		t.Errorf("it was not drawn in place: %q, %q", ended, screen.strange)
	}
}

// TestProgressElsewhere: whole lines, that nothing takes back.
func TestProgressElsewhere(t *testing.T) {
	var out bytes.Buffer
	var lines atomic.Int64
	lines.Store(250_000)
	stats := func() replay.Stats { return replay.Stats{BytesRead: 25e6, BytesTotal: 100e6} }
	p := startProgress(&out, &lines, stats)
	p.end()
	told := out.Len()
	p.tell(5 * time.Second)
	p.tell(5 * time.Second)
	if want := strings.Repeat(progressText(25e6, 100e6, 250_000, 5*time.Second)+"\n", 2); out.String()[told:] != want {
		t.Errorf("%q, want %q", out.String()[told:], want)
	}
	if text := out.String(); strings.ContainsAny(text, "\x1b\r") || !utf8.ValidString(text) {
		t.Errorf("%q", text)
	}
	t.Setenv("TERM", "dumb")
	screen, tty := scrollingTerminal(t, 100)
	p = startProgress(tty, &lines, stats)
	p.tell(5 * time.Second)
	p.end()
	await.That(t, patience, "a line is told", func() bool { ended, _ := screen.lines(); return len(ended) > 0 })
	if ended, last := screen.lines(); last != "" || screen.strange != "" {
		t.Errorf("on a terminal that cannot erase: %q, %q, %q", ended, last, screen.strange)
	}
}

// TestBacktestTellsItsProgress feeds a backtest that is in the midst of its input: the bar is on the terminal, not among the results, and not
// where there is no terminal.
func TestBacktestTellsItsProgress(t *testing.T) {
	rules := written(t, "rules.toml", boomRules)
	start := func(stderr io.Writer, flags ...string) (finish func() string) {
		t.Helper()
		cmd := program(t, append([]string{"backtest", "--rules", rules, "-"}, flags...)...)
		cmd.Env = append(cmd.Environ(), "TERM=xterm")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for i := range 20_000 {
			if _, err := fmt.Fprintf(in, "2026-11-25 10:%02d:%02d boom %d\n", i/60%60, i%60, i); err != nil {
				t.Fatal(err)
			}
		}
		return func() string {
			t.Helper()
			_ = in.Close()
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ended badly: %v", err)
			}
			return out.String()
		}
	}
	screen, tty := scrollingTerminal(t, 100)
	finish := start(tty)
	read := regexp.MustCompile(`^\d+\.\d kB read, \d+(\.\d k)? lines, \d+\.\d MB/s$`)
	await.That(t, patience, "the progress is told", func() bool { _, last := screen.lines(); return read.MatchString(last) })
	out := finish()
	await.That(t, patience, "the bar is gone", func() bool { _, last := screen.lines(); return last == "" })
	if ended, _ := screen.lines(); len(ended) > 0 || screen.strange != "" {
		t.Errorf("it was not drawn in place: %q, %q", ended, screen.strange)
	}
	if !strings.HasPrefix(out, "20,000 lines of 1 log, ") || strings.ContainsAny(out, "\x1b\r") {
		t.Errorf("the results are %q", out)
	}
	screen, tty = scrollingTerminal(t, 100)
	start(tty, "-q")()
	if ended, last := screen.lines(); len(ended) > 0 || last != "" {
		t.Errorf("with -q: %q, %q", ended, last)
	}
	var pipe bytes.Buffer
	start(&pipe)()
	if strings.ContainsAny(pipe.String(), "\x1b\r") {
		t.Errorf("on a pipe: %q", pipe.String())
	}
}
