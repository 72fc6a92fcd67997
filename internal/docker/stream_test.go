package docker_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
)

func TestFollowsFromNowOn(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	c.Stdout("old")
	b.run(b.options())
	c.Stdout("new 1")
	c.Stderr("new 2")
	b.wants("web", "new 1", "new 2")
	later := b.daemon.Create(dockertest.Container{Name: "later"})
	later.Start()
	later.Stdout("first")
	later.Die()
	b.wants("later", "first")
	if b.full[0].Stream != engine.Stdout || b.full[1].Stream != engine.Stderr {
		t.Errorf("streams %v, %v", b.full[0].Stream, b.full[1].Stream)
	}
}

func TestFirstStart(t *testing.T) {
	for name, set := range map[string]func(*docker.Options, time.Time){
		"tail":  func(o *docker.Options, _ time.Time) { o.Tail = 2 },
		"since": func(o *docker.Options, at time.Time) { o.Since = at.UnixNano() },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			c, ended := b.daemon.Run(web()), b.daemon.Run(dockertest.Container{Name: "ended"})
			c.Stdout("1")
			ended.Stdout("1")
			b.daemon.StepClock(time.Hour)
			at := time.Now().Add(30 * time.Minute)
			c.Stdout("2", "3")
			ended.Stdout("2", "3")
			ended.Die()
			o := b.options()
			set(&o, at)
			m := b.run(o)
			b.wants("web", "2", "3")
			b.wants("ended", "2", "3")
			c.Stdout("4")
			b.wants("web", "2", "3", "4")
			b.stop(m)
			c.Stdout("5")
			o = b.options()
			set(&o, at)
			b.run(o)
			b.wants("web", "2", "3", "4", "5")
			b.wants("ended", "2", "3")
		})
	}
}

// TestEveryBreakKeepsEveryLine writes numbered lines while everything that can break breaks.
func TestEveryBreakKeepsEveryLine(t *testing.T) {
	for _, shape := range []dockertest.Container{
		{Name: "web", Driver: "json-file"}, {Name: "web", Driver: "local", TTY: true}, {Name: "web", Driver: "journald"},
	} {
		for _, faults := range []dockertest.Faults{{}, {CutEvery: 7}, {Chop: 3}, {NoEvents: true}, {OldSince: true, CutEvery: 100}} {
			t.Run(fmt.Sprintf("%s/tty=%t/%+v", shape.Driver, shape.TTY, faults), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.daemon.Misbehave(faults)
				c := b.daemon.Run(shape)
				m := b.run(b.options())
				n := 0
				write := func() {
					for range 20 {
						n++
						c.Stdout(fmt.Sprintf("line %d", n))
					}
				}
				for round := range 4 {
					write()
					switch round {
					case 0:
						b.daemon.CutFollows()
					case 1:
						c.Die()
						c.Start()
					case 2:
						b.daemon.Down()
						write()
						b.daemon.Up()
					}
					write()
					b.stop(m)
					write()
					m = b.start(b.options())
				}
				c.Die()
				b.wants("web", numbered("line", 1, n)...)
			})
		}
	}
}

// TestAKillDoublesOnlyWithTheSameID starts again from an old save.
func TestAKillDoublesOnlyWithTheSameID(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	m := b.run(b.options())
	c.Stdout(numbered("line", 1, 700)...)
	c.Same(1, "line 700\n") // agrees with the one before in everything
	b.eventually("701 lines came", func() bool { return len(b.got("web")) == 701 })
	b.eventually("they are saved", func() bool { return m.Stats().Lines == 701 })
	b.stop(m)
	old := b.options().Saved
	m = b.run(b.options())
	c.Same(1, "line 700\n")
	c.Stdout(numbered("line", 701, 900)...)
	b.eventually("902 lines came", func() bool { return len(b.got("web")) == 902 })
	b.stop(m)
	o := b.options()
	o.Saved = old
	b.start(o)
	c.Stdout("last")
	b.eventually("the last line came", func() bool { return slices.Contains(b.got("web"), "last") })
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.full) != 902+201+1 || len(b.ids) != 903 {
		t.Errorf("%d lines with %d ids, want 1104 with 903", len(b.full), len(b.ids))
	}
}

