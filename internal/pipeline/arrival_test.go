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

func TestStepsOfAClock(t *testing.T) {
	var now, passed time.Duration
	var skipped []time.Duration
	c := newArrival(&Options{
		Now: func() time.Time { return time.Unix(0, int64(now)) }, Passed: func() time.Duration { return passed },
	}, func(ns, _ int64) { skipped = append(skipped, time.Duration(ns)) })
	for _, step := range []struct{ now, passed time.Duration }{
		{time.Hour, time.Hour},                               // as it goes
		{time.Second - 1, 0},                                 // adjusted
		{1, 0},                                               // by a second in all
		{time.Hour, time.Second}, {time.Second, time.Second}, // set ahead, or asleep
		{-2 * time.Hour, time.Minute}, {time.Minute, time.Minute}, // set back
	} {
		now, passed = now+step.now, passed+step.passed
		if got := c.read(); got != int64(now) {
			t.Errorf("reads %d, want %d", got, now)
		}
	}
	if len(skipped) != 3 || skipped[0] != time.Second || skipped[1] != time.Hour-time.Second || skipped[2] != -2*time.Hour-time.Minute {
		t.Errorf("skipped %v", skipped)
	}
}
