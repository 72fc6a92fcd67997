package trigger

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the golden files")

const heldBackText = "+312 since 14:02 (cooldown 300, rate limit 12)"

// hostileText tries to mention, to break out of JSON, Markdown, mrkdwn and HTML, and to change how the text shows.
const hostileText = "@everyone @here @channel <!channel> <!here|x> <!subteam^S1> <@U123> <@&456> <#C1> </pre><b>x</b><a href='tg://user?id=1'>y</a> " +
	"`x` ``` ```` *b* _i_ ~s~ ||spoiler|| [t](http://evil.example) <http://evil.example|bank> &lt; &amp; \" ' \\ \\\" {{DATE(2017-02-14T06:00:00Z)}} ${x} " +
	"\x1b[31mred\x1b[0m \x00\x07\u202egnp\u2066 \xff\xfe \u2028 \r\n```\n> quote\n# head\n- item\n@room @all @team :smile: </script>"

func cases() map[string][]Alert {
	with := func(change func(*Alert)) []Alert {
		a := sampleAlert()
		change(&a)
		return []Alert{a}
	}
	hostile := func(a *Alert) {
		a.Rule, a.Summary, a.Message = hostileText, hostileText, hostileText
		a.Source.Workload, a.Source.Host, a.Source.Container.Name = hostileText, hostileText, hostileText
		a.Captures, a.Fields = map[string]string{hostileText: hostileText}, map[string]string{hostileText: hostileText}
		a.Labels = map[string]string{hostileText: hostileText, "team": hostileText}
		a.Context = &Context{Before: []string{hostileText}, After: []string{hostileText}}
		a.Runbook = "javascript:alert(1)"
	}
	huge := func(a *Alert) {
		a.Summary, a.Message, a.Truncated = strings.Repeat("<\"ä🔥&", 2000), strings.Repeat("<\"ä🔥&`", 1000), true
		a.Context.Before = slices.Repeat([]string{strings.Repeat("b", 500)}, 50)
	}
	var group, flood []Alert
	for i := range 14 {
		a := sampleAlert()
		a.ID, a.Severity = fmt.Sprintf("al_%d", i), Severities()[i%5]
		a.Message = fmt.Sprintf("panic: number %d", i)
		group = append(group, a)
		hostile(&a)
		huge(&a)
		flood = append(flood, a)
	}
	return map[string][]Alert{
		"single":  {sampleAlert()},
		"group":   group,
		"hostile": with(hostile),
		"huge":    with(huge),
		"context": with(func(a *Alert) {
			a.Message = "panic: the message stays whole " + strings.Repeat("m", 500)
			a.Context = &Context{}
			for i := range 12 {
				a.Context.Before = append(a.Context.Before, fmt.Sprintf("before %d <&> %s", 12-i, strings.Repeat("<", 400)))
				a.Context.After = append(a.Context.After, fmt.Sprintf("after %d", i+1))
			}
		}),
		"flood": flood,
		"recovered": with(func(a *Alert) {
			a.Kind, a.Message, a.Context = KindRecovered, "", nil
			a.Summary = "shop/api: the line is back"
		}),
		"absence": with(func(a *Alert) {
			a.Kind, a.Count, a.Captures, a.Fields, a.Context = KindAbsence, 0, nil, nil, nil
			a.Source.Stream, a.Source.Container = "", Container{}
			a.Summary = "no line of backup-missing in shop/api for 26h, the last at 2026-01-01 01:04:05 UTC"
			a.Message = ""
		}),
		"rollup": with(func(a *Alert) {
			a.Kind, a.Severity, a.Count = KindRollup, "warning", 0
			a.Summary = "312 more in 5m: " + a.Summary
		}),
		"threshold": with(func(a *Alert) { a.Kind = KindThreshold }),
		"test":      {TestAlert(sampleTime)},
		"empty":     {{}},
	}
}

func testRenderer(format string) *renderer {
	s := DefaultSettings()
	s.Format, s.ChatID = format, "-1001"
	return &renderer{
		settings: &s, routingKey: NewSecret("R0"), topic: "alerts", now: func() time.Time { return sampleTime.Add(time.Minute) },
	}
}

