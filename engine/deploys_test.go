package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// image returns the source of a container that runs an image.
func image(container, image string) *Source {
	s := web(container)
	s.Container.Image = image
	return s
}

// TestFirstSeenImage has errors that two images write, and one that the second brought.
func TestFirstSeenImage(t *testing.T) {
	s := Settings{Rules: []RuleSettings{{Name: "r", Pattern: "error", FirstSeen: FirstSeenImage}}}
	r := newRun(t, s)
	line := func(container, of, text string) string {
		t.Helper()
		rec := Record{Text: []byte(text), Source: image(container, of), Time: r.now}
		said := r.e.Explain(&rec, r.now)
		alerts := r.record(rec)
		r.pass(time.Minute)
		if len(said) != 1 || said[0].Preview.Alerts != (len(alerts) == 1) {
			t.Errorf("%q of %s: explained as %+v, and made %d alerts", text, of, said[0].Preview, len(alerts))
		}
		return fmt.Sprint(len(alerts))
	}
	got := line("a", "app:1.3", "error: old 1") + line("a", "app:1.3", "error: old 2") + line("a", "app:1.3", "error: other") + " "
	got += line("b", "app:1.4", "error: old 3") + line("b", "app:1.4", "error: new 1") + line("b", "app:1.4", "error: new 2") + " "
	r = r.restart(s, time.Hour)
	got += line("b", "app:1.4", "error: new 3") + line("b", "app:1.4", "error: other") + " "
	got += line("c", "app:1.5", "error: new 4") + line("c", "app:1.5", "error: newest") + " "
	got += line("d", "", "error: newest") + line("d", "", "error: of no image") + line("d", "", "error: of no image")
	if want := "101 011 10 01 010"; got != want {
		t.Errorf("alerts %s, want %s", got, want)
	}
}

// TestAlertsSayTheAgeOfTheImage of hits, roll-ups and absences, over a restart.
func TestAlertsSayTheAgeOfTheImage(t *testing.T) {
	s := Settings{Rules: []RuleSettings{
		{Name: "r", Pattern: "error", Cooldown: time.Minute, Rollup: true},
		{Name: "beat", Pattern: "beat", Absent: 10 * time.Minute, AbsentFrom: "record"},
	}}
	r := newRun(t, s)
	r.record(Record{Text: []byte("beat"), Source: image("a", "app:1.3")})
	r.pass(5 * time.Minute)
	appeared := r.now
	alerts := r.record(Record{Text: []byte("beat"), Source: image("b", "app:1.4")})
	r = r.restart(s, time.Second)
	alerts = append(alerts, r.record(Record{Text: []byte("error"), Source: image("b", "app:1.4")})...)
	alerts = append(alerts, r.record(Record{Text: []byte("error"), Source: image("b", "app:1.4")})...)
	alerts = append(alerts, r.record(Record{Text: []byte("error"), Source: image("a", "app:1.3")})...)
	r.now += int64(15 * time.Minute)
	alerts = r.e.Tick(r.now, alerts)
	var kinds []string
	for _, a := range alerts {
		since := appeared
		if a.Source.Container.Image == "app:1.3" {
			since = 0
		}
		kinds = append(kinds, a.Kind.String())
		if a.ImageSince != since || since != 0 && a.Image != "app:1.4" {
			t.Errorf("%s is about %q since %v: %+v", a.Kind, a.Image, time.Duration(a.ImageSince-t0), a)
		}
	}
	if got := strings.Join(kinds, " "); got != "log rollup absence" && got != "log log rollup absence" {
		t.Errorf("alerts %s", got)
	}
}

// deployRun plays an image for an hour and another for a quarter of an hour, which brings an error, and returns the alerts.
func deployRun(t *testing.T, s Settings, silences ...Silence) (r *run, alerts []Alert) {
	r = newRun(t, s)
	if err := r.e.SetSilences(silences); err != nil {
		t.Fatal(err)
	}
	for minute := range 80 {
		from, bad := image("a", "shop/web:1.3"), "error: timeout 5"
		if minute >= 60 {
			from, bad = image("b", "shop/web:1.4"), fmt.Sprintf("error: password=hunter%d broke it", minute)
		}
		for _, text := range []string{"fine", bad, "fine", "fine"} {
			alerts = append(alerts, r.record(Record{Text: []byte(text), Source: from})...)
		}
		if minute == 65 {
			r = r.restart(s, time.Second)
			if err := r.e.SetSilences(silences); err != nil {
				t.Fatal(err)
			}
		}
		r.now += int64(time.Minute)
	}
	return r, r.e.Tick(r.now, alerts)
}

func deploySettings() Settings {
	return Settings{
		Deploy: DeploySettings{Compare: 15 * time.Minute, Severity: SeverityError},
		Rules:  []RuleSettings{{Name: "r", Pattern: "error", Deploy: true, DryRun: true}},
		Redact: RedactSettings{Builtin: true},
	}
}

