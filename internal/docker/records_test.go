package docker_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
)

// joining are options under which the lines of stack traces are one record.
func (b *bench) joining() docker.Options {
	o := b.options()
	o.Settings.Join = true
	return o
}

var javaTrace = []string{"ERROR cannot pay", "java.io.IOException: closed", "\tat shop.Pay.run(Pay.java:3)", "Caused by: shop.Declined: no", "\t... 3 more"}

// TestATraceIsOneRecord writes traces and ordinary lines on both streams of a container, one after the other.
func TestATraceIsOneRecord(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.daemon.Run(web())
	m := b.run(b.joining())
	c.Stdout("ready")
	b.wants("web", "ready")
	for i, line := range javaTrace {
		c.Stderr(line)
		c.Stdout(fmt.Sprint("order ", i))
	}
	c.Stderr("panic: boom", "", "goroutine 1 [running]:", "main.main()", "\t/app/main.go:3 +0x1d", "exit status 2")
	c.Stderr("on")
	trace := strings.Join(javaTrace, "\n")
	panics := "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x1d\nexit status 2"
	want := []string{"ready", "order 0", "order 1", "order 2", "order 3", "order 4", trace, panics, "on"}
	b.eventually("all records came", func() bool { return len(b.got("web")) >= len(want) })
	got := b.got("web")
	slices.Sort(got) // how batches are cut decides in which order the two streams come
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("records differ: %s", difference(got, want))
	}
	b.eventually("all is counted", func() bool { return m.Stats().Lines == 7+5+6 })
	if s := m.Stats(); s.Records != 2 || s.Joined != 11 || s.Cut != 0 {
		t.Errorf("%d records of %d lines, %d cut, want 2 of 11, 0 cut", s.Records, s.Joined, s.Cut)
	}
	if all := m.Containers(); len(all) != 1 || all[0].JoinedRecords != 2 || all[0].JoinedLines != 11 {
		t.Errorf("the containers %+v, want one with 2 records of 11 lines", all)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.full {
		if string(l.Text) == trace && (l.Lines != len(javaTrace) || l.First != len(javaTrace[0]) || l.Truncated) {
			t.Errorf("the trace has %d lines, and its first one %d bytes", l.Lines, l.First)
		}
	}
}

// TestTheLastTraceDoesNotWaitForALine: a record ends by time, also while the other stream goes on, and when its container ends.
func TestTheLastTraceDoesNotWaitForALine(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.daemon.Run(web())
	o := b.joining()
	o.Timing = docker.FastTiming()
	m := b.run(o)
	c.Stderr(javaTrace...)
	b.wants("web", strings.Join(javaTrace, "\n"))
	c.Stderr(javaTrace...)
	n := 0
	b.eventually("the trace came while the other stream speaks", func() bool {
		n++
		c.Stdout(fmt.Sprint("order ", n))
		return strings.Count(strings.Join(b.got("web"), "\n"), "cannot pay") == 2
	})
	b.stop(m)
	b.start(b.joining()) // patient
	c.Stderr(javaTrace...)
	c.Die()
	b.eventually("the last words came", func() bool { return strings.Count(strings.Join(b.got("web"), "\n"), "cannot pay") == 3 })
}

// TestAStopEvaluatesATraceThatWaits: nobody knows when the next start is.
func TestAStopEvaluatesATraceThatWaits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.daemon.Run(web())
	m := b.run(b.joining())
	c.Stdout("before")
	c.Stderr(javaTrace...)
	b.wants("web", "before")
	b.eventually("the trace was read", func() bool { return m.Waiting() > len(strings.Join(javaTrace, "\n"))-1 })
	b.stop(m)
	b.wants("web", "before", strings.Join(javaTrace, "\n"))
	b.start(b.joining())
	c.Stderr("after")
	b.wants("web", "before", strings.Join(javaTrace, "\n"), "after")
}

// TestAKillWithinATrace starts again from the position that was saved while a trace waited: it comes again as a whole, and nothing else does.
func TestAKillWithinATrace(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.daemon.Run(web())
	m := b.run(b.joining())
	c.Stderr(javaTrace[:3]...)
	b.eventually("the trace waits", func() bool { return m.Waiting() > len(strings.Join(javaTrace[:3], "\n"))-1 })
	c.Stdout(numbered("order", 1, 600)...) // more than a position remembers one by one
	b.eventually("the orders came", func() bool { return len(b.got("web")) == 600 })
	b.eventually("they are counted", func() bool { return m.Stats().Lines == 600 })
	b.eventually("the position is saved", func() bool { return m.Saved() })
	b.mu.Lock()
	killed := maps.Clone(b.saved)
	b.mu.Unlock()
	b.stop(m)
	b.mu.Lock()
	b.full, b.lines = nil, map[string][]string{}
	b.mu.Unlock()
	o := b.joining()
	o.Saved = killed
	b.start(o)
	c.Stderr(javaTrace[3:]...)
	c.Stderr("end")
	b.eventually("the end came", func() bool { return slices.Contains(b.got("web"), "end") })
	got := slices.DeleteFunc(b.got("web"), func(l string) bool { return strings.HasPrefix(l, "order ") })
	if want := []string{strings.Join(javaTrace, "\n"), "end"}; !slices.Equal(got, want) {
		t.Errorf("after the kill: %q, want %q", got, want)
	}
}

// TestTracesOfManyContainers: two hundred containers write a trace each at once, cut by breaks of their streams; each is one record.
func TestTracesOfManyContainers(t *testing.T) {
	t.Parallel()
	const number = 200
	b := newBench(t)
	var all []*dockertest.Container
	for i := range number {
		all = append(all, b.daemon.Run(dockertest.Container{Name: fmt.Sprint("c", i)}))
	}
	m := b.run(b.joining())
	for _, line := range javaTrace {
		for _, c := range all {
			c.Stderr(line)
		}
	}
	for _, c := range all {
		c.Stdout("on")
		c.Stderr("on")
	}
	b.eventually("all records came", func() bool { return m.Stats().Lines == number*int64(len(javaTrace)+2) })
	for i := range number {
		got := b.got(fmt.Sprint("c", i))
		slices.Sort(got)
		if want := []string{strings.Join(javaTrace, "\n"), "on", "on"}; !slices.Equal(got, want) {
			t.Fatalf("c%d: %q", i, got)
		}
	}
	if n := m.Waiting(); n != 0 {
		t.Errorf("%d bytes wait, though nothing does", n)
	}
}

// TestWaitingRecordsAreBounded: when more bytes wait than may, the oldest records end.
func TestWaitingRecordsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	line := "\tat " + strings.Repeat("x", 8<<10)
	number := docker.MaxWaiting/(7*len(line)) + 20
	var all []*dockertest.Container
	for i := range number {
		all = append(all, b.daemon.Run(dockertest.Container{Name: fmt.Sprint("c", i)}))
	}
	m := b.run(b.joining())
	for _, c := range all {
		c.Stderr("java.io.IOException: closed")
		for range 7 {
			c.Stderr(line)
		}
	}
	b.eventually("the oldest ended", func() bool { return m.Stats().Cut > 0 && m.Waiting() <= docker.MaxWaiting })
	for _, c := range all {
		c.Stderr("on")
	}
	b.eventually("every line is evaluated", func() bool { return m.Stats().Lines == int64(number)*9 })
}
