package deploy

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// restart stops a stage and starts another one with the saved state, later by a stop.
func (s *stage) restart(stop time.Duration) {
	s.Helper()
	next := NewTracker()
	next.Adopt(s.settings)
	for _, e := range s.TakeChanges(true) {
		if len(e.Value) > MaxState {
			s.Fatalf("%s takes %d bytes", e.Key, len(e.Value))
		}
		if _, err := next.Restore(e, s.now+int64(stop)); err != nil {
			s.Fatal(err)
		}
	}
	s.Tracker = next
	s.now += int64(stop)
}

// TestRestartChangesNothing but the end of a comparison, for which the time of the stop does not count.
func TestRestartChangesNothing(t *testing.T) {
	s := newStage(t, 15*time.Minute)
	for range 60 {
		from := s.line("a", "api:1@sha256:1", 10)
		s.Hit(from, "errors", []byte("x <num>"), s.now)
		s.pass(time.Minute)
	}
	for range 10 {
		s.line("b", "api:2@sha256:2", 10)
		s.pass(time.Minute)
	}
	s.line("b", "api:2@sha256:2", 10)
	before, _ := s.Report("shop/api", s.now)
	s.restart(2 * time.Hour)
	after, ok := s.Report("shop/api", s.now)
	before.Reason, after.Reason = "", "" // they say when it ends
	if before.Ends = before.Ends.Add(2 * time.Hour); !ok || !reflect.DeepEqual(before, after) {
		t.Fatalf("before the restart\n%+v, after it\n%+v", before, after)
	}
	s.line("b", "api:2@sha256:2", 10)
	s.line("c", "api:2@sha256:2", 10)
	s.want("api:2sha256:2 1h0m0s", 0)
	s.pass(4 * time.Minute)
	if len(s.alerts) != 0 {
		t.Fatalf("the comparison ended early: %+v", s.alerts)
	}
	s.pass(2 * time.Minute)
	if len(s.alerts) != 1 || s.alerts[0].Deploy.Verdict != string(Better) {
		t.Fatalf("%+v", s.alerts)
	}
	s.restart(time.Minute)
	s.pass(time.Hour)
	if len(s.alerts) != 1 {
		t.Fatalf("reported again: %+v", s.alerts)
	}
}

// TestStateIsBounded for hostile names, and more of everything than there is room for.
func TestStateIsBounded(t *testing.T) {
	s := newStage(t, 15*time.Minute)
	hostile := strings.Repeat("\"\\<\x01é", 1000)
	for i := range 12 {
		for c := range 200 {
			s.line(fmt.Sprint(i, hostile, c), fmt.Sprint("x:", hostile, i, hostile), 10)
			from := s.line(fmt.Sprint(i, hostile, c), fmt.Sprint("x:", i, hostile), 10)
			for range minHits {
				s.Hit(from, hostile, fmt.Append(nil, c, hostile), s.now)
			}
		}
		s.pass(2 * time.Minute)
	}
	s.restart(0)
	r, _ := s.Report("shop/api", s.now)
	if r.Counts.Kinds > maxKinds || r.Counts.Untracked == 0 {
		t.Errorf("%+v", r.Counts)
	}
	for i := range 2 * maxWorkloads {
		s.Source(&model.Source{Kind: "log", Workload: fmt.Sprint("w", i), Container: model.Container{ID: "x", Image: "y"}}, s.now, s.now)
	}
	if st := s.Stats(); st.Workloads != maxWorkloads || st.Evicted == 0 {
		t.Errorf("%+v", st)
	}
	forgotten := 0
	for _, e := range s.TakeChanges(false) {
		if e.Value == nil {
			forgotten++
		}
	}
	if forgotten == 0 {
		t.Error("forgotten workloads stay saved")
	}
}

