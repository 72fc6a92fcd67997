package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// kinds plays hits of a line at the seconds of from, from+every, … up to to, and appends the kinds of all alerts, each with its moment.
func (r *run) kinds(out []string, from, to, every time.Duration) []string {
	note := func(alerts []Alert) {
		for _, a := range alerts {
			out = append(out, fmt.Sprintf("%s %v", a.Kind, time.Duration(a.Time-t0)))
		}
	}
	for at := from; at <= to; at += every {
		for due, ok := r.e.NextDue(); ok && due <= t0+int64(at); due, ok = r.e.NextDue() {
			r.now = due
			note(r.e.Tick(due, nil))
		}
		r.now = t0 + int64(at)
		note(r.line("x"))
	}
	return out
}

func quieter(max time.Duration) RuleSettings {
	return RuleSettings{Name: "r", Pattern: "x", Cooldown: 5 * time.Minute, CooldownMax: max, CooldownBy: []string{"container"}, Rollup: true}
}

// TestADayMakesTenMessages: an incident that goes on for a day makes one alert and ten roll-ups with cooldown_max = "4h", and one each five minutes without.
func TestADayMakesTenMessages(t *testing.T) {
	for max, want := range map[time.Duration]string{
		4 * time.Hour: "log 0s, rollup 5m0s, rollup 15m0s, rollup 35m0s, rollup 1h15m0s, rollup 2h35m0s, rollup 5h15m0s, rollup 9h15m0s, rollup 13h15m0s, " +
			"rollup 17h15m0s, rollup 21h15m0s",
		12 * time.Minute: "log 0s, rollup 5m0s, rollup 15m0s, rollup 27m0s, rollup 39m0s, rollup 51m0s",
	} {
		r := newRun(t, Settings{Rules: []RuleSettings{quieter(max)}})
		day := 24 * time.Hour
		if max < time.Hour {
			day = time.Hour
		}
		got := strings.Join(r.kinds(nil, 0, day, 10*time.Second), ", ")
		if got != want {
			t.Errorf("up to %v: %s", max, got)
		}
		if n := r.counts()["r"]; n.Hits != n.Alerts+n.Suppressed[ReasonCooldown] {
			t.Errorf("%+v", n)
		}
	}
	r := newRun(t, Settings{Rules: []RuleSettings{quieter(0)}})
	if got := len(r.kinds(nil, 0, 24*time.Hour, 10*time.Second)); got != 289 {
		t.Errorf("without cooldown_max: %d messages", got)
	}
}

// TestALongWindowEndsWhenItIsQuiet: what comes after five minutes without a hit is new, and alerts at once. Its window is as long as the cooldown again.
func TestALongWindowEndsWhenItIsQuiet(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{quieter(4 * time.Hour)}})
	got := r.kinds(nil, 0, 40*time.Minute, time.Minute)   // the window that begins at 35:00 is 40 minutes long
	got = r.kinds(got, 51*time.Minute, 51*time.Minute, 1) // the roll-up of 45:00 opened one until 50:00
	got = r.kinds(got, 52*time.Minute, 57*time.Minute, time.Minute)
	const want = "log 0s, rollup 5m0s, rollup 15m0s, rollup 35m0s, rollup 45m0s, log 51m0s, rollup 56m0s"
	if all := strings.Join(got, ", "); all != want {
		t.Errorf("got  %s\nwant %s", all, want)
	}
}

// TestWindowsOfAlertsDouble where nothing rolls up: the next hit reports, if it comes soon.
func TestWindowsOfAlertsDouble(t *testing.T) {
	rule := quieter(4 * time.Hour)
	rule.Rollup = false
	r := newRun(t, Settings{Rules: []RuleSettings{rule}})
	if got := strings.Join(r.kinds(nil, 0, 40*time.Minute, time.Minute), ", "); got != "log 0s, log 5m0s, log 15m0s, log 35m0s" {
		t.Error(got)
	}
}

// TestStepsKeepTheirMoments: an escalation goes by the cooldown, not by the windows that grew.
func TestStepsKeepTheirMoments(t *testing.T) {
	rule := quieter(4 * time.Hour)
	rule.Escalate = []Escalation{{After: 20 * time.Minute, Severity: SeverityError}, {After: time.Hour, Severity: SeverityCritical}}
	r := newRun(t, Settings{Rules: []RuleSettings{rule}})
	got := strings.Join(r.kinds(nil, 0, 70*time.Minute, time.Minute), ", ")
	if want := "log 0s, rollup 5m0s, rollup 15m0s, rollup 20m0s, rollup 1h0m0s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestReloadsAndRestartsKeepHowOftenWindowsDoubled: other lengths apply at once, and an end begins at the cooldown again. Another key is not concerned.
func TestReloadsAndRestartsKeepHowOftenWindowsDoubled(t *testing.T) {
	less, off, ended := quieter(15*time.Minute), quieter(0), quieter(4*time.Hour)
	ended.ResolveOn = "over"
	for _, c := range []struct {
		name string
		rule RuleSettings
		then func(r *run)
		want string
	}{
		{"nothing", quieter(4 * time.Hour), nil, "rollup 35m0s"},
		{"a restart", quieter(4 * time.Hour), func(r *run) { *r = *r.restart(Settings{Rules: []RuleSettings{quieter(4 * time.Hour)}}, 0) },
			"rollup 35m0s"},
		{"less", quieter(4 * time.Hour), func(r *run) { r.apply(Settings{Rules: []RuleSettings{less}}) }, "rollup 30m0s, rollup 45m0s"},
		{"off", quieter(4 * time.Hour), func(r *run) { r.apply(Settings{Rules: []RuleSettings{off}}) },
			"rollup 20m0s, rollup 25m0s, rollup 30m0s, rollup 35m0s, rollup 40m0s, rollup 45m0s"},
		{"an end", ended, func(r *run) { r.line("over") }, "log 20m0s, rollup 25m0s, rollup 35m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRun(t, Settings{Rules: []RuleSettings{c.rule}})
			r.kinds(nil, 0, 19*time.Minute, time.Minute) // in the window from 15:00 to 35:00
			if c.then != nil {
				c.then(r)
			}
			if got := strings.Join(r.kinds(nil, 20*time.Minute, 48*time.Minute, time.Minute), ", "); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := r.record(Record{Text: []byte("x"), Source: web("c2")}); len(got) != 1 || got[0].Kind != KindLog {
				t.Errorf("another key: %+v", got)
			}
		})
	}
}

// TestExplainSaysWhenTheNextRollupComes, and how long the cooldown lasts without further hits.
func TestExplainSaysWhenTheNextRollupComes(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{quieter(4 * time.Hour)}})
	r.kinds(nil, 0, 18*time.Minute, time.Minute)
	r.now = t0 + int64(19*time.Minute)
	s := r.explain(Record{Text: []byte("x")})[0].Preview
	if s.CooldownLeft != 240 || !s.RollupAt.Equal(time.Unix(0, t0).Add(24*time.Minute)) {
		t.Errorf("%+v", s)
	}
}
