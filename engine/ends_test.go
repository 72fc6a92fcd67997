package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// ended lists what a record ends, by the parts of the keys.
func (r *run) ended(rec Record) string {
	var out []string
	for _, a := range r.record(rec) {
		if a.Kind == KindResolved {
			out = append(out, strings.ReplaceAll(a.Key, "\x1f", "|"))
		}
	}
	return strings.Join(out, " ")
}

func link(by ...string) RuleSettings {
	return RuleSettings{
		Name: "link", Pattern: `link (?P<name>\w*) down(?: by (?P<why>\w+))?`, Cooldown: 5 * time.Minute, CooldownBy: by, Rollup: true,
		ResolveOn: `link(?: (?P<name>\w+))? up(?: after (?P<why>\w+))?`,
	}
}

func TestALineEndsTheIncidentsOfItsKey(t *testing.T) {
	down := []Record{
		{Text: []byte("link a down by cut"), Source: web("c1")}, {Text: []byte("link b down by cut"), Source: web("c1")},
		{Text: []byte("link a down by rain"), Source: web("c2")}, {Text: []byte("link  down"), Source: web("c2")},
		{Text: []byte("link a down by cut"), Source: &Source{Workload: "ops/db", Container: Container{Name: "web-c1"}}},
	}
	c1, db := web("c1"), &Source{Workload: "ops/db", Container: Container{Name: "db-1"}}
	for _, c := range []struct {
		by   []string
		up   string
		from *Source
		want string
	}{
		{[]string{"container"}, "link up", c1, "link|web-c1"},
		{[]string{"container"}, "link up", web("c3"), ""},
		{[]string{"container"}, "link up", db, ""},
		{[]string{"workload"}, "link up", web("c3"), "link|shop/web"},
		{nil, "link up", c1, "link"},
		{nil, "link up", db, ""}, // the incident is of the workload of its first alert
		{[]string{"capture.name"}, "link a up", c1, "link|a"},
		{[]string{"capture.name"}, "link c up", c1, ""},
		{[]string{"capture.name"}, "link a up", db, ""},
		{[]string{"capture.name"}, "link up", c1, "link| link|a link|b"},
		{[]string{"container", "capture.name"}, "link up", c1, "link|web-c1|a link|web-c1|b"},
		{[]string{"container", "capture.name"}, "link b up", c1, "link|web-c1|b"},
		{[]string{"capture.name", "capture.why"}, "link a up", c1, "link|a|cut link|a|rain"},
		{[]string{"capture.name", "capture.why"}, "link up after cut", c1, "link|a|cut link|b|cut"},
		{[]string{"capture.name", "container", "capture.why"}, "link up after cut", c1, "link|a|web-c1|cut link|b|web-c1|cut"},
		{[]string{"container", "template"}, "link up", c1, "link|web-c1|link a down by cut link|web-c1|link b down by cut"},
	} {
		t.Run(fmt.Sprint(c.by, c.up, c.from.Container.Name), func(t *testing.T) {
			r := newRun(t, Settings{Rules: []RuleSettings{link(c.by...)}})
			for _, rec := range down {
				r.record(rec)
			}
			r.pass(time.Second)
			up := Record{Text: []byte(c.up), Source: c.from}
			if x := r.explain(up)[0]; x.Hit || x.Ends == nil || *x.Ends != len(strings.Fields(strings.ReplaceAll(c.want, " down by ", "_down_"))) &&
				!slices.Contains(c.by, "template") {
				t.Errorf("explained: %+v", x)
			}
			if got := r.ended(up); got != c.want {
				t.Errorf("it ends %q, want %q", got, c.want)
			}
			if got := r.ended(up); got != "" {
				t.Errorf("it ends %q again", got)
			}
			if n := r.counts()["link"]; n.Hits != int64(len(down)) {
				t.Errorf("%d hits: a line that ends an incident is not a hit", n.Hits)
			}
		})
	}
}

