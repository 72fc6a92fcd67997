package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/lines"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// at feeds a line that happened so long before it arrives, which is now.
func (r *run) late(behind time.Duration, text string) []Alert {
	return r.record(Record{Text: []byte(text), Time: r.now - int64(behind)})
}

// TestCatchingUpIsNoBurst hands over at once what was written apart, and apart what was written at once.
func TestCatchingUpIsNoBurst(t *testing.T) {
	s := Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Count: 5, Within: 5 * time.Second}}}
	for _, c := range []struct {
		name   string
		behind []time.Duration // of each line at its arrival
		pass   time.Duration   // from arrival to arrival
		alerts int
	}{
		{"three seconds apart, read at once", []time.Duration{12 * time.Second, 9 * time.Second, 6 * time.Second, 3 * time.Second, 0}, 0, 0},
		{"one second apart, read at once", []time.Duration{64 * time.Second, 63 * time.Second, 62 * time.Second, 61 * time.Second, 60 * time.Second}, 0, 1},
		{"at once, read a minute apart", []time.Duration{0, time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute}, time.Minute, 1},
		{"exactly within apart", []time.Duration{5 * time.Second, 4 * time.Second, 3 * time.Second, 2 * time.Second, 0}, 0, 0},
		{"ahead, which is now", []time.Duration{-time.Hour, -time.Minute, -2 * time.Hour, -1, 0}, time.Second, 1},
		{"ahead, read apart", []time.Duration{-time.Hour, -time.Hour, -time.Hour, -time.Hour, -time.Hour}, 2 * time.Second, 0},
		{"an hour behind", []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour, time.Hour}, time.Second, 1},
		{"an hour behind, read apart", []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour, time.Hour}, 2 * time.Second, 0},
		{"the latest first", []time.Duration{0, time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second}, 0, 1},
		{"the middle last", []time.Duration{0, time.Second, 3 * time.Second, 4 * time.Second, 2 * time.Second}, 0, 1},
		{"out of order, three seconds apart", []time.Duration{6 * time.Second, 0, 12 * time.Second, 3 * time.Second, 9 * time.Second}, 0, 0},
	} {
		r := newRun(t, s)
		alerts := 0
		for _, behind := range c.behind {
			alerts += len(r.late(behind, "x"))
			r.pass(c.pass)
		}
		if alerts != c.alerts {
			t.Errorf("%s: %d alerts, want %d", c.name, alerts, c.alerts)
		}
	}
}

// TestRecordsWithoutATimeThatCanBe are of their arrival.
func TestRecordsWithoutATimeThatCanBe(t *testing.T) {
	for _, recorded := range []int64{0, -1, 1, int64(20 * 365 * 24 * time.Hour), model.EarliestTime - 1, t0 + 1, t0 + int64(time.Hour), 1 << 62} {
		if got := EventTime(recorded, t0); got != t0 {
			t.Errorf("a record of %d is of %d, want its arrival", recorded, got)
		}
		r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x"}}})
		w := r.e.Worker()
		got := w.Process(&Record{Time: recorded, Text: []byte("x"), Source: web("c1")}, t0, nil)
		if len(got) != 1 || got[0].Time != t0 || got[0].First != t0 || got[0].Last != t0 || got[0].Recorded != recorded || got[0].Late != 0 {
			t.Errorf("a record of %d: %+v", recorded, got)
		}
	}
	if got := EventTime(t0-1, t0); got != t0-1 {
		t.Errorf("a time that can be is not believed: %d", got)
	}
}

// TestAContainerThatIsLateBesideAnother shares a key with one that is not: both cross the threshold by their own lines, however they are mixed.
func TestAContainerThatIsLateBesideAnother(t *testing.T) {
	s := Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Count: 5, Within: 5 * time.Second, CooldownBy: []string{"workload"}}}}
	r := newRun(t, s)
	var got []Alert
	for range 5 {
		got = append(got, r.record(Record{Text: []byte("x late"), Time: r.now - int64(time.Hour), Source: web("late")})...)
		got = append(got, r.record(Record{Text: []byte("x live"), Source: web("live")})...)
		r.pass(time.Second)
	}
	if len(got) != 1 || got[0].Message != "x late" || got[0].Late != int64(time.Hour) {
		t.Errorf("%+v: want the late container's, which came to five first", got)
	}
	// Those of one that is far behind between those of one that is not are no five.
	r = newRun(t, s)
	for i := range 8 {
		if a := r.late([]time.Duration{0, time.Hour}[i%2], "x"); len(a) != 0 {
			t.Errorf("line %d alerts: %+v", i, a)
		}
	}
}

