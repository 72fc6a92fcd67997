package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/mute"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/engine/state"
	"github.com/tinyforge/fluentbit-trigger/internal/where"
)

// TestWhereOfSilences checks one condition at a time on a hit, and on the roll-up about it: both have the same properties, except for the kind.
func TestWhereOfSilences(t *testing.T) {
	rule := RuleSettings{
		Name: "r", Pattern: `user=(?P<user>\w+)`, Severity: SeverityError, Fields: []string{"tenant"}, Cooldown: time.Minute, Rollup: true,
		Labels: map[string]string{"team": "payments", "who": "{{ .Captures.user }}!"},
	}
	source := &Source{
		Kind: "log", Workload: "shop/api", Host: "edge-1", Tag: "docker.x", Container: Container{ID: "4f5e", Name: "shop-api-1", Image: "shop/api:1.4"},
	}
	for _, c := range []struct {
		name, value string
		hit, rollup bool
	}{
		{"rule", "r", true, true},
		{"workload", "!=shop/api", false, false},
		{"severity", "error", true, true},
		{"kind", "log", true, false},
		{"kind", "rollup", false, true},
		{"kind", "!=rollup", true, false},
		{"source", "log", true, true},
		{"host", "/^edge/", true, true},
		{"container", "shop-api-1", true, true},
		{"image", "/:1\\.4$/", true, true},
		{"stream", "stderr", true, true},
		{"tag", "docker.x", true, true},
		{"label.team", "payments", true, true},
		{"label.team", "shop", false, false},
		{"label.who", "ann!", true, true},
		{"label.none", "absent()", true, true},
		{"label.none", "!=x", false, false},
		{"capture.user", "ann", true, true},
		{"capture.none", "present()", false, false},
		{"field.tenant", "a", true, true},
		{"field.tenant", "!=b", true, true},
		{"field.other", "x", false, false}, // the record has it, and alerts of the rule do not
	} {
		for _, many := range []bool{false, true} { // with many silences, those about a source are remembered
			r := newRun(t, Settings{Rules: []RuleSettings{rule}})
			rec := Record{Text: []byte("user=ann"), Source: source, Stream: Stderr, Fields: fieldMap{"tenant": "a", "other": "x"}}
			r.record(rec)
			r.record(rec)
			list := []Silence{{ID: "s", Matchers: Matchers{Where: map[string]string{c.name: c.value}}, From: t0, Until: t0 + int64(time.Hour)}}
			for i := range 2 * mute.FewGlobs {
				if many {
					list = append(list, Silence{ID: fmt.Sprint(i), Matchers: Matchers{Workload: fmt.Sprintf("other-%d/*", i)}, Until: t0 + int64(time.Hour)})
				}
			}
			r.silence(list...)
			r.record(rec)
			if n := r.counts()["r"].Suppressed[ReasonSilence]; (n == 1) != c.hit {
				t.Errorf("%s = %q, many %t: %d hits are suppressed", c.name, c.value, many, n)
			}
			if got := r.later(time.Minute); (len(got) == 0) != c.rollup {
				t.Errorf("%s = %q, many %t: %d roll-ups", c.name, c.value, many, len(got))
			}
		}
	}
}

// TestWhereOfInhibitions: an alert of one tenant inhibits hits of a host, and no other alert does.
func TestWhereOfInhibitions(t *testing.T) {
	r := newRun(t, Settings{
		Rules: []RuleSettings{
			{Name: "down", Pattern: "down", Fields: []string{"tenant"}}, {Name: "slow", Pattern: "slow"},
		},
		Inhibits: []InhibitSettings{{
			Source: Matchers{Where: map[string]string{"field.tenant": "a", "kind": "log"}}, Target: Matchers{Where: map[string]string{"host": "edge-1"}}, For: time.Minute,
		}},
	})
	edge, core := &Source{Workload: "shop/web", Host: "edge-1"}, &Source{Workload: "shop/web", Host: "core-1"}
	r.record(Record{Text: []byte("down"), Source: core, Fields: fieldMap{"tenant": "b"}})
	if got := r.record(Record{Text: []byte("slow"), Source: edge}); len(got) != 1 {
		t.Error("an alert of another tenant inhibits")
	}
	r.record(Record{Text: []byte("down"), Source: core, Fields: fieldMap{"tenant": "a"}})
	if got := r.record(Record{Text: []byte("slow"), Source: edge}); len(got) != 0 {
		t.Error("the alert does not inhibit")
	}
	if got := r.record(Record{Text: []byte("slow"), Source: core}); len(got) != 1 {
		t.Error("a hit on another host is inhibited")
	}
}

