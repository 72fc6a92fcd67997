package replay

import (
	"bytes"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/join"
)

// joining joins the lines of stack traces to one record, as production does: each container and stream for itself. Lines of JSON do not pass here, since
// the decoder joins them. The zero value joins nothing.
type joining struct {
	on      bool
	waiting map[writer]*waiting
	last    [3]lastRecord  // by stream
	others  map[writer]int // records of the block that may be continued, of writers that are not in last
	times   []int64        // of the lines that became a part of a record, and were not reported yet

	// The records from the first one that waits on, which the next block begins with, so that records keep their order.
	carried []engine.Record
	places  []Place
}

// writer is a container's stream.
type writer struct {
	source *engine.Source
	stream engine.Stream
}

// lastRecord is the last record of a stream in the block, from 1; 0: none.
type lastRecord struct {
	source *engine.Source
	at     int
}

// waiting is a record that may go on.
type waiting struct {
	trace join.Trace
	rec   engine.Record // the first line's, without its text
	text  []byte
	at    int // its place in the block, from 0
}

// block joins the records of a block, to those that wait from earlier blocks too. The last record of each writer waits if another line can continue it.
func (j *joining) block(b *Block) {
	if !j.on || len(b.Records) == 0 {
		return
	}
	begun := len(j.carried)
	records, places := slices.Insert(b.Records, 0, j.carried...), slices.Insert(b.Places, 0, j.places...)
	b.Records, b.Places = records[:begun], places[:begun]
	clear(j.carried)
	j.carried, j.places = j.carried[:0], j.places[:0]
	for i := begun; i < len(records); i++ { // records that stay are written over those that were read
		rec := records[i]
		w := writer{rec.Source, rec.Stream}
		joins := rec.Fields == nil && !rec.Truncated
		if rec.Fields != nil && len(j.waiting) > 0 {
			j.finish(b) // the fields are in the block's memory: such a record cannot be carried
		}
		if len(j.waiting) > 0 {
			if open := j.waiting[w]; open != nil {
				if joins && open.trace.Continue(rec.Text, rec.Time) == join.Continues {
					open.text = append(append(open.text, '\n'), rec.Text...)
					j.times = append(j.times, rec.Time)
					continue
				}
				j.end(b, w, open)
			}
		}
		before := j.swap(w)
		if joins && before > 0 && join.MayJoin(b.Records[before-1].Text, rec.Text) {
			if open := j.begin(b, before-1); open != nil {
				if open.trace.Continue(rec.Text, rec.Time) == join.Continues {
					open.text = append(append(open.text, '\n'), rec.Text...)
					j.times = append(j.times, rec.Time)
					continue
				}
				delete(j.waiting, w) // the record stays where it is, as it is
			}
		}
		b.add(rec, places[i])
		if joins {
			j.last[rec.Stream] = lastRecord{rec.Source, len(b.Records)}
		}
	}
	j.keep(b)
}

// swap returns the number of the writer's last record that may be continued, and forgets it.
func (j *joining) swap(w writer) (before int) {
	last := &j.last[w.stream]
	if last.source == w.source || last.at == 0 {
		before, last.at = last.at, 0
		if last.source == w.source {
			return before
		}
	}
	if last.at > 0 {
		if j.others == nil {
			j.others = map[writer]int{}
		}
		j.others[writer{last.source, w.stream}] = last.at
		last.at = 0
	}
	before = j.others[w]
	delete(j.others, w)
	return before
}

// begin makes the record at i of a block one that waits; nil: no line can continue it.
func (j *joining) begin(b *Block, i int) *waiting {
	rec := b.Records[i]
	trace, ok := join.Begin(rec.Text, rec.Time)
	if !ok {
		return nil
	}
	open := &waiting{trace: trace, rec: rec, text: append([]byte(nil), rec.Text...), at: i}
	open.rec.Text = nil
	if j.waiting == nil {
		j.waiting = map[writer]*waiting{}
	}
	j.waiting[writer{rec.Source, rec.Stream}] = open
	return open
}

// end completes a record.
func (j *joining) end(b *Block, w writer, open *waiting) {
	delete(j.waiting, w)
	b.Records[open.at] = open.rec
	b.Records[open.at].Text = b.keep(join.Text(open.text))
}

// maxCarried bounds the records that are carried to the next block.
const maxCarried = 100_000

// keep carries the records from the first one that may go on to the next block.
func (j *joining) keep(b *Block) {
	for stream := range j.last {
		if last := j.last[stream]; last.at > 0 {
			j.begin(b, last.at-1)
		}
	}
	for _, at := range j.others {
		j.begin(b, at-1)
	}
	j.last = [3]lastRecord{}
	clear(j.others)
	first := len(b.Records)
	for _, open := range j.waiting {
		first = min(first, open.at)
	}
	if len(b.Records)-first > maxCarried {
		j.finish(b)
		return
	}
	for _, open := range j.waiting {
		open.at -= first
	}
	for i := first; i < len(b.Records); i++ {
		rec := b.Records[i]
		// The text lies in the block's memory, which the next fill overwrites.
		rec.Text = bytes.Clone(rec.Text)
		j.carried, j.places = append(j.carried, rec), append(j.places, b.Places[i])
	}
	b.Records, b.Places = b.Records[:first], b.Places[:first]
}

// finish completes all records that wait.
func (j *joining) finish(b *Block) {
	for w, open := range j.waiting {
		j.end(b, w, open)
	}
}

// over puts everything that was carried into the block: the log is over.
func (j *joining) over(b *Block) {
	for _, open := range j.waiting {
		open.at += len(b.Records)
	}
	b.Records, b.Places = append(b.Records, j.carried...), append(b.Places, j.places...)
	clear(j.carried)
	j.carried, j.places = j.carried[:0], j.places[:0]
	j.finish(b)
}
