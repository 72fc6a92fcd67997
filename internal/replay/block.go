package replay

import (
	"github.com/tinyforge/fluentbit-trigger/engine"
)

// Block is a number of records of one series, in order. Its records, their texts and their fields stay as they are until it is filled anew.
type Block struct {
	// Records has one entry a line; Numbers the line of the file at which each began, from 1; 0 where there is no file.
	Records []engine.Record
	Numbers []int
	// File is what the records were read from.
	File string
	// Before is the latest time of the series' records before the block; math.MinInt64 when there are none.
	Before int64

	buf   []byte // that a file is read into
	arena []byte // that texts are copied to where they cannot stay in buf
	event []byte // events that lines of JSON became
}

// reset empties the block and keeps its memory, unless a giant went through.
func (b *Block) reset(size int) {
	clear(b.Records)
	b.Records, b.Numbers, b.File = b.Records[:0], b.Numbers[:0], ""
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

// keep copies a text into the block. What was copied before stays where it is.
func (b *Block) keep(text []byte) []byte {
	if cap(b.arena)-len(b.arena) < len(text) {
		b.arena = make([]byte, 0, max(len(text), 2*cap(b.arena), 16<<10)) // the texts before hold on to the old one
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
