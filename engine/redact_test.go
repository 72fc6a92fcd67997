package engine

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// hunter is a secret that lines of the tests hold.
const hunter = "hunter2secret9"

// redacting returns settings whose rules show a line in every way.
func redacting() Settings {
	r := DefaultRule()
	r.Name, r.Pattern = "login", `login (?P<who>\S+) password=(?P<word>\S+) url=\w+://\w+:(?P<part>.{7})`
	r.Fields = []string{"db.password", "dsn"}
	r.Summary = `{{ .Captures.word }} {{ .Message }} {{ .Field "dsn" }} {{ .Field "db.password" }}`
	r.Labels = map[string]string{"dsn": `{{ .Field "dsn" }}`, "joined": `pass{{ "word=" }}{{ .Captures.who }}`, "team": "shop"}
	r.Context = Context{Before: 2}
	return Settings{Rules: []RuleSettings{r}, Redact: DefaultRedact()}
}

func secretRecord(r *run, who string) Record {
	return Record{
		Text:   []byte("login " + who + " password=" + hunter + " url=redis://app:" + hunter + "@db/0"),
		Fields: fieldMap{"db.password": hunter, "dsn": "redis://app:" + hunter + "@db/0"},
		Time:   r.now, Source: web("c1"),
	}
}

func wantNoSecret(t *testing.T, what string, shown any) {
	t.Helper()
	if text := fmt.Sprintf("%+v", shown); strings.Contains(text, "hunter") {
		t.Errorf("%s shows a secret: %s", what, text)
	}
}

func TestAlertsHoldNoSecret(t *testing.T) {
	r := newRun(t, redacting())
	r.line("before: token=" + hunter)
	alerts := r.record(secretRecord(r, "ann"))
	if len(alerts) != 1 {
		t.Fatalf("%d alerts, want one", len(alerts))
	}
	a := alerts[0]
	wantNoSecret(t, "the alert", a)
	if want := "login ann password=[redacted:password] url=redis://app:[redacted:url-password]@db/0"; a.Message != want {
		t.Errorf("message %q, want %q", a.Message, want)
	}
	if a.Captures["who"] != "ann" || a.Captures["word"] != "[redacted:password]" || a.Captures["part"] != "[redacted:url-password]" {
		t.Errorf("captures %v", a.Captures)
	}
	if a.Labels["joined"] != "password=[redacted:password]" || a.Labels["team"] != "shop" {
		t.Errorf("labels %v", a.Labels)
	}
	if a.Redacted["password"] != 2 || a.Redacted["url-password"] != 2 {
		t.Errorf("redacted %v", a.Redacted)
	}
	if n := r.e.Stats().Redacted; n["password"] != 3 || n["url-password"] != 2 {
		t.Errorf("counts %v: want those of the alert, and the line before it", n)
	}
}

// TestKeyedStateHoldsNoSecret saves the state of keys made of secrets, with the sample of a roll-up.
func TestKeyedStateHoldsNoSecret(t *testing.T) {
	s := redacting()
	s.Rules[0].CooldownBy = []string{"capture.word", "capture.part", "field.db.password", "template"}
	counting, seeing := s.Rules[0], s.Rules[0]
	counting.Name, counting.Count, counting.Within, counting.Distinct = "counting", 3, time.Minute, "capture.word"
	seeing.Name, seeing.FirstSeen = "seeing", FirstSeen(time.Hour)
	s.Rules = append(s.Rules, counting, seeing)
	r := newRun(t, s)
	r.e.SetSalt([]byte("salt"))
	r.e.TakeState(true)
	alerts := r.record(secretRecord(r, "ann"))
	alerts = append(alerts, r.record(secretRecord(r, "ann"))...)
	if names := ruleNames(alerts); names != "login seeing" {
		t.Fatalf("alerts of %q, want of login and seeing", names)
	}
	entries := r.e.TakeState(true)
	if len(entries) < 4 {
		t.Fatalf("%d entries of state: want those of three keys and a template", len(entries))
	}
	for _, e := range entries {
		wantNoSecret(t, "saved state", e.Key+" "+string(e.Value))
	}
	r.pass(time.Hour)
	rollups := r.tick()
	wantNoSecret(t, "the roll-up", rollups)
	rec := secretRecord(r, "ann")
	out, err := json.Marshal(r.e.Explain(&rec, r.now))
	if err != nil || !strings.Contains(string(out), "redacted") {
		t.Fatalf("explain: %s, %v", out, err)
	}
	wantNoSecret(t, "explain", string(out))
}