// TestReloadChangesTheLength of a comparison that runs, ends it, and begins no other.
func TestReloadChangesTheLength(t *testing.T) {
	s := newStage(t, time.Hour)
	s.line("a", "api:1", 40)
	s.pass(time.Minute)
	s.line("b", "api:2", 40)
	s.pass(time.Minute)
	s.line("b", "api:2", 40)
	s.pass(2 * time.Minute)
	s.Adopt(Settings{Compare: 2 * time.Minute, Severity: model.SeverityError})
	s.pass(0)
	if len(s.alerts) != 1 || s.alerts[0].Time != t0+int64(3*time.Minute) {
		t.Fatalf("%+v", s.alerts)
	}
	s.Adopt(Settings{})
	if r, _ := s.Report("shop/api", s.now); r.Verdict != Unknown || r.Image.Lines != 0 {
		t.Errorf("without comparisons: %+v", r)
	}
	s.Adopt(Settings{Compare: time.Hour})
	s.pass(2 * time.Hour)
	if len(s.alerts) != 1 {
		t.Errorf("%+v", s.alerts)
	}
}

// TestClockGoesBack has no time lie ahead, and ends no comparison at once.
func TestClockGoesBack(t *testing.T) {
	s := newStage(t, 15*time.Minute)
	s.line("a", "api:1", 40)
	s.pass(time.Hour)
	s.line("b", "api:2", 40)
	s.now -= int64(2 * time.Hour)
	s.ClampFuture(s.now)
	s.want("api:2 -1h0m0s", 1)
	s.pass(14 * time.Minute)
	s.line("b", "api:2", 40)
	if len(s.alerts) > 0 {
		t.Fatalf("%+v", s.alerts)
	}
	s.pass(2 * time.Minute)
	if len(s.alerts) != 1 {
		t.Fatalf("%+v", s.alerts)
	}
}

// TestRestoreTwice: of two saved forms of a workload the second counts, and is saved again; one that cannot be read is forgotten.
func TestRestoreTwice(t *testing.T) {
	t.Parallel()
	first := NewTracker()
	first.Adopt(Settings{Compare: time.Hour})
	s := &model.Source{Workload: "w", Container: model.Container{ID: "a", Image: "app:1"}}
	first.Source(s, t0, t0)
	old := first.TakeChanges(true)
	first.Source(&model.Source{Workload: "w", Container: model.Container{ID: "b", Image: "app:2"}}, t0+1, t0+1)
	saved := first.TakeChanges(true)
	if len(old) != 1 || len(saved) != 1 {
		t.Fatal(old, saved)
	}
	next := NewTracker()
	for _, e := range []model.StateEntry{old[0], saved[0]} {
		if kept, err := next.Restore(e, t0+2); !kept || err != nil {
			t.Fatal(kept, err)
		}
	}
	if kept, err := next.Restore(model.StateEntry{Key: Prefix + "broken", Value: []byte("{")}, t0+2); kept || err == nil {
		t.Error("a broken entry is restored")
	}
	if im := next.Of(&model.Source{Workload: "w"}); im.Name != "app:2" {
		t.Errorf("the image is %q", im.Name)
	}
	changes := map[string]bool{}
	for _, e := range next.TakeChanges(false) {
		changes[e.Key] = e.Value != nil
	}
	if len(changes) != 2 || !changes[saved[0].Key] || changes[Prefix+"broken"] {
		t.Errorf("saved: %v", changes)
	}
}

// FuzzRestore restores anything, and saves it again.
func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"images":[{"name":"a","since":1}],"containers":[{"k":"1","i":0}],"kinds":[{"id":"00","c":[[1,1,1,1],[0,0,0,0]]}],"now":3}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		tr := NewTracker()
		tr.Adopt(Settings{Compare: time.Minute})
		if kept, _ := tr.Restore(model.StateEntry{Key: Prefix + "w", Value: value}, t0); !kept {
			return
		}
		from := &model.Source{Kind: "log", Workload: "w", Container: model.Container{ID: "1", Image: "b"}}
		tr.Source(from, t0, t0)
		tr.Lines(from, 100, t0, t0)
		tr.Hit(from, "r", []byte("x"), t0)
		tr.Advance(t0+int64(time.Hour), nil)
		tr.Report("w", t0)
		tr.TakeChanges(true)
	})
}