func TestBehindByMore(t *testing.T) {
	for _, behind := range []int{999, 1000, 1001, 12_000} {
		t.Run(fmt.Sprint(behind), func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c := b.daemon.Run(web())
			m := b.run(b.options())
			c.Stdout(numbered("line", 1, 600)...)
			b.wants("web", numbered("line", 1, 600)...)
			b.stop(m)
			c.Stdout(numbered("line", 601, 600+behind)...)
			b.start(b.options())
			b.wants("web", numbered("line", 1, 600+behind)...)
			if got := b.noticed(); got != nil {
				t.Errorf("notices %v", got)
			}
		})
	}
}

func TestAGapIsTold(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	m := b.run(b.options())
	c.Stdout(numbered("line", 1, 10)...)
	b.wants("web", numbered("line", 1, 10)...)
	b.stop(m)
	c.Stdout(numbered("line", 11, 40)...)
	c.Rotate(20)
	m = b.start(b.options())
	b.wants("web", append(numbered("line", 1, 10), numbered("line", 21, 40)...)...)
	c.Stdout("more")
	b.eventually("the next line comes", func() bool { return len(b.got("web")) == 31 })
	if got := b.noticed(); !slices.Equal(got, []docker.NoticeKind{docker.NoticeGap}) || m.Stats().Gaps != 1 || m.Stats().Notices[docker.NoticeGap] != 1 {
		t.Errorf("notices %v, stats %+v", got, m.Stats())
	}
	if !strings.Contains(b.notices[0].Text, "container web") {
		t.Errorf("the notice says %q", b.notices[0].Text)
	}
}

// TestTailThatHangs is a log that was truncated from outside: tail=N never answers, since does.
func TestTailThatHangs(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	o := b.options()
	m := b.run(o)
	c.Stdout(numbered("line", 1, 600)...)
	b.wants("web", numbered("line", 1, 600)...)
	b.stop(m)
	c.Stdout("line 601")
	b.daemon.Misbehave(dockertest.Faults{HangTail: true})
	o = b.options()
	o.Timing = docker.FastTiming()
	m = b.start(o)
	b.wants("web", numbered("line", 1, 601)...)
	if m.Stats().Gaps != 0 {
		t.Errorf("stats %+v", m.Stats())
	}
}

// TestAClockThatIsSetBack writes lines whose times are older than those before.
func TestAClockThatIsSetBack(t *testing.T) {
	for _, before := range []int{5, 600} {
		t.Run(fmt.Sprint(before), func(t *testing.T) {
			b := newBench(t)
			c := b.daemon.Run(web())
			m := b.run(b.options())
			c.Stdout(numbered("line", 1, before)...)
			b.daemon.StepClock(-time.Hour)
			c.Stdout(numbered("line", before+1, before+20)...)
			b.wants("web", numbered("line", 1, before+20)...)
			b.stop(m)
			c.Stdout(numbered("line", before+21, before+40)...)
			m = b.start(b.options())
			b.wants("web", numbered("line", 1, before+40)...)
			b.daemon.CutFollows()
			c.Stdout("line " + fmt.Sprint(before+41))
			b.wants("web", numbered("line", 1, before+41)...)
			if m.Stats().Gaps != 0 {
				t.Errorf("stats %+v", m.Stats())
			}
		})
	}
}

func TestAStallIsFound(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	o := b.options()
	o.Timing = docker.FastTiming()
	m := b.run(o)
	c.Stdout("heard")
	b.wants("web", "heard")
	b.daemon.Misbehave(dockertest.Faults{Deaf: true})
	c.Stdout("not heard")
	b.wants("web", "heard", "not heard")
	if m.Stats().Stalls == 0 {
		t.Error("no stall was counted")
	}
}

// TestALiveTailSurvivesRotation rotates under an open stream.
func TestALiveTailSurvivesRotation(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	b.run(b.options())
	for i := range 10 {
		c.Stdout(numbered("line", i*100+1, i*100+100)...)
		b.eventually("lines came", func() bool { return len(b.got("web")) == i*100+100 })
		c.Rotate(50)
		b.daemon.CutFollows()
	}
	b.wants("web", numbered("line", 1, 1000)...)
	if got := b.noticed(); got != nil {
		t.Errorf("notices %v", got)
	}
}