// TestDifferentSecretsAreDifferentKeys has two secrets in a key, which alert apart; the salt decides which digests the key has.
func TestDifferentSecretsAreDifferentKeys(t *testing.T) {
	for _, by := range []string{"capture.word", "field.token"} {
		s := Settings{Rules: []RuleSettings{DefaultRule()}, Redact: DefaultRedact()}
		s.Rules[0].Name, s.Rules[0].Pattern, s.Rules[0].CooldownBy = "r", `password=(?P<word>\S+)`, []string{by}
		var keys []string
		for _, salt := range []string{"one", "two", "one"} {
			r := newRun(t, s)
			r.e.SetSalt([]byte(salt))
			record := func(secret string) []Alert {
				return r.record(Record{Text: []byte("password=" + secret), Fields: fieldMap{"token": secret}})
			}
			if n := len(record("hunter-1111")) + len(record("hunter-2222")) + len(record("hunter-1111")); n != 2 {
				t.Errorf("%s: %d alerts, want one for each secret", by, n)
			}
			rec := Record{Text: []byte("password=hunter-1111"), Fields: fieldMap{"token": "hunter-1111"}, Source: web("c1"), Time: r.now}
			keys = append(keys, strings.Join(r.e.Explain(&rec, r.now)[0].Preview.Key, " "))
		}
		wantNoSecret(t, "the key", keys)
		if keys[0] == keys[1] || keys[0] != keys[2] {
			t.Errorf("%s: keys %q: want them to follow from the salt", by, keys)
		}
	}
}

// TestASecretThatABoundSplitsIsMasked puts a secret across each bound of an alert's texts.
func TestASecretThatABoundSplitsIsMasked(t *testing.T) {
	s := redacting()
	s.Rules[0] = DefaultRule()
	s.Rules[0].Name, s.Rules[0].Pattern, s.Rules[0].Context, s.Rules[0].CooldownBy = "r", `(?s)^hit(?P<rest>.*)`, Context{Before: 1, After: 1}, nil
	s.Rules[0].Cooldown = 0
	secret := "ghp_" + strings.Repeat("Ab3d", 9)
	for _, bound := range []int{200, 1 << 10, 8 << 10, 64 << 10} {
		for _, split := range []int{1, 10, 20, 39} {
			line := "hit " + strings.Repeat("word ", bound/5)
			line = line[:bound-split-1] + " " + secret + " " + strings.Repeat("tail ", 100)
			r := newRun(t, s)
			r.line(line[3:])
			alerts := r.line(line)
			alerts = append(alerts, r.line(line[3:])...)
			alerts = append(alerts, r.e.ReleaseWaiting(nil)...)
			if len(alerts) != 1 || len(alerts[0].Before) != 1 || len(alerts[0].After) != 1 {
				t.Fatalf("alerts %+v", alerts)
			}
			if shown := fmt.Sprintf("%+v", alerts); strings.Contains(shown, secret[:min(split, 8)]) && split >= 8 {
				at := strings.Index(shown, secret[:8])
				t.Errorf("bound %d, split at %d: shows %q", bound, split, shown[max(0, at-20):min(len(shown), at+60)])
			}
		}
	}
}

// TestALongLinesTemplateHoldsNoSecret puts a secret across the bound of the part that a template is made of. Lines that differ in it are of one template.
func TestALongLinesTemplateHoldsNoSecret(t *testing.T) {
	s := redacting()
	s.Rules[0] = DefaultRule()
	s.Rules[0].Name, s.Rules[0].Pattern, s.Rules[0].CooldownBy = "r", "^hit", []string{"template"}
	for _, tail := range []int{0, 100, 10_000} {
		for _, split := range []int{1, 10, 30} {
			r := newRun(t, s)
			line := func(secret string) string {
				head := "hit " + strings.Repeat("word ", 300)
				return head[:maxTemplated-split-1] + " " + secret + strings.Repeat(" tail", tail)
			}
			n := len(r.line(line("glpat-Ab3dEf6hIj9lAbcdefgh"))) + len(r.line(line("glpat-Zy3xWv6uTs9rZyxwvuts")))
			if n != 1 {
				t.Errorf("%d alerts with a tail of %d words, split at %d: want one template", n, tail, split)
			}
			rec := Record{Text: []byte(line("glpat-Ab3dEf6hIj9lAbcdefgh")), Source: web("c1"), Time: r.now}
			if x := r.e.Explain(&rec, r.now)[0]; strings.Contains(x.Preview.Template+strings.Join(x.Preview.Key, ""), "glpat-") {
				t.Errorf("the template shows a secret: %s", x.Preview.Template)
			}
		}
	}
}

