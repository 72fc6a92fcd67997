package pipeline

import (
	"testing"
	"time"
)

// TestHoursOfATrigger: an alert outside the hours is stored, not sent, and counted over a reload. The roll-up that comes within the hours is sent, whatever
// the time of its lines.
func TestHoursOfATrigger(t *testing.T) {
	b := newBench(t)
	c := newClock()
	noon := c.now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour)
	c.at = noon.Add(-4*time.Hour - time.Minute)
	const hours = "during = [\"daily 08:00-18:00\"]\n"
	const boom = "[[rule]]\nname = \"boom\"\npattern = \"^boom\"\ncooldown = \"5m\"\n"
	o := b.options(b.document(hours + boom))
	o.Now = c.now
	p := b.start(o)
	p.Flush(lines("boom 1", "boom 2"), "docker.web")
	s := p.Stats(t.Context())
	if s.OutsideHours["ops"] != 1 || s.Delivery.Accepted != 1 {
		t.Errorf("a minute before the hours: %v, %d stored", s.OutsideHours, s.Delivery.Accepted)
	}
	if h := s.Hours["ops"]; h.From != noon.Add(-4*time.Hour).UnixNano() || h.Until != noon.Add(6*time.Hour).UnixNano() {
		t.Errorf("the next hours are %v", h)
	}
	b.write(b.document(hours + boom + rule("other", "^other")))
	p.Reload()
	c.pass(10 * time.Minute)
	p.Flush(lines("nothing"), "docker.web") // time passes, and the roll-up is due
	if got := b.messages(1); len(got) != 1 || b.alerts()[0].Kind != "rollup" {
		t.Errorf("within the hours %q", got)
	}
	p.Flush(lines("other 1"), "docker.web")
	b.messages(2)
	c.pass(12 * time.Hour)
	p.Flush(lines("other 2"), "docker.web")
	s = p.Stats(t.Context())
	if s.OutsideHours["ops"] != 2 || s.Delivery.Accepted != 4 || len(b.alerts()) != 2 {
		t.Errorf("after the hours: %v, %d stored, %d sent", s.OutsideHours, s.Delivery.Accepted, len(b.alerts()))
	}
}

// TestWhereOfATrigger has two triggers whose conditions exclude each other.
func TestWhereOfATrigger(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document("where = { \"label.team\" = \"shop\", kind = \"!=rollup\" }\n" +
		rule("boom", "^boom") + "labels = { team = \"shop\" }\n" + rule("crash", "^crash") + "labels = { team = \"ops\" }\n")))
	p.Flush(lines("crash", "boom"), "docker.web")
	if got := b.messages(1); len(got) != 1 || got[0] != "boom" {
		t.Errorf("%q are sent, want boom alone", got)
	}
	if s := p.Stats(t.Context()); s.Delivery.Accepted != 2 || len(s.OutsideHours) != 0 {
		t.Errorf("%d alerts are stored, and outside of hours %v", s.Delivery.Accepted, s.OutsideHours)
	}
}
