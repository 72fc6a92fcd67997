package store

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// candidate returns one alert that waits for five seconds for a decision, with a gift of hits.
func (b *bench) candidate(n int, key string, hits int64, triggers ...string) []Item {
	list := items(n, 1, triggers...)
	list[0].NotBefore = b.now().Add(5 * time.Second)
	list[0].Fleet = &FleetRow{Instance: "i", Key: key, About: []byte("about"), Gift: []byte("gift " + list[0].ID), Hits: hits}
	return list
}

func (b *bench) decide(s *Store, outcome FleetOutcome, list []Item) FleetOutcome {
	b.tb.Helper()
	became, err := s.FleetDecide(context.Background(), b.now(), "i", []FleetDecision{{ID: list[0].ID, Outcome: outcome, Payload: func(p []byte) []byte {
		return append(slices.Clone(p), " ok"...)
	}}}, func(string) (wait, interval time.Duration) { return 30 * time.Second, time.Minute })
	must(b.tb, err)
	return became[0]
}

func (b *bench) outbox(s *Store) []Gift {
	b.tb.Helper()
	all, err := s.FleetOutbox(context.Background(), "i", 100)
	must(b.tb, err)
	return all
}

func (b *bench) totals(s *Store) FleetTotals {
	b.tb.Helper()
	n, err := s.FleetTotals(context.Background(), b.now(), "i")
	must(b.tb, err)
	return n
}

func (b *bench) leaving(s *Store) []FleetAlert {
	b.tb.Helper()
	all, err := s.FleetLeaving(context.Background(), "i", 100)
	must(b.tb, err)
	return all
}

// TestAKnownCandidateIsWithdrawn, and is no gift. Its hits are forgotten if nobody else has them.
func TestAKnownCandidateIsWithdrawn(t *testing.T) {
	for _, forget := range []bool{false, true} {
		b := newBench(t)
		s := b.open()
		list := b.candidate(0, "k", 7, "a")
		b.accept(s, list)
		became, err := s.FleetDecide(context.Background(), b.now(), "i", []FleetDecision{{ID: list[0].ID, Outcome: FleetKnown, Forget: forget}}, nil)
		must(t, err)
		b.pass(time.Minute)
		if m := b.lease(s, 1, "a", 9); became[0] != FleetKnown || len(m) != 0 || len(b.outbox(s)) != 0 {
			t.Errorf("%v, %d messages, %d gifts", became, len(m), len(b.outbox(s)))
		}
		if n := b.totals(s).Forgotten; forget != (n == 7) {
			t.Errorf("%d forgotten", n)
		}
	}
}

