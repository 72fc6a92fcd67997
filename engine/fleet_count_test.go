package engine

import (
	"slices"
	"testing"
	"time"
)

// nodes is a fleet that notes what an engine hands to it.
type nodes struct {
	hits  []FleetHit
	rated []FleetRated
	full  bool
	seen  []FleetSight
	// Absences.
	heard, awaited []FleetLine
	down           bool
	since          int64
	// Sequences.
	steps   []FleetStep
	follows []FleetFollow
	waits   []FleetWait
}

func (n *nodes) Heard(l FleetLine)        { n.heard = append(n.heard, l) }
func (n *nodes) Await(list []FleetLine)   { n.awaited = list }
func (n *nodes) DownSince() (int64, bool) { return n.since, n.down }

func (n *nodes) Saw(s FleetSight) { n.seen = append(n.seen, s) }

func (n *nodes) Rate(h FleetRated) bool {
	n.rated = append(n.rated, h)
	return !n.full
}

func (n *nodes) Step(s FleetStep) { n.steps = append(n.steps, s) }
func (n *nodes) Wait(w FleetWait) { n.waits = append(n.waits, w) }

func (n *nodes) Follow(f FleetFollow) bool {
	n.follows = append(n.follows, f)
	return !n.full
}

func (n *nodes) Count(h FleetHit) bool {
	n.hits = append(n.hits, h)
	return !n.full
}

// inFleet returns a run whose rule alerts at three hits of all nodes within a minute, and suppresses for five.
func inFleet(t *testing.T, change ...func(*RuleSettings)) (*run, *nodes) {
	t.Helper()
	r := newRun(t, fleetRule(append([]func(*RuleSettings){func(s *RuleSettings) {
		s.Count, s.Within, s.Cooldown, s.Rollup = 3, time.Minute, 5*time.Minute, true
	}}, change...)...))
	n := &nodes{}
	r.e.SetFleet(n)
	return r, n
}

func (r *run) lines(n int) (all []Alert) {
	for range n {
		all = append(all, r.line("boom")...)
		r.pass(time.Second)
	}
	return all
}

// TestTheFleetSaysWhenAThresholdIsReached: the hits of one node do not alert, however many they are. The alert has no hit of its own, and reports those of its
// node; the count begins again.
func TestTheFleetSaysWhenAThresholdIsReached(t *testing.T) {
	r, n := inFleet(t)
	if got := r.lines(4); len(got) != 0 || len(n.hits) != 4 {
		t.Fatalf("%d alerts, %d hits for the fleet", len(got), len(n.hits))
	}
	h := n.hits[0]
	if h.At != t0 || h.Count != 3 || h.Within != int64(time.Minute) || h.Cooldown != int64(5*time.Minute) || h.Distinct != "" || h.Value != 0 {
		t.Errorf("%+v", h)
	}
	r.e.Cross(h.Key, 12, r.now)
	r.e.Cross(h.Key, 12, r.now) // answered twice
	got := r.tick()
	if len(got) != 1 || got[0].Kind != KindThreshold || got[0].Count != 0 || got[0].Suppressed[ReasonThreshold] != 4 || got[0].Reached != 12 ||
		got[0].Candidate == 0 || got[0].Due != r.now || got[0].First != t0 || got[0].Summary != "12 on all nodes in 1m: boom in shop/web: boom" {
		t.Fatalf("%+v", got)
	}
	r.e.Decide(got[0].Candidate, true)
	if c := r.counts()["boom"]; c.Hits != 4 || c.Alerts != 0 || c.Rollups != 1 || c.Suppressed[ReasonThreshold] != 4 || r.unreported()["boom"] != 0 {
		t.Errorf("%+v", c)
	}
	r.e.Cross(h.Key, 5, r.now) // there is nothing to report
	if got := r.tick(); len(got) != 0 {
		t.Errorf("%+v", got)
	}

	// While its own window is open, the node suppresses once it has counted so many itself; a roll-up reports them.
	n.hits = nil
	r.lines(5)
	if c := r.counts()["boom"]; len(n.hits) != 5 || c.Suppressed[ReasonCooldown] != 3 {
		t.Errorf("%d hits for the fleet, %+v", len(n.hits), c)
	}
	r.pass(5 * time.Minute)
	if got := r.tick(); len(got) != 1 || got[0].Kind != KindRollup || got[0].Suppressed[ReasonCooldown] != 3 || got[0].Suppressed[ReasonThreshold] != 2 {
		t.Errorf("%+v", got)
	}
}

