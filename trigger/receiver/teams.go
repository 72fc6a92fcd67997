package receiver

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var teams = Receiver{
	Format:    "teams",
	SecretURL: true,
	domains:   []string{"webhook.office.com", "logic.azure.com", "api.powerplatform.com"},
	rate:      setting.Rate{Count: 1, Per: time.Second},
	document:  func(r *Renderer, v *render.View) any { return r.teams(v) },
	escape:    escapeTeams,
	instead:   "a workflow cannot edit its messages: group_by makes fewer of them",
}

// The bounds of a message for a Teams workflow. It takes "28 KB"
// (https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using), which in practice is about
// 21,000 bytes of JSON, because Teams counts base64. Other pages say that it counts UTF-16. Both limits are observed.
const (
	teamsBytes = 20_000
	teamsUTF16 = 28_000 // bytes
)

type teamsMessage struct {
	Type        string            `json:"type"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string    `json:"contentType"`
	ContentURL  *string   `json:"contentUrl"`
	Content     teamsCard `json:"content"`
}

type teamsCard struct {
	Schema  string         `json:"$schema"`
	Type    string         `json:"type"`
	Version string         `json:"version"`
	Body    []teamsBlock   `json:"body"`
	Actions []teamsAction  `json:"actions,omitempty"`
	MSTeams map[string]any `json:"msteams"`
}

// teamsBlock is a RichTextBlock: unlike a TextBlock it reads no Markdown.
type teamsBlock struct {
	Type      string     `json:"type"`
	Inlines   []teamsRun `json:"inlines"`
	Separator bool       `json:"separator,omitempty"`
	Spacing   string     `json:"spacing,omitempty"`
}

type teamsRun struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Size     string `json:"size,omitempty"`
	Weight   string `json:"weight,omitempty"`
	FontType string `json:"fontType,omitempty"`
	IsSubtle bool   `json:"isSubtle,omitempty"`
}

type teamsAction struct {
	Type  string `json:"type"`
	Title string `json:"title"`
	URL   string `json:"url"`
}

func (r *Renderer) teams(v *render.View) teamsMessage {
	return render.Shorten(v, 8000, func(v *render.View, shown, runes int) (teamsMessage, bool) {
		message := r.teamsMessage(v, shown, runes)
		body, err := json.Marshal(message)
		return message, err == nil && len(body) <= teamsBytes && 2*render.UTF16Len(string(body)) <= teamsUTF16
	})
}

func (r *Renderer) teamsMessage(v *render.View, shown, runes int) teamsMessage {
	block := func(run teamsRun) teamsBlock {
		run.Type = "TextRun"
		run.Text = escapeTeams(run.Text)
		return teamsBlock{Type: "RichTextBlock", Inlines: []teamsRun{run}}
	}
	card := teamsCard{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.2",
		MSTeams: map[string]any{"width": "Full"},
		Body:    []teamsBlock{block(teamsRun{Text: v.Mark() + " " + v.Title(), Size: "Large", Weight: "Bolder"})},
	}
	for i := range shown {
		a := &v.Shown[i]
		if len(v.All) > 1 {
			title := block(teamsRun{Text: render.Headline(a), Weight: "Bolder"})
			title.Separator = true
			card.Body = append(card.Body, title)
		}
		if summary := render.SummaryLine(a, min(1000, runes)); summary != "" {
			card.Body = append(card.Body, block(teamsRun{Text: summary}))
		}
		for line := range strings.Lines(render.CodeBlock(a, runes)) {
			code := block(teamsRun{Text: strings.TrimRight(line, "\n"), FontType: "Monospace"})
			code.Spacing = "None"
			if code.Inlines[0].Text != "" {
				card.Body = append(card.Body, code)
			}
		}
		if line := render.FactLine(render.Facts(a, 200)); line != "" {
			card.Body = append(card.Body, block(teamsRun{Text: safetext.CutRunes(line, max(200, runes/4)), IsSubtle: true}))
		}
	}
	if rest := v.Rest(shown); rest != "" {
		card.Body = append(card.Body, block(teamsRun{Text: rest, IsSubtle: true}))
	}
	if address := render.Link(r.settings, v.First()); address != "" {
		card.Actions = []teamsAction{{Type: "Action.OpenUrl", Title: "Runbook", URL: address}}
	}
	for _, l := range v.Links() {
		card.Actions = append(card.Actions, teamsAction{Type: "Action.OpenUrl", Title: l.Word, URL: l.URL})
	}
	return teamsMessage{
		Type:        "message",
		Attachments: []teamsAttachment{{ContentType: "application/vnd.microsoft.card.adaptive", Content: card}},
	}
}

// escapeTeams separates the braces with which Adaptive Cards mark dates and expressions.
func escapeTeams(s string) string {
	for strings.Contains(s, "{{") {
		s = strings.ReplaceAll(s, "{{", "{"+render.ZeroWidth+"{")
	}
	return strings.ReplaceAll(render.PartLinks(render.Inert(s)), "${", "$"+render.ZeroWidth+"{")
}
