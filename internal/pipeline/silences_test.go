package pipeline

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/silence"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

func untilHour(c *clock, rule string) engine.Silence {
	return engine.Silence{Matchers: engine.Matchers{Rule: rule}, Until: c.now().Add(time.Hour).UnixNano(), Comment: "we move", Author: "ada"}
}

func TestASilenceAtRunTime(t *testing.T) {
	b := newBench(t)
	c := newClock()
	document := b.document(rule("boom", "^boom"))
	o := b.options(document)
	o.Now = c.now
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	s, _, err := p.Silences().Add(t.Context(), untilHour(c, "boom"))
	if err != nil || !strings.HasPrefix(s.ID, "si_") || s.From != c.now().UnixNano() || s.Configured {
		t.Fatalf("%+v, %v", s, err)
	}
	p.Flush(lines("boom 1", "boom 2"), "docker.web")
	if n := p.Stats(t.Context()).Engine.Rules["boom"].Suppressed[engine.ReasonSilence]; n != 2 {
		t.Errorf("%d hits are suppressed, want 2", n)
	}
	b.stop(p)

	o.Stores = &store.Registry{}
	p = b.start(o)
	p.Flush(lines("boom 3"), "docker.web")
	if got := p.Silences().All(); len(got) != 1 || got[0].ID != s.ID || got[0].Comment != "we move" {
		t.Fatalf("after a restart: %+v", got)
	}
	if n := p.Stats(t.Context()).Engine.Rules["boom"].Suppressed[engine.ReasonSilence]; n != 1 {
		t.Errorf("%d hits are suppressed after a restart, want 1", n)
	}
	c.pass(time.Second)
	if _, _, err := p.Silences().Expire(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	p.Flush(lines("boom 4"), "docker.web")
	if got := b.messages(1); got[0] != "boom 4" {
		t.Errorf("%q", got)
	}
	if a := b.alerts()[0]; a.Suppressed.By["silence"] != 3 {
		t.Errorf("the next alert reports %v", a.Suppressed)
	}
	if _, _, err := p.Silences().Expire(t.Context(), s.ID); err != nil {
		t.Errorf("ending it again: %v", err)
	}
	if strings.Contains(b.log.String(), "we move") {
		t.Error("the log shows the comment")
	}
}

func TestSilencesAreChangedAndRefused(t *testing.T) {
	b := newBench(t)
	c := newClock()
	configured := fmt.Sprintf("[[silence]]\nname = \"move\"\nrule = \"boom\"\nuntil = %s\n", c.now().Add(time.Hour).UTC().Format(time.RFC3339))
	o := b.options(b.document(rule("boom", "^boom")+rule("other", "^other")) + configured)
	o.Now = c.now
	p := b.start(o)
	if got := p.Silences().All(); len(got) != 1 || got[0].ID != "config:move" || !got[0].Configured {
		t.Fatalf("%+v", got)
	}
	s, _, err := p.Silences().Add(t.Context(), untilHour(c, "other"))
	if err != nil {
		t.Fatal(err)
	}
	s.Rule = "boom"
	if changed, _, err := p.Silences().Add(t.Context(), s); err != nil || changed.ID != s.ID || changed.Rule != "boom" {
		t.Errorf("%+v, %v", changed, err)
	}
	future := untilHour(c, "boom")
	future.From = c.now().Add(time.Minute).UnixNano()
	if future, _, err = p.Silences().Add(t.Context(), future); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Silences().Expire(t.Context(), future.ID); err != nil || len(p.Silences().All()) != 2 {
		t.Errorf("%v; one that has not begun is removed: %+v", err, p.Silences().All())
	}
	past := untilHour(c, "boom")
	past.From, past.Until = 1, 2
	named := func(s engine.Silence, id string) engine.Silence { s.ID = id; return s }
	for _, refused := range []struct {
		s    engine.Silence
		want string
	}{
		{past, `until "1970-01-01T00:00:00Z": has passed`},
		{engine.Silence{Until: c.now().Add(time.Hour).UnixNano()}, "needs at least one of"},
		{named(s, "config:move"), silence.ErrConfigured.Error()},
		{named(s, "si_unknown"), silence.ErrNotFound.Error()},
		{untilHour(c, "bom"), `rule "bom": no rule has such a name (did you mean "boom"?)`},
		{untilHour(c, "payments-*"), `rule "payments-*": no rule has such a name (the rules are boom, other)`},
	} {
		if _, _, err := p.Silences().Add(t.Context(), refused.s); err == nil || !strings.Contains(err.Error(), refused.want) {
			t.Errorf("%v, want %s", err, refused.want)
		}
	}
	if _, _, err := p.Silences().Expire(t.Context(), "config:move"); !errors.Is(err, silence.ErrConfigured) {
		t.Error(err)
	}
	if _, _, err := p.Silences().Expire(t.Context(), "si_unknown"); !errors.Is(err, silence.ErrNotFound) {
		t.Error(err)
	}
	if n := len(p.Silences().All()); n != 2 {
		t.Errorf("%d silences", n)
	}
	// A reload without the configured one ends it, and leaves the other.
	b.write(b.document(rule("boom", "^boom")))
	p.Reload()
	if got := p.Silences().All(); len(got) != 1 || got[0].ID != s.ID {
		t.Errorf("after the reload: %+v", got)
	}
	// A silence about a rule that is gone is changed all the same, and a glob that some rule matches is fine.
	b.write(b.document(rule("http-5xx", "^5")))
	p.Reload()
	if _, _, err := p.Silences().Add(t.Context(), s); err != nil {
		t.Error(err)
	}
	if _, _, err := p.Silences().Add(t.Context(), untilHour(c, "http-*")); err != nil {
		t.Error(err)
	}
}

func TestEndedSilencesAreForgotten(t *testing.T) {
	b := newBench(t)
	c := newClock()
	o := b.options(b.document(rule("boom", "^boom")))
	o.Now = c.now
	p := b.start(o)
	if _, _, err := p.Silences().Add(t.Context(), untilHour(c, "boom")); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		pass time.Duration
		want int
	}{{5 * 24 * time.Hour, 1}, {2 * time.Hour, 0}} {
		c.pass(step.pass)
		if err := p.Silences().Sweep(t.Context()); err != nil || len(p.Silences().All()) != step.want {
			t.Errorf("after %s: %+v, %v", step.pass, p.Silences().All(), err)
		}
	}
	saved, err := p.store.LoadStates(t.Context(), silence.KeyPrefix(p.id))
	if err != nil || len(saved) != 0 {
		t.Errorf("%d silences are still in the store, %v", len(saved), err)
	}
}

