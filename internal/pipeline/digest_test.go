package pipeline

import (
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// digests returns the digests that arrived.
func (b *bench) digests(n int) (list []trigger.Alert) {
	b.t.Helper()
	b.eventually("the digests", func() bool {
		list = nil
		for _, a := range b.alerts() {
			if a.Kind == trigger.KindDigest {
				list = append(list, a)
			}
		}
		return len(list) >= n
	})
	if len(list) != n {
		b.t.Fatalf("%d digests, want %d", len(list), n)
	}
	return list
}

// TestADigestComesOnce goes through three days: a digest in time with a restart before it, one that is due while the program does not run, and one that is a day too late.
// Each comes once, and no hit is in two of them or in none.
func TestADigestComesOnce(t *testing.T) {
	b := newBench(t)
	c := newClock()
	day := c.now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	c.at = day.Add(-2 * time.Hour)
	to := func(at time.Time) { c.pass(at.Sub(c.now())) }
	o := b.options(b.document("digest = \"daily 08:00\"\nseverity = [\"critical\"]\ngroup_by = [\"rule\"]\ngroup_wait = \"1h\"\n" + "[[rule]]\nname = \"boom\"\npattern = \"^boom\"\ncooldown = \"5m\"\n"))
	o.Now = c.now
	run := func(do func(p *Pipeline)) {
		t.Helper()
		p, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		p.Start()
		p.tickDigests(false)
		do(p)
		b.stop(p)
	}
	flush := func(p *Pipeline, texts ...string) {
		t.Helper()
		if v := p.Flush(lines(texts...), "docker.web"); v != Accepted {
			t.Fatalf("the chunk was %s", v)
		}
	}
	run(func(p *Pipeline) {
		flush(p, "boom 1", "boom 2", "boom 3")
		shown, ok, err := p.Digest(t.Context(), "ops")
		if !ok || err != nil || shown.Digest.Hits != 3 || shown.Digest.By["cooldown"] != 2 {
			t.Errorf("shown: %+v, %t, %v", shown.Digest, ok, err)
		}
		if _, ok, err := p.Digest(t.Context(), "nobody"); ok || err != nil {
			t.Errorf("a digest of nobody: %v", err)
		}
	})
	run(func(p *Pipeline) {
		flush(p, "boom 4")
		to(day.Add(8*time.Hour - time.Second))
		p.tickDigests(false)
		b.digests(0)
		to(day.Add(8 * time.Hour))
		p.tickDigests(false)
		p.tickDigests(false)
		first := b.digests(1)[0]
		if d := first.Digest; d.Hits != 4 || d.Alerts+d.By["cooldown"] != 4 || !d.From.Equal(day.Add(-2*time.Hour)) || !d.Until.Equal(c.now()) {
			t.Errorf("%+v", d)
		}
		if !strings.Contains(first.Message, "- boom: 4 hits, ") || !strings.Contains(first.Message, "- shop/api: 4 hits") || strings.Contains(first.Message, "due at") || first.Severity != "info" {
			t.Errorf("%s", first.Message)
		}
		flush(p, "boom 5")
	})
	to(day.Add(32*time.Hour + 20*time.Minute))
	run(func(p *Pipeline) {
		second := b.digests(2)[1]
		if second.Digest.Hits != 1 || !strings.Contains(second.Message, "due at ") || second.ID == b.digests(2)[0].ID {
			t.Errorf("%+v\n%s", second.Digest, second.Message)
		}
		flush(p, "boom 6")
	})
	to(day.Add(80*time.Hour - time.Minute)) // the digest of the day before was due for nearly a day
	run(func(*Pipeline) { b.digests(3) })
	to(day.Add(80*time.Hour + 24*time.Hour + 8*time.Hour)) // 16 hours after the last one
	run(func(*Pipeline) { b.digests(4) })
	for i, d := range b.digests(4)[2:] {
		if want := int64(1 - i); d.Digest.Hits != want {
			t.Errorf("digest %d has %d hits", i+3, d.Digest.Hits)
		}
	}
}

// TestADigestThatIsADayLate is left to the next one, which includes its time.
func TestADigestThatIsADayLate(t *testing.T) {
	b := newBench(t)
	c := newClock()
	monday := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	c.at = monday.Add(-time.Hour)
	to := func(at time.Time) { c.pass(at.Sub(c.now())) }
	o := b.options(b.document("digest = \"mon 08:00\"\n" + rule("boom", "^boom")))
	o.Now = c.now
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	p.tickDigests(false)
	p.Flush(lines("boom 1"), "docker.web")
	b.messages(1)
	b.stop(p)
	to(monday.Add(24 * time.Hour))
	if p, err = New(o); err != nil {
		t.Fatal(err)
	}
	p.Start()
	p.tickDigests(false)
	if !strings.Contains(b.log.String(), "a digest was due while the program did not run") {
		t.Errorf("the log does not say so:\n%s", b.log)
	}
	to(monday.AddDate(0, 0, 7))
	p.tickDigests(false)
	got := b.digests(1)[0]
	if got.Digest.Hits != 1 || !got.Digest.From.Equal(monday.Add(-time.Hour)) {
		t.Errorf("%+v", got.Digest)
	}
	// Another time: the one that has passed today is not due.
	b.write(b.document("digest = \"mon 07:30\"\n" + rule("boom", "^boom")))
	c.pass(time.Hour)
	p.Reload()
	p.tickDigests(false)
	b.digests(1)
	// And none at all: nothing is kept.
	b.write(b.document(rule("boom", "^boom")))
	p.Reload()
	p.tickDigests(false)
	if saved, err := p.store.LoadStates(t.Context(), digestKey(p.id)); err != nil || len(saved) != 0 {
		t.Errorf("%d ledgers are kept, %v", len(saved), err)
	}
	b.stop(p)
}

// TestACrashBehindADigest: the digest is stored, and a kill comes before its period ends on disk. The next start makes it again, and the store drops it.
func TestACrashBehindADigest(t *testing.T) {
	b := newBench(t)
	c := newClock()
	c.at = time.Date(2026, 11, 30, 7, 0, 0, 0, time.UTC)
	o := b.options(b.document("digest = \"daily 08:00\"\n" + rule("boom", "^boom")))
	o.Now = c.now
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	p.tickDigests(false)
	before, err := p.store.LoadStates(t.Context(), digestKey(p.id))
	if err != nil || len(before) != 2 {
		t.Fatalf("%d states, %v", len(before), err)
	}
	c.pass(time.Hour)
	p.tickDigests(false)
	first := b.digests(1)[0]
	b.stop(p)
	if p, err = New(o); err != nil {
		t.Fatal(err)
	}
	if err := p.store.SaveState(t.Context(), c.now(), before); err != nil {
		t.Fatal(err)
	}
	b.stop(p)
	c.pass(time.Minute)
	p = b.start(o)
	p.tickDigests(false)
	if n := p.Stats(t.Context()).Delivery.Duplicates; n != 1 {
		t.Errorf("%d duplicates", n)
	}
	if got := b.digests(1)[0]; got.ID != first.ID {
		t.Errorf("%s, then %s", first.ID, got.ID)
	}
	c.pass(24 * time.Hour)
	p.tickDigests(false)
	b.digests(2)
}

// TestADigestAfterTheClockWasAhead: a clock that was days ahead sends the digest of a day to come. Once it is right, the digests of the days until then come as ever, and
// that day's, too, with every hit in one of them. A small step back repeats none.
func TestADigestAfterTheClockWasAhead(t *testing.T) {
	b := newBench(t)
	c := newClock()
	day := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	c.at = day.Add(time.Hour)
	to := func(at time.Time) { c.pass(at.Sub(c.now())) }
	o := b.options(b.document("digest = \"daily 08:00\"\n" + rule("boom", "^boom")))
	o.Now = c.now
	p := b.start(o)
	p.tickDigests(false)
	hit := func() {
		t.Helper()
		if v := p.Flush(lines("boom"), "docker.web"); v != Accepted {
			t.Fatalf("the chunk was %s", v)
		}
	}
	hit()
	to(day.AddDate(0, 0, 3).Add(time.Second))
	p.tickDigests(false)
	b.digests(1)
	to(day.AddDate(0, 0, 3).Add(-time.Second))
	p.tickDigests(false)
	to(day.AddDate(0, 0, 3).Add(time.Second))
	p.tickDigests(false)
	b.digests(1)
	to(day.Add(2 * time.Hour))
	p.tickDigests(false)
	for days := 1; days <= 3; days++ {
		hit()
		to(day.AddDate(0, 0, days))
		p.tickDigests(false)
		got := b.digests(1 + days)[days].Digest
		if got.Hits != 1 || !got.Until.Equal(c.now()) || !got.From.Before(got.Until) {
			t.Errorf("day %d: %+v", days, got)
		}
	}
}
