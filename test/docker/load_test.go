package docker

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}

// flood is what came of a workload "flood" and, until its last line, of others.
type flood struct {
	lines int
	ended bool           // its last line came
	heard map[string]int // the others' lines that had come by then
	worst time.Duration  // how far behind its time stamp a line of the others came, at most
}

// floodEnd is the last line of a flood.
const floodEnd = "the flood ends"

// take keeps the lines of all workloads but "flood", of which it counts them.
func (o *flood) take(f *follower) func(*sdk.Batch) {
	return func(b *sdk.Batch) {
		w := b.Source.Workload
		for _, l := range b.Lines {
			if w != "flood" {
				f.lines[w] = append(f.lines[w], line{string(l.Text), l.Truncated, l.Stream == 2})
				o.worst = max(o.worst, time.Since(time.Unix(0, l.Time)))
				continue
			}
			o.lines++
			if string(l.Text) == floodEnd {
				o.ended, o.heard = true, map[string]int{}
				for other, lines := range f.lines {
					o.heard[other] = len(lines)
				}
			}
		}
	}
}

// TestTwoHundred follows 200 containers at once, and measures what each takes.
func TestTwoHundred(t *testing.T) {
	long(t)
	const number, lines = 200, 20
	e := theEngine(t)
	f := newFollower(t, e)
	names := make([]string, number)
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			for n := i; n < number; n += 4 {
				name := fmt.Sprint("c", n)
				out, err := e.docker(append(append([]string{"create"}, e.options(name)...), e.label+":1", "/bin/sh", "-c",
					fmt.Sprintf("/bin/sh /generate %d 5 0.2; exec sleep 600", lines))...).CombinedOutput()
				if err != nil {
					t.Errorf("%v: %s", err, out)
				}
				names[n] = strings.TrimSpace(string(out))
			}
		})
	}
	wait.Wait()
	if t.Failed() {
		return
	}
	goroutines, bytes := runtime.NumGoroutine(), heap()
	f.start()
	f.e.must(append([]string{"start"}, names...)...)
	for i := range number {
		eventually(t, "all are heard", func() bool { return len(f.got(fmt.Sprint("c", i))) >= lines })
	}
	eventually(t, "all are live", func() bool { return f.m.Stats().States[sdk.Live] == number })
	goroutines, bytes = runtime.NumGoroutine()-goroutines, heap()-bytes
	t.Logf("%d containers: %d goroutines, %.1f each; %d KiB, %d KiB each", number, goroutines, float64(goroutines)/number, bytes>>10, bytes>>10/number)
	if goroutines > 4*number || bytes > number*512<<10 {
		t.Errorf("%d goroutines and %d bytes for %d containers", goroutines, bytes, number)
	}
	for i := range number {
		f.wants(fmt.Sprint("c", i), generated(1, lines)...)
	}
}
