package replay

import (
	"github.com/tinyforge/fluentbit-trigger/engine"
)

// Block holds consecutive records of one series. Its records, their texts and their fields remain valid until the next fill.
type Block struct {
	// Records has one entry per line. Numbers has the line of the file at which each record began, from 1, or 0 without a file.
	Records []engine.Record
	Numbers []int
	// File names the source of the records.
	File string
	// Before is the latest time among the series' records before the block, or math.MinInt64 in the first block.
	Before int64

	// Joined has the times of the lines that became a part of a record before them.
	Joined []int64

	buf   []byte // the piece of the file that was read last
	arena []byte // copies of texts that cannot remain in buf
	event []byte // JSON lines, encoded as events
}

// reset empties the block. It keeps the memory, unless an unusually long line made it grow.
func (b *Block) reset(size int) {
	clear(b.Records)
	b.Records, b.Numbers, b.Joined, b.File = b.Records[:0], b.Numbers[:0], b.Joined[:0], ""
	if cap(b.buf) > 2*size {
		b.buf = nil
	}
	if cap(b.arena) > 4*size {
		b.arena = nil
	}
	if cap(b.event) > 8*size {
		b.event = nil
	}
	b.arena, b.event = b.arena[:0], b.event[:0]
}

// keep copies a text into the block. Earlier copies do not move.
func (b *Block) keep(text []byte) []byte {
	if cap(b.arena)-len(b.arena) < len(text) {
		b.arena = make([]byte, 0, max(len(text), 2*cap(b.arena), 16<<10)) // earlier texts still refer to the old arena
	}
	start := len(b.arena)
	b.arena = append(b.arena, text...)
	return b.arena[start:len(b.arena):len(b.arena)]
}

// add appends a record.
func (b *Block) add(rec engine.Record, number int) {
	b.Records = append(b.Records, rec)
	b.Numbers = append(b.Numbers, number)
}
