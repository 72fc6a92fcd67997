package run

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// statusLine writes log lines, and on a terminal one line below them with the state. It is safe for concurrent use.
type statusLine struct {
	mu    sync.Mutex
	out   io.Writer
	raw   io.Writer // below out, for command.EraseLine
	live  bool      // out is a terminal that knows how to erase a line
	width func() int
	shown string
}

func newStatusLine(env *command.Env) *statusLine {
	out := env.Err
	return &statusLine{out: out, raw: command.Terminal(out), live: env.CanErase(out), width: func() int { return env.Width(out) }}
}

// Write writes whole log lines above the status.
func (s *statusLine) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown == "" {
		return s.out.Write(line)
	}
	if _, err := io.WriteString(s.raw, command.EraseLine); err != nil {
		return 0, err
	}
	n, err := s.out.Write(line)
	if err == nil {
		_, err = io.WriteString(s.raw, s.shown)
	}
	return n, err
}

// show replaces the status. Off a terminal it does nothing.
func (s *statusLine) show(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live {
		return
	}
	// A line that wraps cannot be erased, not even one that the two characters of Ctrl-C make wrap.
	text = command.Shorten(safetext.Visible(text), max(s.width()-3, 1))
	if text == s.shown {
		return
	}
	s.shown = text
	_, _ = io.WriteString(s.raw, command.EraseLine+text) // the next one may fare better
}

// clear erases the status.
func (s *statusLine) clear() {
	s.show("")
}

// statusText returns the containers and counts in one line.
func statusText(d docker.Stats, p *pipeline.Pipeline) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s := p.Stats(ctx)
	sum := s.Engine.Total()
	followed := 0
	for _, n := range d.States {
		followed += n
	}
	text := fmt.Sprintf("%s (%d live), %s, %s, %s", quantity.Plural(followed, "container"), d.States[docker.Live], quantity.Plural(s.Engine.Lines, "line"),
		quantity.Plural(sum.Hits, "hit"), quantity.Plural(sum.Alerts, "alert"))
	if d.Gaps > 0 {
		text += ", " + quantity.Plural(d.Gaps, "gap")
	}
	return text
}
