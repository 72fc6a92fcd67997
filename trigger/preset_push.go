package trigger

import (
	"encoding/json"
	"strings"
)

// Limits of ntfy (https://docs.ntfy.sh/publish/#limitations) and Gotify.
const (
	ntfyMessage   = 4096            // bytes; a longer one becomes an attachment
	ntfyBody      = 2 * ntfyMessage // bytes of the whole JSON, escapes included
	ntfyTitle     = 250
	ntfyClick     = 2000 // bytes of JSON, so that the message has room beside it
	gotifyMessage = 16_000
)

type ntfyPost struct {
	Topic    string   `json:"topic"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"` // 1 to 5
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
}

// ntfy publishes as JSON, which reads no Markdown unless asked to.
func (r *renderer) ntfy(v *view) ntfyPost {
	post := ntfyPost{
		Topic:    r.topic,
		Title:    fit(v.title(), ntfyTitle, inert),
		Priority: grade(v, [5]int{1, 2, 3, 4, 5}),
		Tags:     []string{ntfyTag(v)},
	}
	if click := link(r.settings, v.first()); len(jsonForm(click)) <= ntfyClick {
		post.Click = click
	}
	post.Message = textMessage(v, ntfyMessage, func(text string) bool {
		post.Message = text
		body, err := json.Marshal(post)
		return err == nil && len(text) <= ntfyMessage && len(body) <= ntfyBody
	})
	return post
}

func ntfyTag(v *view) string {
	switch {
	case v.recovered():
		return "white_check_mark"
	case v.first().Kind == KindTest:
		return "bell"
	}
	return [5]string{"mag", "information_source", "warning", "x", "rotating_light"}[grade(v, [5]int{0, 1, 2, 3, 4})]
}

type gotifyPost struct {
	Title    string       `json:"title"`
	Message  string       `json:"message"`
	Priority int          `json:"priority"` // from 8 on with sound on most clients
	Extras   gotifyExtras `json:"extras"`
}

type gotifyExtras struct {
	Display gotifyDisplay `json:"client::display"`
}

type gotifyDisplay struct {
	ContentType string `json:"contentType"`
}

func (r *renderer) gotify(v *view) gotifyPost {
	return gotifyPost{
		Title:    fit(v.title(), ntfyTitle, inert),
		Message:  textMessage(v, gotifyMessage, func(text string) bool { return utf16Of(text) <= gotifyMessage }),
		Priority: grade(v, [5]int{1, 3, 5, 7, 9}),
		Extras:   gotifyExtras{gotifyDisplay{"text/plain"}},
	}
}

// grade picks the number of the message's severity. A recovery is no graver than info.
func grade(v *view, numbers [5]int) int {
	if v.recovered() {
		return numbers[1]
	}
	for i, s := range Severities() {
		if s == v.worst() {
			return numbers[i]
		}
	}
	return numbers[2]
}

// textMessage gives a message as plain text that fits, of which no client makes a link. runes is about how long it may become. What was held
// back stands before the log line, which is cut first.
func textMessage(v *view, runes int, fits func(text string) bool) string {
	return shorten(v, runes, func(v *view, shown, runes int) (string, bool) {
		var parts []string
		for i := range shown {
			parts = append(parts, textOf(&v.shown[i], runes, len(v.all) > 1))
		}
		if rest := v.rest(shown); rest != "" {
			parts = append(parts, rest)
		}
		text := inert(strings.Join(parts, "\n\n"))
		return text, fits(text)
	})
}

func textOf(a *Alert, runes int, titled bool) string {
	var lines []string
	if titled {
		lines = append(lines, cutRunes(headline(a), runes))
	}
	summary := summaryLine(a, min(500, runes))
	lines = append(lines, summary)
	if line := factLine(facts(a, 200)); line != "" {
		lines = append(lines, cutRunes(line, max(120, min(600, runes))))
	}
	if code := codeBlock(a, runes); code != "" && code != summary {
		lines = append(lines, code)
	}
	return strings.Join(lines, "\n")
}
