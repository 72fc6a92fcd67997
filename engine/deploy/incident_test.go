package deploy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// worse plays a deploy of shop/api:2 that makes a kind of errors much more frequent, and returns the alert about it.
func (s *stage) worse() model.Alert {
	s.Helper()
	for image, hits := range []int{1, 6} {
		for range 20 {
			from := s.line(fmt.Sprint(image), fmt.Sprint("shop/api:", image+1), 10)
			for range hits {
				s.Hit(from, "errors", []byte("x"), s.now)
			}
			s.pass(time.Minute)
		}
	}
	if len(s.alerts) != 1 || s.alerts[0].Deploy.Verdict != "worse" || !s.alerts[0].Resolves {
		s.Fatalf("want one alert about a worse image, which has an end: %+v", s.alerts)
	}
	s.Routed(&s.alerts[0], []string{"on-call"})
	begin := s.alerts[0]
	s.alerts = nil
	return begin
}

// TestAWorseImageHasAnEnd: the alert about it opens an incident, which ends once, by an alert with its key for the triggers that sent it: when another image
// takes the place, after a day, or when comparisons end.
func TestAWorseImageHasAnEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		play    func(s *stage)
		summary string
	}{
		"the next image": {
			func(s *stage) { s.pass(3 * time.Hour); s.line("3", "shop/api:3", 1); s.pass(0) },
			"shop/api: 2, worse than 1, was replaced by 3 after 3h",
		},
		"a rollback": {
			func(s *stage) { s.pass(3 * time.Hour); s.line("again", "shop/api:1", 1); s.pass(0) },
			"shop/api: 2, worse than 1, was replaced by 1 after 3h",
		},
		"over a restart": {
			func(s *stage) {
				s.restart(time.Hour)
				s.pass(2 * time.Hour)
				s.line("3", "shop/api:3", 1)
				s.restart(0)
				s.pass(0)
			},
			"shop/api: 2, worse than 1, was replaced by 3 after 3h",
		},
		"no other image for a day": {
			func(s *stage) {
				s.pass(maxOpen - time.Second)
				if len(s.alerts) != 0 {
					s.Errorf("an early end: %+v", s.alerts)
				}
				s.pass(time.Second)
				s.pass(time.Hour)
			},
			"shop/api: 2, worse than 1, is taken for granted after 24h",
		},
		"comparisons are switched off": {
			func(s *stage) { s.line("1", "shop/api:2", 1); s.Adopt(Settings{}); s.pass(time.Minute) },
			"shop/api: 2, worse than 1, is not compared any more after 0s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 20*time.Minute)
			begin := s.worse()
			c.play(s)
			if len(s.alerts) != 1 {
				t.Fatalf("%d alerts, want one: %+v", len(s.alerts), s.alerts)
			}
			a := s.alerts[0]
			if a.Kind != model.KindResolved || a.Key != begin.Key || a.Rule != begin.Rule || a.Severity != begin.Severity || !slices.Equal(a.Triggers, []string{"on-call"}) {
				t.Errorf("the end %+v of %+v", a, begin)
			}
			if a.Incident == nil || a.Incident.Began != begin.Time || !slices.Equal(a.Incident.Severities, []model.Severity{begin.Severity}) || a.Due == 0 {
				t.Errorf("the incident %+v", a.Incident)
			}
			if a.Summary != c.summary {
				t.Errorf("summary %q, want %q", a.Summary, c.summary)
			}
			s.alerts = nil
			s.pass(2 * maxOpen)
			for _, a := range s.alerts { // of later images
				if a.Kind == model.KindResolved {
					t.Errorf("another end: %+v", a)
				}
			}
			if at, due := s.NextDue(); due {
				t.Errorf("something is due at %d", at)
			}
		})
	}
}

// TestOnlyAWorseImageOpensAnIncident, and only one whose alert leaves. The end of one that does passes what would suppress it.
func TestOnlyAWorseImageOpensAnIncident(t *testing.T) {
	t.Parallel()
	s := newStage(t, 20*time.Minute)
	begin := s.worse()
	s.MayLeave = func(a *model.Alert, _ int64) bool { return a.Kind == model.KindResolved }
	for range 20 { // worse again, and suppressed
		from := s.line("3", "shop/api:3", 10)
		for range 40 {
			s.Hit(from, "errors", []byte("x"), s.now)
		}
		s.pass(time.Minute)
	}
	if r, _ := s.Report("shop/api", s.now); r.Verdict != Worse {
		t.Fatalf("%+v", r)
	}
	if len(s.alerts) != 1 || s.alerts[0].Key != begin.Key || s.alerts[0].Kind != model.KindResolved {
		t.Fatalf("want the end of the first incident: %+v", s.alerts)
	}
	s.MayLeave = nil
	for range 20 { // better
		s.line("4", "shop/api:4", 10)
		s.pass(time.Minute)
	}
	s.line("5", "shop/api:5", 10)
	s.pass(2 * maxOpen)
	if len(s.alerts) != 2 || s.alerts[1].Deploy.Verdict != "better" || s.alerts[1].Resolves {
		t.Errorf("want an alert about a better image, without an end: %+v", s.alerts[1:])
	}
}

// TestTheEndIsBounded: names that an image makes up neither break the end nor grow its state.
func TestTheEndIsBounded(t *testing.T) {
	t.Parallel()
	hostile := strings.Repeat("\n\x1b[31m", 3000)
	i := &incident{image: model.Container{Image: hostile}, last: hostile, next: hostile, severity: model.SeverityError, opened: t0, over: t0 + 1}
	if a := i.end(hostile); len(a.Summary) > model.MaxSummary || strings.ContainsAny(a.Summary, "\n\x1b") {
		t.Errorf("summary of %d bytes: %.100q", len(a.Summary), a.Summary)
	}
}
