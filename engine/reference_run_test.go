package engine

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rules"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// choices makes what is random: from a seed, or from the bytes of a fuzzer, behind which everything is the first choice.
type choices struct {
	rnd   *rand.Rand
	bytes []byte
}

func (c *choices) below(n int) int {
	if c.rnd != nil {
		return c.rnd.IntN(n)
	}
	if len(c.bytes) == 0 {
		return 0
	}
	b := c.bytes[0]
	c.bytes = c.bytes[1:]
	return int(b) % n
}

func pick[T any](c *choices, of ...T) T { return of[c.below(len(of))] }

// seconds chooses a length of time in whole seconds, so that moments meet.
func (c *choices) seconds(of ...int) time.Duration {
	return time.Duration(pick(c, of...)) * time.Second
}

// referenceSettings makes rules of all that is counted, in all mixtures that validate. With few keys, state is forgotten.
func referenceSettings(c *choices) Settings {
	s := Settings{Limits: Limits{MaxKeys: 1000}}
	few := c.below(4) == 0
	if few {
		s.Limits.MaxKeys = 1 + c.below(6)
	}
	if c.below(3) > 0 {
		s.Limits.PerContainer = Bucket{Rate: setting.Rate{Count: 1 + c.below(6), Per: time.Minute}, Burst: 1 + c.below(4)}
	}
	for i := range 1 + c.below(4) {
		r := RuleSettings{
			Name: fmt.Sprint("r", i), Severity: pick(c, SeverityUnknown, SeverityInfo, SeverityWarning),
			Pattern:    pick(c, `disk|net`, `(?P<x>disk|net|auth)`, `user=(?P<x>\w*)`, `code (?P<x>\d+)`),
			Cooldown:   c.seconds(0, 10, 60, 150),
			CooldownBy: pick(c, nil, []string{"container"}, []string{"workload"}, []string{"template"}, []string{"container", "template"}, []string{"capture.x"}),
			Rollup:     c.below(4) > 0, DryRun: c.below(6) == 0, AbsentFrom: rules.AbsentFromRecord,
		}
		if strings.HasPrefix(r.Pattern, "disk") && len(r.CooldownBy) > 0 && r.CooldownBy[0] == "capture.x" {
			r.CooldownBy = nil
		}
		if c.below(4) == 0 {
			r.Workloads = []string{pick(c, "shop/web", "ops/db")}
		}
		switch what := c.below(10); {
		case what == 0:
			r.Count, r.Within = 2+c.below(3), c.seconds(10, 30, 120)
			if strings.Contains(r.Pattern, "<x>") && c.below(2) == 0 {
				r.Distinct = "capture.x"
			}
		case what == 1 && !few: // what is forgotten of waits depends on which sources are met again
			r.Absent, r.AbsentFrom = c.seconds(20, 60, 200), pick(c, rules.AbsentFromRecord, rules.AbsentFromStart)
		case what == 3 || what == 4:
			r.After, r.Within = pick(c, "r0", "r1", "r2"), c.seconds(5, 30, 120, 600)
			for r.After == r.Name {
				r.After = pick(c, "r1", "r0")
			}
			r.By = pick(c, nil, []string{"container"}, []string{"workload"})
			if strings.Contains(r.Pattern, "<x>") && c.below(2) == 0 {
				r.By = append(r.By, "capture.x")
			}
			if what == 4 {
				r.Without, r.After = r.After, ""
			}
		case what >= 8:
			referenceRates(c, &r)
		case what == 2:
			r.FirstSeen = pick(c, FirstSeenImage, FirstSeen(c.seconds(15, 90, 600)))
		}
		alone := r.Absent > 0 || r.Without != "" || r.Rate.Below != 0 // hits make no alerts that go on
		if !alone && c.below(3) == 0 {
			r.Escalate = []Escalation{{After: c.seconds(10, 60), Severity: SeverityError}, {After: c.seconds(100, 200), Severity: SeverityCritical}}
		}
		if !alone && c.below(3) == 0 {
			r.Resolve = c.seconds(5, 20, 60, 200)
		}
		if !alone && c.below(3) == 0 {
			r.ResolveOn = pick(c, `quiet`, `^(?:quiet|auth)`, `^quiet (?:.*code (?P<x>\d+))?`, `user=(?P<x>\w*)`, `net.*user=(?P<x>\w+)`)
		}
		if !alone && r.Cooldown > 0 && c.below(2) == 0 {
			r.CooldownMax = max(r.Cooldown, c.seconds(25, 100, 480))
		}
		if r.Without == "" && r.Rate.Below == 0 && c.below(4) == 0 {
			r.Context.After = 1 + c.below(3)
		}
		if len(rules.ScopeFaults(&r)) == 0 && c.below(2) == 0 {
			r.Scope = ScopeFleet
		}
		if c.below(3) == 0 {
			r.Labels = map[string]string{"team": pick(c, "a", "b")}
		}
		s.Rules = append(s.Rules, r)
	}
	if c.below(2) == 0 { // masks change what alerts show and the order of keys, and nothing else that is counted
		s.Redact = DefaultRedact()
		s.Redact.Patterns = []string{refSecret.String()}
	}
	for range c.below(3) {
		s.Inhibits = append(s.Inhibits, InhibitSettings{
			Source: referenceMatchers(c), Target: referenceMatchers(c), For: c.seconds(10, 60),
			Equal: pick(c, nil, []string{"workload"}, []string{"host", "workload"}),
		})
	}
	return s
}

