package replay

import (
	"github.com/tinyforge/fluentbit-trigger/engine"
)

// Block holds consecutive records of one series. Its records, their texts and their fields remain valid until the next fill.
type Block struct {
	// Records has one entry per line. Places has where each record began.
	Records []engine.Record
	Places  []Place
	// Before is the latest time among the series' records before the block, or math.MinInt64 in the first block.
	Before int64

	// Joined has the times of the lines that became a part of a record before them.
	Joined []int64

	files []string // of the series, which places refer to
	buf   []byte   // the piece of the file that was read last
	arena []byte   // copies of texts that cannot remain in buf
	event []byte   // JSON lines, encoded as events
}

// Place is the line of a file at which a record began. A record that is joined may have begun in an earlier file than those after it.
type Place int64

// The file is the index in the series' files, above the line.
const lineBits = 40

// line returns the line, from 1; 0: without a file.
func (p Place) line() int { return int(p & (1<<lineBits - 1)) }

// Place returns the name of the source of record i, and its line there, from 1, or 0 without a file.
func (b *Block) Place(i int) (file string, line int) {
	p := b.Places[i]
	return b.files[p>>lineBits], p.line()
}

// reset empties the block. It keeps the memory, unless an unusually long line made it grow.
func (b *Block) reset(size int) {
	clear(b.Records)
	b.Records, b.Places, b.Joined = b.Records[:0], b.Places[:0], b.Joined[:0]
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
func (b *Block) add(rec engine.Record, at Place) {
	b.Records = append(b.Records, rec)
	b.Places = append(b.Places, at)
}