// TestRecordsThatComeTwice are what engines send when they rotate a file: once they are handed over. Equal parts of a line are no such.
func TestRecordsThatComeTwice(t *testing.T) {
	for version, last := range map[string]int{"20.10.24+dfsg1": 1, "28.5.2": 2} {
		t.Run(version, func(t *testing.T) {
			b := newBench(t)
			b.daemon.SetVersion(version)
			c := b.daemon.Run(web())
			m := b.run(b.options())
			part := strings.Repeat("p", 16384)
			c.Stdout("1", "2", part+part+"end", "3", "4")
			b.eventually("they came", func() bool { return len(b.got("web")) == 5 })
			c.Reread(last) // the last one alone may be a line of its own where two can have one time
			c.Reread(7)
			c.Stdout("5")
			b.eventually("the last one came", func() bool { return slices.Contains(b.got("web"), "5") })
			b.stop(m)
			got := slices.DeleteFunc(b.got("web"), func(l string) bool { return last == 2 && l == "4" })
			want := slices.DeleteFunc([]string{"1", "2", part + part + "end", "3", "4", "5"}, func(l string) bool { return last == 2 && l == "4" })
			if !slices.Equal(got, want) {
				t.Errorf("%d lines, want %d: %s", len(got), len(want), difference(got, want))
			}
		})
	}
}

// TestARecordThatCannotBeRead ends every stream that comes by, with an error from version 23 on: what stands behind it is read nevertheless, and the gap is
// reported once.
func TestARecordThatCannotBeRead(t *testing.T) {
	for _, shape := range []dockertest.Container{web(), {Name: "web", TTY: true}} {
		for i, behind := range []int{1, 2, 3, 1200, 3, 1200, 1, 2, 3, 1200} {
			hang, report := i == 4 || i == 5, i > 5
			t.Run(fmt.Sprintf("tty=%t/hang=%t/report=%t/%d", shape.TTY, hang, report, behind), func(t *testing.T) {
				t.Parallel()
				b := newBench(t)
				b.daemon.Misbehave(dockertest.Faults{HangCorrupt: hang, SendCorrupt: report})
				c := b.daemon.Run(shape)
				o := b.options()
				if hang {
					o.Timing = docker.FastTiming()
				}
				b.run(o)
				n := 0
				write := func(lines int) {
					c.Stdout(numbered("line", n+1, n+lines)...)
					n += lines
				}
				write(700)
				b.wants("web", numbered("line", 1, n)...)
				c.Corrupt()
				write(behind)
				b.wants("web", numbered("line", 1, n)...)
				b.daemon.CutFollows()
				write(3)
				b.wants("web", numbered("line", 1, n)...)
				c.Die()
				c.Start()
				write(5)
				c.Die()
				b.wants("web", numbered("line", 1, n)...)
				if got := b.noticed(); !slices.Equal(got, []docker.NoticeKind{docker.NoticeGap}) {
					t.Errorf("notices %v", got)
				}
			})
		}
	}
}

// TestARecordThatCannotBeReadBeforeAll is in the log when nothing of it is known.
func TestARecordThatCannotBeReadBeforeAll(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	c.Stdout("old")
	c.Corrupt()
	c.Stdout("not so old")
	b.run(b.options())
	c.Stdout("1", "2")
	b.wants("web", "1", "2")
}

// TestALogThatGrowsWhileItIsSearched has more records behind a broken one than could be read when the search began: none is passed over.
func TestALogThatGrowsWhileItIsSearched(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	c.Stdout(numbered("line", 1, 2)...)
	c.Corrupt()
	c.Stdout(numbered("line", 3, 42)...) // 48 cannot be read, then 40 can
	var grows sync.Once
	b.daemon.Meanwhile(func(r *http.Request) {
		if r.URL.Query().Get("tail") == "40" {
			grows.Do(func() { c.Stdout(numbered("line", 43, 52)...) }) // and now 48 could be
		}
	})
	o := b.options()
	o.Since = 1
	b.run(o)
	b.wants("web", numbered("line", 1, 52)...)
}

