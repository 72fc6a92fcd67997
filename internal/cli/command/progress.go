package command

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/replay"
)

// Progress shows how much of the logs was read: on a terminal in one line that changes, elsewhere in a line now and then.
type Progress struct {
	env   *Env
	out   io.Writer
	live  bool // out is a terminal that knows how to erase a line
	lines *atomic.Int64
	stats func() replay.Stats
	stop  chan struct{}
	done  chan struct{}
}

// How often progress is shown on a terminal, and elsewhere.
const (
	progressEvery = 200 * time.Millisecond
	reportEvery   = 10 * time.Second
)

// StartProgress shows the progress on Err until End is called.
func StartProgress(env *Env, lines *atomic.Int64, stats func() replay.Stats) *Progress {
	p := &Progress{env: env, out: env.Err, live: env.CanErase(env.Err), lines: lines, stats: stats, stop: make(chan struct{}), done: make(chan struct{})}
	every := reportEvery
	if p.live {
		every = progressEvery
	}
	start := env.Now()
	go func() {
		defer close(p.done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.show(env.Now().Sub(start))
			case <-p.stop:
				return
			}
		}
	}()
	return p
}

// End erases the line that changes.
func (p *Progress) End() {
	close(p.stop)
	<-p.done
	if p.live {
		_, _ = io.WriteString(Terminal(p.out), EraseLine)
	}
}

func (p *Progress) show(after time.Duration) {
	s := p.stats()
	text := progressText(s.BytesRead, s.BytesTotal, p.lines.Load(), after)
	if p.live {
		if columns := p.env.Width(p.out); len([]rune(text)) > columns-1 {
			text = string([]rune(text)[:max(0, columns-1)])
		}
		_, _ = io.WriteString(Terminal(p.out), EraseLine+text)
		return
	}
	_, _ = fmt.Fprintln(p.out, text)
}

// progressBar is how wide the bar is.
const progressBar = 24

// progressText returns the share that was read, the rate, and how long the rest takes at that rate. total is 0 where it is not known.
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

// short returns a number with the prefix of a unit: "1.2 M", "12 ".
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