// TestATruncatedRecordEndsBeforeItsLastWord has a record that was cut before it came, in the middle of a secret without a form.
func TestATruncatedRecordEndsBeforeItsLastWord(t *testing.T) {
	s := redacting()
	s.Rules[0].Pattern = "^hit"
	r := newRun(t, s)
	a := r.record(Record{Text: []byte("hit: using ghp_Ab3dAb"), Truncated: true})
	if len(a) != 1 || a[0].Message != "hit: using " || !a[0].Truncated {
		t.Errorf("got %+v", a)
	}
}

// TestATerminalSequenceHidesNoSecret has a line whose secret a terminal would show as a whole.
func TestATerminalSequenceHidesNoSecret(t *testing.T) {
	s := redacting()
	s.Rules[0].Pattern = "^hit"
	r := newRun(t, s)
	a := r.line("hit AKIA\x1b[1mIOSFODNN7EXAMPLE\x1b[0m")
	if len(a) != 1 || a[0].Message != "hit [redacted:aws-key]" {
		t.Errorf("got %+v", a)
	}
}

// TestAWaitingAlertIsStoredMasked looks at the alert that is stored while its lines have not come, and at the one that is complete.
func TestAWaitingAlertIsStoredMasked(t *testing.T) {
	s := redacting()
	s.Rules[0].Pattern, s.Rules[0].Context = "^hit", Context{Before: 2, After: 3}
	r := newRun(t, s)
	w := r.e.Worker()
	var stored []Alert
	w.OnWait = func(a *Alert) { stored = append(stored, *a) }
	var alerts []Alert
	for _, line := range []string{"token=" + hunter, "hit", "-----BEGIN PRIVATE KEY-----", "MIIhunter2secret9", "-----END PRIVATE KEY-----"} {
		alerts = w.Process(&Record{Text: []byte(line), Source: web("c1"), Time: r.now}, r.now, alerts)
	}
	w.Release()
	if len(stored) != 1 || len(alerts) != 1 {
		t.Fatalf("%d stored, %d alerts", len(stored), len(alerts))
	}
	wantNoSecret(t, "the stored alert", stored)
	wantNoSecret(t, "the alert", alerts)
	if want := []string{"token=[redacted:password]"}; !slices.Equal(alerts[0].Before, want) || !slices.Equal(stored[0].Before, want) {
		t.Errorf("lines before %q and %q, want %q", stored[0].Before, alerts[0].Before, want)
	}
}

// TestAReloadMasksRollupsOfHitsBeforeIt suppresses a hit while nothing is masked.
func TestAReloadMasksRollupsOfHitsBeforeIt(t *testing.T) {
	s := redacting()
	s.Redact, s.Rules[0].Summary = RedactSettings{}, ""
	r := newRun(t, s)
	r.record(secretRecord(r, "ann"))
	r.record(secretRecord(r, "ann"))
	s.Redact = DefaultRedact()
	r.apply(s)
	r.pass(time.Hour)
	rollups := r.tick()
	if len(rollups) != 1 {
		t.Fatalf("%d roll-ups, want one", len(rollups))
	}
	for _, text := range []any{rollups[0].Message, rollups[0].Summary, rollups[0].Fields} {
		wantNoSecret(t, "the roll-up", text)
	}
}

func TestCountersOfMasksFollowTheSettings(t *testing.T) {
	s := redacting()
	s.Redact.Patterns = []string{`(?P<who_logs_in>ann)`}
	r := newRun(t, s)
	r.record(secretRecord(r, "ann"))
	if n := r.e.Stats().Redacted; n["who-logs-in"] != 1 {
		t.Errorf("counts %v", n)
	}
	before := r.e.Snapshot().Redactor
	r.apply(s)
	if r.e.Snapshot().Redactor != before || r.e.Stats().Redacted["who-logs-in"] != 1 {
		t.Error("a reload with the same settings made another redactor")
	}
	s.Redact.Patterns = nil
	r.apply(s)
	if r.e.Stats().Redacted["who-logs-in"] != 1 {
		t.Error("a counter fell")
	}
	for i := range 2 * maxMasks {
		r.e.redactedCounter(fmt.Sprint("name-", i))
	}
	s.Redact.Patterns = []string{`(?P<one_more>ann)`}
	r.apply(s)
	r.pass(time.Hour)
	r.record(secretRecord(r, "ann"))
	if n := r.e.Stats().Redacted; len(n) != maxMasks+1 || n["other"] == 0 {
		t.Errorf("%d counts, %d others: want a bound", len(n), n["other"])
	}
}