func TestDifferentValuesThatComeLate(t *testing.T) {
	s := Settings{Rules: []RuleSettings{{Name: "r", Pattern: `login (?P<user>\w*)`, Count: 3, Within: 10 * time.Second, Distinct: "capture.user"}}}
	for _, c := range []struct {
		lines  string // user and seconds behind
		alerts int
	}{
		{"ann 8, bob 4, eve 0", 1},
		{"eve 0, bob 4, ann 8", 1},
		{"ann 30, bob 20, eve 0", 0},
		{"ann 8, ann 4, ann 0, bob 0", 0},
		{"ann 0, bob 100, eve 100, ann 100", 1}, // ann counts when the hit happened, too
		{"ann 100, bob 101, ann 0, eve 99", 0},  // and then is remembered at her latest
		{"ann 2, bob 1, eve 0, - 0", 1},
	} {
		r := newRun(t, s)
		alerts := 0
		for _, line := range strings.Split(c.lines, ", ") {
			var user string
			var behind int
			if _, err := fmt.Sscan(line, &user, &behind); err != nil {
				t.Fatal(err)
			}
			alerts += len(r.late(time.Duration(behind)*time.Second, "login "+strings.Trim(user, "-")))
		}
		if alerts != c.alerts {
			t.Errorf("%s: %d alerts, want %d", c.lines, alerts, c.alerts)
		}
	}
	// A hit without a value adds none, and alerts all the same when a crossing was suppressed before.
	r := newRun(t, s)
	r.silence(Silence{ID: "s", Matchers: Matchers{Rule: "r"}, Until: r.now + 1})
	for _, user := range []string{"ann", "bob", "eve"} {
		if got := r.line("login " + user); len(got) != 0 {
			t.Fatalf("%+v", got)
		}
	}
	r.pass(time.Second)
	if got := r.line("login "); len(got) != 1 {
		t.Errorf("%d alerts, want one: three users are in ten seconds that the hit lies in", len(got))
	}
}

// TestCatchingUpSendsOnce: the cooldown goes by arrival, and the roll-up says from when on the lines are, and how late.
func TestCatchingUpSendsOnce(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Cooldown: time.Minute, Rollup: true}}})
	var got []Alert
	for m := 60; m > 0; m-- { // an hour of a line a minute
		got = append(got, r.late(time.Duration(m)*time.Minute, fmt.Sprint("x ", m))...)
	}
	if len(got) != 1 || got[0].Time != t0-int64(time.Hour) || got[0].Late != int64(time.Hour) || got[0].Summary != "r in shop/web: x 60 (1h late)" {
		t.Fatalf("%+v: want one alert, an hour late", got)
	}
	r.pass(time.Minute)
	got = r.e.Tick(r.now, nil)
	if len(got) != 1 {
		t.Fatalf("%d alerts, want a roll-up", len(got))
	}
	a := got[0]
	if a.Time != r.now || a.First != t0-int64(59*time.Minute) || a.Last != t0-int64(time.Minute) || a.Since != a.First || a.Late != int64(59*time.Minute) ||
		a.Suppressed[ReasonCooldown] != 59 || a.Summary != "59 more in 1m: r in shop/web: x 59 (59m late)" {
		t.Errorf("%+v", a)
	}
	r.pass(time.Minute)
	if got := r.line("x now"); len(got) != 1 || got[0].Late != 0 || strings.Contains(got[0].Summary, "late") {
		t.Errorf("%+v: want an alert that is not late", got)
	}
}

func TestALongSummaryThatIsLate(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Summary: strings.Repeat("ü", 600)}}})
	got := r.late(time.Hour, "x")
	if s := got[0].Summary; len(s) > model.MaxSummary || !strings.HasSuffix(s, "ü (1h late)") {
		t.Errorf("%d bytes: %q", len(s), s)
	}
	if got := r.late(time.Minute-1, "x"); got[0].Late != 0 {
		t.Errorf("%+v", got)
	}
}

