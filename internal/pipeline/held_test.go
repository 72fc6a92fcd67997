package pipeline

import (
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

const joined = "[records]\njoin = \"on\"\n"

var traceOf = []string{"java.io.IOException: boom", "\tat shop.Pay.run(Pay.java:3)", "Caused by: shop.Declined: no"}

// written returns a chunk of lines of one container, each with a time of its own that does not depend on the chunk.
func written(from int, texts ...string) []byte {
	var out []byte
	for i, text := range texts {
		out = chunktest.Event(out, chunktest.FirstTime+int64(from+i)*1e6, chunktest.M(),
			chunktest.M("container_id", strings.Repeat("ab", 32), "container_name", "/web", "source", "stderr", "log", text))
	}
	return out
}

// part is a chunk with a part of a long line.
func part(ordinal, last, text string) []byte {
	return chunktest.Event(nil, chunktest.FirstTime, chunktest.M(), chunktest.M("container_id", strings.Repeat("ab", 32), "source", "stdout", "log", text,
		"partial_message", "true", "partial_id", "1", "partial_ordinal", ordinal, "partial_last", last))
}

// TestAKillKeepsWhatWaits kills the process after each chunk of a log, with and without the chunk coming again, and wants one alert each time, about the whole
// record.
func TestAKillKeepsWhatWaits(t *testing.T) {
	t.Parallel()
	trace := strings.Join(traceOf, "\n")
	for name, c := range map[string]struct {
		chunks [][]byte
		want   string
	}{
		"a trace":     {[][]byte{written(0, traceOf[0]), written(1, traceOf[1]), written(2, traceOf[2]), written(3, "on")}, trace},
		"two a chunk": {[][]byte{written(0, "quiet", traceOf[0]), written(2, traceOf[1:]...), written(4, "on", "boom?")}, trace},
		"an end":      {[][]byte{written(0, traceOf[0]), written(1, traceOf[1], traceOf[2], "on"), written(4, "quiet")}, trace},
		"a long line": {[][]byte{part("1", "false", "a boom "), part("2", "false", "of many "), part("3", "true", "parts")}, "a boom of many parts"},
	} {
		for kill := range c.chunks {
			for _, again := range []bool{false, true} {
				b := newBench(t)
				clock := newClock()
				o := b.options(b.document(rule("boom", "boom( of|$|\\n)") + joined))
				o.Now = clock.now
				killed, err := New(o) // it is not started: it sends nothing, like a process that is dead
				if err != nil {
					t.Fatal(err)
				}
				batch := killed.newBatch()
				for _, chunk := range c.chunks[:kill+1] {
					batch.run(func() { killed.decoder.Load().Decode(chunk, "docker.web", batch.now, batch.line) })
				}
				o.Stores = &store.Registry{} // another process
				p := b.start(o)
				rest := c.chunks[kill+1:]
				if again {
					rest = c.chunks[kill:] // the host did not hear that the chunk was accepted
				}
				for _, chunk := range rest {
					if v := p.Flush(chunk, "docker.web"); v != Accepted {
						t.Fatalf("the chunk was %s", v)
					}
				}
				clock.pass(time.Minute)
				last := p.newBatch()
				p.expire(last, false)
				if got := b.messages(1); len(got) != 1 || got[0] != c.want {
					t.Errorf("%s, killed after chunk %d, again %t: alerts about %q, want one about %q", name, kill, again, got, c.want)
				}
				if s := p.Stats(t.Context()); s.Records.WaitingRecords+s.Records.HeldLines != 0 {
					t.Errorf("%s: %d records wait still", name, s.Records.WaitingRecords)
				}
				clock.pass(2 * time.Minute)
				p.expire(last, false)
				if left, err := p.store.LoadStates(t.Context(), p.heldPrefix()); err != nil || len(left) != 0 {
					t.Errorf("%s, killed after chunk %d, again %t: %d rows are left, %v", name, kill, again, len(left), err)
				}
			}
		}
	}
}

// TestUntilExpiry: the pipeline looks for what waited long enough when the first of it did, at least once a second, and never in a busy loop.
func TestUntilExpiry(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	clock := newClock()
	o := b.options(b.document(rule("boom", "^boom") + joined))
	o.Now = clock.now
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	d, begun := p.decoder.Load(), clock.now().UnixNano()
	if got := untilExpiry(d, begun); got != expireEvery {
		t.Errorf("nothing waits: %s", got)
	}
	d.Decode(written(0, "boom: an error"), "docker.web", begun, func(*engine.Record, []byte) {})
	for after, want := range map[time.Duration]time.Duration{
		0: expireEvery, 1500 * time.Millisecond: 500 * time.Millisecond, 1999 * time.Millisecond: expireLeast, time.Minute: expireLeast, -time.Hour: expireEvery,
	} {
		if got := untilExpiry(d, begun+int64(after)); got != want {
			t.Errorf("%s after the line: %s, want %s", after, got, want)
		}
	}
}

// TestOrdinaryChunksAreNotSaved: a chunk whose last lines report no error writes nothing to the store.
func TestOrdinaryChunksAreNotSaved(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom") + joined)))
	p.Flush(written(0, append([]string{"quiet"}, append(traceOf, "on")...)...), "docker.web")
	if saved, err := p.store.LoadStates(t.Context(), p.heldPrefix()); err != nil || len(saved) != 0 {
		t.Errorf("%d rows, %v", len(saved), err)
	}
	if s := p.Stats(t.Context()); s.Records.JoinedRecords != 1 || s.Records.Records != 3 {
		t.Errorf("%+v", s.Records)
	}
}
