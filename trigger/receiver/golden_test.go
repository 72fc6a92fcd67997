package receiver

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

var update = flag.Bool("update", false, "write the golden files")

func testRenderer(format string) *Renderer {
	s := trigger.DefaultSettings()
	s.Name, s.Format, s.ChatID = "ops", format, "-1001"
	if format == "email" {
		s.From, s.To = "Alerts <alerts@example.com>", []string{"Ops <ops@example.com>", "dev@example.com"}
	}
	return &Renderer{
		settings: &s, receiver: For(&s), routingKey: setting.NewSecret("R0"), topic: "alerts", now: func() time.Time { return triggertest.SampleTime.Add(time.Minute) },
	}
}

func TestGoldenPayloads(t *testing.T) {
	t.Parallel()
	for _, format := range Formats() {
		archive := &txtar.Archive{}
		all := triggertest.Alerts()
		for _, name := range slices.Sorted(maps.Keys(all)) {
			alerts := all[name]
			for i := range alerts {
				if strings.HasPrefix(alerts[i].ID, "al_test_") {
					alerts[i].ID = "al_test_X"
				}
			}
			got, err := testRenderer(format).Render(context.Background(), "id_1", alerts)
			if err != nil {
				t.Fatalf("%s %s: %v", format, name, err)
			}
			checkPayload(t, format, got.Body)
			if name != "test" && name != "empty" && name != "digest" && !strings.HasPrefix(name, "deploy") && format != "generic" && format != "cloudevents" && !strings.Contains(string(asJSON(t, format, got.Body)), triggertest.SuppressedSample) {
				t.Errorf("%s %s does not report the suppressed hits", format, name)
			}
			if name == "flood" {
				continue // limits only
			}
			if format == "email" && (name == "single" || name == "trace") {
				archive.Files = append(archive.Files, txtar.File{Name: name + ".html", Data: []byte(readMail(t, got.Body).HTML)})
			}
			archive.Files = append(archive.Files, txtar.File{Name: name + ".json", Data: readable(t, asJSON(t, format, got.Body))})
		}
		archive.Files = append(archive.Files, goldenEdits(t, format)...)
		file := filepath.Join("testdata", "golden", format+".txtar")
		if *update {
			if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if string(want) != string(txtar.Format(archive)) {
			t.Errorf("%s differs; look at it with -update and git diff", file)
		}
	}
}

// goldenEdits returns the payloads of edits, for a receiver that can edit: of a roll-up, of one of a rule without an end, of the end, and of hostile texts.
func goldenEdits(t *testing.T, format string) (files []txtar.File) {
	t.Helper()
	r := editingRenderer(format)
	if r.receiver.Edits == nil {
		return nil
	}
	for _, name := range []string{"edit-again", "edit-hostile", "edit-over", "edit-rollup"} {
		p := testPost(triggertest.Sample(), name != "edit-again", name == "edit-over" || name == "edit-hostile")
		if name == "edit-hostile" {
			p = testPost(triggertest.Alerts()["hostile"][0], true, true)
		}
		p.Place = places[format]
		got, err := r.RenderPost("id_1", &p)
		if err != nil {
			t.Fatalf("%s %s: %v", format, name, err)
		}
		checkPayload(t, format, got.Body)
		files = append(files, txtar.File{Name: name + ".json", Data: readable(t, got.Body)})
	}
	return files
}

// places has a place of each receiver that can edit.
var places = map[string]string{"discord": "1234567890123456789", "telegram": "42", "ntfy": "0123456789abcdef0123456789abcdef", "slack": "C0123ABC 1700000000.000001", "mattermost": "abcdefghij0123456789abcdef"}

func editingRenderer(format string) *Renderer {
	r := testRenderer(format)
	r.settings.Update = true
	return r
}

// testPost returns a post that begins with an alert: after a roll-up of 312 hits, and perhaps after the end.
func testPost(a trigger.Alert, resolves, over bool) trigger.Post {
	a.Resolves, a.Suppressed = resolves, trigger.Suppressed{}
	p := trigger.NewPost([]trigger.Alert{a})
	rollup := triggertest.Alerts()["rollup"][0]
	rollup.Severity, rollup.LastSeen = a.Severity, a.LastSeen.Add(28*time.Minute)
	p.Add(&rollup)
	if over {
		end := triggertest.Alerts()["resolved"][0]
		end.Suppressed = trigger.Suppressed{}
		p.Add(&end)
	}
	return p
}

// TestEveryReceiverThatEditsHasAPlace keeps the places of the tests complete.
func TestEveryReceiverThatEditsHasAPlace(t *testing.T) {
	t.Parallel()
	for _, r := range receivers {
		if can := r.Edits != nil; can != (places[r.Format] != "") || can && !r.Edits.Valid(places[r.Format]) || can == (r.instead != "") {
			t.Errorf("%s: edits %v, place %q, instead %q", r.Format, can, places[r.Format], r.instead)
		}
	}
}

// readable indents JSON and shortens long texts to their ends and length.
func readable(t *testing.T, body []byte) []byte {
	t.Helper()
	var document any
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(mapStrings(document, func(s string) string {
		if r := []rune(s); len(r) > 1000 {
			return fmt.Sprintf("%s[… %d …]%s", string(r[:80]), len(r)-160, string(r[len(r)-80:]))
		}
		return s
	}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func mapStrings(value any, change func(string) string) any {
	switch v := value.(type) {
	case string:
		return change(v)
	case []any:
		for i := range v {
			v[i] = mapStrings(v[i], change)
		}
	case map[string]any:
		for key := range v {
			v[key] = mapStrings(v[key], change)
		}
	}
	return value
}

// anyMention finds a mention that some chat service would act on.
var anyMention = regexp.MustCompile(`(?i)@(everyone|here|channel|all|room)|<!|<@|<#`)

// checks has for each receiver the tests of its payloads. payload checks its limits, and that no text is read as markup. links finds a text
// that the receiver's clients would make a link, tag, command or mention of; nil where programs read the payload.
var checks = map[string]struct {
	payload func(p *checked)
	links   *regexp.Regexp
}{
	"generic": {checkJSON, nil}, "cloudevents": {checkJSON, nil},
	"pagerduty": {checkPagerDutyEvent, schemes}, "alertmanager": {checkAlerts, schemes}, // their pages make links of nothing else
	"slack": {checkSlack, markdownLinks}, "teams": {checkTeams, markdownLinks},
	"discord": {checkDiscord, names},                                         // #tags and /commands are text there
	"ntfy":    {checkNtfyPost, names}, "gotify": {checkGotifyMessage, names}, // plain text: no Markdown
	"telegram":   {checkTelegramMessage, clickable},
	"opsgenie":   {checkOpsgenieRequest, htmlAndNames},
	"email":      {checkMail, names},
	"mattermost": {checkMattermost, mattermostFound},
}

var (
	schemes       = regexp.MustCompile(`(?i)[a-z]+://[a-z0-9]`)
	names         = regexp.MustCompile(`(?i)[a-z]+://[a-z0-9]|[\p{L}\p{N}_-]\.[\p{L}\p{N}]|@[a-z]`)
	markdownLinks = regexp.MustCompile(`(?i)[a-z]+://[a-z0-9]|[\p{L}\p{N}_-]\.[\p{L}\p{N}]|@[a-z]|\]\(`)
	htmlAndNames  = regexp.MustCompile(names.String() + `|[<&][A-Za-z/!?#]`)
	clickable     = regexp.MustCompile(`(?i)[a-z]+://[a-z0-9]|[\p{L}\p{N}_-]\.[\p{L}\p{N}]|@[a-z]|[^&\w]#[a-z]|(^|[\s>])/[a-z]|\$[A-Z]{3}|\+[0-9]{6}|\]\(`)
)

// checked is a payload under test.
type checked struct {
	*testing.T
	body []byte
	raw  []byte // as it is sent, where that is not JSON
}

// asJSON returns a payload as JSON: an e-mail by its header and its parts.
func asJSON(t *testing.T, format string, body []byte) []byte {
	t.Helper()
	if format != "email" {
		return body
	}
	out, err := json.Marshal(readMail(t, body))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// checkPayload runs the check of a receiver on one of its payloads.
func checkPayload(t *testing.T, format string, body []byte) {
	t.Helper()
	raw := body
	if body = asJSON(t, format, raw); !json.Valid(body) || !utf8.Valid(body) {
		t.Fatalf("%s: not valid JSON", format)
	}
	check := checks[format].payload
	if check == nil {
		t.Fatalf("%s has no check", format)
	}
	check(&checked{t, body, raw})
}

// checkJSON is the check of receivers that take any JSON.
func checkJSON(*checked) {}

func (p *checked) decode(into any) {
	p.Helper()
	if err := json.Unmarshal(p.body, into); err != nil {
		p.Fatal(err)
	}
}

func (p *checked) within(name, text string, limit int) {
	p.Helper()
	if n := render.UTF16Len(text); n > limit {
		p.Errorf("%s has %d characters, more than %d", name, n, limit)
	}
}

// harmless fails for a text that mentions someone.
func (p *checked) harmless(text string) {
	p.Helper()
	if found := anyMention.FindString(text); found != "" {
		p.Errorf("holds %q", found)
	}
}

// fenced fails for a text whose fence of backticks a log line could close.
func (p *checked) fenced(text string) {
	p.Helper()
	if n := strings.Count(text, "```"); n != 0 && n != 2 {
		p.Errorf("%d fences", n)
	}
}

// worstUnits returns the texts that grow most by a receiver's escaping, by JSON, or by another way to count characters.
func worstUnits() []string {
	return []string{
		"&", "<", "\"", "\\", "`", "@", "*", "{{", "](", "a.", "a://b.c ", "\u4e2d", "\U0001f525", "e\u0301", "\x01", "\xff", "a\n", " ",
	}
}

// TestLimitsHoldForEveryField puts texts that grow into each field that a line, a container or a rule fills: alone, several at once, in all,
// and in groups.
func TestLimitsHoldForEveryField(t *testing.T) {
	t.Parallel()
	fields := []func(a *trigger.Alert, text string){
		func(a *trigger.Alert, text string) { a.Rule = text },
		func(a *trigger.Alert, text string) { a.Summary = text },
		func(a *trigger.Alert, text string) { a.Message = text },
		func(a *trigger.Alert, text string) { a.Source.Workload = text },
		func(a *trigger.Alert, text string) { a.Source.Host = text },
		func(a *trigger.Alert, text string) {
			a.Source.Container = trigger.Container{ID: text, Name: text, Image: text}
		},
		func(a *trigger.Alert, text string) {
			a.Labels = map[string]string{"team": text, text: "x", "b" + text: text, "c": text}
		},
		func(a *trigger.Alert, text string) { a.Captures = map[string]string{"a": text, text: text} },
		func(a *trigger.Alert, text string) {
			a.Fields = map[string]string{"a": text, text: text, "b" + text: text}
		},
		func(a *trigger.Alert, text string) {
			a.Context = &trigger.Context{Before: []string{text, text}, After: []string{text}}
		},
		func(a *trigger.Alert, text string) { a.Runbook = "https://wiki.example.com/?a=" + text },
		func(a *trigger.Alert, text string) { a.Links = triggertest.LongLinks(len(text)%2 == 0) },
		func(a *trigger.Alert, text string) { a.Severity = text },
		func(a *trigger.Alert, text string) { a.Kind = text },
	}
	random := rand.New(rand.NewPCG(1, 2))
	try := func(t *testing.T, format, text string, which func(field int) bool, alerts int) {
		t.Helper()
		a := triggertest.Sample()
		for i, put := range fields {
			if which(i) {
				put(&a, text)
			}
		}
		got, err := testRenderer(format).Render(context.Background(), "id", slices.Repeat([]trigger.Alert{a}, alerts))
		if err != nil {
			t.Fatal(err)
		}
		if checkPayload(t, format, got.Body); t.Failed() {
			t.Fatalf("%d × %.20q in %d alerts: %+.2000v", utf8.RuneCountInString(text), text, alerts, a)
		}
		r := editingRenderer(format)
		if r.receiver.Edits == nil {
			return
		}
		p := testPost(a, alerts%2 == 0, random.IntN(2) == 0)
		p.Place = places[format]
		if got, err = r.RenderPost("id", &p); err != nil {
			t.Fatal(err)
		}
		if checkPayload(t, format, got.Body); t.Failed() {
			t.Fatalf("edited: %d × %.20q, over %v: %+.2000v", utf8.RuneCountInString(text), text, p.Over, a)
		}
	}
	for _, format := range Formats() {
		if format == "generic" || format == "cloudevents" {
			continue // they have no limit
		}
		for field := range fields {
			for _, unit := range []string{"&", "\"", ".a", "\U0001f525"} {
				try(t, format, strings.Repeat(unit, 3000), func(i int) bool { return i == field }, 1)
			}
		}
		for _, unit := range worstUnits() {
			try(t, format, strings.Repeat(unit, 1+random.IntN(300)), func(i int) bool { return i < 12 }, 1)
			try(t, format, strings.Repeat(unit, 1500), func(i int) bool { return i < 12 }, 1+random.IntN(14))
			try(t, format, strings.Repeat(unit, 1+random.IntN(5000)), func(int) bool { return random.IntN(2) == 0 }, 1+random.IntN(3))
		}
	}
}

// TestNoEntityOfAText looks through everything that people see for something that their client would make a link of.
func TestNoEntityOfAText(t *testing.T) {
	t.Parallel()
	const text = "see https://evil.example/x and evil.example or www.evil.example, mail eve@evil.example, 192.0.2.1:80, tg://user?id=1 ftp://evil.example " +
		"#pwned $USD /start /stop@evilbot @evil +491701234567 [bank](https://evil.example) ![i](https://evil.example/i.png) discord.gg/evil"
	a := triggertest.Sample()
	a.Rule, a.Summary, a.Message, a.Source.Workload, a.Source.Host, a.Source.Container.Name, a.Runbook = text, text, text, text, text, text, ""
	a.Fields = map[string]string{"a": text, text: text}
	a.Labels, a.Captures, a.Context = map[string]string{"team": text, text: text}, map[string]string{"x": text}, &trigger.Context{Before: []string{text}, After: []string{text}}
	fence := regexp.MustCompile("(?s)```.*?```")
	for _, format := range Formats() {
		for _, n := range []int{1, 3, 0} {
			got, err := testRenderer(format).Render(context.Background(), "id", slices.Repeat([]trigger.Alert{a}, max(n, 1)))
			if r := editingRenderer(format); n == 0 && r.receiver.Edits != nil {
				p := testPost(a, true, true)
				p.Place = places[format]
				got, err = r.RenderPost("id", &p)
			}
			if err != nil {
				t.Fatal(err)
			}
			var document any
			if err := json.Unmarshal(asJSON(t, format, got.Body), &document); err != nil {
				t.Fatal(err)
			}
			if page, ok := document.(map[string]any); ok && format == "email" {
				delete(page, "header") // of addresses, and checked by checkMail
				page["html"] = visibleText(page["html"].(string))
			}
			pattern := checks[format].links
			if pattern == nil {
				continue
			}
			if list, ok := document.([]any); ok && format == "alertmanager" {
				for _, one := range list {
					delete(one.(map[string]any), "labels") // shown as they are
				}
			}
			if one, ok := document.(map[string]any); ok && format == "opsgenie" {
				for _, field := range []string{"tags", "details", "entity"} {
					delete(one, field) // compared by rules; checkOpsgenieRequest checks them
				}
			}
			mapStrings(document, func(s string) string {
				if _, err := time.Parse(time.RFC3339Nano, s); err == nil || s != "" && strings.HasSuffix(places[format], " "+s) {
					return s
				}
				shown := telegramCode.ReplaceAllString(fence.ReplaceAllString(s, ""), "")
				if s == "http://adaptivecards.io/schemas/adaptive-card.json" || s == "application/vnd.microsoft.card.adaptive" || s == "1.2" {
					return s
				}
				if found := pattern.FindString(shown); found != "" {
					t.Errorf("%s: %q in %q", format, found, shown)
				}
				return s
			})
			checkPayload(t, format, got.Body)
		}
	}
}

// TestNoEntityInABodyOfOnesOwn: with a format beside it, the texts of a body are escaped for that receiver.
func TestNoEntityInABodyOfOnesOwn(t *testing.T) {
	t.Parallel()
	const text = "https://evil.example/x #tag /start @evil eve@evil.example evil.example <b>x</b> &lt; $USD +491701234567"
	for _, format := range []string{"telegram", "slack", "discord", "teams", "ntfy", "gotify", "opsgenie"} {
		r := testRenderer(format)
		body, err := render.NewBody(`{"text": "{{ .Summary }} {{ .Message }} {{ .Source.Host }} {{ .Labels.team }}"}`, "application/json")
		if err != nil {
			t.Fatal(err)
		}
		r.body = body
		a := triggertest.Sample()
		a.Summary, a.Message, a.Source.Host, a.Labels = text, text, text, map[string]string{"team": text}
		got, err := r.Render(context.Background(), "id", []trigger.Alert{a})
		if err != nil {
			t.Fatal(err)
		}
		var document struct{ Text string }
		if err := json.Unmarshal(got.Body, &document); err != nil {
			t.Fatal(err)
		}
		pattern := regexp.MustCompile(`(?i)[a-z]+://[a-z0-9]|[\p{L}\p{N}_-]\.[\p{L}\p{N}]|@[a-z]`)
		switch format {
		case "telegram":
			pattern = clickable
		case "opsgenie":
			pattern = htmlAndNames
		}
		if found := pattern.FindString(document.Text); found != "" {
			t.Errorf("%s: %q in %q", format, found, document.Text)
		}
	}
}

func FuzzPayloads(f *testing.F) {
	f.Add(triggertest.HostileText, "critical", 3)
	f.Add(strings.Repeat("<`@everyone`>", 900), "info", 1)
	f.Add(strings.Repeat("🔥\"&", 3000), "", 20)
	f.Fuzz(func(t *testing.T, text, severity string, n int) {
		a := triggertest.Sample()
		a.Rule, a.Summary, a.Message, a.Severity, a.Source.Workload, a.Source.Host = text, text, text, severity, text, text
		a.Labels, a.Captures, a.Fields, a.Runbook = map[string]string{text: text}, map[string]string{text: text}, map[string]string{text: text}, text
		a.Context = &trigger.Context{Before: []string{text, text}, After: []string{text}}
		if n%2 == 0 {
			a.Links = triggertest.LongLinks(n%4 == 0)
		}
		alerts := slices.Repeat([]trigger.Alert{a}, 1+abs(n)%4)
		if n%3 == 0 { // another incident
			alerts[0].Key = "another"
		}
		for _, format := range Formats() {
			got, err := testRenderer(format).Render(context.Background(), "id", alerts)
			if err != nil {
				t.Fatal(err)
			}
			checkPayload(t, format, got.Body)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

func TestResolvedEndsTheIncident(t *testing.T) {
	t.Parallel()
	absence, resolved := triggertest.Alerts()["absence"], triggertest.Alerts()["resolved"]
	resolved[0].Source.Container = trigger.Container{ID: "other"}
	resolved[0].Incident.Severities = []string{absence[0].Severity}
	decode := func(format string, alerts []trigger.Alert, into any) {
		t.Helper()
		got, err := testRenderer(format).Render(context.Background(), "id", alerts)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got.Body, into); err != nil {
			t.Fatal(err)
		}
	}
	var opened, closed pagerDutyEvent
	decode("pagerduty", absence, &opened)
	decode("pagerduty", resolved, &closed)
	if opened.EventAction != "trigger" || closed.EventAction != "resolve" || opened.DedupKey != closed.DedupKey {
		t.Errorf("pagerduty: %s %s, then %s %s", opened.EventAction, opened.DedupKey, closed.EventAction, closed.DedupKey)
	}
	for _, event := range []string{"deploy", "deploy-resolved"} { // opened and closed, by one key and by the same labels
		var pd pagerDutyEvent
		decode("pagerduty", triggertest.Alerts()[event], &pd)
		if want := map[string]string{"deploy": "trigger", "deploy-resolved": "resolve"}[event]; pd.EventAction != want || pd.DedupKey != triggertest.Sample().Key {
			t.Errorf("pagerduty: %s is %s %s", event, pd.EventAction, pd.DedupKey)
		}
	}
	var worse, replaced []alertmanagerAlert
	decode("alertmanager", triggertest.Alerts()["deploy"], &worse)
	decode("alertmanager", triggertest.Alerts()["deploy-resolved"], &replaced)
	if labelKey(worse[0].Labels) != labelKey(replaced[0].Labels) || worse[0].EndsAt == nil || replaced[0].EndsAt.After(*replaced[0].StartsAt) {
		t.Errorf("alertmanager: %+v, then %+v", worse[0], replaced[0])
	}
	endpoint := &url.URL{Scheme: "https", Host: "og.example.com", Path: "/v2/alerts"}
	var created opsgenieAlert
	var done opsgenieClose
	decode("opsgenie", absence, &created)
	decode("opsgenie", resolved, &done)
	if to := opsgenie.AddressOf(endpoint, absence).String(); to != "https://og.example.com/v2/alerts" || created.Alias != absence[0].Key {
		t.Errorf("opsgenie: created as %q at %s", created.Alias, to)
	}
	if to := opsgenie.AddressOf(endpoint, resolved).String(); to != "https://og.example.com/v2/alerts/"+created.Alias+"/close?identifierType=alias" || done.Note == "" {
		t.Errorf("opsgenie: closed with %q at %s", done.Note, to)
	}
	var firing, ended []alertmanagerAlert
	decode("alertmanager", absence, &firing)
	decode("alertmanager", resolved, &ended)
	now := triggertest.SampleTime.Add(time.Minute)
	if labelKey(firing[0].Labels) != labelKey(ended[0].Labels) || !firing[0].EndsAt.After(now) || ended[0].EndsAt.After(now) {
		t.Errorf("alertmanager: %+v, then %+v", firing[0], ended[0])
	}
}