// TestFirstSeenGoesByTheRecords over a stop of eight days, in which the lines went on.
func TestFirstSeenGoesByTheRecords(t *testing.T) {
	const day = 24 * time.Hour
	s := Settings{Rules: []RuleSettings{{Name: "r", Pattern: "error", FirstSeen: FirstSeen(7 * day)}}}
	r := newRun(t, s)
	r.line("error 1")
	r.line("error other 1")
	r = r.restart(s, 8*day)
	reported := ""
	for _, c := range []struct {
		behind time.Duration
		text   string
	}{{7 * day, "error 2"}, {day, "error 3"}, {0, "error 4"}, {time.Hour, "error other 2"}, {9 * day, "error other 3"}} {
		reported += fmt.Sprint(len(r.late(c.behind, c.text)))
	}
	if reported != "00010" {
		t.Errorf("alerts %s, want 00010: one of eight days without its template alone", reported)
	}
}

// TestAlertsSpanTheTimesOfTheirHits also when those come in another order.
func TestAlertsSpanTheTimesOfTheirHits(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "x", Cooldown: 10 * time.Second}}})
	r.late(0, "x")
	for _, behind := range []time.Duration{2 * time.Second, 30 * time.Second, 20 * time.Second} {
		r.late(behind, "x")
	}
	r.pass(10 * time.Second)
	got := r.late(15*time.Second, "x")
	if len(got) != 1 {
		t.Fatalf("%d alerts", len(got))
	}
	a := got[0]
	if a.Time != r.now-int64(15*time.Second) || a.First != t0-int64(30*time.Second) || a.Since != a.First || a.Last != t0-int64(2*time.Second) {
		t.Errorf("time %d, first %d, since %d, last %d", a.Time-t0, a.First-t0, a.Since-t0, a.Last-t0)
	}
}

// TestAnEscalationGoesByTheRecords catches up with ten minutes of a line every 30 seconds.
func TestAnEscalationGoesByTheRecords(t *testing.T) {
	s := Settings{Rules: []RuleSettings{{
		Name: "r", Pattern: "x", Severity: SeverityWarning, Cooldown: time.Minute, Rollup: true, Escalate: []Escalation{{After: 4 * time.Minute, Severity: SeverityCritical}},
	}}}
	for _, c := range []struct {
		every time.Duration
		want  string
	}{
		{30 * time.Second, "warning critical critical"}, // the first, the step, the roll-up of the rest
		{3 * time.Minute, "warning warning"},            // each is an episode of its own
	} {
		r := newRun(t, s)
		var severities []string
		for behind := 10 * time.Minute; behind > 0; behind -= c.every {
			for _, a := range r.late(behind, "x") {
				severities = append(severities, a.Severity.String())
			}
		}
		for _, a := range r.later(time.Minute) {
			severities = append(severities, a.Severity.String())
		}
		if got := strings.Join(severities, " "); got != c.want {
			t.Errorf("a line every %s: %s, want %s", c.every, got, c.want)
		}
	}
}

// TestWindowsInARowOfWhichNoneIsEmpty is what an escalation waits for.
func TestWindowsInARowOfWhichNoneIsEmpty(t *testing.T) {
	for _, c := range []struct {
		hits string // seconds from one to the next
		want bool   // the last is critical
	}{
		{"60 60 60 60", true},
		{"59 1 119 1 60", true}, // 0, 59, 60, 179, 180, 240
		{"61 61 61 61", true},   // one in each of the first five windows
		{"60 120 60", false},    // nothing from 120 to 180
		{"60 60 60 119", true},  // 299 is in the window behind that of 180
		{"60 60 60 120", false}, // 300 is not
		{"30 30 30 30 30 30 30 30", true},
		{"200 60", false},
	} {
		r := newRun(t, Settings{Rules: []RuleSettings{{
			Name: "r", Pattern: "x", Severity: SeverityWarning, Cooldown: time.Minute, Escalate: []Escalation{{After: 4 * time.Minute, Severity: SeverityCritical}},
		}}})
		last := SeverityUnknown
		note := func(alerts []Alert) {
			for _, a := range alerts {
				last = a.Severity
			}
		}
		note(r.line("x"))
		for _, word := range strings.Fields(c.hits) {
			var seconds int
			if _, err := fmt.Sscan(word, &seconds); err != nil {
				t.Fatal(err)
			}
			r.pass(time.Duration(seconds) * time.Second)
			note(r.line("x"))
		}
		if got := last == SeverityCritical; got != c.want {
			t.Errorf("hits after %s: the last alert is %s", c.hits, last)
		}
	}
}