// refSecret is masked in many scenarios. It is what distinct values, sequences and templates are made of.
var refSecret = regexp.MustCompile(`code (?P<code>\d+)`)

func referenceMatchers(c *choices) (m Matchers) {
	for m.Empty() {
		m = Matchers{
			Rule: pick(c, "", "", "r0", "r1", "r*"), Workload: pick(c, "", "", "shop/*", "ops/db"), Container: pick(c, "", "", "c1", "c*"),
			Severity: pick(c, nil, nil, nil, []Severity{SeverityWarning, SeverityError}, []Severity{SeverityCritical}),
			Message:  pick(c, "", "", "", "disk", "ann$"),
			Where: pick(c, nil, nil, nil, map[string]string{"kind": "!=rollup"}, map[string]string{"kind": "rollup"}, map[string]string{"kind": "!=log"}, map[string]string{"host": "node-1"},
				map[string]string{"stream": "stderr", "severity": "!=info"}, map[string]string{"capture.x": "present()"}, map[string]string{"capture.x": "!=ann"},
				map[string]string{"label.team": "a"}),
		}
		if c.rnd == nil && len(c.bytes) == 0 {
			m.Rule = "r0"
		}
	}
	return m
}

func referenceSilences(c *choices, now int64) []Silence {
	var list []Silence
	for i := range c.below(4) {
		from := now + int64(c.seconds(0, 5, 60))
		s := Silence{ID: fmt.Sprint(i), Matchers: referenceMatchers(c), From: from, Until: from + int64(c.seconds(5, 40, 120))}
		switch c.below(4) {
		case 0, 1:
			referenceHours(c, &s, now)
		case 2:
			s.NextImage, s.Until = true, from+int64(time.Hour)
		}
		list = append(list, s)
	}
	return list
}

// referenceHours gives a silence hours that begin or end about now, in a zone whose clock may change about now.
func referenceHours(c *choices, s *Silence, now int64) {
	s.Until = pick(c, 0, 0, now+int64(10*time.Minute))
	s.Zone = pick(c, referenceChanges...).zone
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		panic(err)
	}
	for range 1 + c.below(2) {
		from := time.Unix(0, now).Add(time.Duration(pick(c, -700, -62, -5, -1, 0, 1, 2, 5, 30)) * time.Minute).In(zone)
		to := from.Add(time.Duration(pick(c, 1, 3, 10, 58, 90, 800)) * time.Minute)
		days := pick(c, "daily", "daily", "weekdays", strings.ToLower(from.Weekday().String()), strings.ToLower(to.Weekday().String()))
		if a, b := from.Format("15:04"), to.Format("15:04"); a != b { // as over a change of the clock
			s.Every = append(s.Every, days+" "+a+"-"+b)
		}
	}
	if len(s.Every) == 0 {
		s.Every = []string{"daily 00:00-12:00"}
	}
}

