package state

import (
	"hash/maphash"
)

// tokens is the bucket of a container.
type tokens struct {
	of        *Keyed
	container []byte
}

// consume takes a token, and reports whether there was one.
func (t tokens) consume(now int64) bool { return t.of.token(t.container, now, true) }

// available reports whether there is a token. It takes none.
func (t tokens) available(now int64) bool { return t.of.token(t.container, now, false) }

// token reports whether a container's bucket holds a token, and takes it if wanted.
func (k *Keyed) token(container []byte, now int64, take bool) bool {
	limit := &k.limits.PerContainer
	if limit.Unlimited() {
		return true
	}
	every, tolerance := limit.Spacing()
	h := maphash.Bytes(k.seed, container)
	b, ok := k.buckets.Get(h)
	if ok && b.key != string(container) {
		k.buckets.Remove(h)
		ok = false
	}
	arrival := now
	if ok && b.arrival > now && b.arrival-now <= tolerance { // further ahead only when the clock went back or the burst shrank
		arrival = b.arrival
	}
	arrival += every
	if arrival-now > tolerance {
		return false
	}
	if !take {
		return true
	}
	if !ok {
		b = &bucket{key: string(container)}
		k.buckets.Add(h, b)
	}
	b.arrival = arrival
	k.touch(bucketPrefix + b.key)
	return true
}
