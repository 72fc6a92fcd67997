package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// progress tells how far the reading of logs has come: on a terminal in one line that changes, elsewhere in a line now and then.
type progress struct {
	out   io.Writer
	live  bool // out is a terminal that knows how to erase a line
	lines *atomic.Int64
	stats func() replay.Stats
	stop  chan struct{}
	done  chan struct{}
}

// How often progress is told on a terminal, and elsewhere.
const (
	progressEvery = 200 * time.Millisecond
	reportEvery   = 10 * time.Second
)

// startProgress tells of a reading until end is called.
func startProgress(out io.Writer, lines *atomic.Int64, stats func() replay.Stats) *progress {
	p := &progress{out: out, live: isTerminal(out) && os.Getenv("TERM") != "dumb", lines: lines, stats: stats, stop: make(chan struct{}), done: make(chan struct{})}
	every := reportEvery
	if p.live {
		every = progressEvery
	}
	start := time.Now()
	go func() {
		defer close(p.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.tell(time.Since(start))
			case <-p.stop:
				return
			}
		}
	}()
	return p
}

// end ends the telling, and takes back the line that changes.
func (p *progress) end() {
	close(p.stop)
	<-p.done
	if p.live {
		_, _ = io.WriteString(terminalOf(p.out), eraseLine)
	}
}

func (p *progress) tell(after time.Duration) {
	s := p.stats()
	text := progressText(s.BytesRead, s.BytesTotal, p.lines.Load(), after)
	if p.live {
		if columns := width(p.out); len([]rune(text)) > columns-1 {
			text = string([]rune(text)[:max(0, columns-1)])
		}
		_, _ = io.WriteString(terminalOf(p.out), eraseLine+text)
		return
	}
	_, _ = fmt.Fprintln(p.out, text)
}

// progressBar is how wide the bar is.
const progressBar = 24

// progressText tells what was read of what there is, how fast, and how long the rest takes at that rate. total is 0 where it is not known.
func progressText(read, total, lines int64, after time.Duration) string {
	seconds := max(after.Seconds(), 0.001)
	rate := float64(read) / seconds
	text := fmt.Sprintf("%s lines, %.1f MB/s", strings.TrimSpace(short(float64(lines))), rate/1e6)
	if total <= 0 || read > total {
		return short(float64(read)) + "B read, " + text
	}
	share := float64(read) / float64(total)
	full := int(share * progressBar)
	bar := strings.Repeat("█", full) + strings.Repeat("░", progressBar-full)
	left := "?"
	if rate > 0 {
		left = time.Duration(float64(total-read) / rate * float64(time.Second)).Round(time.Second).String()
	}
	return fmt.Sprintf("%s %3.0f %%, %s, %s left", bar, 100*share, text, left)
}

// short writes a number with what stands before a unit: "1.2 M", "12 ".
func short(n float64) string {
	for _, unit := range []string{"", " k", " M"} {
		if n < 1000 {
			if unit == "" {
				return fmt.Sprintf("%.0f ", n)
			}
			return fmt.Sprintf("%.1f%s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.1f G", n)
}