// referenceChanges are moments a few minutes before a clock changes, in both hemispheres, ahead and back.
var referenceChanges = []struct{ zone, at string }{
	{"UTC", "2023-11-14T22:13:20Z"}, {"Europe/Berlin", "2026-03-29T00:56:30Z"}, {"Europe/Berlin", "2026-10-25T00:56:30Z"},
	{"Australia/Sydney", "2026-10-03T15:56:30Z"}, {"Australia/Sydney", "2026-04-04T15:56:30Z"}, {"Australia/Lord_Howe", "2026-04-04T14:56:30Z"},
}

// referenceSources are few, so that their records meet in keys and buckets.
func referenceSources() []*Source {
	var all []*Source
	for i, workload := range []string{"shop/web", "shop/web", "shop/api", "ops/db"} {
		all = append(all, &Source{
			Kind: "log", Workload: workload, Host: fmt.Sprint("node-", i%2), Tag: "docker", Container: Container{ID: fmt.Sprint("c", i)},
		})
	}
	return all
}

// versus plays one run of settings, lines, looks at the clock and silences to the engine and to the reference, and holds after every step that both
// reported the same and count the same.
type versus struct {
	*run
	c        *choices
	m        *reference
	sources  []*Source
	steps    []string // for the report
	kinds    map[Kind]int
	reported map[string]int64
	gone     int64 // hits that silences suppressed which are no more

	clocks   []time.Duration // of the sources, ahead or behind
	behind   time.Duration   // of what is caught up with
	saved    map[string][]byte
	restarts int
	late     int
	overBy   int          // incidents that a line ended
	explains int          // lines of which Explain said so
	deploys  int          // containers that were made
	aged     int          // alerts with an image whose age is known
	rates    map[Kind]int // alerts with a rate
	ratios   int          // and with a ratio
	high     int64        // the latest that the clock showed
}

// refMasks has the redactors of scenarios, of which there are two: without masks, and with those of referenceSettings. To compile them for each engine would take
// half of the time.
var refMasks sync.Map

// newWithMasks returns an engine without rules whose masks are compiled. A scenario compares what is masked, and not how often.
func newWithMasks(t *testing.T, s RedactSettings) *Engine {
	t.Helper()
	name := fmt.Sprint(s)
	masks, ok := refMasks.Load(name)
	if !ok {
		r, err := NewRedactor(s)
		if err != nil {
			t.Fatal(err)
		}
		masks, _ = refMasks.LoadOrStore(name, r)
	}
	e := New()
	e.Snapshot().Settings.Redact, e.Snapshot().Redactor = s, masks.(*Redactor)
	return e
}

// refRegexps has the expressions of scenarios, which are few.
var refRegexps sync.Map

func refRegexp(text string) *regexp.Regexp {
	re, ok := refRegexps.Load(text)
	if !ok {
		re, _ = refRegexps.LoadOrStore(text, regexp.MustCompile(text))
	}
	return re.(*regexp.Regexp)
}

func newVersus(t *testing.T, c *choices) *versus {
	s := referenceSettings(c)
	m := newReference(s)
	v := &versus{
		run: &run{t: t, e: newWithMasks(t, s.Redact), now: t0}, c: c, m: m, sources: referenceSources(), kinds: map[Kind]int{}, rates: map[Kind]int{}, reported: map[string]int64{}, saved: map[string][]byte{},
	}
	v.apply(v.m.copied())
	if begin, err := time.Parse(time.RFC3339, pick(c, referenceChanges...).at); err != nil {
		t.Fatal(err)
	} else if c.below(2) == 0 {
		v.now = begin.UnixNano()
	}
	v.e.TakeState(false)
	for range v.sources {
		v.clocks = append(v.clocks, c.seconds(0, 0, 0, 0, 7, -3, -40, -7200))
	}
	for i := range s.Rules {
		v.steps = append(v.steps, fmt.Sprintf("%+v", s.Rules[i]))
	}
	v.steps = append(v.steps, fmt.Sprintf("%+v %+v", s.Limits, s.Inhibits))
	v.m.start(v.now)
	v.m.tick(v.now)
	v.same(v.e.Tick(v.now, nil))
	return v
}

