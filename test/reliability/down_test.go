package reliability

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// downRun is how many alerts the drill below makes, and at which number of them every bound of the store is reached.
type downRun struct {
	bounds           string // of the store; "": the defaults
	alerts, warm     int
	chunk, perSecond int
	pending          int64 // the bound of waiting alerts
}

// TestSoakTenThousandAlertsASecond has a pipeline with its store on disk accept 10,000 alerts a second for a receiver that refuses connections: for two
// seconds with small bounds, or, with FLUENTBIT_TRIGGER_SOAK set, for a minute with the default ones. Every alert is accounted for, and memory does not grow
// once the bounds are reached.
func TestSoakTenThousandAlertsASecond(t *testing.T) {
	run := downRun{
		bounds: "store_max_pending = 1000\nstore_alerts = 1000\nstore_ids = 5000\n", alerts: 24_000, warm: 12_000, chunk: 1000, perSecond: 10_000, pending: 1000,
	}
	if os.Getenv("FLUENTBIT_TRIGGER_SOAK") != "" {
		run = downRun{alerts: 600_000, warm: 200_000, chunk: 1000, perSecond: 10_000, pending: int64(store.DefaultSettings().MaxPending)}
	}
	server := receiver.New(t)
	server.Stop()
	path := filepath.Join(t.TempDir(), "down.db")
	p, err := pipeline.New(pipeline.Options{
		ID: "down", Stores: &store.Registry{}, LogTo: io.Discard, Origin: "down",
		Sources: config.Sources{Inline: fmt.Sprintf("store = %q\n", path) + run.bounds + document(server)},
	})
	must(t, err)
	p.Start()
	before, after := run.feed(t, p)
	s := p.Stats(t.Context())
	t.Logf("the store: %s of %s", s.Delivery.Store.Used, s.Delivery.Store.Max)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must(t, p.Stop(ctx))

	n := int64(run.alerts)
	sum := s.Engine.Total()
	if s.Engine.Lines != n || sum.Hits != n || sum.Alerts != n || s.Refused != 0 || s.Panics != 0 {
		t.Errorf("%d lines, %d hits, %d alerts, %d chunks refused, %d panics; want %d lines that alert", s.Engine.Lines, sum.Hits, sum.Alerts, s.Refused, s.Panics, n)
	}
	// One more alert, of kind system, reports the first ones that a bound dropped.
	if d := s.Delivery; d.Accepted < n || d.Accepted > n+1 || d.Duplicates != 0 || d.Lost != 0 || d.Backlog != 0 || d.Delivered != 0 || d.Dropped != n-run.pending {
		t.Errorf("%+v", d)
	}
	if counts := accountOf(t, path); counts.Accepted != n || counts.Pending != run.pending || counts.Dropped != n-run.pending {
		t.Errorf("in the store: %+v", counts)
	}
	if after.heap > before.heap+8<<20 || after.resident > before.resident+20<<20 {
		t.Errorf("memory grew from %s to %s", before, after)
	}
}

// feed hands over all lines in chunks at their times, and returns the memory once the bounds are reached and in the end. A chunk that takes longer than its
// time delays the later ones; none is left out.
func (run *downRun) feed(t *testing.T, p *pipeline.Pipeline) (before, after memory) {
	lines := newLineChunk(run.chunk)
	begun, used := time.Now(), processorTime()
	var longest, behind time.Duration
	every := time.Second * time.Duration(run.chunk) / time.Duration(run.perSecond)
	for at := 0; at < run.alerts; at += run.chunk {
		due := begun.Add(every * time.Duration(at/run.chunk))
		time.Sleep(time.Until(due))
		behind = max(behind, time.Since(due))
		lines.number(at)
		start := time.Now()
		if v := p.Flush(lines.bytes, "docker"); v != pipeline.Accepted {
			t.Fatalf("chunk at line %d: %s", at, v)
		}
		longest = max(longest, time.Since(start))
		if done := at + run.chunk; done%(run.alerts/12) == 0 || done == run.warm || done == run.alerts {
			after = memoryNow(t)
			t.Logf("%7d alerts: %s", done, after)
			if done == run.warm {
				before = after
			}
		}
	}
	took := time.Since(begun)
	t.Logf("%d alerts accepted in %.1f s, %.0f/s; %.0f µs of processor time each; the longest chunk of %d took %s; at most %s behind the schedule of %d/s",
		run.alerts, took.Seconds(), float64(run.alerts)/took.Seconds(), float64((processorTime()-used).Microseconds())/float64(run.alerts), run.chunk,
		longest.Round(time.Millisecond), behind.Round(time.Millisecond), run.perSecond)
	return before, after
}

// lineChunk is a chunk of lines whose numbers and times are written over in place, so that the drill's own memory is always the same.
type lineChunk struct {
	bytes          []byte
	times, numbers []int // where they are
}

const (
	lineHead    = "boom "
	numberWidth = 9
)

func newLineChunk(n int) *lineChunk {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = fmt.Sprintf("%s%0*d: a line of about the length that lines have in the logs of containers, with a request and a user", lineHead, numberWidth, i)
	}
	c := &lineChunk{bytes: chunktest.Docker(chunktest.Lines(texts...)...)}
	eventHead := []byte{0x92, 0x92, 0xd7, 0x00} // of an event with its time: seconds and nanoseconds, four bytes each
	for at := 0; ; {
		next := bytes.Index(c.bytes[at:], eventHead)
		if next < 0 {
			return c
		}
		c.times = append(c.times, at+next+len(eventHead))
		at += next + len(eventHead)
		at += bytes.Index(c.bytes[at:], []byte(lineHead)) + len(lineHead)
		c.numbers = append(c.numbers, at)
	}
}

// number gives the lines numbers from begin and the present time.
func (c *lineChunk) number(begin int) {
	now := time.Now()
	for i, at := range c.numbers {
		copy(c.bytes[at:], fmt.Appendf(nil, "%0*d", numberWidth, begin+i))
		binary.BigEndian.PutUint32(c.bytes[c.times[i]:], uint32(now.Unix()))
	}
}

// memory is that of this process, in bytes.
type memory struct{ heap, resident uint64 }

func (m memory) String() string {
	return fmt.Sprintf("heap %.1f MiB, resident %.1f MiB", float64(m.heap)/(1<<20), float64(m.resident)/(1<<20))
}

// memoryNow returns the live heap after a collection, and what is resident without one more: the collector's own slack is part of it.
func memoryNow(t *testing.T) memory {
	t.Helper()
	var m memory
	status, err := os.ReadFile("/proc/self/status")
	must(t, err)
	_, line, _ := strings.Cut(string(status), "VmRSS:")
	if _, err := fmt.Sscanf(line, "%d kB", &m.resident); err != nil {
		t.Fatalf("no VmRSS in /proc/self/status: %v", err)
	}
	m.resident *= 1024
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	m.heap = stats.HeapAlloc
	return m
}

func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// accountOf returns the sums of the store in a file, which must add up.
func accountOf(t *testing.T, path string) store.Counts {
	t.Helper()
	registry := &store.Registry{}
	set := store.DefaultSettings()
	set.Path = path
	s, err := registry.Open(t.Context(), store.Options{Settings: set})
	must(t, err)
	defer func() { must(t, registry.Close()) }()
	a, err := s.Account(t.Context())
	must(t, err)
	return a.Total
}