// TestTheEndOfALine: it has the line, when it happened, and how long the incident lasted until then; and the next hit alerts.
func TestTheEndOfALine(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{link("container")}})
	begin := r.line("link a down")
	if len(begin) != 1 || !begin[0].Resolves {
		t.Fatalf("%+v", begin)
	}
	r.pass(20 * time.Second)
	r.line("link a down")
	r.pass(3 * time.Minute)
	at := r.now
	r.pass(2 * time.Minute) // the line comes late, and the roll-up of 5:00 before it
	got := r.record(Record{Text: []byte("link a up"), Time: at})
	if len(got) != 2 || got[0].Kind != KindRollup || got[1].Kind != KindResolved {
		t.Fatalf("%+v", got)
	}
	end := got[1]
	if end.Message != "link a up" || end.Time != at || end.Recorded != at || end.Due != 0 || end.Count != 0 || end.Late != int64(2*time.Minute) {
		t.Errorf("the end is %+v", end)
	}
	if i := end.Incident; i.Hits != 2 || i.Alerts != 2 || i.Lasted != at-t0 || i.Began != t0 || end.Last != t0+int64(20*time.Second) {
		t.Errorf("the incident is %+v", i)
	}
	if want := "link is over in shop/web after 3m20s and 2 hits: link a down (2m late)"; end.Summary != want {
		t.Errorf("the summary is %q, want %q", end.Summary, want)
	}
	if again := r.line("link a down"); len(again) != 1 || again[0].Kind != KindLog {
		t.Errorf("after the end: %+v", again)
	}
	if got := r.later(24 * time.Hour); len(got) != 0 {
		t.Errorf("without resolve, no time ends it: %+v", got)
	}
}

// TestLinesThatEndNothing: hits, lines from before the latest hit, and rules that the line is not for.
func TestLinesThatEndNothing(t *testing.T) {
	both := link("container")
	both.ResolveOn = "link"
	own := link("container")
	own.Name, own.OnlyContainers = "own", []string{"c2"}
	r := newRun(t, Settings{Rules: []RuleSettings{both, own}, Workloads: []WorkloadSettings{{Match: "ops/*", Disable: []string{"link"}}}})
	r.line("link a down")
	r.pass(10 * time.Second)
	if got := r.line("link b down"); len(got) != 0 {
		t.Errorf("a hit that matches resolve_on: %+v", got)
	}
	if got := r.record(Record{Text: []byte("link a up"), Time: r.now - 1}); len(got) != 0 {
		t.Errorf("a line from before the latest hit: %+v", got)
	}
	if got := r.record(Record{Text: []byte("link a up"), Source: &Source{Workload: "ops/db", Container: Container{Name: "web-c1"}}}); len(got) != 0 {
		t.Errorf("where the rule is disabled: %+v", got)
	}
	if got := r.line("link a up"); len(got) != 1 || got[0].Rule != "link" {
		t.Errorf("a line of that moment: %+v", got)
	}
}

// TestALineEndsByItsWorkloadsRule: an override says which line ends an incident there, also in a workload that comes later.
func TestALineEndsByItsWorkloadsRule(t *testing.T) {
	rule := link("workload")
	r := newRun(t, Settings{Rules: []RuleSettings{rule}, Workloads: []WorkloadSettings{
		{Match: "ops/*", Overrides: []Override{{Rule: "link", Keys: []string{"resolve_on"}, Settings: RuleSettings{ResolveOn: "all quiet"}}}},
		{Match: "lab/*", Overrides: []Override{{Rule: "link", Keys: []string{"resolve_on"}}}},
	}})
	for _, c := range []struct{ workload, text, want string }{
		{"ops/db", "link up", ""}, {"ops/db", "all quiet", "link|ops/db"}, {"lab/x", "link up", ""}, {"shop/api", "all quiet", ""},
		{"shop/api", "link up", "link|shop/api"},
	} {
		of := &Source{Workload: c.workload, Container: Container{Name: "x"}}
		r.record(Record{Text: []byte("link a down"), Source: of})
		if got := r.ended(Record{Text: []byte(c.text), Source: of}); got != c.want {
			t.Errorf("%q in %s ends %q, want %q", c.text, c.workload, got, c.want)
		}
	}
}

// TestAnEventEndsAnIncident of another event, such as a container that is healthy again.
func TestAnEventEndsAnIncident(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{
		Name: "sick", Event: []string{"health_status: unhealthy"}, Cooldown: time.Hour, CooldownBy: []string{"container"}, ResolveOn: "health_status: healthy",
	}}})
	event := func(name string) []Alert {
		s := web("c1")
		s.Kind = SourceContainer
		return r.record(Record{Text: []byte("web-c1: " + name), Source: s, Fields: eventOf{EventField: name}})
	}
	if got := event("health_status: unhealthy"); len(got) != 1 || !got[0].Resolves {
		t.Fatalf("%+v", got)
	}
	if got := r.line("health_status: healthy"); len(got) != 0 {
		t.Errorf("a line that looks like the event: %+v", got)
	}
	if got := event("health_status: healthy"); len(got) != 1 || got[0].Kind != KindResolved {
		t.Errorf("%+v", got)
	}
}

