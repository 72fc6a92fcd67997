package docker

import (
	"fmt"
	"strconv"
	"syscall"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// TestTheEngineBreaks ends, kills and stops an engine while containers write. What the engine's log holds in the end is what has to have come:
// an engine that takes its containers along writes less than they said.
func TestTheEngineBreaks(t *testing.T) {
	long(t)
	for _, live := range []bool{false, true} {
		for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGSTOP} {
			t.Run(fmt.Sprintf("live-restore=%t/%s", live, s), func(t *testing.T) {
				const lines = 3000
				e := ownEngine(t, "--live-restore="+strconv.FormatBool(live), "--shutdown-timeout=2")
				f := newFollower(t, e)
				shapes, ids := e.shapes(), map[string]string{}
				f.start()
				for name, shape := range shapes {
					ids[name] = e.create(name, append(shape, "--restart=always"), "/bin/sh", "/generate", strconv.Itoa(lines), "10", "0.03")
					e.must("start", ids[name])
				}
				for round := 1; round <= 3; round++ {
					for name := range shapes {
						eventually(t, name+" has more lines", func() bool { return len(f.got(name)) > round*200 })
					}
					if e.signal(s); s == syscall.SIGSTOP {
						still(t, f)
						e.signal(syscall.SIGCONT)
					} else {
						e.up()
					}
				}
				for name := range shapes {
					before := len(f.got(name))
					eventually(t, name+" goes on", func() bool { return len(f.got(name)) > before+100 })
				}
				for name := range shapes {
					e.must("update", "--restart=no", ids[name])
					e.must("stop", "-t", "0", ids[name])
				}
				for name := range shapes {
					f.agrees(name, ids[name])
					f.start()
				}
				for name := range shapes {
					t.Logf("%s: %d lines", name, len(f.got(name)))
				}
				if got := f.noticed(); got != nil {
					t.Errorf("notices %v", got)
				}
			})
		}
	}
}

// still waits until nothing comes any more.
func still(t *testing.T, f *follower) {
	t.Helper()
	last, same := -1, 0
	eventually(t, "nothing comes any more", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		if same++; f.total != last {
			last, same = f.total, 0
		}
		return same >= 10
	})
}

// TestLongScenarios are those that take minutes, or much of the machine, or a machine that does little else: a log that is rotated away faster than
// it can be read is a gap, which is not what they look for.
func TestLongScenarios(t *testing.T) {
	long(t)
	for _, s := range []struct {
		name string
		run  func(t *testing.T, e *engine, f *follower)
	}{
		{"behind-500k", behind(500_000)},
		{"corrupt-record", corruptRecord},
		{"corrupt-record-of-the-running", corruptRecordOfTheRunning},
		{"behind-50k", behind(50_000)},
		{"rotation-100k-x3", rotation("json-file", 4000, "max-size=100k", "max-file=3")},
		{"rotation-local-100k-x3", rotation("local", 4000, "max-size=100k", "max-file=3", "compress=false")},
		{"rotation-100k-x1", rotation("json-file", 4000, "max-size=100k", "max-file=1")},
		{"rotation-1m-x5-compressed", compressedRotation},
		{"writes-faster-than-it-is-read", floods},
		{"rm-bursts-80", func(t *testing.T, e *engine, f *follower) { rmBurst(t, e, f, 80) }},
	} {
		t.Run(s.name, func(t *testing.T) {
			e := theEngine(t)
			s.run(t, e, newFollower(t, e))
		})
	}
}

// compressedRotation loses lines on engines before 23, whatever reads them: that is reported. Nothing comes twice.
func compressedRotation(t *testing.T, e *engine, f *follower) {
	const lines = 60_000
	name := e.create("web", []string{"--log-driver", "json-file", "--log-opt", "max-size=1m", "--log-opt", "max-file=5", "--log-opt", "compress=true"},
		"/bin/sh", "/generate", strconv.Itoa(lines), "50", "0.03")
	f.start()
	e.must("start", name)
	for i := 1; i < 4; i++ {
		eventually(t, "lines come", func() bool { return len(f.got("web")) >= i*lines/6 })
		f.stop()
		f.start()
	}
	e.must("wait", name)
	still(t, f)
	f.stop()
	seen := map[string]int{}
	for _, l := range f.got("web") {
		if seen[l]++; seen[l] == 2 {
			t.Errorf("%s came twice", l)
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	warned := false
	for _, n := range f.notices {
		warned = warned || n.Kind == docker.NoticeCompress
	}
	t.Logf("%d of %d lines came, notices %d, warned of the engine: %t", len(seen), lines, len(f.notices), warned)
	if len(seen) != lines && !warned && len(f.notices) == 0 {
		t.Error("lines are missing, and nothing was reported")
	}
}

// floods has a container that writes as fast as it can, while 20 others speak now and then. All that they said comes before what the flood writes a
// million lines later, and memory stays.
func floods(t *testing.T, e *engine, f *follower) {
	const others, lines, later = 20, 100, 1_000_000
	var quiet []string
	for i := range others {
		quiet = append(quiet, e.create(fmt.Sprint("c", i), nil, "/bin/sh", "/generate", strconv.Itoa(lines), "5", "0.5"))
	}
	const text = "yes 'line of a container that never stops to write' | head -n "
	container := e.script("flood", []string{"--log-opt", "max-size=20m", "--log-opt", "max-file=2"}, fmt.Sprintf(
		"while [ ! -e /stop ]; do %s 10000; done; %s %d; echo %s", text, text, later, floodEnd))
	var o flood
	f.each = o.take(f)
	f.start()
	e.must("start", container)
	eventually(t, "the flood comes", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return o.lines > 100_000 })
	before := heap()
	e.runs(quiet...)
	after := heap()
	if after > before+32<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before, after)
	}
	f.mu.Lock()
	during := o.lines
	f.mu.Unlock()
	e.must("exec", container, "/bin/sh", "-c", ": > /stop")
	eventually(t, "the flood ends", func() bool { f.mu.Lock(); defer f.mu.Unlock(); return o.ended })
	f.mu.Lock()
	for i := range others {
		if name := fmt.Sprint("c", i); o.heard[name] != lines {
			t.Errorf("%s had %d of %d lines heard when the flood ended", name, o.heard[name], lines)
		}
	}
	t.Logf("%d lines of the flood while the others spoke, %d in all; the others' %d lines came at most %s behind their time stamps; heap %d KiB before, %d KiB after",
		during, o.lines, others*lines, o.worst, before>>10, after>>10)
	f.mu.Unlock()
	for i := range others {
		f.wants(fmt.Sprint("c", i), generated(1, lines)...)
	}
}