func (v *versus) step() {
	step := v.c.seconds(0, 0, 1, 2, 3, 5, 10, 15, 30, 30, 60, 200)
	if v.behind > 0 { // what was written in the meantime comes at once
		v.behind = max(0, v.behind-step)
	} else {
		v.pass(step)
	}
	switch v.c.below(60) {
	case 0:
		v.behind = v.c.seconds(60, 600, 4000)
		v.note("what comes now is %v late", v.behind)
	case 1:
		v.setClock()
	case 2:
		v.restart()
	}
	if v.c.below(25) == 0 {
		v.deploy()
	}
	if v.c.below(40) == 0 {
		list := referenceSilences(v.c, v.now)
		v.note("silences %+v", list)
		v.m.silences = list
		for _, s := range v.e.Silences() {
			if !slices.ContainsFunc(list, func(other Silence) bool { return other.ID == s.ID }) {
				v.gone += s.Suppressed
			}
		}
		v.silence(list...)
	}
	if v.c.below(60) == 0 {
		v.reload()
	}
	if v.c.below(3) == 0 {
		v.note("tick")
		v.m.tick(v.now)
		v.same(v.e.Tick(v.now, nil))
	}
	text := pick(v.c, "disk", "net", "auth", "quiet")
	text += pick(v.c, "", "", " user=", " user=ann", " user=bob") + pick(v.c, "", " code 1", " code 2", " code 31")
	i := v.c.below(len(v.sources))
	rec := Record{
		Time: v.recorded(i), Text: []byte(text), Source: v.sources[i], Stream: pick(v.c, Stdout, Stderr),
		Severity: pick(v.c, SeverityUnknown, SeverityUnknown, SeverityInfo, SeverityCritical),
	}
	v.note("%q of %s, %s, severity %s, %v after now", text, rec.Source.Container.ID, rec.Stream, rec.Severity, time.Duration(rec.Time-v.now))
	v.m.record(&rec, v.now)
	var said []Explanation
	explained := v.c.below(8) == 0 && v.m.settings.Limits.MaxKeys == 1000 // where there is no room, one hit of a line may take that of the next
	if explained {
		said = v.e.Explain(&rec, v.now)
	}
	w, overBy := v.e.Worker(), v.overBy
	defer w.Release()
	v.same(w.Process(&rec, v.now, nil))
	if !explained {
		return
	}
	hits, ends := w.Hits(), 0
	for _, x := range said {
		if x.Ends != nil {
			ends += *x.Ends
		}
		if !x.Hit {
			continue
		}
		outcome := "alert"
		if !x.Preview.Alerts {
			outcome = x.Preview.Reason
		}
		if len(hits) == 0 || hits[0].RuleID() != x.RuleID || hits[0].Outcome().String() != outcome {
			v.fail("it was explained that rule %s makes %s of the line, and it became %v", x.RuleID, outcome, hits)
		}
		hits = hits[1:]
	}
	if v.explains += ends; ends != v.overBy-overBy {
		v.fail("it was explained that the line ends %d incidents, and it ended %d", ends, v.overBy-overBy)
	}
}

// recorded is the time that a record of a source says: that of its clock, which may be ahead or behind, and where the program catches up that of the line
// that it has come to. Some come out of order, and some say no time, or one that cannot be.
func (v *versus) recorded(source int) int64 {
	at := v.now - int64(v.behind) + int64(v.clocks[source])
	switch v.c.below(16) {
	case 0:
		return 0
	case 1:
		return pick(v.c, 1, -1, int64(time.Hour), t0*2)
	case 2, 3, 4:
		return at - int64(v.c.seconds(1, 2, 5, 10, 30, 100))
	}
	return at
}

// setClock sets the clock ahead or back.
func (v *versus) setClock() {
	step := v.c.seconds(1, 30, 3600, -1, -5, -60, -600)
	v.note("tick")
	v.m.tick(v.now)
	v.same(v.e.Tick(v.now, nil))
	v.pass(step)
	v.note("the clock was set by %v", step)
	v.m.set(int64(step), v.now)
	v.e.Skip(int64(step), v.now)
}

