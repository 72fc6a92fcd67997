package receiver

import (
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var slack = Receiver{
	Format:    "slack",
	SecretURL: true,
	domains:   []string{"hooks.slack.com", "hooks.slack-gov.com"},
	rate:      setting.Rate{Count: 1, Per: time.Second},
	url:       slackURLOf,
	need:      needSlack,
	check:     checkSlackChannel,
	endpoint:  slackEndpoint,
	Judge:     slackJudge,
	document:  func(r *Renderer, v *render.View) any { return r.slack(v) },
	escape:    slackProse,
	Edits:     &Edits{place: slackPlace, named: slackNamed, address: slackEditAt, need: needSlackChannel},
}

// Slack's limits (https://docs.slack.dev/reference/block-kit/blocks), in characters. Slack counts escapes as they are sent. UTF-16 code
// units are never fewer than its characters.
const (
	slackBlocks  = 50
	slackHeader  = 150
	slackSection = 3000
	slackTotal   = 12_000
	slackURL     = 3000
	slackAlerts  = (slackBlocks - 3) / 3 // a header, the rest and the links beside three blocks for each alert
)

type slackMessage struct {
	Channel string       `json:"channel,omitempty"` // of the Web API, and below
	TS      string       `json:"ts,omitempty"`      // of the message to edit
	Parse   string       `json:"parse,omitempty"`
	Text    string       `json:"text"` // for notifications, and for services with Slack-compatible webhooks
	Mrkdwn  *bool        `json:"mrkdwn,omitempty"`
	Blocks  []slackBlock `json:"blocks"`
}

type slackBlock struct {
	Type     string     `json:"type"`
	Text     *slackText `json:"text,omitempty"`
	Elements []any      `json:"elements,omitempty"` // of type slackText or slackButton
}

// slackButton opens a URL. Slack also posts a click to the app, if that asks for it; a webhook needs no app for the URL.
type slackButton struct {
	Type     string    `json:"type"`
	Text     slackText `json:"text"`
	URL      string    `json:"url"`
	ActionID string    `json:"action_id"`
}

type slackText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim,omitempty"` // no mention, channel or link is made of the text
}

// slackProse escapes text outside of code. Slack reads no Markdown there, but services with Slack-compatible webhooks do.
func slackProse(s string) string {
	return render.Inert(render.PartLinks(render.PartBackticks(escapeSlack(s))))
}

// slackStruck escapes text between the marks that strike it through, where Slack reads its markup.
func slackStruck(s string) string { return slackMarkup.Replace(slackProse(s)) }

var slackMarkup = strings.NewReplacer("~", "~"+render.ZeroWidth, "*", "*"+render.ZeroWidth, "_", "_"+render.ZeroWidth, "`", "`"+render.ZeroWidth)

var slackEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escapeSlack escapes the control characters of Slack's mrkdwn, so that "<!channel>" becomes plain text.
func escapeSlack(s string) string { return slackEscapes.Replace(s) }

// slackCode escapes text inside a fence of backticks.
func slackCode(s string) string { return render.MaskCode(escapeSlack(s)) }

// slackDocument puts prose into plain_text objects, in which Slack reads no markup, and the log line into a fence.
func (r *Renderer) slack(v *render.View) slackMessage {
	plainText := func(s string, limit int) slackText {
		return slackText{Type: "plain_text", Text: render.Fit(s, limit, slackProse)}
	}
	title := plainText(v.Mark()+" "+v.Title(), slackHeader)
	message := slackMessage{
		Text:    render.Fit(v.Title()+": "+render.SummaryLine(v.First(), 300), 600, slackProse),
		Channel: r.settings.Channel, Mrkdwn: new(bool),
		Blocks: []slackBlock{{Type: "header", Text: &title}},
	}
	if channel, ts, edits := strings.Cut(v.Place, " "); edits {
		// Slack forgets what it was asked to find in the text, unless an edit says it again.
		message.Channel, message.TS, message.Parse, message.Mrkdwn = channel, ts, "none", nil
	}
	if progress := v.Progress(); progress != "" {
		text := plainText(progress, slackHeader)
		message.Blocks = append(message.Blocks, slackBlock{Type: "section", Text: &text})
	}
	shown := v.Shown[:min(len(v.Shown), slackAlerts)]
	links, long := slackLinks(v, shown)
	share := (slackTotal - 1000 - long) / len(shown)
	for i := range shown {
		a := &shown[i]
		prose := render.SummaryLine(a, 1000)
		if len(v.All) > 1 {
			prose = render.Headline(a) + "\n" + prose
		}
		summary := plainText(prose, min(slackSection, share*2/5))
		if v.Over() && summary.Text != "" {
			summary = slackText{Type: "mrkdwn", Text: "~" + render.Fit(prose, min(slackSection, share*2/5)-2, slackStruck) + "~", Verbatim: true}
		}
		if summary.Text != "" {
			message.Blocks = append(message.Blocks, slackBlock{Type: "section", Text: &summary})
		}
		code := render.FitCode(a, min(slackSection, share*2/5)-10, slackCode)
		if code != "" {
			message.Blocks = append(message.Blocks, slackBlock{
				Type: "section", Text: &slackText{Type: "mrkdwn", Text: "```\n" + code + "\n```", Verbatim: true},
			})
		}
		if line := render.FactLine(render.Facts(a, 200)); line != "" {
			context := slackBlock{Type: "context", Elements: []any{plainText(line, min(2000, share/5))}}
			if address := "<" + escapeSlack(render.Link(r.settings, a)) + "|Runbook>"; address != "<|Runbook>" && render.UTF16Len(address) <= 1000 && len(shown) == 1 {
				context.Elements = append(context.Elements, slackText{Type: "mrkdwn", Text: address})
			}
			if links != nil && links[i] != "" {
				context.Elements = append(context.Elements, slackText{Type: "mrkdwn", Text: links[i]})
			}
			message.Blocks = append(message.Blocks, context)
		}
	}
	if rest := v.Rest(len(shown)); rest != "" {
		message.Blocks = append(message.Blocks, slackBlock{Type: "context", Elements: []any{plainText(rest, 200)}})
	}
	if buttons := slackButtons(v); len(buttons) > 0 {
		message.Blocks = append(message.Blocks, slackBlock{Type: "actions", Elements: buttons})
	}
	return message
}

// slackButtons returns a button for each link of a message.
func slackButtons(v *render.View) (buttons []any) {
	for i, l := range v.Links() {
		if len(l.URL) <= slackURL {
			buttons = append(buttons, slackButton{"button", slackText{Type: "plain_text", Text: l.Word}, l.URL, "link-" + strconv.Itoa(i)})
		}
	}
	return buttons
}

// slackLinks returns the links of each alert as text, and their length in all, for a message about several incidents: a silence is of one. They take at most a third
// of the message; nil where there are more.
func slackLinks(v *render.View, shown []trigger.Alert) (texts []string, long int) {
	if len(v.All) == 1 || v.Key() != "" {
		return nil, 0
	}
	for i := range shown {
		var parts []string
		for _, l := range render.LinksOf(&shown[i]) {
			parts = append(parts, "<"+escapeSlack(l.URL)+"|"+l.Word+">")
		}
		texts = append(texts, strings.Join(parts, " · "))
		long += render.UTF16Len(texts[i])
	}
	if long > slackTotal/3 {
		return nil, 0
	}
	return texts, long
}
