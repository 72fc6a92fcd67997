package pipeline

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestAnOpenWindowIsReportedAfterARestart stops a pipeline in a cooldown, starts it when the cooldown is over, and then again: the suppressed hits are
// reported once, as a roll-up.
func TestAnOpenWindowIsReportedAfterARestart(t *testing.T) {
	b := newBench(t)
	o := b.options(b.document("[[rule]]\nname = \"boom\"\npattern = \"^boom\"\ncooldown = \"5m\"\n"))
	var ahead atomic.Int64
	o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	if v := p.Flush(lines("boom", "boom", "boom"), "docker.web"); v != Accepted {
		t.Fatalf("the chunk was %s", v)
	}
	b.messages(1)
	b.stop(p)
	for range 2 {
		ahead.Add(int64(10 * time.Minute))
		if p, err = New(o); err != nil {
			t.Fatal(err)
		}
		p.Start()
		b.messages(2)
		b.stop(p)
	}
	alerts := b.alerts()
	if len(alerts) != 2 {
		t.Fatalf("%d alerts, want one and a roll-up", len(alerts))
	}
	if a := alerts[1]; a.Kind != "rollup" || a.Suppressed.By["cooldown"] != 2 || a.Count != 0 || a.Message != "boom" || a.ID == alerts[0].ID {
		t.Errorf("%+v", a)
	}
	if at := alerts[1].Time.Sub(alerts[0].Time); at < 0 {
		t.Errorf("the roll-up is of %s before its alert", -at)
	}
}