// restart stops the program, saves the state, and starts another one with it. Which of the keys was unused for longest is not saved, so where some are
// forgotten there is none.
func (v *versus) restart() {
	if v.m.settings.Limits.MaxKeys < 1000 {
		return
	}
	v.m.tick(v.now)
	v.same(v.e.Tick(v.now, nil))
	v.m.stop()
	v.same(v.e.ReleaseWaiting(nil))
	for _, e := range v.e.TakeState(true) {
		if e.Value == nil {
			delete(v.saved, e.Key)
		} else {
			v.saved[e.Key] = e.Value
		}
	}
	stopped := v.now
	v.pass(v.c.seconds(1, 20, 200, 500))
	v.note("a restart after %v", time.Duration(v.now-stopped))
	var entries []StateEntry
	for key, value := range v.saved {
		entries = append(entries, StateEntry{Key: key, Value: value})
	}
	v.e = newWithMasks(v.t, v.m.settings.Redact)
	if _, err := v.e.RestoreState(entries, v.now); err != nil {
		v.t.Fatal(err)
	}
	v.apply(v.m.copied())
	v.silence(v.m.silences...)
	v.gone, v.reported = 0, map[string]int64{}
	for id, n := range v.unreported() {
		v.reported[id] = -n // they count for the time before
	}
	v.m.restart(stopped, v.now)
	v.restarts++
}

// reload changes a rule.
func (v *versus) reload() {
	r := &v.m.settings.Rules[v.c.below(len(v.m.settings.Rules))]
	r.Cooldown = v.c.seconds(0, 10, 60, 150)
	if r.CooldownMax = 0; r.Absent == 0 && r.Without == "" && r.Rate.Below == 0 && r.Cooldown > 0 {
		r.CooldownMax = pick(v.c, 0, max(r.Cooldown, v.c.seconds(25, 100, 480)))
	}
	if r.Absent > 0 {
		r.Absent = v.c.seconds(20, 60, 200)
	} else if r.Without == "" && r.Rate.Below == 0 {
		r.Resolve = v.c.seconds(0, 0, 5, 20, 60, 200)
		r.ResolveOn = pick(v.c, r.ResolveOn, r.ResolveOn, "", "quiet")
	}
	if r.FirstSeen != 0 {
		r.FirstSeen = pick(v.c, FirstSeenImage, FirstSeen(v.c.seconds(15, 90, 600)))
	}
	if r.Other() != "" {
		r.Within = v.c.seconds(5, 30, 120, 600)
	}
	if r.Rate.IsSet() || r.Of != "" {
		r.Within = v.c.seconds(60, 90, 300)
	}
	if set := &r.Rate; set.IsSet() {
		set.Than, set.AtLeast = r.Within*pick(v.c, time.Duration(2), 3, 10), 1+v.c.below(4)
		if set.Above != 0 {
			set.Above = pick(v.c, Factor(1000), 1500, 3000)
		} else {
			set.Below = pick(v.c, Factor(900), 500, 100)
		}
	}
	if r.Count > 0 {
		r.Count, r.Within, r.Distinct = 2+v.c.below(3), v.c.seconds(10, 30, 120), ""
		if strings.Contains(r.Pattern, "<x>") && v.c.below(2) == 0 {
			r.Distinct = "capture.x"
		}
	}
	if len(rules.ScopeFaults(r)) > 0 {
		r.Scope = ScopeNode
	}
	v.m.reloaded = v.m.looked
	v.note("%s has a cooldown of %v up to %v, absent %v, resolve %v on %q, first_seen %v, count %d within %v distinct %s", r.Name, r.Cooldown, r.CooldownMax, r.Absent, r.Resolve, r.ResolveOn, r.FirstSeen, r.Count, r.Within,
		r.Distinct)
	v.apply(v.m.copied())
}

// copied returns the settings as they are now: the engine keeps those that it was given.
func (m *reference) copied() Settings {
	s := m.settings
	s.Rules = slices.Clone(s.Rules)
	return s
}