// TestANodeAloneGoesByItsOwnCount: while the fleet does not answer, or has no room.
func TestANodeAloneGoesByItsOwnCount(t *testing.T) {
	r, n := inFleet(t)
	r.lines(2)
	key := n.hits[0].Key
	r.e.Cross(key, 0, r.now)
	if got := r.tick(); len(got) != 0 {
		t.Fatalf("below the count: %+v", got)
	}
	r.lines(1)
	r.e.Cross(key, 0, r.now)
	got := r.tick()
	if len(got) != 1 || got[0].Kind != KindThreshold || got[0].Suppressed[ReasonThreshold] != 3 || got[0].Reached != 0 || got[0].Summary != "3 in 1m: boom in shop/web: boom" {
		t.Fatalf("at the count: %+v", got)
	}
	r.lines(3)
	r.e.Cross(key, 0, r.now)
	if got := r.tick(); len(got) != 0 {
		t.Errorf("within the cooldown: %+v", got)
	}
	r, n = inFleet(t)
	n.full = true
	r.lines(3)
	if got := r.tick(); len(got) != 1 || got[0].Reached != 0 {
		t.Errorf("without room: %+v", got)
	}
}

// TestHitsThatReachAThresholdInAnOpenWindowRollUp: another node alerted, and these would have alerted without that.
func TestHitsThatReachAThresholdInAnOpenWindowRollUp(t *testing.T) {
	r, n := inFleet(t)
	r.lines(2)
	if got := r.later(10 * time.Minute); len(got) != 0 {
		t.Fatalf("below the threshold: %+v", got)
	}
	r.lines(1)
	r.e.Reach(n.hits[0].Key)
	if got := r.later(5 * time.Minute); len(got) != 1 || got[0].Kind != KindRollup || got[0].Candidate == 0 || got[0].Suppressed[ReasonThreshold] != 3 {
		t.Errorf("%+v", got)
	}
}

// TestAThresholdReachedUnderASilenceCountsForNothing, as a hit that a silence suppresses alerts nobody later; nor do such hits count for others.
func TestAThresholdReachedUnderASilenceCountsForNothing(t *testing.T) {
	r, n := inFleet(t)
	r.lines(2)
	s := during(Matchers{Rule: "boom"})
	r.silence(s)
	r.lines(2)
	if c := r.counts()["boom"]; len(n.hits) != 2 || c.Suppressed[ReasonSilence] != 2 {
		t.Errorf("%d hits for the fleet, %+v", len(n.hits), c)
	}
	r.e.Cross(n.hits[0].Key, 3, r.now)
	if got := append(r.tick(), r.later(2*time.Hour)...); len(got) != 0 {
		t.Errorf("%+v", got)
	}
	r.lines(1)
	r.e.Cross(n.hits[0].Key, 3, r.now)
	if got := r.tick(); len(got) != 1 || got[0].Suppressed[ReasonThreshold] != 3 || got[0].Suppressed[ReasonSilence] != 2 {
		t.Errorf("after the silence: %+v", got)
	}
}

// TestACrossingIsKeptOverARestart, and so is the alert's identity.
func TestACrossingIsKeptOverARestart(t *testing.T) {
	r, n := inFleet(t)
	r.lines(2)
	r.e.Cross(n.hits[0].Key, 7, r.now)
	due := r.now
	next := r.restart(fleetRule(func(s *RuleSettings) { s.Count, s.Within = 3, time.Minute }), time.Second)
	if got := next.tick(); len(got) != 1 || got[0].Reached != 7 || got[0].Due != due || got[0].Kind != KindThreshold {
		t.Errorf("%+v", got)
	}
}

// TestLateHitsCountOnTheirNode: the fleet counts what is recent, and a node that catches up reads old lines.
func TestLateHitsCountOnTheirNode(t *testing.T) {
	r, n := inFleet(t)
	var got []Alert
	for range 3 {
		got = append(got, r.late(10*time.Minute, "boom")...)
	}
	if len(n.hits) != 0 || len(got) != 1 || got[0].Kind != KindThreshold || got[0].Count != 1 || got[0].Candidate == 0 {
		t.Errorf("%d hits for the fleet, %+v", len(n.hits), got)
	}
}

// TestTheFleetCountsDifferentValues, each by its digest, and no hit without one.
func TestTheFleetCountsDifferentValues(t *testing.T) {
	r, n := inFleet(t, func(s *RuleSettings) { s.Pattern, s.Distinct = `boom(?: (?P<user>\w+))?`, "capture.user" })
	for _, text := range []string{"boom eve", "boom", "boom eve", "boom bob"} {
		r.line(text)
	}
	var values []uint64
	for _, h := range n.hits {
		if h.Distinct != "capture.user" || h.Value == 0 {
			t.Errorf("%+v", h)
		}
		values = append(values, h.Value)
	}
	if len(values) != 3 || values[0] != values[1] || values[0] == values[2] {
		t.Errorf("%d", values)
	}
	r.e.Cross(n.hits[0].Key, 3, r.now)
	if got := r.tick(); len(got) != 1 || got[0].Summary != "3 values on all nodes in 1m: boom in shop/web: boom eve" || got[0].Suppressed[ReasonThreshold] != 4 {
		t.Errorf("%+v", got)
	}
}

