// Package backoff spaces out retries: each wait is twice the one before, up to a maximum. The caller adds the jitter.
package backoff

import "time"

// Doubled returns least, doubled so many times, and at most the given maximum. It doubles nothing if times is not positive.
func Doubled(times int, least, most time.Duration) time.Duration {
	d := least
	for ; times > 0 && d > 0 && d < most; times-- {
		if d > most/2 { // doubling could overflow
			return most
		}
		d *= 2
	}
	return min(d, most)
}
