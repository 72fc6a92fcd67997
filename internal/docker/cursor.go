package docker

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/logstream"
)

// ringSize is the number of records that a cursor remembers individually.
const ringSize = 512

// clockStep is how far a container's time must go back to count as a clock that was set, and not as two streams that overtake each other.
const clockStep = 5e9

// key identifies a record in a cursor by its time and content. Equal records have equal keys.
type key struct {
	time int64
	hash uint64
}

// hashOf hashes stream and bytes with FNV-1a. Cursors are saved, so the hash must not differ between processes.
func hashOf(s engine.Stream, data []byte) uint64 {
	h := (uint64(14695981039346656037) ^ uint64(s)) * 1099511628211
	for _, c := range data {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func keyOf(r *logstream.Record) key { return key{r.Time, hashOf(r.Stream, r.Data)} }

// cursor is a position in a container's log: which records were evaluated. The position is not a timestamp, because records can share one and clocks
// get adjusted. It is the set of the last records, and the newest time of all older ones. The zero value knows no record.
type cursor struct {
	since   int64 // ns; where evaluation begins; 0: at the beginning of the log
	ring    []key // in the order of the log; from head on
	head    int
	count   map[key]int
	evicted int64 // the newest time of the records that left the ring; 0: no record has left
	stepped int   // records to go until the effect of a clock that was set back has left the ring
}

// known reports whether the cursor knows any record.
func (c *cursor) known() bool { return len(c.ring) > 0 }

// add adds an evaluated record.
func (c *cursor) add(k key) {
	if c.count == nil {
		c.count = make(map[key]int, ringSize)
	}
	if c.stepped > 0 {
		c.stepped--
	}
	switch {
	case !c.known():
		c.since = max(c.since, k.time) // older records were not requested
	case k.time < c.newest().time-clockStep:
		c.stepped = 2 * ringSize
	}
	c.count[k]++
	if len(c.ring) < ringSize {
		c.ring = append(c.ring, k)
		return
	}
	old := c.ring[c.head]
	c.ring[c.head] = k
	c.head = (c.head + 1) % ringSize
	if c.count[old]--; c.count[old] == 0 {
		delete(c.count, old)
	}
	c.evicted = max(c.evicted, old.time)
}

// newest returns the last record.
func (c *cursor) newest() key { return c.ring[(c.head+len(c.ring)-1)%len(c.ring)] }

// forget resets the cursor to a time where evaluation begins.
func (c *cursor) forget(since int64) { *c = cursor{since: since} }

// replay finds the new records in a log that is read again.
type replay struct {
	remaining map[key]int // records of the ring and of partial lines that have not come yet
	evicted   int64
	clockSet  bool // a clock was set back: times mean nothing, and all records before the first one of the ring count as done
	reached   bool // a record of the ring has come: from here on, every record that is not in the ring is new
	renews    bool // the cursor starts over: known records are added to it again
}

// replay returns the comparison of a log with the cursor. seconds reports whether the times of its records are whole seconds.
func (c *cursor) replay(seconds bool, held func(func(key))) *replay {
	before := c.since - 1
	if seconds && c.since > 0 { // records before the first may have the same second
		before = c.since - c.since%1e9 + 1e9 - 1
	}
	r := &replay{remaining: make(map[key]int, len(c.ring)), evicted: max(c.evicted, before), clockSet: c.stepped > 0}
	for k, n := range c.count {
		r.remaining[k] = n
	}
	held(func(k key) { r.remaining[k]++ })
	return r
}

// behind moves the replay behind a record: records up to its time are done.
func (r *replay) behind(k key) {
	for known := range r.remaining {
		if known.time <= k.time {
			delete(r.remaining, known)
		}
	}
	r.evicted = k.time
}

// done reports whether a record was evaluated before. over is true with the last record of the cursor: all that follow are new.
func (r *replay) done(k key) (done, over bool) {
	if n := r.remaining[k]; n > 0 {
		if n == 1 {
			delete(r.remaining, k)
		} else {
			r.remaining[k] = n - 1
		}
		r.reached = true
		return true, len(r.remaining) == 0
	}
	return !r.reached && (r.clockSet || r.evicted > 0 && k.time <= r.evicted), false
}

// cursorVersion is the first byte of a saved cursor.
const cursorVersion = 1

// encode encodes the cursor. Evicted is capped at limit: later records are still in partial lines.
func (c *cursor) encode(limit int64) []byte {
	b := make([]byte, 0, 32+len(c.ring)*13)
	b = append(b, cursorVersion)
	b = binary.AppendVarint(b, c.since)
	b = binary.AppendVarint(b, min(c.evicted, limit))
	b = binary.AppendUvarint(b, uint64(c.stepped))
	b = binary.AppendUvarint(b, uint64(len(c.ring)))
	var last int64
	for i := range c.ring {
		k := c.ring[(c.head+i)%len(c.ring)]
		b = binary.AppendVarint(b, k.time-last)
		b = binary.BigEndian.AppendUint64(b, k.hash)
		last = k.time
	}
	return b
}

var errCursor = errors.New("not a saved cursor")

// decodeCursor decodes a cursor that encode encoded.
func decodeCursor(b []byte) (*cursor, error) {
	if len(b) == 0 || b[0] != cursorVersion {
		return nil, fmt.Errorf("%w: unknown version", errCursor)
	}
	b = b[1:]
	ok := true
	signed := func() int64 {
		v, n := binary.Varint(b)
		if n <= 0 {
			ok, b = false, nil
			return 0
		}
		b = b[n:]
		return v
	}
	unsigned := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			ok, b = false, nil
			return 0
		}
		b = b[n:]
		return v
	}
	c, since := &cursor{}, signed()
	evicted, stepped, size := signed(), unsigned(), unsigned()
	// The sizes come from the store, so they are checked before they are used.
	if !ok || size > ringSize || stepped > 2*ringSize {
		return nil, fmt.Errorf("%w: out of bounds", errCursor)
	}
	var at int64
	for range size {
		at += signed()
		if len(b) < 8 {
			return nil, fmt.Errorf("%w: too short", errCursor)
		}
		c.add(key{at, binary.BigEndian.Uint64(b)})
		b = b[8:]
	}
	// After add, which changes them as it does for new records.
	c.since, c.evicted, c.stepped = since, evicted, int(stepped)
	return c, nil
}
