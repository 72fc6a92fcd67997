package recent

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

var source = &engine.Source{Kind: "log", Workload: "shop/api"}

const second = int64(time.Second)

func add(l *Lines, text string, at int64) int {
	memory := []byte(text)
	left := l.Add(&engine.Record{Time: at, Text: memory, Source: source, Stream: engine.Stderr, Severity: engine.SeverityError}, at)
	clear(memory) // a chunk's memory ends with its flush
	return left
}

func TestOffKeepsNothing(t *testing.T) {
	l := &Lines{}
	if room := l.Room(second); room != -1 {
		t.Errorf("off, there is room for %d lines", room)
	}
	add(l, "one", second)
	l.Skip(3)
	if records, skipped := l.Records(); len(records) != 0 || skipped != 0 {
		t.Errorf("off, it keeps %d lines and counts %d", len(records), skipped)
	}
	l.Set(true)
	add(l, "one", second)
	l.Set(false)
	if records, _ := l.Records(); len(records) != 0 {
		t.Error("turned off, it keeps lines")
	}
}

func TestLinesAreCopiedInTheOrderOfTheirTimes(t *testing.T) {
	l := &Lines{}
	l.Set(true)
	add(l, "second", 200*second)
	add(l, "first", 100*second)
	add(l, strings.Repeat("x", MaxText+1), 300*second)
	records, skipped := l.Records()
	if len(records) != 3 || skipped != 0 || string(records[0].Text) != "first" || string(records[1].Text) != "second" || len(records[2].Text) != MaxText {
		t.Fatalf("%d lines, the first is %q", len(records), records[0].Text)
	}
	if r := &records[0]; r.Source != source || r.Stream != engine.Stderr || r.Severity != engine.SeverityError || r.Time != 100*second {
		t.Errorf("the first is %+v", r)
	}
}

// TestASecondIsBounded adds more lines in a second than are copied.
func TestASecondIsBounded(t *testing.T) {
	l := &Lines{}
	l.Set(true)
	for i := range PerSecond + 50 {
		if left, want := add(l, fmt.Sprint(i), 7*second), max(0, PerSecond-1-i); left != want {
			t.Fatalf("after line %d there is room for %d, want %d", i, left, want)
		}
	}
	l.Skip(8)
	if room := l.Room(8*second - 1); room != 0 {
		t.Errorf("the second has room for %d more", room)
	}
	if room := l.Room(8 * second); room != PerSecond {
		t.Errorf("the next second has room for %d", room)
	}
	if records, skipped := l.Records(); len(records) != PerSecond || skipped != 58 {
		t.Errorf("%d lines are kept, %d were not", len(records), skipped)
	}
}

// TestMemoryIsBounded fills it by the number of lines, and by their text; the last line is always kept.
func TestMemoryIsBounded(t *testing.T) {
	for _, c := range []struct{ size, lines int }{{1, 3 * maxLines}, {MaxText, 5 * maxBytes / MaxText}} {
		l := &Lines{}
		l.Set(true)
		for i := range c.lines {
			text := fmt.Sprintf("%d ", i)
			add(l, text+strings.Repeat("x", max(0, c.size-len(text))), second*int64(1+i/PerSecond)+int64(i%PerSecond))
		}
		records, _ := l.Records()
		bytes := 0
		for i := range records {
			bytes += len(records[i].Text)
		}
		if n := len(records); n > 2*maxLines || bytes > 2*maxBytes || n < maxLines && bytes < maxBytes-MaxText {
			t.Errorf("%d lines of %d bytes are kept", n, bytes)
		}
		if last := string(records[len(records)-1].Text); !strings.HasPrefix(last, fmt.Sprintf("%d ", c.lines-1)) {
			t.Errorf("the last line is %q", last)
		}
	}
}

// TestReadersNeedNoLock reads earlier states while lines are added; for the race detector.
func TestReadersNeedNoLock(t *testing.T) {
	l := &Lines{}
	l.Set(true)
	var both sync.WaitGroup
	both.Go(func() {
		for i := range 20_000 {
			add(l, fmt.Sprint("line ", i), second*int64(1+i/PerSecond))
		}
	})
	both.Go(func() {
		for range 20 {
			records, _ := l.Records()
			for i := range records {
				if !strings.HasPrefix(string(records[i].Text), "line ") {
					t.Errorf("a line is %q", records[i].Text)
					return
				}
			}
		}
	})
	both.Wait()
}

// BenchmarkAdd is the cost of a line that is copied.
func BenchmarkAdd(b *testing.B) {
	l := &Lines{}
	l.Set(true)
	rec := &engine.Record{Text: []byte(strings.Repeat("x", 120)), Source: source}
	for i := 0; b.Loop(); i++ {
		l.Add(rec, int64(i)*int64(time.Millisecond))
	}
}