func TestPresetsGolden(t *testing.T) {
	t.Parallel()
	for _, format := range Formats() {
		archive := &txtar.Archive{}
		all := cases()
		for _, name := range slices.Sorted(maps.Keys(all)) {
			alerts := all[name]
			for i := range alerts {
				if strings.HasPrefix(alerts[i].ID, "al_test_") {
					alerts[i].ID = "al_test_X"
				}
			}
			got, err := testRenderer(format).render("id_1", alerts)
			if err != nil {
				t.Fatalf("%s %s: %v", format, name, err)
			}
			checkPayload(t, format, got.body)
			if name != "test" && name != "empty" && format != FormatGeneric && format != FormatCloudEvents && !strings.Contains(string(got.body), heldBackText) {
				t.Errorf("%s %s does not say what was held back", format, name)
			}
			if name == "flood" {
				continue // limits only
			}
			archive.Files = append(archive.Files, txtar.File{Name: name + ".json", Data: readable(t, got.body)})
		}
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

// readable indents JSON and shortens long texts to their ends and length.
func readable(t *testing.T, body []byte) []byte {
	t.Helper()
	var document any
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatal(err)
	}
	text, err := json.MarshalIndent(mapStrings(document, func(s string) string {
		if r := []rune(s); len(r) > 600 {
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

var (
	anyMention     = regexp.MustCompile(`(?i)@(everyone|here|channel|all|room)|<!|<@|<#`)
	slackLink      = regexp.MustCompile(`^<https?://[^<>|]+\|Runbook>$`)
	telegramMarkup = regexp.MustCompile(`</?(b|pre)>|<a href="https?://[^"<>]*">Runbook</a>`)
	telegramEntity = regexp.MustCompile(`&(lt|gt|amp|#34);`)
)

// checkPayload holds a payload to its receiver's limits and to the promise that no text is read as markup.
func checkPayload(t *testing.T, format string, body []byte) {
	t.Helper()
	if !json.Valid(body) || !utf8.Valid(body) {
		t.Fatalf("%s: not valid JSON", format)
	}
	decode := func(into any) {
		t.Helper()
		if err := json.Unmarshal(body, into); err != nil {
			t.Fatalf("%s: %v", format, err)
		}
	}
	within := func(what, text string, limit int) {
		t.Helper()
		if n := utf8.RuneCountInString(text); n > limit {
			t.Errorf("%s: %s has %d characters, more than %d", format, what, n, limit)
		}
	}
	harmless := func(text string) {
		t.Helper()
		if found := anyMention.FindString(text); found != "" {
			t.Errorf("%s: holds %q", format, found)
		}
	}
	fenced := func(text string) {
		t.Helper()
		if n := strings.Count(text, "```"); n != 0 && n != 2 {
			t.Errorf("%s: %d fences", format, n)
		}
	}
	switch format {
	case FormatSlack:
		var m slackMessage
		decode(&m)
		total := len([]rune(m.Text))
		if len(m.Blocks) > slackBlocks {
			t.Errorf("slack: %d blocks", len(m.Blocks))
		}
		harmless(m.Text)
		for _, b := range m.Blocks {
			texts := b.Elements
			if b.Text != nil {
				texts = append(texts, *b.Text)
			}
			for _, text := range texts {
				total += len([]rune(text.Text))
				limit := slackSection
				if b.Type == "header" {
					limit = slackHeader
				}
				within(b.Type, text.Text, limit)
				fenced(text.Text)
				if text.Text == "" {
					t.Error("slack: an empty text")
				}
				if !slackLink.MatchString(text.Text) {
					harmless(text.Text)
					if strings.ContainsAny(text.Text, "<>") {
						t.Errorf("slack: markup in %q", text.Text)
					}
				}
			}
		}
		if total > slackTotal {
			t.Errorf("slack: %d characters in all", total)
		}
	case FormatDiscord:
		var m discordMessage
		decode(&m)
		if !strings.Contains(string(body), `"allowed_mentions":{"parse":[]}`) || len(m.Embeds) > discordEmbeds {
			t.Errorf("discord: %d embeds, mentions %v", len(m.Embeds), m.AllowedMentions)
		}
		within("content", m.Content, discordContent)
		harmless(strings.ReplaceAll(m.Content, `\<`, ""))
		total := 0
		for _, e := range m.Embeds {
			within("title", e.Title, discordTitle)
			within("description", e.Description, discordDescription)
			fenced(e.Description)
			prose, _, _ := strings.Cut(e.Description, "\n```\n")
			harmless(strings.ReplaceAll(e.Title+prose, `\<`, ""))
			total += len([]rune(e.Title + e.Description))
			if e.Footer != nil {
				within("footer", e.Footer.Text, discordFooter)
				total += len([]rune(e.Footer.Text))
			}
		}
		if total > discordTotal {
			t.Errorf("discord: %d characters in all", total)
		}
	case FormatTeams:
		var m teamsMessage
		decode(&m)
		if len(body) > teamsBytes {
			t.Errorf("teams: %d bytes", len(body))
		}
		for _, b := range m.Attachments[0].Content.Body {
			if b.Type != "RichTextBlock" || strings.Contains(b.Inlines[0].Text, "{{") || strings.Contains(b.Inlines[0].Text, "${") {
				t.Errorf("teams: block %+v", b)
			}
		}
	case FormatPagerDuty:
		var e pagerDutyEvent
		decode(&e)
		within("summary", e.Payload.Summary, pagerDutySummary)
		within("dedup_key", e.DedupKey, 255)
		if !slices.Contains([]string{"critical", "error", "warning", "info"}, e.Payload.Severity) || e.Payload.Source == "" || e.Payload.Summary == "" {
			t.Errorf("pagerduty: %+v", e.Payload)
		}
		if len(body) > 400_000 {
			t.Errorf("pagerduty: %d bytes", len(body))
		}
	case FormatNtfy:
		var m ntfyPost
		decode(&m)
		if len(m.Message) > ntfyMessage || m.Priority < 1 || m.Priority > 5 || m.Topic == "" {
			t.Errorf("ntfy: %d bytes, priority %d", len(m.Message), m.Priority)
		}
		within("title", m.Title, ntfyTitle)
	case FormatGotify:
		var m gotifyPost
		decode(&m)
		within("message", m.Message, gotifyMessage)
	case FormatTelegram:
		var m telegramMessage
		decode(&m)
		if n := utf16Of(m.Text); n > telegramLimit {
			t.Errorf("telegram: %d code units", n)
		}
		rest := telegramMarkup.ReplaceAllString(m.Text, "")
		harmless(rest)
		if strings.ContainsAny(rest, "<>") || strings.Contains(telegramEntity.ReplaceAllString(rest, ""), "&") {
			t.Errorf("telegram: markup left in %q", rest)
		}
		for _, tag := range []string{"b", "pre"} {
			if strings.Count(m.Text, "<"+tag+">") != strings.Count(m.Text, "</"+tag+">") {
				t.Errorf("telegram: %s is not closed", tag)
			}
		}
	case FormatAlertmanager:
		var list []alertmanagerAlert
		decode(&list)
		for _, a := range list {
			if a.Labels["alertname"] == "" || (a.EndsAt != nil && a.StartsAt != nil && a.EndsAt.Before(*a.StartsAt)) {
				t.Errorf("alertmanager: %+v", a)
			}
			for name := range a.Labels {
				if !regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`).MatchString(name) {
					t.Errorf("alertmanager: label name %q", name)
				}
			}
		}
	}
}

func FuzzPresets(f *testing.F) {
	f.Add(hostileText, "critical", 3)
	f.Add(strings.Repeat("<`@everyone`>", 900), "info", 1)
	f.Add(strings.Repeat("🔥\"&", 3000), "", 20)
	f.Fuzz(func(t *testing.T, text, severity string, n int) {
		a := sampleAlert()
		a.Rule, a.Summary, a.Message, a.Severity, a.Source.Workload, a.Source.Host = text, text, text, severity, text, text
		a.Labels, a.Captures, a.Fields, a.Runbook = map[string]string{text: text}, map[string]string{text: text}, map[string]string{text: text}, text
		a.Context = &Context{Before: []string{text, text}, After: []string{text}}
		alerts := slices.Repeat([]Alert{a}, 1+abs(n)%4)
		for _, format := range Formats() {
			got, err := testRenderer(format).render("id", alerts)
			if err != nil {
				t.Fatal(err)
			}
			checkPayload(t, format, got.body)
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

func TestRecoveredEndsWhatItTellsOf(t *testing.T) {
	t.Parallel()
	absence, recovered := cases()["absence"], cases()["recovered"]
	recovered[0].Source.Container = Container{ID: "other"}
	decode := func(format string, alerts []Alert, into any) {
		t.Helper()
		got, err := testRenderer(format).render("id", alerts)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got.body, into); err != nil {
			t.Fatal(err)
		}
	}
	var opened, closed pagerDutyEvent
	decode(FormatPagerDuty, absence, &opened)
	decode(FormatPagerDuty, recovered, &closed)
	if opened.EventAction != "trigger" || closed.EventAction != "resolve" || opened.DedupKey != closed.DedupKey {
		t.Errorf("pagerduty: %s %s, then %s %s", opened.EventAction, opened.DedupKey, closed.EventAction, closed.DedupKey)
	}
	var firing, resolved []alertmanagerAlert
	decode(FormatAlertmanager, absence, &firing)
	decode(FormatAlertmanager, recovered, &resolved)
	now := sampleTime.Add(time.Minute)
	if labelKey(firing[0].Labels) != labelKey(resolved[0].Labels) || !firing[0].EndsAt.After(now) || resolved[0].EndsAt.After(now) {
		t.Errorf("alertmanager: %+v, then %+v", firing[0], resolved[0])
	}
}
