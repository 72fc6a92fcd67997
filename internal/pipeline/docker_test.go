package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
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
	if err := p.OnLines(t.Context(), containerLines("boom", "boom", "quiet")); err != nil {
		t.Fatal(err)
	}
	b.messages(2)
	again := containerLines("boom", "boom", "quiet", "boom at last")
	again.Lines = again.Lines[1:]
	if err := p.OnLines(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if got := b.messages(3); got[2] != "boom at last" || len(got) != 3 {
		t.Errorf("alerts %q", got)
	}
	a := b.alerts()[0]
	if a.Source.Workload != "shop/api" || a.Source.Stream != "stderr" || a.Source.Container.ID != "c1" {
		t.Errorf("source %+v", a.Source)
	}
}

// TestContainerLinesAreWithoutSequences takes lines as a terminal's log holds them, before and after a reload that keeps the sequences.
func TestContainerLinesAreWithoutSequences(t *testing.T) {
	b := newBench(t)
	o := b.options(b.document(rule("boom", "^boom$|^\x1b.*boom")))
	p := b.start(o)
	if err := p.OnLines(t.Context(), containerLines("\x1b[31mboom\x1b[0m\r", "bo\x1b[1mom")); err != nil {
		t.Fatal(err)
	}
	if got := b.messages(2); got[0] != "boom" || got[1] != "boom" {
		t.Errorf("alerts %q", got)
	}
	b.stop(p)
	o = b.options(b.document("[records]\nkeep_ansi = true\n" + rule("boom", "^boom$|^\\x1b.*boom")))
	p = b.start(o)
	if err := p.OnLines(t.Context(), containerLines("\x1b[31mboom again\x1b[0m\r")); err != nil {
		t.Fatal(err)
	}
	if got := b.messages(3); got[2] != "\x1b[31mboom again\x1b[0m" {
		t.Errorf("alerts %q", got)
	}
}

func TestTakeEndsWithItsContext(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom"))))
	b.stop(p)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.OnLines(ctx, containerLines("boom")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestPlacesAreKept(t *testing.T) {
	b := newBench(t)
	o := b.options(b.document(rule("boom", "^boom")))
	p := b.start(o)
	for _, changed := range []map[string][]byte{{"": {1}, "a": {2}, "b": {3}}, {"a": nil, "b": {4}}} {
		if err := p.SavePositions(t.Context(), changed); err != nil {
			t.Fatal(err)
		}
	}
	b.stop(p)
	p = b.start(o)
	got, err := p.Positions(t.Context())
	if err != nil || len(got) != 2 || got[""][0] != 1 || got["b"][0] != 4 {
		t.Errorf("places %v, %v", got, err)
	}
}

func TestANoticeIsAnAlert(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom"))))
	p.Report(docker.Notice{Kind: docker.NoticeGap, Source: containerLines().Source, Text: "lines are lost"})
	b.messages(1)
	if a := b.alerts()[0]; a.Kind != "system" || a.Rule != "docker-gap" || a.Source.Container.Name != "api" {
		t.Errorf("alert %+v", a)
	}
}

func TestAnEventIsAnAlert(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document("[[rule]]\nname = \"ended\"\nevent = [\"die\"]\nwhere = { exit_code = \">0\" }\nsummary = \"code {{ .Captures.exit_code }}\"\n")))
	o := docker.ContainerEvent{
		Source: &engine.Source{Kind: engine.SourceContainer, Workload: "shop/api", Container: engine.Container{ID: "c1", Name: "api"}},
		Time:   time.Now().UnixNano(), Action: "die", ExitCode: "0",
	}
	for _, code := range []string{"0", "137", "137"} {
		o.ExitCode = code
		if err := p.OnEvent(t.Context(), &o); err != nil {
			t.Fatal(err)
		}
	}
	b.messages(1)
	a := b.alerts()[0]
	if a.Kind != "container" || a.Source.Kind != "container" || a.Summary != "code 137" || a.Message != "container api: die, exit code 137" ||
		a.Captures["event"] != "die" || a.Source.Stream != "" {
		t.Errorf("alert %+v", a)
	}
	if s := p.Stats(t.Context()); s.Engine.Lines != 0 || s.Engine.Events != 3 || s.Engine.Rules["ended"].Hits != 2 {
		t.Errorf("%d lines, %d events, want none and 3; the rule's counts are %+v", s.Engine.Lines, s.Engine.Events, s.Engine.Rules["ended"])
	}
	p.Explain(&engine.Record{Text: []byte(o.Text()), Source: o.Source, Fields: &o})
	if s := p.Stats(t.Context()); s.Engine.Lines != 0 || s.Engine.Events != 3 {
		t.Errorf("explaining was counted: %d lines, %d events", s.Engine.Lines, s.Engine.Events)
	}
	if met, _ := p.Workloads(); len(met) != 1 || met[0].Lines != 0 || met[0].Hits != 2 {
		t.Errorf("met %+v", met)
	}
	b.stop(p)
	if !strings.Contains(b.log.String(), "stopped lines=0 hits=2 alerts=1") || !strings.Contains(b.log.String(), "events=3") {
		t.Errorf("the end is reported otherwise:\n%s", b.log)
	}
}