// TestLinesEndWhatReloadsLeave: another resolve_on applies at once. An incident ends when its rule has no end any more, and when no line can have its key.
func TestLinesEndWhatReloadsLeave(t *testing.T) {
	other, gone, keyed, timed := link("container"), link("container"), link("workload"), link("workload")
	other.ResolveOn, gone.ResolveOn, timed.Resolve = "all quiet", "", time.Hour
	for _, c := range []struct {
		name string
		rule RuleSettings
		want string // ends at the reload, then at a line
	}{{"another line", other, "0 1"}, {"no end", gone, "1 0"}, {"another key", keyed, "1 0"}, {"another key that time ends", timed, "0 0"}} {
		for _, restart := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, restart), func(t *testing.T) {
				r := newRun(t, Settings{Rules: []RuleSettings{link("container")}})
				r.line("link a down")
				if restart {
					r = r.restart(Settings{Rules: []RuleSettings{c.rule}}, time.Second)
				} else {
					r.apply(Settings{Rules: []RuleSettings{c.rule}})
				}
				ended := len(r.later(time.Second))
				up := len(r.line("all quiet"))
				if got := fmt.Sprint(ended, up); got != c.want {
					t.Errorf("%s ends, want %s", got, c.want)
				}
			})
		}
	}
}

// TestAnEndMasksTheSecretsOfItsLine, and finds the key that a masked value is a part of.
func TestAnEndMasksTheSecretsOfItsLine(t *testing.T) {
	rule := link("capture.name")
	rule.Pattern, rule.ResolveOn = `token=(?P<name>\w+) refused`, `token=(?P<name>\w+) accepted`
	r := newRun(t, Settings{Rules: []RuleSettings{rule}, Redact: RedactSettings{Builtin: true, Patterns: []string{`token=(?P<token>\w+)`}}})
	r.line("token=sesame refused")
	r.line("token=other refused")
	got := r.line("token=sesame accepted")
	if len(got) != 1 || got[0].Message != "token=[redacted:token] accepted" || got[0].Redacted["token"] != 1 {
		t.Errorf("%+v", got)
	}
}

// TestManyIncidentsEndInTheOrderOfTheirKeys, in several batches.
func TestManyIncidentsEndInTheOrderOfTheirKeys(t *testing.T) {
	r := newRun(t, Settings{Limits: Limits{MaxKeys: 10_000}, Rules: []RuleSettings{link("capture.name")}})
	const n = 1000
	for i := range n {
		r.line(fmt.Sprintf("link n%d down", i))
	}
	got := r.line("link up")
	if len(got) != n || !slices.IsSortedFunc(got, func(a, b Alert) int { return strings.Compare(a.Key, b.Key) }) {
		t.Errorf("%d ends, want %d in order", len(got), n)
	}
}

func TestKeyPatterns(t *testing.T) {
	for _, c := range []struct {
		parts string // * is any text
		key   string
		want  bool
	}{
		{"", "", true}, {"a", "a", true}, {"a", "ab", false}, {"a*", "a", true}, {"a*", "abc", true}, {"a*", "ba", false}, {"*b", "ab", true},
		{"*b", "ba", false},
		{"a*a", "a", false}, {"a*a", "aa", true}, {"a*b*c", "a-b-c", true}, {"a*b*c", "a-c-b", false}, {"a*b*b", "ab", false}, {"a*b*b", "abb", true},
		{"*", "", true},
		{"a**b", "ab", true}, {"a*bb*b", "abb", false}, {"a*bb*b", "abbb", true},
	} {
		p := &model.KeyPattern{}
		for i, text := range strings.Split(c.parts, "*") {
			if i > 0 {
				p.AddAny()
			}
			p.Add([]byte(text))
		}
		if got := p.Matches(c.key); got != c.want {
			t.Errorf("%q matches %q: %v", c.parts, c.key, got)
		}
	}
}

// TestExplainNamesTheSilenceThatStays: a hit names a silence only if the line itself does not end it.
func TestExplainNamesTheSilenceThatStays(t *testing.T) {
	r := newRun(t, Settings{Rules: []RuleSettings{{Name: "boom", Pattern: "boom"}}})
	image := func(name string) Record {
		s := web("c1")
		s.Container.Image = name
		return Record{Text: []byte("boom"), Source: s}
	}
	r.record(image("shop/web:1"))
	r.pass(time.Minute)
	any := Matchers{Rule: "boom"}
	a := Silence{ID: "a", Matchers: any, From: t0, Until: t0 + int64(time.Hour)}
	b := a
	a.NextImage, b.ID = true, "b"
	r.silence(a, b)
	r.pass(time.Minute)
	if x := r.explain(image("shop/web:1"))[0]; x.Silence != "a" {
		t.Errorf("the same image: silence %q", x.Silence)
	}
	if x := r.explain(image("shop/web:2"))[0]; x.Silence != "b" {
		t.Errorf("the line of a new image ends silence a: silence %q", x.Silence)
	}
}
