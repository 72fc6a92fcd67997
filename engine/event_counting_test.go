package engine

import (
	"strconv"
	"testing"
	"time"
)

// eventSource is a container whose events are reported.
func eventSource(workload string) *Source {
	return &Source{Kind: SourceContainer, Workload: workload, Container: Container{ID: "c-" + workload, Name: workload}}
}

// die is the end of a container.
func (r *run) die(workload string, code int) []Alert {
	fields := eventOf{EventField: "die", ExitCodeField: strconv.Itoa(code)}
	return r.record(Record{Text: []byte("container " + workload + ": die, exit code " + fields[ExitCodeField]), Source: eventSource(workload), Fields: fields})
}

func (r *run) starts(workload string) []Alert {
	return r.record(Record{Text: []byte("container " + workload + ": start"), Source: eventSource(workload), Fields: eventOf{EventField: "start"}})
}

func oneRule(r RuleSettings) Settings {
	r.Name = "r"
	return Settings{Rules: []RuleSettings{r}}
}

// TestEventsAreCounted for each container, each event by itself.
func TestEventsAreCounted(t *testing.T) {
	r := newRun(t, oneRule(RuleSettings{Event: []string{"die", "start"}, Count: 3, Within: time.Minute, CooldownBy: []string{"container"}}))
	var all []Alert
	for range 2 {
		all = append(all, r.die("a", 1)...)
		all = append(all, r.die("b", 1)...)
		all = append(all, r.starts("a")...)
		r.pass(10 * time.Second)
	}
	if len(all) != 0 {
		t.Fatalf("too early: %+v", all)
	}
	all = r.die("a", 1)
	if len(all) != 1 || all[0].Kind != KindThreshold || all[0].Source.Kind != SourceContainer || all[0].Suppressed[ReasonThreshold] != 2 ||
		all[0].Captures[ExitCodeField] != "1" {
		t.Errorf("%+v", all)
	}
	r.sums(all)
}

// TestDifferentExitCodesAreCounted by a field of the event.
func TestDifferentExitCodesAreCounted(t *testing.T) {
	r := newRun(t, oneRule(RuleSettings{Event: []string{"die"}, Count: 2, Within: time.Minute, Distinct: "field.exit_code"}))
	if got := append(r.die("a", 1), r.die("a", 1)...); len(got) != 0 {
		t.Errorf("one code: %+v", got)
	}
	if got := r.die("a", 2); len(got) != 1 {
		t.Errorf("two codes: %+v", got)
	}
}

// TestAnEventIsAbsent reports a container that did not start again, and that it did in the end.
func TestAnEventIsAbsent(t *testing.T) {
	r := newRun(t, oneRule(RuleSettings{Event: []string{"start"}, Absent: time.Hour}))
	r.starts("nightly")
	r.record(Record{Text: []byte("start"), Source: &Source{Kind: "log", Workload: "nightly"}}) // a line is not an event
	all := r.later(time.Hour)
	if len(all) != 1 || all[0].Kind != KindAbsence || all[0].Source.Kind != SourceContainer || all[0].Source.Workload != "nightly" ||
		all[0].Summary != "no event of r in nightly for 1h, the last at 2023-11-14 22:13:20 UTC" {
		t.Fatalf("%+v", all)
	}
	r.die("nightly", 0)
	back := r.starts("nightly")
	if len(back) != 1 || back[0].Kind != KindResolved || back[0].Source.Kind != SourceContainer {
		t.Errorf("%+v", back)
	}
	r.sums(append(all, back...))
}

// TestAnEventIsSeenFirst: the exit code makes it another one, the container's name does not.
func TestAnEventIsSeenFirst(t *testing.T) {
	r := newRun(t, oneRule(RuleSettings{Event: []string{"die"}, FirstSeen: FirstSeen(24 * time.Hour)}))
	end := func(container string, code int) int {
		fields := eventOf{EventField: "die", ExitCodeField: strconv.Itoa(code)}
		s := &Source{Kind: SourceContainer, Workload: "shop/api", Container: Container{ID: container, Name: container}}
		r.pass(time.Minute)
		return len(r.record(Record{Text: []byte("container " + container + ": die, exit code " + fields[ExitCodeField]), Source: s, Fields: fields}))
	}
	for i, step := range []struct {
		container  string
		code, want int
	}{{"api-x", 1, 1}, {"api-y", 1, 0}, {"api-x", 137, 1}, {"api-z", 137, 0}} {
		if got := end(step.container, step.code); got != step.want {
			t.Errorf("step %d: %d alerts, want %d", i, got, step.want)
		}
	}
	r.pass(25 * time.Hour)
	if end("api-x", 1) != 1 {
		t.Error("it is forgotten after a day")
	}
}

// TestAnEventThatGoesOnEscalates: a container that ends again and again.
func TestAnEventThatGoesOnEscalates(t *testing.T) {
	r := newRun(t, oneRule(RuleSettings{
		Event: []string{"die"}, Severity: SeverityWarning, Cooldown: 5 * time.Minute, Rollup: true, CooldownBy: []string{"container"},
		Escalate: []Escalation{{After: 10 * time.Minute, Severity: SeverityCritical}},
	}))
	var all []Alert
	for range 12 {
		all = append(all, r.die("a", 1)...)
		all = append(all, r.later(time.Minute)...)
	}
	r.sums(all)
	if len(all) < 3 || all[0].Severity != SeverityWarning || all[0].Kind != KindContainer {
		t.Fatalf("%+v", all)
	}
	last := all[len(all)-1]
	if last.Severity != SeverityCritical || last.Kind != KindRollup || last.Source.Kind != SourceContainer {
		t.Errorf("%+v", last)
	}
}

// TestEventsAreNoLinesOfAContext: where a source has no streams, its lines and its events would look alike.
func TestEventsAreNoLinesOfAContext(t *testing.T) {
	r := newRun(t, oneRule(RuleSettings{Pattern: "^boom", Context: Context{Before: 3}}))
	line := &Source{Kind: "log", Workload: "a", Container: Container{ID: "c-a", Name: "a"}}
	r.record(Record{Text: []byte("one"), Source: line})
	r.starts("a")
	got := r.record(Record{Text: []byte("boom"), Source: line})
	if len(got) != 1 || len(got[0].Before) != 1 || got[0].Before[0] != "one" {
		t.Errorf("%+v", got)
	}
}
