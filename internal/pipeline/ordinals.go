package pipeline

import (
	"crypto/sha256"
	"sync"
)

// maxOrdinals bounds the digests of each of the two generations that are remembered.
const maxOrdinals = 1 << 15

// alertOrdinals counts, for one run, the alerts about equal records: the same rule, tag, time and bytes. Fluent Bit hands a chunk over again only
// after a restart, so equal records of one run are different lines, in one chunk or in several; the fluentd driver gives all lines of a
// second one time. A restart begins to count again, so that the nth of several equal records has the id that it had before, and what an
// earlier run stored is known by it.
//
// It is bounded: when a generation is full, the older one is forgotten. A record that was forgotten and comes once more in this run counts
// from the first again, and the store takes it for a duplicate, which it counts. It takes 32,768 other alerts in between.
type alertOrdinals struct {
	mu       sync.Mutex
	now, old map[[16]byte]uint64
}

// next returns how many alerts had the digest before in this run.
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
