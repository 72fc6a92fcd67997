package chunk

import "encoding/binary"

// layout remembers the keys of the last record by their place: the records of a chunk mostly have the same keys in the same order, so that a
// key is recognized by comparing it with the one at that place before, without a look-up. It holds copies, and is correct for any record.
type layout [maxLayout]layoutKey

const (
	maxLayout    = 24 // keys; further ones are looked up
	maxLayoutKey = 32 // bytes of a key with its head; longer ones are looked up
)

// layoutKey is a key as the record contains it, head and name. Its words cover it whole: the first eight bytes, the next, the eight before
// the last, the last. For a key of less than eight bytes mask cuts off the bytes behind it, and all words are the same.
type layoutKey struct {
	length int
	at     [3]int // of the second, third and fourth word
	mask   uint64
	words  [4]uint64
	key    *key
}

// match reports whether this key is at i; length is that of the key with its head.
func (l *layoutKey) match(b []byte, i int) bool {
	if l.length == 0 || i+maxLayoutKey > len(b) {
		return false
	}
	v := b[i : i+maxLayoutKey : i+maxLayoutKey]
	if binary.LittleEndian.Uint64(v)&l.mask != l.words[0] {
		return false
	}
	if l.length <= 8 {
		return true
	}
	if binary.LittleEndian.Uint64(v[l.at[2]:])&l.mask != l.words[3] {
		return false
	}
	return l.length <= 16 ||
		binary.LittleEndian.Uint64(v[l.at[0]:]) == l.words[1] && binary.LittleEndian.Uint64(v[l.at[1]:]) == l.words[2]
}

// note takes the key b[i:end], head and name.
func (l *layoutKey) note(b []byte, i, end int, k *key) {
	n := end - i
	if n > maxLayoutKey || i+maxLayoutKey > len(b) {
		l.length = 0
		return
	}
	l.length, l.key, l.mask = n, k, ^uint64(0)
	if n < 8 {
		l.mask = 1<<(8*uint(n)) - 1
	}
	l.at = [3]int{min(8, max(n-8, 0)), max(n-16, 0), max(n-8, 0)}
	v := b[i : i+maxLayoutKey]
	l.words[0] = binary.LittleEndian.Uint64(v) & l.mask
	l.words[3] = binary.LittleEndian.Uint64(v[l.at[2]:]) & l.mask
	l.words[1] = binary.LittleEndian.Uint64(v[l.at[0]:])
	l.words[2] = binary.LittleEndian.Uint64(v[l.at[1]:])
}