// TestRulesThatAskNobodyCountOnTheirNode: of one node, and dry runs.
func TestRulesThatAskNobodyCountOnTheirNode(t *testing.T) {
	for name, change := range map[string]func(*RuleSettings){
		"scope":   func(s *RuleSettings) { s.Scope = ScopeNode },
		"dry_run": func(s *RuleSettings) { s.DryRun = true },
	} {
		r, n := inFleet(t, change)
		got := r.lines(3)
		c := r.counts()["boom"]
		if len(n.hits) != 0 || int64(len(got))+c.Suppressed[ReasonDryRun] != 1 || slices.ContainsFunc(got, func(a Alert) bool { return a.Candidate != 0 }) {
			t.Errorf("%s: %d hits for the fleet, %+v, %+v", name, len(n.hits), got, c)
		}
	}
}

// TestExplainDoesNotAskTheFleet, and says that the count is of this node.
func TestExplainDoesNotAskTheFleet(t *testing.T) {
	r, n := inFleet(t)
	r.lines(3)
	x := r.e.Explain(&Record{Text: []byte("boom"), Source: web("c1"), Time: r.now}, r.now)
	if p := x[0].Preview; len(n.hits) != 3 || p.Alerts || p.Reason != ReasonThreshold.String() || !p.OfFleet || p.Counted != 3 || p.Needed != 3 {
		t.Errorf("%+v", p)
	}
}

// newTemplates returns a run whose rule alerts for templates that no node of its fleet saw within an hour.
func newTemplates(t *testing.T) (*run, *nodes) {
	t.Helper()
	r := newRun(t, fleetRule(func(s *RuleSettings) { s.FirstSeen, s.Cooldown = FirstSeen(time.Hour), 10*time.Minute }))
	n := &nodes{}
	r.e.SetFleet(n)
	return r, n
}

// TestANewTemplateIsAskedAbout: one that another node has seen makes its hits unreported again, and opens no window. The next template alerts, and reports them.
func TestANewTemplateIsAskedAbout(t *testing.T) {
	r, n := newTemplates(t)
	got := r.line("boom one")
	if len(got) != 1 || got[0].Sight == nil || got[0].Sight.For != int64(time.Hour) || len(n.seen) != 0 {
		t.Fatalf("%+v, seen %+v", got, n.seen)
	}
	other := newRun(t, fleetRule(func(s *RuleSettings) { s.FirstSeen = FirstSeen(time.Hour) }))
	other.e.SetFleet(&nodes{})
	if there := other.line("boom one"); there[0].Sight.Template != got[0].Sight.Template {
		t.Errorf("another node knows the template as %+v, not %+v", there[0].Sight, got[0].Sight)
	}
	r.line("boom two") // in the window that the candidate opened
	if !r.e.Known(got[0].Candidate) || r.e.Known(got[0].Candidate) {
		t.Error("the candidate does not end once")
	}
	c := r.counts()["boom"]
	if c.Pending != 0 || c.Alerts != 0 || c.Suppressed[ReasonKnown] != 1 || c.Suppressed[ReasonCooldown] != 1 || r.unreported()["boom"] != 2 {
		t.Errorf("%+v, unreported %d", c, r.unreported()["boom"])
	}
	got = r.line("boom three")
	if len(got) != 1 || got[0].Suppressed[ReasonKnown] != 1 || got[0].Suppressed[ReasonCooldown] != 1 || got[0].First != t0 {
		t.Fatalf("%+v", got)
	}
	r.e.Decide(got[0].Candidate, true)
	if c := r.counts()["boom"]; c.Alerts != 1 || c.Pending != 0 {
		t.Errorf("%+v", c)
	}
}

// TestTheHitsOfAKnownTemplateAreForgottenWithTheirKey, not lost.
func TestTheHitsOfAKnownTemplateAreForgottenWithTheirKey(t *testing.T) {
	s := fleetRule(func(s *RuleSettings) { s.FirstSeen = FirstSeen(time.Hour) })
	s.Limits.MaxKeys = 1
	r := newRun(t, s)
	r.e.SetFleet(&nodes{})
	got := r.line("boom one")
	r.record(Record{Text: []byte("boom two"), Source: &Source{Workload: "shop/other"}})
	r.e.Known(got[0].Candidate)
	if c := r.counts()["boom"]; c.Forgotten != 1 || c.Suppressed[ReasonKnown] != 1 {
		t.Errorf("%+v", c)
	}
}

// TestTheFleetHearsOfTemplatesWithoutAnAlert: those that a silence suppresses, and known ones now and then, so that they stay known.
func TestTheFleetHearsOfTemplatesWithoutAnAlert(t *testing.T) {
	r, n := newTemplates(t)
	r.silence(during(Matchers{Rule: "boom"}))
	r.line("boom one")
	if len(n.seen) != 1 {
		t.Fatalf("suppressed: %+v", n.seen)
	}
	for range 3600 {
		r.pass(time.Second)
		r.line("boom one")
	}
	if times := len(n.seen); times < 32 || times > 65 {
		t.Errorf("%d times in an hour", times)
	}
}