// TestRecordsThatTheEnginePassesOver stand behind a record that it cannot read, and were written before it was asked: it goes on with what comes
// later. They are read when that is seen, by what comes later or by the end of the container, and the gap is reported once.
func TestRecordsThatTheEnginePassesOver(t *testing.T) {
	for _, shape := range []dockertest.Container{web(), {Name: "web", TTY: true}} {
		for _, passed := range []int{1, 8, 1200} {
			for _, ends := range []bool{false, true} {
				t.Run(fmt.Sprintf("tty=%t/%d/ends=%t", shape.TTY, passed, ends), func(t *testing.T) {
					t.Parallel()
					b := newBench(t)
					b.daemon.Misbehave(dockertest.Faults{SkipCorrupt: true})
					c := b.daemon.Run(shape)
					m := b.run(b.options())
					c.Stdout(numbered("line", 1, 20)...)
					b.wants("web", numbered("line", 1, 20)...)
					n := 20 + passed
					var once sync.Once
					b.daemon.Meanwhile(func(r *http.Request) {
						if r.URL.Query().Get("follow") == "1" {
							once.Do(func() {
								c.Corrupt()
								c.Stdout(numbered("line", 21, n)...)
							})
						}
					})
					b.daemon.CutFollows()
					b.eventually("the log is followed again", func() bool { return b.daemon.Follows() == 1 && b.daemon.Passed() > 0 })
					c.Stdout(numbered("line", n+1, n+2)...)
					if ends {
						c.Die()
					}
					want := numbered("line", 1, n+2)
					if !ends {
						b.eventually("what was passed over came", func() bool { return len(b.got("web")) >= n+2 })
						c.Stdout("more")
						c.Die()
						want = append(want, "more")
					}
					b.eventually("the log was read to the end", func() bool { return len(b.got("web")) >= len(want) && m.Stats().States[docker.Parked] == 1 })
					if got := slices.Sorted(slices.Values(b.got("web"))); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
						t.Errorf("%d lines, want each of %d once", len(got), len(want))
					}
					if got := b.noticed(); !slices.Equal(got, []docker.NoticeKind{docker.NoticeGap}) {
						t.Errorf("notices %v", got)
					}
				})
			}
		}
	}
}

// TestTheLastWordsBehindARecordThatCannotBeRead are written, and the container ends, after the stream ended at the record and before that is
// found out: while the container is asked for, or its last record, which a busy engine does not return at once.
func TestTheLastWordsBehindARecordThatCannotBeRead(t *testing.T) {
	container := func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/json") && strings.Count(r.URL.Path, "/") > 2
	}
	lastRecord := func(r *http.Request) bool { return r.URL.Query().Get("tail") == "1" }
	for name, asked := range map[string]func(*http.Request) bool{"container": container, "last record": lastRecord, "busy": container} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			c := b.daemon.Run(web())
			b.run(b.options())
			c.Stdout("1", "2")
			b.wants("web", "1", "2")
			follows := func() (n int) {
				for _, query := range b.daemon.LogRequests() {
					n += strings.Count(query, "follow=1")
				}
				return n
			}
			// Nobody says that the container ended, and the tail takes the wish that an earlier event left when it is cut for the second time.
			b.daemon.Misbehave(dockertest.Faults{NoEvents: true})
			for range 2 {
				before := follows()
				b.daemon.CutFollows()
				b.eventually("the log is followed again", func() bool { return follows() > before && b.daemon.Follows() == 1 })
			}
			var ends, hangs sync.Once
			var ended atomic.Bool
			b.daemon.Meanwhile(func(r *http.Request) {
				if asked(r) {
					ends.Do(func() {
						c.Stdout("3", "4")
						c.Die()
						ended.Store(true)
					})
				}
				if name == "busy" && ended.Load() && lastRecord(r) {
					hangs.Do(func() { <-r.Context().Done() })
				}
			})
			c.Corrupt()
			b.wants("web", "1", "2", "3", "4")
		})
	}
}

// TestADeadContainer is one whose removal failed: nothing of its log can be had, and it is waited for in peace until it is gone.
func TestADeadContainer(t *testing.T) {
	b := newBench(t)
	c := b.daemon.Run(web())
	m := b.run(b.options())
	c.Stdout("1", "2")
	b.wants("web", "1", "2")
	c.Spoil()
	b.eventually("it is parked", func() bool { return m.Stats().States[docker.Parked] == 1 })
	var asked atomic.Int64
	b.daemon.Meanwhile(func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, c.ID+"/logs") {
			asked.Add(1)
		}
	})
	b.daemon.Run(dockertest.Container{Name: "other"}).Stdout("3")
	b.wants("other", "3")
	if n := asked.Load(); n > 0 {
		t.Errorf("its log is asked for again: %d times", n)
	}
	c.Remove()
	b.eventually("it is followed no more", func() bool { return m.Stats().States[docker.Parked] == 0 })
	if got := b.noticed(); len(got) > 0 {
		t.Errorf("notices %v", got)
	}
}