func (v *versus) note(format string, args ...any) {
	v.steps = append(v.steps, fmt.Sprintf("%v: ", time.Duration(v.now-t0))+fmt.Sprintf(format, args...))
}

// same compares what both reported since the last comparison, and all counters.
func (v *versus) same(alerts []Alert) {
	v.t.Helper()
	v.high = max(v.high, v.now)
	var got, want []string
	for i := range alerts {
		a := &alerts[i]
		v.kinds[a.Kind]++
		v.e.Decide(a.Candidate, refLeads(a.Time))
		if a.Late > 0 {
			v.late++
		}
		if a.ImageSince > 0 {
			v.aged++
		}
		v.reported[a.RuleID] += a.Count
		for _, n := range a.Suppressed {
			v.reported[a.RuleID] += n
		}
		one := refAlert{
			Kind: a.Kind, Rule: a.Rule, Severity: a.Severity, Time: a.Time, Count: a.Count, First: a.First, Last: a.Last, Since: a.Since, Late: a.Late,
			Suppressed: a.Suppressed, Workload: a.Source.Workload, Host: a.Source.Host, Tag: a.Source.Tag, Container: a.Source.Container.ID,
			Message: a.Message, After: len(a.After), Ended: ended(a), Image: a.Image, ImageSince: a.ImageSince,
		}
		if one.Ended > 0 {
			one.Lasted = a.Incident.Lasted
			if a.Message != "" {
				v.overBy++
			}
		}
		if a.Rate != nil {
			v.rates[a.Kind]++
			one.Hits, one.Usual = a.Rate.Hits, int64(math.Round(a.Rate.Usual*1000))
		}
		if a.Ratio != nil {
			v.ratios++
			one.Hits, one.Others = a.Ratio.Hits, a.Ratio.OfHits
		}
		got = append(got, one.text())
		if a.First > a.Last || a.Last > v.high || a.Time > v.high {
			v.fail("an alert about times that are not before it: %+v", *a)
		}
	}
	for _, a := range v.m.left() {
		if len(v.m.settings.Redact.Patterns) > 0 {
			a.Message = refSecret.ReplaceAllString(a.Message, "code [redacted:code]")
		}
		want = append(want, a.text())
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		v.fail("the engine reports\n  %s\nthe reference reports\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
	unreported := v.unreported()
	for id, c := range v.counts() {
		if c != *v.m.counts[id] {
			v.fail("rule %s: the engine counts %+v, the reference %+v", id, c, *v.m.counts[id])
		}
		if waiting := c.Pending; v.reported[id]+unreported[id]+c.Forgotten+v.pendingReported(id) != c.Hits {
			v.fail("rule %s: %d hits; %d reported, %d unreported, %d forgotten, %d wait", id, c.Hits, v.reported[id], unreported[id], c.Forgotten, waiting)
		}
	}
	silenced := v.gone
	for _, s := range v.e.Silences() {
		silenced += s.Suppressed
	}
	for _, c := range v.m.counts {
		silenced -= c.Suppressed[ReasonSilence]
	}
	if silenced != 0 {
		v.fail("the silences count %d hits more than were silenced", silenced)
	}
	if n := v.e.Stats().Evicted; n != v.m.evicted {
		v.fail("the engine forgot %d keys, the reference %d", n, v.m.evicted)
	}
}

// pendingReported is what the alerts that wait for lines will report.
func (v *versus) pendingReported(id string) (n int64) {
	for _, a := range v.m.open {
		if a.Rule != id {
			continue
		}
		n += a.Count
		for _, held := range a.Suppressed {
			n += held
		}
	}
	return n
}

// ended returns how many hits the alerts report that an end is about.
func ended(a *Alert) int64 {
	if a.Incident == nil || a.Count > 0 { // of a rule with absent
		return 0
	}
	return a.Incident.Hits
}

func (a *refAlert) text() string {
	since := "never"
	if a.Since != 0 {
		since = time.Duration(a.Since - t0).String()
	}
	return fmt.Sprintf("%v, %v late %s %s %s +%d %v %v..%v since %s of %s %s %s %s: %s, %d after, %s since %d, %d ended after %v, %d recent, usually %d, others %d", time.Duration(a.Time-t0), time.Duration(a.Late), a.Kind, a.Rule, a.Severity, a.Count,
		a.Suppressed, time.Duration(a.First-t0), time.Duration(a.Last-t0), since, a.Workload, a.Host, a.Tag, a.Container, a.Message, a.After, a.Image, a.ImageSince, a.Ended, time.Duration(a.Lasted), a.Hits, a.Usual, a.Others)
}

func (v *versus) fail(format string, args ...any) {
	v.t.Helper()
	settings := len(v.m.settings.Rules) + 1
	last := v.steps[max(settings, len(v.steps)-25):]
	v.t.Fatalf("%s\nafter\n%s\n…\n%s", fmt.Sprintf(format, args...), strings.Join(v.steps[:settings], "\n"), strings.Join(last, "\n"))
}

// scenarios is how many random scenarios are played: those that the test asks for, or more where FLUENTBIT_TRIGGER_SCENARIOS says how many.
func scenarios(t *testing.T, n uint64) uint64 {
	t.Helper()
	text := os.Getenv("FLUENTBIT_TRIGGER_SCENARIOS")
	if text == "" {
		return n
	}
	more, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return more
}

func TestTheEngineCountsAsTheReferenceDoes(t *testing.T) {
	kinds, evicted := map[Kind]int{}, int64(0)
	var reasons [NumReasons]int64
	late, restarts, aged, overBy, explained, doubled, ratios, rates := 0, 0, 0, 0, 0, 0, 0, map[Kind]int{}
	// The first four found differences once: the order of masked keys, silences that the explained line ends, and a late hit that raises what is usual. The others
	// have what is rare: cooldowns that double twice.
	seeds := []uint64{493, 716, 1490, 5381, 180, 191}
	for seed := range scenarios(t, 100) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			v := newVersus(t, &choices{rnd: rand.New(rand.NewPCG(seed, 31))})
			for range 200 {
				v.step()
			}
			for k, n := range v.kinds {
				kinds[k] += n
			}
			for _, c := range v.m.counts {
				for why, n := range c.Suppressed {
					reasons[why] += n
				}
			}
			evicted += v.m.evicted
			late += v.late
			aged += v.aged
			overBy += v.overBy
			explained += v.explains
			ratios += v.ratios
			for k, n := range v.rates {
				rates[k] += n
			}
			for _, k := range v.m.keys {
				for _, w := range k.windows {
					doubled += min(1, w.doublings/2)
				}
			}
			restarts += v.restarts
		})
	}
	for _, k := range []Kind{KindLog, KindThreshold, KindAbsence, KindResolved, KindRollup, KindMissing} {
		if kinds[k] == 0 {
			t.Errorf("no alert of kind %s was made", k)
		}
	}
	if rates[KindThreshold] == 0 || rates[KindAbsence] == 0 || rates[KindResolved] == 0 || ratios == 0 {
		t.Errorf("alerts with a rate, by kind: %v, and %d with a ratio: want some of each", rates, ratios)
	}
	for why, n := range reasons {
		if n == 0 {
			t.Errorf("no hit was suppressed for the reason %s", Reason(why))
		}
	}
	if evicted == 0 || late == 0 || restarts == 0 || aged == 0 || overBy == 0 || explained == 0 || doubled == 0 {
		t.Errorf("%d keys were forgotten, %d alerts were late, %d restarts, %d alerts with the age of their image, %d ends by a line, %d of them explained, %d windows that doubled twice: want some of each",
			evicted, late, restarts, aged, overBy, explained, doubled)
	}
}

// FuzzCounting lets a fuzzer choose rules, lines and times.
func FuzzCounting(f *testing.F) {
	for seed := range uint64(8) {
		rnd := rand.New(rand.NewPCG(seed, 32))
		script := make([]byte, 400)
		for i := range script {
			script[i] = byte(rnd.Uint32())
		}
		f.Add(script)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		c := &choices{bytes: script[:min(len(script), 1500)]}
		v := newVersus(t, c)
		for len(c.bytes) > 0 {
			v.step()
		}
	})
}
