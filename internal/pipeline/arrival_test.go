package pipeline

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestAClockThatIsSetAheadTellsNoAbsence sets the clock ahead by a day while it is waited for a line.
func TestAClockThatIsSetAheadTellsNoAbsence(t *testing.T) {
	b := newBench(t)
	o := b.options(b.document("[[rule]]\nname = \"beat\"\npattern = \"^beat\"\nabsent = \"1h\"\n[[rule]]\nname = \"boom\"\npattern = \"^boom\"\ncooldown = \"2h\"\nrollup = false\n"))
	start := time.Now()
	var passed, set atomic.Int64
	o.Now = func() time.Time { return start.Add(time.Duration(passed.Load() + set.Load())) }
	o.Passed = func() time.Duration { return time.Duration(passed.Load()) }
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	defer b.stop(p)
	flush := func(text string) {
		t.Helper()
		if v := p.Flush(lines(text), "docker.web"); v != Accepted {
			t.Fatalf("the chunk was %s", v)
		}
	}
	flush("beat")
	passed.Add(int64(50 * time.Minute))
	set.Add(int64(24 * time.Hour))
	flush("boom 1")
	b.messages(1)
	passed.Add(int64(10*time.Minute - time.Nanosecond))
	flush("boom 2")
	if a := b.alerts(); len(a) != 1 || a[0].Rule != "boom" {
		t.Fatalf("%+v: want boom alone", a)
	}
	if c := p.Stats(t.Context()).Engine.Rules["beat"]; c.Absences != 0 {
		t.Fatalf("an absence was reported: %+v", c)
	}
	passed.Add(1)
	flush("boom 3")
	b.messages(2)
	if a := b.alerts()[1]; a.Kind != "absence" {
		t.Errorf("%+v: want the absence when an hour has passed", a)
	}
}
