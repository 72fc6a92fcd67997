package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// statusLine writes log lines, and on a terminal one line below them that tells how things are. It is safe for concurrent use.
type statusLine struct {
	mu    sync.Mutex
	out   io.Writer
	raw   io.Writer // below out, for eraseLine
	live  bool      // out is a terminal that knows how to erase a line
	width func() int
	shown string
}

func newStatusLine(out io.Writer) *statusLine {
	return &statusLine{out: out, raw: terminalOf(out), live: isTerminal(out) && os.Getenv("TERM") != "dumb", width: func() int { return width(out) }}
}

// eraseLine takes back the line that the cursor stands on.
const eraseLine = "\r\x1b[2K"

// Write writes whole log lines above the status.
func (s *statusLine) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shown == "" {
		return s.out.Write(line)
	}
	if _, err := io.WriteString(s.raw, eraseLine); err != nil {
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
	// A line that wraps could not be taken back, not even by the two characters that Ctrl-C leaves.
	text = shorten(safetext.Visible(text), max(s.width()-3, 1))
	if text == s.shown {
		return
	}
	s.shown = text
	_, _ = io.WriteString(s.raw, eraseLine+text) // the next one may fare better
}

// clear takes the status back.
func (s *statusLine) clear() {
	s.show("")
}

// statusText tells in one line what is followed and what came of it.
func statusText(d docker.Stats, p *pipeline.Pipeline) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s := p.Stats(ctx)
	sum := s.Engine.Total()
	followed := 0
	for _, n := range d.States {
		followed += n
	}
	text := fmt.Sprintf("%s (%d live), %s, %s, %s", plural(followed, "container"), d.States[docker.Live], plural(int(s.Engine.Lines), "line"),
		plural(int(sum.Hits), "hit"), plural(int(sum.Alerts), "alert"))
	if d.Gaps > 0 {
		text += ", " + plural(int(d.Gaps), "gap")
	}
	return text
}
