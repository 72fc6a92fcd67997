package pipeline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// TestNoticesOfOneContainer: one alert at once, and one a minute with the number of the others; other containers and kinds have their own. None is lost
// at the end.
func TestNoticesOfOneContainer(t *testing.T) {
	var n notices
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	gap := func(container, id string) docker.Notice {
		return docker.Notice{Kind: docker.NoticeGap, Source: &engine.Source{Container: engine.Container{Name: container, ID: id}}, Text: "lines are lost"}
	}
	alerts, stood := 0, 0
	for i := range 46 {
		if n.admit(gap("shop/api/1", fmt.Sprint(i)), at.Add(time.Duration(i)*100*time.Millisecond)) {
			alerts++
			stood++
		}
	}
	if alerts != 1 {
		t.Errorf("%d alerts at once", alerts)
	}
	if !n.admit(gap("shop/api/2", "x"), at) || !n.admit(gap("", "x"), at) || !n.admit(docker.Notice{Kind: docker.NoticeUnreadable, Source: gap("shop/api/1", "x").Source}, at) {
		t.Error("a notice about something else was held back")
	}
	if held := n.due(at.Add(59*time.Second), false); len(held) != 0 {
		t.Errorf("reported before the minute is over: %+v", held)
	}
	held := n.due(at.Add(time.Minute), false)
	if len(held) != 1 || held[0].held != 45 || !held[0].first.Equal(at.Add(100*time.Millisecond)) || !held[0].last.Equal(at.Add(4500*time.Millisecond)) {
		t.Fatalf("%+v", held)
	}
	if n.admit(gap("shop/api/1", "y"), at.Add(90*time.Second)) {
		t.Error("the next minute did not begin")
	}
	if held := n.due(at.Add(91*time.Second), true); len(held) != 1 || held[0].held != 1 {
		t.Errorf("at the end: %+v", held)
	}
	if held := n.due(at.Add(10*time.Minute), false); len(held) != 0 || len(n.windows) != 0 {
		t.Errorf("%+v, %d windows", held, len(n.windows))
	}
	n.admit(gap("shop/api/1", "z"), at.Add(time.Hour))
	n.admit(gap("shop/api/1", "z"), at.Add(time.Hour))
	if held := n.due(at, false); len(held) != 1 {
		t.Errorf("after the clock was set back: %+v", held)
	}
	for i := range maxNotices + 10 {
		if !n.admit(gap(fmt.Sprint("c", i), ""), at) {
			t.Fatal("the first notice of a container was held back")
		}
	}
	if len(n.windows) > maxNotices {
		t.Errorf("%d windows", len(n.windows))
	}
}

func TestHeldNoticesAreToldAtTheEnd(t *testing.T) {
	b := newBench(t)
	o := b.options(b.document(rule("boom", "^boom")))
	p := b.start(o)
	for range 46 {
		p.Report(docker.Notice{Kind: docker.NoticeGap, Source: containerLines().Source, Text: "lines are lost"})
	}
	b.messages(1)
	b.stop(p)
	b.start(o)
	b.messages(2)
	if a := b.alerts(); len(a) != 2 || a[0].Count+a[1].Count != 46 || !strings.HasPrefix(a[1].Summary, "lines are lost (45 times since ") {
		t.Errorf("alerts %+v", a)
	}
}
