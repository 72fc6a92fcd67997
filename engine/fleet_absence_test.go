package engine

import (
	"strings"
	"testing"
	"time"
)

// backups returns a run whose rule waits for a line of all nodes within an hour.
func backups(t *testing.T) (*run, *nodes) {
	t.Helper()
	r := newRun(t, backupRule())
	n := &nodes{}
	r.e.SetFleet(n)
	return r, n
}

func backupRule() Settings {
	return fleetRule(func(s *RuleSettings) { s.Name, s.Pattern, s.Absent = "backup", "backup done", time.Hour })
}

// quiet passes time in minutes, and wants no alert.
func (r *run) quiet(d time.Duration) {
	r.t.Helper()
	for end := r.now + int64(d); r.now < end; {
		r.pass(time.Minute)
		if got := r.tick(); len(got) > 0 {
			r.t.Fatalf("after %s: %+v", time.Duration(r.now-t0), got)
		}
	}
}

// TestAnAbsenceIsTheFleets: the node names its waits and the lines that it hears, and reports no absence itself.
func TestAnAbsenceIsTheFleets(t *testing.T) {
	r, n := backups(t)
	r.line("something else")
	if len(n.heard) != 1 || n.heard[0].At != 0 || n.heard[0].RuleID != "backup" || n.heard[0].Workload != "shop/web" || n.heard[0].Within != int64(time.Hour) {
		t.Fatalf("%+v", n.heard)
	}
	r.pass(time.Minute)
	r.line("backup done")
	if len(n.heard) != 2 || n.heard[1].At != r.now || n.heard[1].Key != n.heard[0].Key {
		t.Fatalf("%+v", n.heard)
	}
	r.quiet(100 * time.Hour)
	if got := r.line("backup done"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	if c := r.counts()["backup"]; c.Absences != 0 || c.Resolved != 0 || c.Suppressed[ReasonExpected] != 2 {
		t.Errorf("%+v", c)
	}
	r.apply(backupRule())
	if len(n.awaited) != 1 || n.awaited[0].At != r.now {
		t.Errorf("after a reload: %+v", n.awaited)
	}
}

// TestWithoutAFleetNodesThatHeardTheLineReportItsAbsence, once it has been away for five minutes: an answer that is late must not make an absence of a line that
// another node heard. All others are silent.
func TestWithoutAFleetNodesThatHeardTheLineReportItsAbsence(t *testing.T) {
	r, n := backups(t)
	r.line("something else")
	n.down, n.since = true, r.now
	r.quiet(100 * time.Hour)

	r, n = backups(t)
	r.line("backup done")
	r.quiet(59 * time.Minute)
	n.down, n.since = true, r.now
	r.quiet(4 * time.Minute)
	got := r.later(time.Minute)
	if len(got) != 1 || got[0].Kind != KindAbsence || got[0].Candidate != 0 {
		t.Fatalf("%+v", got)
	}
	// The answer to the repeated report, and a line that was heard before the absence was reported, change nothing.
	n.down = false
	r.e.Heard(got[0].Key, t0+int64(2*time.Second))
	r.e.Heard(got[0].Key, t0+int64(time.Minute))
	r.quiet(time.Hour)
	r.e.Heard(got[0].Key, r.now)
	over := r.tick()
	if len(over) != 1 || over[0].Kind != KindResolved || over[0].Key != got[0].Key || over[0].Candidate != 0 || !strings.HasPrefix(over[0].Summary, "backup is back in shop/web after 2h") {
		t.Errorf("%+v", over)
	}
	r.e.Heard(got[0].Key, r.now)
	r.quiet(10 * time.Hour)

	r, n = backups(t)
	r.line("backup done")
	n.down, n.since = true, r.now
	r.pass(65 * time.Minute)
	if got := r.tick(); len(got) != 1 || got[0].Kind != KindAbsence {
		t.Fatalf("%+v", got)
	}
	if got := r.line("backup done"); len(got) != 1 || got[0].Kind != KindResolved || got[0].Candidate != 0 {
		t.Errorf("%+v", got)
	}
}

// TestALineThatAnotherNodeHeardIsNotAbsent: the wait of a node that heard it before goes on from there.
func TestALineThatAnotherNodeHeardIsNotAbsent(t *testing.T) {
	r, n := backups(t)
	r.line("backup done")
	key := n.heard[0].Key
	r.quiet(50 * time.Minute)
	r.e.Heard(key, r.now)
	n.down, n.since = true, r.now
	r.quiet(59 * time.Minute)
	if got := r.later(time.Minute); len(got) != 1 || got[0].Kind != KindAbsence {
		t.Errorf("%+v", got)
	}
	// Also if the wait had ended, because the fleet was to report the absence.
	r, n = backups(t)
	r.line("backup done")
	r.quiet(3 * time.Hour)
	r.e.Heard(key, r.now)
	n.down, n.since = true, r.now
	r.quiet(59 * time.Minute)
	if got := r.later(time.Minute); len(got) != 1 {
		t.Errorf("%+v", got)
	}
}

// TestAnAbsenceThatWasReportedAloneEndsAfterARestart.
func TestAnAbsenceThatWasReportedAloneEndsAfterARestart(t *testing.T) {
	r, n := backups(t)
	r.line("backup done")
	n.down, n.since = true, r.now
	got := r.later(70 * time.Minute)
	if len(got) != 1 {
		t.Fatalf("%+v", got)
	}
	r.e.Heard(got[0].Key, r.now)
	next := r.restart(backupRule(), time.Second)
	if over := next.tick(); len(over) != 1 || over[0].Kind != KindResolved {
		t.Errorf("%+v", over)
	}
}

// TestTheAlertsOfAnAbsenceThatTheFleetFound say since when, and wait for a silence to end; their end does not.
func TestTheAlertsOfAnAbsenceThatTheFleetFound(t *testing.T) {
	r, _ := backups(t)
	a, later, ok := r.e.FleetAbsence("backup", "shop/web", t0-int64(time.Hour), true, t0)
	if !ok || later || a.Kind != KindAbsence || !a.Resolves || a.Summary != "no line of backup in shop/web for 1h, the last at 2023-11-14 21:13:20 UTC" {
		t.Errorf("%v %v %+v", ok, later, a)
	}
	if a, _, _ := r.e.FleetAbsence("backup", "shop/web", t0-int64(time.Hour), false, t0); a.Summary != "no line of backup in shop/web for 1h" {
		t.Errorf("%s", a.Summary)
	}
	r.silence(during(Matchers{Rule: "backup"}))
	if _, later, _ := r.e.FleetAbsence("backup", "shop/web", t0-int64(time.Hour), true, t0+1); !later {
		t.Error("under a silence it is not later")
	}
	over, ok := r.e.FleetRecovery("backup", "shop/web", t0, int64(3*time.Hour))
	if !ok || over.Kind != KindResolved || over.Summary != "backup is back in shop/web after 3h" || over.Incident.Lasted != int64(3*time.Hour) || over.Key != a.Key {
		t.Errorf("%+v", over)
	}
	r.e.FleetSent(&a, t0)
	r.e.FleetSent(&over, t0)
	if c := r.counts()["backup"]; c.Absences != 1 || c.Resolved != 1 {
		t.Errorf("%+v", c)
	}
	if _, _, ok := r.e.FleetAbsence("gone", "shop/web", t0, true, t0); ok {
		t.Error("of a rule that is not there")
	}
}