// TestAlertsThatWaitAreListedInPages: each once, without those that ended and those that nobody has decided about.
func TestAlertsThatWaitAreListedInPages(t *testing.T) {
	b := newBench(t)
	s := b.open()
	var want []string
	for n := range 5 {
		list := b.candidate(n, "k", 1, "a")
		b.accept(s, list)
		switch n {
		case 0: // nobody has decided about it
		case 1:
			b.decide(s, FleetLeads, list)
			b.finish(s, 1, Delivered, b.lease(s, 1, "a", 9)...)
		default:
			b.decide(s, FleetLeads, list)
			want = append(want, list[0].ID)
		}
	}
	slices.Sort(want)
	var got []string
	for after := ""; ; after = got[len(got)-1] {
		page, err := s.FleetWaiting(context.Background(), "i", after, 2)
		must(t, err)
		for _, one := range page {
			got = append(got, one.ID)
		}
		if len(page) < 2 {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestACandidateThatLeadsLeavesAtOnce(t *testing.T) {
	b := newBench(t)
	s := b.open()
	list := b.candidate(0, "k", 7, "a", "b")
	b.accept(s, list)
	if m := b.lease(s, 1, "a", 9); len(m) != 0 {
		t.Fatalf("%d messages leave before the decision", len(m))
	}
	if got := b.decide(s, FleetLeads, list); got != FleetLeads {
		t.Fatalf("became %d", got)
	}
	m := append(b.lease(s, 1, "a", 9), b.lease(s, 1, "b", 9)...)
	if len(m) != 2 || !bytes.HasSuffix(m[0].Alerts[0].Payload, []byte(" ok")) {
		t.Fatalf("%+v", m)
	}
	if rows := b.leaving(s); len(rows) != 1 || rows[0].Ended || rows[0].Alone || string(rows[0].About) != "about" {
		t.Errorf("%+v", rows)
	}
	b.finish(s, 1, Delivered, m...)
	if rows := b.leaving(s); len(rows) != 1 || !rows[0].Ended {
		t.Errorf("once it is delivered: %+v", rows)
	}
	must(t, s.FleetSettled(context.Background(), b.now(), "i", []string{list[0].ID}, map[string]bool{list[0].ID: true}))
	if rows, n := b.leaving(s), b.totals(s); len(rows) != 0 || n.Reported != 0 {
		t.Errorf("a lead reports its own hits alone: %+v, %+v", rows, n)
	}
	if got := b.decide(s, FleetHeld, list); got != 0 || len(b.outbox(s)) != 0 {
		t.Errorf("a late answer became %d", got)
	}
}

func TestACandidateThatIsHeldIsGivenOnce(t *testing.T) {
	b := newBench(t)
	s := b.open()
	one, two, other := b.candidate(0, "k", 7, "a", "b"), b.candidate(1, "k", 5, "a"), b.candidate(2, "l", 1, "a")
	for _, list := range [][]Item{one, two, other} {
		b.accept(s, list)
		if got := b.decide(s, FleetHeld, list); got != FleetHeld {
			t.Fatalf("became %d", got)
		}
	}
	b.pass(time.Hour)
	if m := b.lease(s, 1, "a", 9); len(m) != 0 {
		t.Fatalf("what is held leaves: %+v", m)
	}
	if n := b.counts(s, "a"); n.Accepted != 3 || n.Held != 3 || n.Pending != 0 {
		t.Errorf("%+v", n)
	}
	gifts := b.outbox(s)
	if len(gifts) != 2 || gifts[0].Seq != 1 || gifts[0].Hits != 7 || string(gifts[0].Gift) != "gift "+one[0].ID || gifts[1].Key != "l" || gifts[1].Seq != 3 {
		t.Fatalf("the oldest of each key: %+v", gifts)
	}
	for range 2 { // an acknowledgement that comes twice counts once
		must(t, s.FleetGiven(context.Background(), b.now(), "i", []int64{1, 3}))
	}
	if n := b.totals(s); n.Given != 8 || n.Outbox != 5 || n.Seq != 3 || n.Run == "" {
		t.Errorf("%+v", n)
	}
	must(t, s.FleetForget(context.Background(), b.now(), "i", []int64{2, 1}))
	if n := b.totals(s); n.Given != 8 || n.Forgotten != 5 || n.Outbox != 0 {
		t.Errorf("%+v", n)
	}
	if all, err := s.Alerts(context.Background(), 0, 9); err != nil || len(all) != 3 || all[2].Deliveries[0].State != stateHeld {
		t.Errorf("the log of alerts: %+v, %v", all, err)
	}
}

// TestADeliveryThatBeganIsNotWithdrawn: each way to begin makes the candidate leave alone, and nothing is given.
func TestADeliveryThatBeganIsNotWithdrawn(t *testing.T) {
	for name, begin := range map[string]func(b *bench, s *Store){
		"leased":    func(b *bench, s *Store) { b.lease(s, 1, "a", 1) },
		"failed":    func(b *bench, s *Store) { b.finish(s, 1, Retry, b.lease(s, 1, "a", 1)...) },
		"delivered": func(b *bench, s *Store) { b.finish(s, 1, Delivered, b.lease(s, 1, "a", 1)...) },
		"dead":      func(b *bench, s *Store) { b.finish(s, 1, Dead, b.lease(s, 1, "a", 1)...) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.open()
			list := b.candidate(0, "k", 7, "a", "b")
			b.accept(s, list)
			b.pass(5 * time.Second)
			begin(b, s)
			if got := b.decide(s, FleetHeld, list); got != FleetAlone {
				t.Errorf("became %d", got)
			}
			if n := b.counts(s, "b"); n.Pending != 1 || n.Held != 0 || len(b.outbox(s)) != 0 {
				t.Errorf("%+v", n)
			}
			if rows := b.leaving(s); len(rows) != 1 || !rows[0].Alone {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// TestALeaseThatWasReturnedHasNotBegun: a worker that stops gives its messages back.
func TestALeaseThatWasReturnedHasNotBegun(t *testing.T) {
	b := newBench(t)
	s := b.open()
	list := b.candidate(0, "k", 7, "a")
	b.accept(s, list)
	b.pass(5 * time.Second)
	b.finish(s, 1, Returned, b.lease(s, 1, "a", 1)...)
	if got := b.decide(s, FleetHeld, list); got != FleetHeld {
		t.Errorf("became %d", got)
	}
}

func TestALeadJoinsItsGroup(t *testing.T) {
	b := newBench(t)
	s := b.open()
	list := b.candidate(0, "k", 1, "a")
	list[0].Routes[0].Group, list[0].Routes[0].Wait, list[0].Routes[0].Interval = []byte("0123456789abcdef"), 30*time.Second, time.Minute
	b.accept(s, list)
	b.decide(s, FleetLeads, list)
	b.pass(29 * time.Second)
	if m := b.lease(s, 1, "a", 9); len(m) != 0 {
		t.Fatalf("the group leaves before its wait: %+v", m)
	}
	b.pass(time.Second)
	if m := b.lease(s, 1, "a", 9); len(m) != 1 {
		t.Errorf("%+v", m)
	}
}

// TestCandidatesOfAKilledProcess are asked about again, and wait again; a process that does not ask lets them leave.
func TestCandidatesOfAKilledProcess(t *testing.T) {
	b := newBench(t)
	first, second := b.candidate(0, "k", 7, "a"), b.candidate(1, "k", 7, "b")
	s := b.open()
	b.accept(s, first)
	b.accept(s, second)
	b.pass(5 * time.Second)
	b.lease(s, 1, "b", 1)
	s = b.other()
	b.pass(time.Second)
	asked, err := s.FleetAsked(context.Background(), b.now(), "i", b.now().Add(5*time.Second))
	must(t, err)
	if len(asked) != 2 || asked[0].ID != first[0].ID || string(asked[0].About) != "about" || string(asked[0].Payload) != string(first[0].Payload) || !asked[0].Until.Equal(b.now().Add(5*time.Second)) {
		t.Fatalf("%+v", asked)
	}
	if m := b.lease(s, 2, "a", 9); len(m) != 0 {
		t.Errorf("it leaves while it is asked about: %+v", m)
	}
	if got := b.decide(s, FleetHeld, second); got != FleetAlone {
		t.Errorf("a message that was leased when the process was killed became %d", got)
	}
	b.pass(5 * time.Second)
	if m := b.lease(s, 2, "a", 9); len(m) != 1 {
		t.Errorf("nobody decides, and it leaves: %+v", m)
	}
	if other, err := s.FleetAsked(context.Background(), b.now(), "another instance", b.now()); err != nil || len(other) != 0 {
		t.Errorf("%+v, %v", other, err)
	}
}

// TestWorkOfTheFleet: an alert that was taken is accepted once, and its hits are reported once.
func TestWorkOfTheFleet(t *testing.T) {
	b := newBench(t)
	s := b.open()
	list := items(0, 1, "a")
	list[0].Fleet = &FleetRow{Instance: "i", Key: "k", Taken: true, About: []byte("work"), Hits: 40}
	for range 2 {
		b.accept(s, list)
	}
	rows := b.leaving(s)
	if len(rows) != 1 || !rows[0].Taken || rows[0].Hits != 40 {
		t.Fatalf("%+v", rows)
	}
	id := map[string]bool{list[0].ID: true}
	for range 2 {
		must(t, s.FleetSettled(context.Background(), b.now(), "i", []string{list[0].ID}, id))
	}
	if n := b.totals(s); n.Reported != 40 {
		t.Errorf("%+v", n)
	}
	for range 2 {
		must(t, s.FleetForgetTaken(context.Background(), b.now(), "al_none", FleetRow{Instance: "i", Key: "k", Hits: 2}))
	}
	if rows := b.leaving(s); len(rows) != 1 || !rows[0].Ended {
		t.Errorf("%+v", rows)
	}
	must(t, s.FleetSettled(context.Background(), b.now(), "i", []string{"al_none"}, nil))
	if n := b.totals(s); n.Reported != 40 || n.Forgotten != 2 {
		t.Errorf("%+v", n)
	}
}

func TestYieldWithdrawsWhatHasNotBegun(t *testing.T) {
	b := newBench(t)
	s := b.open()
	one, two := b.candidate(0, "k", 1, "a"), b.candidate(1, "l", 1, "b")
	b.accept(s, one)
	b.accept(s, two)
	b.decide(s, FleetLeads, one)
	b.decide(s, FleetLeads, two)
	b.lease(s, 1, "b", 1)
	must(t, s.FleetYield(context.Background(), b.now(), "i", []string{one[0].ID, two[0].ID}))
	if a, other := b.counts(s, "a"), b.counts(s, "b"); a.Held != 1 || other.Pending != 1 {
		t.Errorf("%+v, %+v", a, other)
	}
	if rows := b.leaving(s); len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
}

// dump returns all rows of the tables that a fleet changes.
func (b *bench) dump(s *Store) string {
	b.tb.Helper()
	var out strings.Builder
	must(b.tb, s.read(context.Background(), "dump", func(c *core) error {
		for _, query := range []string{
			"SELECT quote(seq) || quote(state) || quote(due) || quote(owner) FROM deliveries ORDER BY seq",
			"SELECT quote(seq) || quote(payload) FROM alerts ORDER BY seq",
			"SELECT quote(id) || quote(state) || quote(until) || quote(gift) FROM fleet ORDER BY id",
			"SELECT quote(seq) || quote(hits) || quote(gift) FROM outbox ORDER BY seq",
			"SELECT quote(seq) || quote(given) || quote(reported) || quote(forgotten) FROM fleets",
			"SELECT quote(name) || quote(accepted) || quote(pending) || quote(held) FROM triggers ORDER BY id",
			"SELECT quote(key) || quote(flush) FROM groups",
		} {
			if err := c.each(query, nil, func(rows *sql.Rows) error {
				var text string
				err := rows.Scan(&text)
				out.WriteString(text + "\n")
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	}))
	return out.String()
}

// TestAFleetsTransactionsAreWhole lets every write of every transaction fail, and wants the store as it was before; then the call is repeated and works.
func TestAFleetsTransactionsAreWhole(t *testing.T) {
	ctx := context.Background()
	group := func(string) (wait, interval time.Duration) { return time.Second, time.Second }
	decide := func(outcome FleetOutcome) func(*bench, *Store) error {
		return func(b *bench, s *Store) error {
			_, err := s.FleetDecide(ctx, b.now(), "i", []FleetDecision{
				{ID: "al_000000001", Outcome: outcome, Payload: func(p []byte) []byte { return append(p, '!') }},
				{ID: "al_000000002", Outcome: outcome, Payload: func(p []byte) []byte { return append(p, '!') }},
			}, group)
			return err
		}
	}
	calls := map[string]func(*bench, *Store) error{
		"lead":  decide(FleetLeads),
		"alone": decide(FleetAlone),
		"held":  decide(FleetHeld),
		"known": decide(FleetKnown),
		"asked": func(b *bench, s *Store) error {
			_, err := s.FleetAsked(ctx, b.now(), "i", b.now().Add(9*time.Second))
			return err
		},
		"given":  func(b *bench, s *Store) error { return s.FleetGiven(ctx, b.now(), "i", []int64{1, 2}) },
		"forget": func(b *bench, s *Store) error { return s.FleetForget(ctx, b.now(), "i", []int64{1, 2}) },
		"settled": func(b *bench, s *Store) error {
			return s.FleetSettled(ctx, b.now(), "i", []string{"al_000000005", "al_000000006"}, map[string]bool{"al_000000005": true})
		},
		"yield": func(b *bench, s *Store) error {
			return s.FleetYield(ctx, b.now(), "i", []string{"al_000000006", "al_000000005"})
		},
		"forget work": func(b *bench, s *Store) error {
			return s.FleetForgetTaken(ctx, b.now(), "al_x", FleetRow{Instance: "i", Key: "k", Hits: 2})
		},
		"accept": func(b *bench, s *Store) error {
			_, err := s.Accept(ctx, b.now(), append(b.candidate(20, "k", 1, "a"), b.candidate(21, "k", 1, "b")...))
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			failed := 0
			for _, table := range []string{"deliveries", "alerts", "ids", "fleet", "outbox", "fleets", "triggers", "groups"} {
				for _, write := range []string{"INSERT", "UPDATE", "DELETE"} {
					for skip := range 2 { // the first such write fails, or the one after it
						if failsWhole(t, table, write, skip, call) {
							failed++
						}
					}
				}
			}
			if failed == 0 {
				t.Error("no write failed")
			}
		})
	}
}

// failsWhole makes one write of a call fail, and reports whether the call got that far.
func failsWhole(t *testing.T, table, write string, skip int, call func(*bench, *Store) error) bool {
	t.Helper()
	b := newBench(t, func(s *Settings) { s.Path = MemoryPath })
	s := b.open()
	for n, key := range []string{"k", "k", "l", "m", "n"} {
		b.accept(s, b.candidate(n+1, key, int64(n+1), "a", "b"))
	}
	b.decide(s, FleetHeld, items(3, 1))
	b.decide(s, FleetHeld, items(4, 1))
	b.decide(s, FleetLeads, items(5, 1))
	work := items(6, 1, "a")
	work[0].Fleet = &FleetRow{Instance: "i", Key: "w", Taken: true, Hits: 3}
	b.accept(s, work)
	b.pass(time.Second)

	before := b.dump(s)
	script := func(text string) {
		must(t, s.read(context.Background(), "inject", func(c *core) error { return c.script(text) }))
	}
	script(fmt.Sprintf(`CREATE TEMP TABLE writes (n INTEGER); CREATE TEMP TRIGGER injected BEFORE %s ON %s BEGIN
			INSERT INTO writes VALUES (1);
			SELECT RAISE(ABORT, 'injected') WHERE (SELECT count(*) FROM writes) > %d;
		END`, write, table, skip))
	err := call(b, s)
	script("DROP TRIGGER injected; DROP TABLE writes")
	if err == nil {
		return false
	}
	if after := b.dump(s); after != before {
		t.Fatalf("%s of %s fails, and the store has changed:\n%s\nwant\n%s", write, table, after, before)
	}
	must(t, call(b, s))
	b.counts(s, "a")
	return true
}
