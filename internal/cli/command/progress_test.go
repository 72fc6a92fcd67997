package command

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/clitest"
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
	screen, tty := clitest.ScrollingTerminal(t, 100)
	var lines, read atomic.Int64
	p := StartProgress(envFor(t, tty), &lines, func() replay.Stats { return replay.Stats{BytesRead: read.Load(), BytesTotal: 100e6} })
	shows := func(want string) {
		t.Helper()
		pattern := regexp.MustCompile(want)
		await.That(t, time.Minute, "the bar is "+want, func() bool { _, last := screen.Lines(); return pattern.MatchString(last) })
	}
	shows(`^░{24}   0 %, 0 lines, 0\.0 MB/s, \? left$`)
	lines.Store(250_000)
	read.Store(25e6)
	shows(`^█{6}░{18}  25 %, 250\.0 k lines, \d+\.\d MB/s, \S+ left$`)
	read.Store(50e6)
	shows(`^█{12}░{12}  50 %, `)
	clitest.Resize(t, screen, tty, 30)
	shows(`^█{12}░{12}  50 $`) // the last column stays free: there, some terminals wrap
	p.End()
	await.That(t, time.Minute, "the bar is gone", func() bool { _, last := screen.Lines(); return last == "" })
	if ended, _ := screen.Lines(); len(ended) > 0 || screen.Strange != "" {
		t.Errorf("it was not drawn in place: %q, %q", ended, screen.Strange)
	}
}

// TestProgressElsewhere: whole lines, that nothing takes back.
func TestProgressElsewhere(t *testing.T) {
	var out bytes.Buffer
	var lines atomic.Int64
	lines.Store(250_000)
	stats := func() replay.Stats { return replay.Stats{BytesRead: 25e6, BytesTotal: 100e6} }
	p := StartProgress(envFor(t, &out), &lines, stats)
	p.End()
	before := out.Len()
	p.show(5 * time.Second)
	p.show(5 * time.Second)
	if want := strings.Repeat(progressText(25e6, 100e6, 250_000, 5*time.Second)+"\n", 2); out.String()[before:] != want {
		t.Errorf("%q, want %q", out.String()[before:], want)
	}
	if text := out.String(); strings.ContainsAny(text, "\x1b\r") || !utf8.ValidString(text) {
		t.Errorf("%q", text)
	}
	t.Setenv("TERM", "dumb")
	screen, tty := clitest.ScrollingTerminal(t, 100)
	p = StartProgress(envFor(t, tty), &lines, stats)
	p.show(5 * time.Second)
	p.End()
	await.That(t, time.Minute, "a line is written", func() bool { ended, _ := screen.Lines(); return len(ended) > 0 })
	if ended, last := screen.Lines(); last != "" || screen.Strange != "" {
		t.Errorf("on a terminal that cannot erase: %q, %q, %q", ended, last, screen.Strange)
	}
}

// envFor returns an environment whose Err is a writer, with the variables of this process.
func envFor(t *testing.T, errOut io.Writer) *Env {
	t.Helper()
	return &Env{Out: t.Output(), Err: errOut, Getenv: os.Getenv, Setenv: os.Setenv, Now: time.Now, Version: "test"}
}
