package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// beatsPath is the path of the heartbeats, which is a secret.
const beatsPath = "ping/s3cr3t-p1ng"

func (b *bench) withHeartbeat(more string) string {
	return b.document(rule("boom", "^boom") + fmt.Sprintf("[heartbeat]\nurl = %q\nevery = \"10s\"\n%s", b.server.URL("/"+beatsPath), more))
}

func (b *bench) beats() (n int) {
	for _, r := range b.server.Requests() {
		if r.Path == "/"+beatsPath {
			n++
		}
	}
	return n
}

func TestHeartbeat(t *testing.T) {
	b := newBench(t)
	o := b.options(b.withHeartbeat(""))
	p := b.start(o)
	b.eventually("the first heartbeat", func() bool { return p.Heartbeat().Sent == 1 })
	if s := p.Heartbeat(); b.beats() != 1 || !s.On || s.Reason != "" || s.Last.IsZero() {
		t.Errorf("%d requests, status %+v", b.beats(), s)
	}
	// A reload with other settings sends at once, and one without the table ends it.
	b.write(b.withHeartbeat("method = \"GET\"\n"))
	p.Reload()
	b.eventually("the heartbeat of the new settings", func() bool { return p.Heartbeat().Sent == 2 })
	b.write(b.document(rule("boom", "^boom")))
	p.Reload()
	if s := p.Heartbeat(); s.On {
		t.Errorf("status %+v after the table was removed", s)
	}
	for _, r := range b.server.Requests() {
		if r.Path == "/"+beatsPath && r.Method == "POST" && !strings.Contains(string(r.Body), `"instance":"t"`) && !strings.Contains(string(r.Body), `"instance": "t"`) {
			t.Errorf("body %s", r.Body)
		}
	}
}

func TestAHeartbeatThatFailsIsAWarningWithoutTheAddress(t *testing.T) {
	b := newBench(t)
	b.server.SetBehaviour(receiver.BehaviourFunc(func(r receiver.Request) receiver.Reply { return receiver.Reply{Status: 404, Body: "no " + r.Path} }))
	p := b.start(b.options(b.withHeartbeat("retries = 0\n")))
	b.eventually("the heartbeat fails", func() bool { return p.Heartbeat().Failed > 0 })
	p.logWarnings()
	p.logWarnings()
	b.eventually("the reason is logged", func() bool { return strings.Contains(b.log.String(), "no heartbeat is sent: the request failed") })
	if n := strings.Count(b.log.String(), "no heartbeat is sent"); n != 1 {
		t.Errorf("the reason is logged %d times", n)
	}
	if text := fmt.Sprint(p.Warnings(), b.log.String()); strings.Contains(text, "s3cr3t") {
		t.Errorf("a secret is shown: %s", text)
	}
}

// TestReasonsToWithholdTheHeartbeat asks for the reason in each state in which alerts may not arrive.
func TestReasonsToWithholdTheHeartbeat(t *testing.T) {
	start := func(t *testing.T, text func(*bench) string) (*bench, *Pipeline, *time.Time) {
		b := newBench(t)
		now := time.Now()
		o := b.options(text(b))
		o.Now = func() time.Time { return now }
		p, err := New(o) // not started: its goroutines would ask too
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.stop(p) })
		return b, p, &now
	}
	want := func(t *testing.T, p *Pipeline, reason string) {
		t.Helper()
		got := p.unhealthy(t.Context())
		if (reason == "") != (got == "") || !strings.Contains(got, reason) {
			t.Errorf("reason %q, want %q", got, reason)
		}
	}
	withHeartbeat := func(b *bench) string { return b.withHeartbeat("") }
	t.Run("quiet", func(t *testing.T) {
		_, p, now := start(t, withHeartbeat)
		want(t, p, "")
		*now = now.Add(59 * time.Minute)
		want(t, p, "")
		*now = now.Add(time.Minute)
		want(t, p, "no record came for 1h")
		p.counters.chunks.Add(1)
		want(t, p, "")
		*now = now.Add(2 * time.Hour)
		p.WatchSource(func(context.Context) error { return nil })
		want(t, p, "")
		p.WatchSource(func(context.Context) error { return errors.New("connection refused") })
		want(t, p, "the container engine does not answer: connection refused")
		p.WatchSource(nil)
		want(t, p, "no record came")
	})
	t.Run("never quiet", func(t *testing.T) {
		_, p, now := start(t, func(b *bench) string { return b.withHeartbeat("quiet = \"0s\"\n") })
		want(t, p, "")
		*now = now.Add(1000 * time.Hour)
		want(t, p, "")
	})
	t.Run("no rules", func(t *testing.T) {
		b, p, _ := start(t, withHeartbeat)
		b.write(b.document(""))
		p.Reload()
		want(t, p, "no rules are in force")
	})
	t.Run("no triggers", func(t *testing.T) {
		b, p, _ := start(t, withHeartbeat)
		b.write(rule("boom", "^boom"))
		p.Reload()
		want(t, p, "no triggers are in force")
	})
	t.Run("the store", func(t *testing.T) {
		_, p, _ := start(t, withHeartbeat)
		p.memoryInstead = true
		want(t, p, "the store is unavailable")
	})
}

func TestATriggerOnHoldWithholdsTheHeartbeat(t *testing.T) {
	b := newBench(t)
	b.server.SetBehaviour(receiver.BehaviourFunc(func(r receiver.Request) receiver.Reply {
		if strings.HasPrefix(r.Path, "/ping") {
			return receiver.Reply{}
		}
		return receiver.Reply{Status: 410}
	}))
	p := b.start(b.options(b.withHeartbeat("")))
	p.Flush(lines("boom"), "t")
	b.eventually("the trigger is on hold", func() bool { return p.unhealthy(t.Context()) != "" })
	if got := p.unhealthy(t.Context()); got != `trigger "ops" is on hold` {
		t.Errorf("reason %q", got)
	}
}

// TestAMissingSecretOfTheHeartbeatStopsTheStart has it at the start, and in a reload, which goes on without a heartbeat and says so.
func TestAMissingSecretOfTheHeartbeatStopsTheStart(t *testing.T) {
	b := newBench(t)
	missing := b.document(rule("boom", "^boom") + "[heartbeat]\nurl_file = \"/no/such/file\"\n")
	o := b.options(missing)
	var refused *ConfigError
	if _, err := New(o); !errors.As(err, &refused) || len(refused.Problems) != 1 || refused.Problems[0].Field != "heartbeat.url_file" || refused.Problems[0].Line == 0 {
		t.Fatalf("the start: %v", err)
	}
	b.write(b.withHeartbeat(""))
	p := b.start(o)
	b.write(missing)
	p.Reload()
	if s := p.Heartbeat(); !s.On || s.Reason == "" {
		t.Errorf("status %+v", s)
	}
	found := false
	for _, w := range p.Warnings() {
		found = found || w.Code == WarningHeartbeat
	}
	if !found {
		t.Errorf("warnings %v", p.Warnings())
	}
}
