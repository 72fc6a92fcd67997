// Package await has tests wait for what comes about in its own time, by looking again until a deadline, and keeps what is logged meanwhile.
package await

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"
)

// every is how often That looks.
const every = 10 * time.Millisecond

// maxShown bounds how much of a log a failure shows: its end.
const maxShown = 8000

// That looks until holds returns true. When it does not within a time, the test ends with what was waited for and the ends of the logs.
func That(t testing.TB, within time.Duration, what string, holds func() bool, logs ...fmt.Stringer) {
	t.Helper()
	deadline, tick := time.NewTimer(within), time.NewTicker(every)
	defer deadline.Stop()
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			text := ""
			for _, l := range logs {
				log := l.String()
				text += "\n" + log[max(0, len(log)-maxShown):]
			}
			t.Fatalf("not so within %s: %s%s", within, what, text)
		}
	}
}

// Log keeps what is written to it. The zero value is empty. It is safe for concurrent use.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write adds to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// String returns what was written so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
