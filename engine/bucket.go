package engine

import "hash/maphash"

// bucket is a token bucket as a theoretical arrival time (GCRA, ITU-T I.371): one integer instead of a level and a time.
type bucket struct {
	key     string
	arrival int64 // ns
}

// take takes a token from a container's bucket and reports whether there was one. With peek the bucket stays as it is.
func (l *limiter) take(container []byte, now int64, peek bool) bool {
	limit := l.limits.PerContainer
	if limit.Rate.Count <= 0 || limit.Rate.Per <= 0 {
		return true
	}
	every := max(1, int64(limit.Rate.Per)/int64(limit.Rate.Count))
	tolerance := every * int64(limit.Burst)
	h := maphash.Bytes(l.seed, container)
	b, ok := l.buckets.Get(h)
	if ok && b.key != string(container) {
		l.buckets.Remove(h)
		ok = false
	}
	arrival := now
	if ok && b.arrival > now && b.arrival-now <= tolerance { // further ahead only when the clock stepped back or the burst shrank
		arrival = b.arrival
	}
	arrival += every
	if arrival-now > tolerance {
		return false
	}
	if peek {
		return true
	}
	if !ok {
		b = &bucket{key: string(container)}
		l.buckets.Add(h, b)
	}
	b.arrival = arrival
	l.touch(bucketPrefix + b.key)
	return true
}