// TestHoursOfSilences goes through a night in Berlin in which 02:00 to 03:00 comes twice.
func TestHoursOfSilences(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "r", Pattern: "boom"}}})
	r.now = time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC).UnixNano() // midnight
	s := Silence{ID: "s", Matchers: Matchers{Rule: "r"}, Every: []string{"daily 02:00-02:30"}, Zone: "Europe/Berlin"}
	r.silence(s)
	suppressed := ""
	for range 5 * 12 {
		if len(r.line("boom")) == 0 {
			suppressed += time.Unix(0, r.now).UTC().Format("15:04 ")
		}
		r.pass(5 * time.Minute)
	}
	if want := "00:00 00:05 00:10 00:15 00:20 00:25 01:00 01:05 01:10 01:15 01:20 01:25 "; suppressed != want {
		t.Errorf("suppressed at %s, want %s", suppressed, want)
	}
	// The next period, within from and until.
	for _, c := range []struct {
		from, until int64
		want        string
	}{
		{0, 0, "2026-10-26T01:00:00Z 2026-10-26T01:30:00Z"},
		{0, r.now + int64(22*time.Hour+10*time.Minute), "2026-10-26T01:00:00Z 2026-10-26T01:10:00Z"},
		{r.now + int64(22*time.Hour+10*time.Minute), 0, "2026-10-26T01:10:00Z 2026-10-26T01:30:00Z"},
		{0, r.now + int64(time.Hour), ""},
		{0, r.now, ""},
	} {
		s.From, s.Until = c.from, c.until
		got := ""
		if p, ok := s.Period(r.now); ok {
			got = time.Unix(0, p.From).UTC().Format(time.RFC3339) + " " + time.Unix(0, p.Until).UTC().Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("from %d until %d: the next period is %q, want %q", c.from, c.until, got, c.want)
		}
	}
}

// TestAMissPaysNothingForConditions: silences, inhibitions and their hours are asked about hits alone.
func TestAMissPaysNothingForConditions(t *testing.T) {
	where := map[string]string{"label.who": "x", "capture.user": "x", "field.tenant": "x"}
	r := newRun(t, Settings{
		Rules:    []RuleSettings{{Name: "r", Pattern: `user=(?P<user>\w+)`, Labels: map[string]string{"who": "{{ .Captures.user }}"}, Fields: []string{"tenant"}}},
		Inhibits: []InhibitSettings{{Source: Matchers{Where: where}, Target: Matchers{Where: where}, For: time.Hour}},
	})
	var list []Silence
	for i := range 1000 {
		list = append(list, Silence{ID: fmt.Sprint(i), Matchers: Matchers{Where: where}, Every: []string{"daily"}, Zone: "Europe/Berlin"})
	}
	r.silence(list...)
	w := r.e.Worker()
	defer w.Release()
	rec := Record{Text: []byte("nothing to see"), Source: web("c1"), Time: r.now}
	var dst []Alert
	if n := testing.AllocsPerRun(100, func() { dst = w.Process(&rec, r.now, dst[:0]) }); n != 0 || len(dst) != 0 {
		t.Errorf("%v allocations and %d alerts for a line that no rule matches", n, len(dst))
	}
}

