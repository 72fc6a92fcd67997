package engine

import (
	"strings"
	"testing"
	"time"
)

// eventOf are the fields of an event.
type eventOf map[string]string

func (e eventOf) AppendField(dst []byte, path string) ([]byte, bool) {
	v, ok := e[path]
	return append(dst, v...), ok
}

func TestEventsMeetTheirRulesAlone(t *testing.T) {
	rule := func(name string, set func(*RuleSettings)) RuleSettings {
		r := DefaultRule()
		r.Name = name
		set(&r)
		return r
	}
	e := New()
	snapshot, err := e.Compile(Settings{Limits: DefaultLimits(), Rules: []RuleSettings{
		rule("failed", func(r *RuleSettings) {
			r.Event, r.Where, r.Summary = []string{"die", "oom"}, map[string]string{"exit_code": "!=0"}, "ended with {{ .Captures.exit_code }}"
		}),
		rule("sick", func(r *RuleSettings) { r.Event = []string{"health_status: unhealthy"} }),
		rule("health", func(r *RuleSettings) { r.Event, r.Cooldown = []string{"health_status"}, 0 }),
		rule("text", func(r *RuleSettings) { r.Event, r.Pattern = []string{"die"}, "code 3" }),
		rule("log", func(r *RuleSettings) { r.Keywords = []string{"code"} }),
		rule("fields", func(r *RuleSettings) { r.Where = map[string]string{"exit_code": "!=0"} }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	e.Apply(snapshot)
	container := Container{ID: "c1", Name: "web"}
	log, event := &Source{Kind: "log", Workload: "web", Container: container}, &Source{Kind: SourceContainer, Workload: "web", Container: container}
	now := int64(0)
	process := func(s *Source, text string, fields Fields) (names []string, alerts []Alert) {
		now += int64(time.Second)
		w := e.Worker()
		defer w.Release()
		alerts = w.Process(&Record{Time: now, Text: []byte(text), Source: s, Fields: fields}, now, nil)
		for _, a := range alerts {
			names = append(names, a.Rule)
		}
		return names, alerts
	}
	for _, step := range []struct {
		source *Source
		event  string
		code   string
		want   string
	}{
		{log, "die", "3", "log fields"},
		{event, "die", "0", ""},
		{event, "die", "1", "failed"},
		{event, "die", "2", ""}, // the cooldown
		{event, "oom", "2", "failed"},
		{event, "die", "3", "text"},
		{event, "health_status: unhealthy", "", "sick health"},
		{event, "health_status: healthy", "", "health"},
		{event, "start", "", ""},
	} {
		fields := eventOf{EventField: step.event}
		if step.code != "" {
			fields[ExitCodeField] = step.code
		}
		names, alerts := process(step.source, step.event+" code "+step.code, fields)
		if got := strings.Join(names, " "); got != step.want {
			t.Errorf("%s %s %s: %q, want %q", step.source.Kind, step.event, step.code, got, step.want)
		}
		for _, a := range alerts {
			if kind := a.Kind == KindContainer; kind != (step.source == event) {
				t.Errorf("kind %s of %s", a.Kind, step.event)
			}
			if a.Rule == "failed" && a.Summary != "ended with "+step.code {
				t.Errorf("summary %q", a.Summary)
			}
		}
		w := e.Worker()
		for _, x := range e.Explain(&Record{Time: now, Text: []byte(step.event + " code " + step.code), Source: step.source, Fields: fields}, now) {
			if x.Hit != (x.Failed() == nil) {
				t.Errorf("%s: rule %s: hit %t, checks %v", step.event, x.Rule, x.Hit, x.Checks)
			}
		}
		w.Release()
	}
}

func TestEventNames(t *testing.T) {
	r := DefaultRule()
	r.Name, r.Event = "x", []string{"died"}
	if errs := r.Validate(); len(errs) != 1 || errs[0].Field != "event" || errs[0].Value != "died" {
		t.Errorf("%v", errs)
	}
	r.Event, r.Stream = EventNames(), "stderr"
	if errs := r.Validate(); len(errs) != 1 || errs[0].Field != "stream" {
		t.Errorf("%v", errs)
	}
}
