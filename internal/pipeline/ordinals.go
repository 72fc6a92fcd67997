package pipeline

import (
	"crypto/sha256"
	"sync"
)

// maxOrdinals bounds the digests of each of the two generations.
const maxOrdinals = 1 << 15

// alertOrdinals numbers the alerts of one run about equal records: same rule, tag, time and bytes. Fluent Bit repeats a chunk only after a restart, so
// equal records of one run are different lines, in one chunk or in several; the fluentd driver gives all lines of a second one time. After a restart the
// numbers begin again, so that the nth of several equal records gets its former id, and the store recognizes alerts of the earlier run.
//
// When a generation is full, the older one is dropped. An equal record that comes after at least 32,768 other alerts may get the first id again; the
// store then counts its alert as a duplicate.
type alertOrdinals struct {
	mu       sync.Mutex
	now, old map[[16]byte]uint64
}

// next returns the number of earlier alerts of this run with the digest.
func (s *alertOrdinals) next(sum [sha256.Size]byte) uint64 {
	key := [16]byte(sum[:16])
	s.mu.Lock()
	defer s.mu.Unlock()
	n, known := s.now[key]
	if !known {
		n = s.old[key]
	}
	if s.now == nil || (!known && len(s.now) >= maxOrdinals) {
		s.now, s.old = map[[16]byte]uint64{}, s.now
	}
	s.now[key] = n + 1
	return n
}