// TestRulesOfLabels come and go with their containers, and are for them alone.
func TestRulesOfLabels(t *testing.T) {
	b := newBench(t)
	document := b.document(rule("boom", "^boom") + "[labels]\nrules = true\n")
	p := b.start(b.options(document))
	container := func(id string, labels ...string) *docker.Container {
		c := &docker.Container{ID: id, Name: "api-" + id, Labels: map[string]string{}}
		for i := 0; i < len(labels); i += 2 {
			c.Labels["fluentbit-trigger.rule."+labels[i]] = labels[i+1]
		}
		return c
	}
	source := func(id string) *engine.Source {
		return &engine.Source{Kind: "log", Workload: "shop/api*", Container: engine.Container{ID: id, Name: "api-" + id}}
	}
	hits := func() (n int64) {
		for id, c := range p.engine.Stats().Rules {
			if id == `slow@shop/api\*` {
				n = c.Hits
			}
		}
		return n
	}
	say := func(id string) {
		t.Helper()
		if err := p.OnLines(t.Context(), &docker.Batch{Source: source(id), Lines: []docker.Line{{Time: 1, Text: []byte("slow")}}}); err != nil {
			t.Fatal(err)
		}
	}
	for id, c := range map[string]*docker.Container{
		"c1": container("c1", "slow.pattern", "slow"), "c2": container("c2", "slow.pattern", "slow", "bad.patern", "x"), "c3": container("c3"),
	} {
		p.OnContainer(t.Context(), c, source(id))
	}
	for _, id := range []string{"c1", "c2", "c3"} {
		say(id)
	}
	if n := hits(); n != 2 {
		t.Errorf("%d hits, want 2", n)
	}
	p.OnContainer(t.Context(), container("c4", "slow.pattern", "other"), source("c4"))
	if log := b.log.String(); !strings.Contains(log, "bad.patern") || !strings.Contains(log, "defines this rule with other settings") {
		t.Errorf("the log shows no problem:\n%s", log)
	}
	applied := func() int { return strings.Count(b.log.String(), "rules from labels applied") }
	before := applied()
	p.OnContainerGone("c1")
	b.eventually("the rules are compiled again", func() bool { return applied() > before })
	p.Reload() // it does not lose them
	say("c1")
	say("c2")
	if n := hits(); n != 3 {
		t.Errorf("%d hits, want 3", n)
	}
}

// TestLabelsThatPrintAlikeAreDifferentRules holds that rules of labels are compared by value: of two containers whose rules of one name differ only
// in where a keyword ends, one is reported as left out, whichever came first.
func TestLabelsThatPrintAlikeAreDifferentRules(t *testing.T) {
	keywords := map[string][]string{"c1": {"disk full"}, "c2": {"disk", "full"}}
	for _, order := range [][]string{{"c1", "c2"}, {"c2", "c1"}} {
		b := newBench(t)
		p := b.start(b.options(b.document(rule("boom", "^boom") + "[labels]\nrules = true\n")))
		for _, id := range order {
			c := &docker.Container{ID: id, Name: "api-" + id, Labels: map[string]string{}}
			for i, k := range keywords[id] {
				c.Labels[fmt.Sprintf("fluentbit-trigger.rule.slow.keywords.%d", i+1)] = k
			}
			p.OnContainer(t.Context(), c, &engine.Source{Kind: "log", Workload: "shop", Container: engine.Container{ID: id, Name: "api-" + id}})
		}
		p.Reload()
		if log := b.log.String(); strings.Count(log, "container api-c2: label fluentbit-trigger.rule.slow: another container of the workload shop defines this rule") != 1 {
			t.Errorf("%v: the log does not report the conflict once:\n%s", order, log)
		}
	}
}

