package docker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
)

// TestLongLinesAreJoined writes lines around the size at which engines split.
func TestLongLinesAreJoined(t *testing.T) {
	for _, shape := range []dockertest.Container{
		{Name: "web", Driver: "json-file"}, {Name: "web", Driver: "journald"}, {Name: "web", Driver: "local", TTY: true},
	} {
		for _, chop := range []int{0, 1000} {
			t.Run(fmt.Sprintf("%s/tty=%t/%d", shape.Driver, shape.TTY, chop), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.daemon.Misbehave(dockertest.Faults{Chop: chop})
				c := b.daemon.Run(shape)
				b.run(b.options())
				var want []string
				for _, n := range []int{0, 1, 16383, 16384, 16385, 16384 - 2, 16384 - 1, 2 * 16384, 40000, 100_000} {
					want = append(want, strings.Repeat("x", n))
					c.Stdout(want[len(want)-1])
				}
				b.wants("web", want...)
				for _, l := range b.full {
					if l.Truncated {
						t.Errorf("a line of %d bytes is marked", len(l.Text))
					}
				}
			})
		}
	}
}

func TestStreamsInterleaveInLongLines(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	b.run(b.options())
	part := strings.Repeat("a", 16384)
	c.Long(1, part)
	c.Stderr("between")
	b.wants("web", "between")
	c.Stdout("next") // has another time: the line before had no end
	b.wants("web", "between", part, "next")
}

// TestAGiantLineIsCut wants every byte of a line above the bound, in marked pieces.
func TestAGiantLineIsCut(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	b.run(b.options())
	c.Stdout(long, "after")
	b.eventually("the line after it came", func() bool { return slices.Contains(b.got("web"), "after") })
	got := b.got("web")
	if strings.Join(got, "") != long+"after" || len(got) != 3 || len(got[0]) != 1<<20 {
		t.Fatalf("%d lines", len(got))
	}
	if !b.full[0].Truncated || !b.full[1].Truncated || b.full[2].Truncated {
		t.Error("the marks are wrong")
	}
}

// TestALineThatDoesNotEnd is handed over after a while, and when the container ends.
func TestALineThatDoesNotEnd(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	o := b.options()
	o.Timing = docker.FastTiming()
	m := b.run(o)
	part := strings.Repeat("p", 16384)
	c.Long(1, part)
	b.wants("web", part)
	b.stop(m)
	m = b.start(b.options()) // patient
	c.Long(1, part)
	c.Die()
	b.wants("web", part, part)
	b.stop(m)
}

// TestAPartialLineSurvivesEverything breaks the stream between the parts of a line.
func TestAPartialLineSurvivesEverything(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	m := b.run(b.options())
	part := strings.Repeat("p", 16384)
	c.Stdout("before")
	b.wants("web", "before")
	c.Long(1, part)
	b.eventually("the stream is cut", func() bool { b.daemon.CutFollows(); return len(b.daemon.LogRequests()) > 3 })
	c.Stderr("between")
	b.wants("web", "before", "between")
	b.stop(m)
	b.start(b.options())
	c.Same(2, "also between\n")
	b.wants("web", "before", "between", "also between")
	b.daemon.CutFollows()
	c.Stdout("new")
	b.wants("web", "before", "between", "also between", part, "new")
}

// TestUglyBytes go through as they are.
func TestUglyBytes(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	b.run(b.options())
	ugly := []string{"a\x00b", "\xff\xfe", "", "carriage\rreturn", "\x01\x00\x00\x00\x00\x00\x00\x05hello", "2024-01-01T00:00:00.000000000Z in the text"}
	c.Stdout(ugly...)
	c.Stdout("windows\r")
	b.wants("web", append(ugly, "windows")...)
}

// TestAFakeHeaderOnATerminal is a terminal's program that prints what looks like a frame.
func TestAFakeHeaderOnATerminal(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(dockertest.Container{Name: "web", TTY: true})
	b.run(b.options())
	lines := []string{"\x01\x00\x00\x00\x00\x00\x00\x05hello", "plain", "\x02\x00\x00\x00\xff\xff\xff\xff"}
	c.Stdout(lines...)
	b.wants("web", lines...)
}

// TestTheLastLineOfATerminal has no end.
func TestTheLastLineOfATerminal(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(dockertest.Container{Name: "web", TTY: true})
	b.run(b.options())
	c.Stdout("one")
	c.Long(1, "prompt> ")
	c.Die()
	b.wants("web", "one", "prompt> ")
}
