package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

func containerLines(texts ...string) *docker.Batch {
	b := &docker.Batch{Source: &engine.Source{Kind: "log", Workload: "shop/api", Container: engine.Container{ID: "c1", Name: "api"}}}
	for i, text := range texts {
		b.Lines = append(b.Lines, docker.Line{Time: 1700000000e9, Stream: engine.Stderr, Text: []byte(text), Ordinal: uint64(i)})
	}
	return b
}

// TestContainerLinesThatComeAgainAreOneAlert takes the same lines twice, in other batches.
func TestContainerLinesThatComeAgainAreOneAlert(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom"))))
	if err := p.Take(t.Context(), containerLines("boom", "boom", "quiet")); err != nil {
		t.Fatal(err)
	}
	b.messages(2)
	again := containerLines("boom", "boom", "quiet", "boom at last")
	again.Lines = again.Lines[1:]
	if err := p.Take(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if got := b.messages(3); got[2] != "boom at last" || len(got) != 3 {
		t.Errorf("alerts %q", got)
	}
	a := b.server.Alerts()[0]
	if a.Source.Workload != "shop/api" || a.Source.Stream != "stderr" || a.Source.Container.ID != "c1" {
		t.Errorf("source %+v", a.Source)
	}
}

func TestTakeEndsWithItsContext(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom"))))
	b.stop(p)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Take(ctx, containerLines("boom")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestPlacesAreKept(t *testing.T) {
	b := newBench(t)
	o := b.options(b.document(rule("boom", "^boom")))
	p := b.start(o)
	for _, changed := range []map[string][]byte{{"": {1}, "a": {2}, "b": {3}}, {"a": nil, "b": {4}}} {
		if err := p.SavePlaces(t.Context(), changed); err != nil {
			t.Fatal(err)
		}
	}
	b.stop(p)
	p = b.start(o)
	got, err := p.Places(t.Context())
	if err != nil || len(got) != 2 || got[""][0] != 1 || got["b"][0] != 4 {
		t.Errorf("places %v, %v", got, err)
	}
}

func TestANoticeIsAnAlert(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom"))))
	p.Tell(docker.Notice{Kind: docker.NoticeGap, Source: containerLines().Source, Text: "lines are lost"})
	b.messages(1)
	if a := b.server.Alerts()[0]; a.Kind != "system" || a.Rule != "docker-gap" || a.Source.Container.Name != "api" {
		t.Errorf("alert %+v", a)
	}
}