// TestTheEndOfASentAbsenceIsSent under a silence, an inhibition, and when the rule became a dry run; and nothing is sent of an absence that was not.
func TestTheEndOfASentAbsenceIsSent(t *testing.T) {
	rule := RuleSettings{Name: "r", Pattern: "beat", Absent: 30 * time.Second}
	silence := func(r *run) {
		r.silence(Silence{ID: "s", Matchers: Matchers{Rule: "r"}, Until: r.now + int64(2*time.Minute)})
	}
	for _, c := range []struct {
		name          string
		before, after func(r *run) // the absence
		want          string
	}{
		{"a silence", nil, silence, "absence resolved"},
		{"an inhibition", nil, func(r *run) { r.line("down") }, "absence log resolved"},
		{"a dry run", nil, func(r *run) {
			dry := rule
			dry.DryRun = true
			r.apply(Settings{Rules: []RuleSettings{dry}})
		}, "absence resolved"},
		{"a restart, and a silence", nil, func(r *run) {
			*r = *r.restart(Settings{Rules: []RuleSettings{rule}}, time.Hour)
			silence(r)
		}, "absence resolved"},
		{"a silence of both", silence, nil, ""},
	} {
		s := Settings{
			Rules:    []RuleSettings{rule, {Name: "db", Pattern: "down"}},
			Inhibits: []InhibitSettings{{Source: Matchers{Rule: "db"}, Target: Matchers{Rule: "r"}, For: time.Hour}},
		}
		r := newRun(t, s)
		var kinds []string
		note := func(alerts []Alert) {
			for _, a := range alerts {
				kinds = append(kinds, a.Kind.String())
			}
		}
		note(r.line("beat"))
		if c.before != nil {
			c.before(r)
		}
		note(r.later(time.Minute))
		if c.after != nil {
			before := r.counts()["db"].Alerts
			c.after(r)
			if r.counts()["db"].Alerts > before {
				kinds = append(kinds, "log")
			}
		}
		note(r.later(10 * time.Second))
		note(r.line("beat"))
		if got := strings.Join(kinds, " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		r.counts()
	}
}

// TestAClockThatIsSetBack begins windows again from there, keeps tokens, and leaves nothing in the future.
func TestAClockThatIsSetBack(t *testing.T) {
	r := newRun(t, Settings{
		Limits: Limits{MaxKeys: 100, PerContainer: Bucket{Rate: setting.Rate{Count: 1, Per: time.Hour}, Burst: 2}},
		Rules: []RuleSettings{
			{Name: "r", Pattern: "x", Cooldown: time.Minute, Rollup: true}, {Name: "new", Pattern: "new", FirstSeen: FirstSeen(time.Hour)},
			{Name: "after", Pattern: "after", Context: Context{After: 5}},
		},
	})
	r.line("x")
	r.line("x") // suppressed
	r.pass(30 * time.Second)
	set := func(step time.Duration) {
		r.pass(step)
		r.e.Skip(int64(step), r.now)
	}
	set(-24 * time.Hour)
	if due, ok := r.e.NextDue(); !ok || due != r.now+int64(time.Minute) {
		t.Errorf("the roll-up is due in %s, want a minute", time.Duration(due-r.now))
	}
	got := r.later(time.Minute)
	if len(got) != 1 || got[0].Kind != KindRollup || got[0].First > r.now || got[0].Last > r.now {
		t.Errorf("%+v: want the roll-up, with the second token, and of no time to come", got)
	}
	if got := r.record(Record{Text: []byte("new"), Source: web("other")}); len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	set(-2 * time.Hour)
	r.pass(time.Hour)
	if got := r.record(Record{Text: []byte("new"), Source: web("third")}); len(got) != 1 {
		t.Errorf("%+v: want the template new again after an hour", got)
	}
	if got := r.record(Record{Text: []byte("after"), Source: web("fourth")}); len(got) != 0 {
		t.Fatalf("%+v", got)
	}
	set(-4 * time.Second)
	if due, ok := r.e.NextDue(); !ok || due > r.now+lines.ContextWait {
		t.Errorf("an alert waits for lines for %s", time.Duration(due-r.now))
	}
}