// TestASilenceWithHours has no end: it survives a restart and a sweep after weeks, until somebody expires it.
func TestASilenceWithHours(t *testing.T) {
	b := newBench(t)
	c := newClock()
	c.at = c.at.UTC().Truncate(24 * time.Hour).Add(26*time.Hour + 5*time.Minute) // 02:05
	o := b.options(b.document(rule("boom", "^boom")))
	o.Now = c.now
	p, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	s, _, err := p.Silences().Add(t.Context(), engine.Silence{Matchers: engine.Matchers{Rule: "boom"}, Every: []string{"daily 02:00-03:00"}})
	if err != nil {
		t.Fatal(err)
	}
	b.stop(p)
	o.Stores = &store.Registry{}
	p = b.start(o)
	c.pass(30 * 24 * time.Hour)
	if err := p.Silences().Sweep(t.Context()); err != nil || len(p.Silences().All()) != 1 {
		t.Fatalf("after a month: %+v, %v", p.Silences().All(), err)
	}
	p.Flush(lines("boom 1"), "docker.web")
	c.pass(time.Hour)
	p.Flush(lines("boom 2"), "docker.web")
	if got := b.messages(1); len(got) != 1 || got[0] != "boom 2" {
		t.Errorf("%q are sent, want the hit after the hours", got)
	}
	if _, after, err := p.Silences().Expire(t.Context(), s.ID); err != nil || after == nil || !after.Ended(c.now().UnixNano()) {
		t.Errorf("expired: %+v, %v", after, err)
	}
	c.pass(23 * time.Hour)
	p.Flush(lines("boom 3"), "docker.web")
	b.messages(2)
}

func TestInhibitionsOfTheConfiguration(t *testing.T) {
	b := newBench(t)
	text := `inhibit = [{ source = { rule = "down" }, target = { rule = "failed" }, for = "1h" }]` + "\n"
	document := text + b.document(rule("down", "^down")+rule("failed", "^failed"))
	p, err := New(b.options(document))
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	p.Flush(lines("down", "failed 1"), "docker.web")
	b.stop(p)
	p = b.start(b.options(document))
	p.Flush(lines("failed 2"), "docker.web")
	if n := p.Stats(t.Context()).Engine.Rules["failed"].Suppressed[engine.ReasonInhibited]; n != 1 {
		t.Errorf("%d hits are suppressed after a restart, want 1", n)
	}
	// A reload without it lets go at once, and the next alert reports the hits.
	b.write(b.document(rule("down", "^down") + rule("failed", "^failed")))
	p.Reload()
	p.Flush(lines("failed 3"), "docker.web")
	b.messages(2)
	for _, a := range b.alerts() {
		if a.Rule == "failed" && (a.Message != "failed 3" || a.Suppressed.By["inhibited"] != 2) {
			t.Errorf("%s reports %v", a.Message, a.Suppressed)
		}
	}
}
