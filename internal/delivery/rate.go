package delivery

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/backoff"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// window is an exact rate limit: never more than Count messages in any period of length Per. It remembers the last Count times.
type window struct {
	rate  setting.Rate
	times []time.Time // a ring once it is full
	next  int
}

// set changes the rate. A different rate starts without remembered times.
func (w *window) set(rate setting.Rate) {
	if w.rate != rate {
		*w = window{rate: rate}
	}
}

// wait returns how long until the next message is allowed; 0 is now.
func (w *window) wait(now time.Time) time.Duration {
	if w.rate.Count == 0 || len(w.times) < w.rate.Count {
		return 0
	}
	return max(0, w.times[w.next].Add(w.rate.Per).Sub(now))
}

// add counts a message.
func (w *window) add(now time.Time) {
	if w.rate.Count == 0 {
		return
	}
	if len(w.times) < w.rate.Count {
		w.times = append(w.times, now)
		return
	}
	w.times[w.next] = now
	w.next = (w.next + 1) % len(w.times)
}

// pauseAfter returns the wait after a number of consecutive failures: a random part ("full jitter") of a limit that doubles from least to most. It
// is at least a tenth of least, so no loop spins.
func pauseAfter(failures int, least, most time.Duration, random float64) time.Duration {
	return max(least/10, time.Duration(random*float64(backoff.Doubled(failures-1, least, most))))
}
