package browser

import (
	"encoding/json"
	"flag"
	"fmt"
	"html"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/rogpeppe/go-internal/txtar"
)

var pictures = flag.Bool("pictures", false, "write the pictures of docs/pictures")

// TestMessages draws the golden payloads of each receiver as its service shows them, and reads there what a person needs: what happened, the lines around
// it, how many hits it stands for and the runbook. With -pictures it writes docs/pictures/message-SERVICE.png.
func TestMessages(t *testing.T) {
	const summary, count, frames = "limit exceeded", "+312 since 14:02 (cooldown 300, rate limit 12)", "charge (billing"
	for _, service := range []string{"slack", "discord", "mattermost", "teams", "telegram", "ntfy", "gotify", "email", "pagerduty", "opsgenie", "alertmanager"} {
		t.Run(service, func(t *testing.T) {
			golden := readGolden(t, service)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
				if err := draw(w, service, golden); err != nil {
					t.Error(err)
				}
			}))
			defer server.Close()
			b := openTab(t, 640, 400, false)
			b.open(server.URL, "body")
			text := strings.ReplaceAll(b.text(`document.body.innerText`), "\u200b", "")
			for _, part := range []string{summary, count, "POST /pay order=4711", "raise CardDeclined(reason)", "POST /pay 500 in 31 ms"} {
				if !strings.Contains(text, part) {
					t.Errorf("%s does not show %q:\n%s", service, part, text)
				}
			}
			if !b.is(`document.querySelector('a[href^="https://runbooks.example.com/"]') !== null`) {
				t.Errorf("%s does not link the runbook", service)
			}
			if service != "alertmanager" && !strings.Contains(text, frames) {
				t.Errorf("%s does not show the frames %q:\n%s", service, frames, text)
			}
			if b.is(`document.documentElement.scrollWidth > window.innerWidth`) {
				t.Errorf("a message of %s is wider than its window", service)
			}
			if *pictures {
				var image []byte
				b.run(chromedp.FullScreenshot(&image, 100))
				if err := os.WriteFile(filepath.Join("..", "..", "docs", "pictures", "message-"+service+".png"), image, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// readGolden returns the golden payloads of a receiver by name.
func readGolden(t *testing.T, service string) map[string][]byte {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("..", "..", "trigger", "receiver", "testdata", "golden", service+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string][]byte{}
	for _, f := range archive.Files {
		golden[f.Name] = f.Data
	}
	return golden
}

// draw writes an alert, a roll-up and an end as the service shows them, and last the end of an incident whose message was edited. A mail is shown by itself.
func draw(w http.ResponseWriter, service string, golden map[string][]byte) error {
	if service == "email" {
		_, err := w.Write(golden["trace.html"])
		return err
	}
	t, err := template.New("").Funcs(template.FuncMap{
		"slack": slackText, "markdown": markdown, "telegram": telegramText, "text": text, "number": number, "emoji": emoji, "detail": detail, "colour": colour, "hex": hex,
	}).ParseFiles(filepath.Join("messages", "frame.html"), filepath.Join("messages", service+".html"))
	if err != nil {
		return err
	}
	var messages []any
	for _, name := range []string{"trace", "rollup", "resolved", "edit-over"} {
		var message any
		if name == "edit-over" && golden["edit-over.json"] == nil {
			continue // its messages cannot be edited
		}
		if err := json.Unmarshal(golden[name+".json"], &message); err != nil {
			return fmt.Errorf("%s of %s: %w", name, service, err)
		}
		messages = append(messages, map[string]any{"Payload": message, "Edited": name == "edit-over"})
	}
	return t.ExecuteTemplate(w, "frame", map[string]any{"Service": service, "Messages": messages})
}

// text returns "" for what a payload leaves out.
func text(value any) string {
	s, _ := value.(string)
	return s
}

func number(value any) float64 {
	n, _ := value.(float64)
	return n
}

func detail(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	b, _ := json.Marshal(value)
	return string(b)
}

func colour(value any) template.CSS { return template.CSS(fmt.Sprintf("#%06x", int(number(value)))) }

// hex lets a colour through, and nothing else.
func hex(value any) template.CSS {
	if s := text(value); regexp.MustCompile(`^#[0-9a-f]{6}$`).MatchString(s) {
		return template.CSS(s)
	}
	return ""
}

// emoji shows the tags that ntfy knows as pictures.
func emoji(tag string) string {
	known := map[string]string{"rotating_light": "🚨", "warning": "⚠️", "information_source": "ℹ️", "white_check_mark": "✅"}
	if e, ok := known[tag]; ok {
		return e
	}
	return tag
}

var (
	slackLink    = regexp.MustCompile(`<(https?://[^|>]+)\|([^>]*)>`)
	discordLink  = regexp.MustCompile(`\[([^\]]+)\]\((?:&lt;)?(https?://[^)]+?)(?:&gt;)?\)`)
	slackStruck  = regexp.MustCompile(`~([^~\n]+)~`)
	bold         = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	struck       = regexp.MustCompile(`~~([^~]+)~~`)
	discordSlash = regexp.MustCompile(`\\([!-/:-@\[-` + "`" + `{-~])`)
	telegramTag  = regexp.MustCompile(`&lt;(/?(?:b|i|s|code|pre)|a href=&#34;([^&]|&amp;)*&#34;|/a)&gt;`)
)

// slackText reads a text object of Block Kit: plain, or the code blocks and links of mrkdwn.
func slackText(value map[string]any) template.HTML {
	s := text(value["text"])
	if value["type"] != "mrkdwn" {
		return template.HTML(html.EscapeString(html.UnescapeString(s))) // the three characters that Slack wants escaped everywhere
	}
	if code, ok := strings.CutPrefix(s, "```\n"); ok {
		return template.HTML("<pre>" + strings.TrimSuffix(code, "\n```") + "</pre>")
	}
	s = slackStruck.ReplaceAllString(slackLink.ReplaceAllString(s, `<a href="$1">$2</a>`), "<s>$1</s>")
	return template.HTML(strings.ReplaceAll(s, "\n", "<br>"))
}

// markdown reads Discord's escapes, links and code blocks.
func markdown(value any) template.HTML {
	var out strings.Builder
	for i, part := range strings.Split(text(value), "```") {
		if i%2 == 1 {
			out.WriteString("<pre>" + html.EscapeString(strings.Trim(part, "\n")) + "</pre>")
			continue
		}
		s := discordSlash.ReplaceAllString(html.EscapeString(part), "$1")
		s = discordLink.ReplaceAllString(s, `<a href="$2">$1</a>`)
		s = struck.ReplaceAllString(bold.ReplaceAllString(s, "<b>$1</b>"), "<s>$1</s>")
		out.WriteString(strings.ReplaceAll(strings.TrimSpace(s), "\n", "<br>"))
	}
	return template.HTML(out.String())
}

// telegramText lets the tags through that the receiver sends.
func telegramText(value any) template.HTML {
	s := html.EscapeString(text(value))
	return template.HTML(strings.ReplaceAll(telegramTag.ReplaceAllStringFunc(s, html.UnescapeString), "&amp;", "&"))
}

// TestEveryPictureIsShown holds docs/pictures to the documents: no picture that is missing, and none that no document shows.
func TestEveryPictureIsShown(t *testing.T) {
	documents, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil || len(documents) == 0 {
		t.Fatal("no documents", err)
	}
	var shown []string
	for _, path := range append(documents, filepath.Join("..", "..", "README.md")) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`pictures/([a-z0-9-]+\.(?:png|svg))`).FindAllStringSubmatch(string(content), -1) {
			shown = append(shown, m[1])
			if _, err := os.Stat(filepath.Join("..", "..", "docs", "pictures", m[1])); err != nil {
				t.Errorf("%s shows %s, which is not there", path, m[1])
			}
		}
	}
	there, err := filepath.Glob(filepath.Join("..", "..", "docs", "pictures", "*"))
	if err != nil || len(there) == 0 {
		t.Fatal("no pictures", err)
	}
	for _, path := range there {
		if !slices.Contains(shown, filepath.Base(path)) {
			t.Errorf("no document shows %s", path)
		}
	}
}