// TestADecoderIsReplacedWhenItsSettingsChange holds that the settings of the decoder are compared by value.
func TestADecoderIsReplacedWhenItsSettingsChange(t *testing.T) {
	b := newBench(t)
	records := func(keys string) string {
		return b.document(rule("boom", "^boom") + "[records]\nlog_keys = " + keys + "\n")
	}
	p := b.start(b.options(records(`["log message"]`)))
	before := p.decoder.Load()
	b.write(records(`["log message"]`) + "# the same\n")
	if p.Reload(); p.decoder.Load() != before {
		t.Error("the decoder was replaced, and its settings did not change")
	}
	b.write(records(`["log", "message"]`))
	if p.Reload(); p.decoder.Load() == before {
		t.Error("the decoder was kept, and its settings changed")
	}
}

// TestLabelsThatMakeNoRules keep no container's log waiting, and make some when that is switched on.
func TestLabelsThatMakeNoRules(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom"))))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p.reloading.Lock() // nothing can be compiled
	p.OnContainer(ctx, &docker.Container{ID: "c1", Name: "c1", Labels: map[string]string{"fluentbit-trigger.rule.r.keywords": "x"}},
		&engine.Source{Kind: "log", Workload: "c1", Container: engine.Container{ID: "c1"}})
	p.reloading.Unlock()
	if ctx.Err() != nil {
		t.Error("its log waited for rules to be compiled")
	}
	has := func() bool { _, ok := p.engine.Stats().Rules["r@c1"]; return ok }
	if has() {
		t.Error("there is a rule")
	}
	b.write(b.document(rule("boom", "^boom") + "[labels]\nrules = true\n"))
	p.Reload()
	b.eventually("there is the rule", has)
}

// TestManyContainersWithRules are compiled together.
func TestManyContainersWithRules(t *testing.T) {
	b := newBench(t)
	p := b.start(b.options(b.document(rule("boom", "^boom") + "[labels]\nrules = true\n")))
	var met sync.WaitGroup
	for i := range 1200 {
		met.Go(func() {
			id := fmt.Sprint("c", i)
			p.OnContainer(t.Context(), &docker.Container{ID: id, Name: id, Labels: map[string]string{"fluentbit-trigger.rule.r.keywords": id}},
				&engine.Source{Kind: "log", Workload: id, Container: engine.Container{ID: id}})
		})
	}
	met.Wait()
	if n := strings.Count(b.log.String(), "rules from labels applied"); n > 10 {
		t.Errorf("the rules were compiled %d times", n)
	}
	n := 0
	for id := range p.engine.Stats().Rules {
		if strings.HasPrefix(id, "r@") {
			n++
		}
	}
	if n != 1000 {
		t.Errorf("%d rules, want 1000", n)
	}
}

// TestEventsInAChunk are met by rules with event alone, and are one alert each, however often the chunk comes, also after a restart.
func TestEventsInAChunk(t *testing.T) {
	b := newBench(t)
	o := b.options(b.document("[[rule]]\nname = \"ended\"\nevent = [\"die\"]\ncooldown = \"0s\"\nwhere = { exit_code = \">0\" }\n" + rule("line", "exitCode|exit code|^boom")))
	event := func(name, code string, at int64) string {
		return fmt.Sprintf(`{"Type":"container","Action":"die","Actor":{"ID":%q,"Attributes":{"exitCode":%q,"name":%q}},"timeNano":%d}`+"\n",
			strings.Repeat("0a", 32), code, name, at)
	}
	chunk := func(texts ...string) (out []byte) {
		for i, text := range texts {
			out = chunktest.Event(out, chunktest.FirstTime+int64(i), chunktest.M(), chunktest.M("message", text))
		}
		return out
	}
	same := chunk(event("a", "0", 1e18)+event("b", "137", 1e18+1)+event("c", "3", 1e18+2), "boom")
	p := b.start(o)
	for range 2 {
		if v := p.Flush(same, "docker_events.0"); v != Accepted {
			t.Fatal(v)
		}
	}
	b.messages(4)
	b.stop(p)
	p = b.start(o)
	p.Flush(same, "docker_events.0")
	p.Flush(chunk(event("d", "4", 1e18+3)), "docker_events.0")
	p.Flush(chunk(event("e", "5", 1e18+4)), "another.tag")
	want := []string{
		"boom", "boom", // two lines of one run; the one of the next run is the first of them
		"container b: die, exit code 137", "container c: die, exit code 3", "container d: die, exit code 4", strings.TrimSpace(event("e", "5", 1e18+4)),
	}
	got := b.messages(len(want))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	for _, a := range b.alerts() {
		switch event := a.Rule == "ended"; {
		case event != (a.Kind == "container") || event != (a.Source.Kind == "container"):
			t.Errorf("%+v", a)
		case event && (a.Source.Tag != "docker_events.0" || a.Captures["exit_code"] == "" || a.Time.UnixNano() < 1e18):
			t.Errorf("%+v", a)
		}
	}
}