// TestDeployMakesOneAlert over a restart, with no secret in it, and of no hits.
func TestDeployMakesOneAlert(t *testing.T) {
	r, alerts := deployRun(t, deploySettings())
	if len(alerts) != 1 {
		t.Fatalf("%d alerts: %+v", len(alerts), alerts)
	}
	a := alerts[0]
	if a.Kind != KindDeploy || a.Severity != SeverityError || a.Count != 0 || a.Suppressed != [NumReasons]int64{} || a.Rule != "deploy" {
		t.Errorf("%+v", a)
	}
	if want := "shop/web: 1.4 against 1.3: 1 new kind of errors, 1 gone"; a.Summary != want {
		t.Errorf("%q, want %q", a.Summary, want)
	}
	if strings.Contains(a.Message, "hunter") || !strings.Contains(a.Message, "new: error: password=[redacted") {
		t.Errorf("message %q", a.Message)
	}
	if at := t0 + int64(75*time.Minute+time.Second); a.Time != at || a.ImageSince != t0+int64(60*time.Minute) || a.Image != "shop/web:1.4" {
		t.Errorf("at %v, the image since %v", time.Duration(a.Time-t0), time.Duration(a.ImageSince-t0))
	}
	st := r.e.Stats()
	if c := st.Total(); c.Hits != c.Accounted() {
		t.Errorf("%d hits, %d accounted for", c.Hits, c.Accounted())
	}
	report, ok := r.e.Deploy("shop/web", r.now)
	if !ok || report.Verdict != DeployWorse || report.Running || strings.Contains(fmt.Sprint(report), "hunter") {
		t.Errorf("%+v", report)
	}
	if _, ok := r.e.Deploy("shop/none", r.now); ok {
		t.Error("a workload that is not there is known")
	}
}

// TestOtherRulesBeginTheCountsAgain, because their hits were not counted before, and would seem to be new. Other changes of a rule do not.
func TestOtherRulesBeginTheCountsAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *Settings)
		keeps  bool
	}{
		"nothing":      {func(*Settings) {}, true},
		"a cooldown":   {func(s *Settings) { s.Rules[0].Cooldown = time.Hour }, true},
		"another rule": {func(s *Settings) { s.Rules = append(s.Rules, RuleSettings{Name: "other", Pattern: "fine"}) }, true},
		"a pattern":    {func(s *Settings) { s.Rules[0].Pattern = "error|fine" }, false},
		"one more": {func(s *Settings) {
			s.Rules = append(s.Rules, RuleSettings{Name: "other", Pattern: "fine", Deploy: true})
		}, false},
		"disabled": {func(s *Settings) { s.Workloads = []WorkloadSettings{{Match: "shop/*", Disable: []string{"r"}}} }, false},
		"off":      {func(s *Settings) { s.Deploy.Compare = 0 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := deployRun(t, deploySettings())
			before, _ := r.e.Deploy("shop/web", r.now)
			s := deploySettings()
			c.change(&s)
			restarted := r.restart(s, time.Second)
			r.apply(s)
			for _, run := range []*run{r, restarted} {
				if after, _ := run.e.Deploy("shop/web", run.now); (after.Image.Lines == before.Image.Lines) != c.keeps || c.keeps && after.Verdict != DeployWorse || !c.keeps && after.Verdict != DeployUnknown {
					t.Errorf("%+v", after)
				}
			}
		})
	}
}

// TestDeployUnderASilence makes no alert, and keeps the verdict.
func TestDeployUnderASilence(t *testing.T) {
	for _, m := range []Matchers{{Workload: "shop/*"}, {Rule: "deploy"}, {Severity: []Severity{SeverityError}}} {
		r, alerts := deployRun(t, deploySettings(), Silence{ID: "s", Matchers: m, Until: t0 * 2})
		if len(alerts) != 0 {
			t.Errorf("%+v: %+v", m, alerts)
		}
		if report, _ := r.e.Deploy("shop/web", r.now); report.Verdict != DeployWorse {
			t.Errorf("%+v", report)
		}
	}
	if _, alerts := deployRun(t, deploySettings(), Silence{ID: "s", Matchers: Matchers{Rule: "r"}, Until: t0 * 2}); len(alerts) != 1 {
		t.Errorf("a silence of another rule: %d alerts", len(alerts))
	}
}

// BenchmarkLineOfAnImage is a line that no rule matches, of a container whose image is known: it is counted, without a lock.
func BenchmarkLineOfAnImage(b *testing.B) {
	for _, of := range []string{"", "shop/web:1.4"} {
		b.Run(fmt.Sprintf("image=%q", of), func(b *testing.B) {
			r := newRun(&testing.T{}, deploySettings())
			rec := Record{Text: []byte("a line that no rule matches"), Source: image("a", of), Time: r.now}
			w := r.e.Worker()
			defer w.Release()
			var alerts []Alert
			b.ReportAllocs()
			for b.Loop() {
				alerts = w.Process(&rec, r.now, alerts[:0])
			}
		})
	}
}