// TestAnUnchangedSilenceIsNotCompiledAgain: adding one to thousands costs the one.
func TestAnUnchangedSilenceIsNotCompiledAgain(t *testing.T) {
	list := []Silence{
		{ID: "a", Matchers: Matchers{Rule: "r", Where: map[string]string{"host": "x"}}, Every: []string{"sun"}},
		{ID: "b", Matchers: Matchers{Message: "x+"}, Until: t0},
	}
	before, err := mute.NewSilenceSet(list, nil)
	if err != nil {
		t.Fatal(err)
	}
	subject := func(host string) *rules.Subject {
		return &rules.Subject{Rule: &rules.Rule{ID: "r", Settings: RuleSettings{Name: "r"}}, Source: &Source{Host: host}}
	}
	sunday := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC).UnixNano()
	first := before.Suppressing(subject("x"), sunday)
	after, err := mute.NewSilenceSet(append(list, Silence{ID: "c", Matchers: Matchers{Rule: "q"}, Until: t0}), before)
	if err != nil || first == nil || after.Suppressing(subject("x"), sunday) != first {
		t.Errorf("the silence is another one: %v", err)
	}
	list[0].Where = map[string]string{"host": "y"}
	changed, err := mute.NewSilenceSet(list, before)
	if err != nil || changed.Suppressing(subject("x"), sunday) != nil || changed.Suppressing(subject("y"), sunday) == nil {
		t.Errorf("the change is not in force: %v", err)
	}
}

// TestAHitHasThePropertiesOfItsAlert compares every property of hits with that of the alert that they make: masked, templates rendered, and cut.
func TestAHitHasThePropertiesOfItsAlert(t *testing.T) {
	plain := RuleSettings{Name: "plain", Pattern: "boom"}
	full := RuleSettings{
		Name: "full", Pattern: `(?P<user>\w*) said (?P<rest>.*)`, Severity: SeverityError, Fields: []string{"tenant", "password"},
		Labels: map[string]string{"team": "a", "who": `{{ .Captures.user }}`, "secret": `{{ .Field "password" }}`, "empty": `{{ .Field "none" }}`},
	}
	counted := full
	counted.Name, counted.Count, counted.Within = "counted", 2, time.Minute
	event := RuleSettings{Name: "event", Event: []string{"die"}, Pattern: `(?P<text>.*)`}
	r := newRun(t, Settings{Rules: []RuleSettings{plain, full, counted, event}, Redact: DefaultRedact()})
	names := append(where.Properties(), "label.team", "label.who", "label.secret", "label.empty", "capture.user", "capture.rest", "capture.text",
		"capture."+EventField, "capture."+ExitCodeField, "field.tenant", "field.password", "field.none")
	line := &Source{Kind: "log", Workload: "shop/api", Host: "edge-1", Tag: "t", Container: Container{Name: "api-1", ID: "4f5e", Image: "shop/api:1"}}
	bare := &Source{Kind: "log", Workload: "shop/api"}
	died := &Source{Kind: SourceContainer, Workload: "shop/api", Container: Container{ID: "4f5e"}}
	hits, present := 0, map[string]bool{}
	for _, rec := range []Record{
		{Text: []byte("boom"), Source: bare}, {Text: []byte("boom"), Source: line, Severity: SeverityCritical, Stream: Stdout},
		{Text: []byte("ann said password=hunter2 boom"), Source: line, Stream: Stderr, Fields: fieldMap{"tenant": "a", "password": "hunter2", "other": "x"}},
		{Text: []byte(" said \xff"), Source: line, Fields: fieldMap{"tenant": strings.Repeat("long ", 1000)}},
		{Text: []byte(`{"level":"info","msg":"bob said hi","tenant":503.0}`), Source: bare},
		{Text: []byte("container died"), Source: died, Fields: fieldMap{EventField: "die", ExitCodeField: "137"}},
	} {
		rec.Time = r.now
		w := r.e.Worker()
		found := w.Find(&rec, nil)
		for i := range found {
			h := &found[i]
			hits++
			hit := h.subject()
			alert := h.alert(&state.Decision{At: rec.Time, Kind: hit.Kind}, nil)
			made := rules.AlertSubject(h.rule, &alert)
			for _, name := range names {
				wanted, has := made.Property(name)
				if got, ok := hit.Property(name); got != wanted || ok != has {
					t.Errorf("%s of a hit of %s is %.60q (%t), and of its alert %.60q (%t)", name, h.RuleID(), got, ok, wanted, has)
				}
				present[name] = present[name] || has
				if strings.Contains(wanted, "hunter2") {
					t.Errorf("%s is not masked", name)
				}
			}
		}
		w.Release()
	}
	for _, name := range names {
		if want := name != "label.empty" && name != "field.none"; present[name] != want {
			t.Errorf("%s was present: %t", name, present[name])
		}
	}
	if hits != 10 {
		t.Errorf("%d hits", hits)
	}
}
