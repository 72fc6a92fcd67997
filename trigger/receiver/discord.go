package receiver

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var discord = Receiver{
	Format:    "discord",
	SecretURL: true,
	domains:   []string{"discord.com", "discordapp.com"},
	rate:      setting.Rate{Count: 1, Per: time.Second},
	endpoint:  discordEndpoint,
	document:  func(r *Renderer, v *render.View) any { return r.discord(v) },
	escape:    escapeMarkdown,
	Edits:     &Edits{Method: http.MethodPatch, place: discordPlace, named: idOfAnswer, address: discordMessageAt, judge: discordJudge},
}

// discordEndpoint asks for the message in the answer, where it is edited later.
func discordEndpoint(s *trigger.Settings, address *url.URL, _ setting.Secret) (Endpoint, error) {
	if s.Update {
		query := address.Query()
		query.Set("wait", "true")
		address.RawQuery = query.Encode()
	}
	return Endpoint{URL: address}, nil
}

var discordPlace = regexp.MustCompile(`^[0-9]{1,20}$`)

// discordMessageAt returns the address of a message (https://discord.com/developers/docs/resources/webhook#edit-webhook-message). The thread stays in it.
func discordMessageAt(endpoint *url.URL, place string) *url.URL {
	one := endpoint.JoinPath("messages", place)
	query := one.Query()
	query.Del("wait")
	one.RawQuery = query.Encode()
	return one
}

// Discord's codes of errors (https://discord.com/developers/docs/topics/opcodes-and-status-codes#json).
const (
	discordUnknownMessage = 10008
	discordTooManyEdits   = 30046 // of a message that is older than an hour
	discordOtherAuthor    = 50005
)

func discordJudge(_ int, answer []byte) Refusal {
	var refused struct {
		Code int `json:"code"`
	}
	_ = json.Unmarshal(answer, &refused)
	switch refused.Code {
	case discordUnknownMessage, discordTooManyEdits, discordOtherAuthor:
		return RefusalGone
	}
	return RefusalOther
}

// Discord's limits (https://discord.com/developers/docs/resources/message#embed-object), in characters, counted in UTF-16 code units, which are
// never fewer.
const (
	discordContent     = 2000
	discordEmbeds      = 10
	discordTotal       = 6000
	discordTitle       = 256
	discordDescription = 4096
	discordFooter      = 2048
)

type discordMessage struct {
	Content         string          `json:"content"`
	Embeds          []discordEmbed  `json:"embeds"`
	AllowedMentions discordMentions `json:"allowed_mentions"`
}

// discordMentions lists the kinds of mentions that notify people. An empty list disables all of them.
type discordMentions struct {
	Parse []string `json:"parse"`
}

type discordEmbed struct {
	Title       string             `json:"title"`
	URL         string             `json:"url,omitempty"`
	Description string             `json:"description,omitempty"`
	Color       int                `json:"color"`
	Footer      *discordFooterText `json:"footer,omitempty"`
	Timestamp   *time.Time         `json:"timestamp,omitempty"`
}

type discordFooterText struct {
	Text string `json:"text"`
}

func (r *Renderer) discord(v *render.View) discordMessage {
	shown := v.Shown[:min(len(v.Shown), discordEmbeds)]
	content := v.Mark() + " " + v.Title()
	if progress := v.Progress(); progress != "" {
		content += ": " + progress
	}
	if rest := v.Rest(len(shown)); rest != "" {
		content += ", " + rest
	}
	links := discordLinks(v.Links(), discordContent/2)
	several := len(v.All) > 1 && v.Key() == "" // incidents, each with links of its own
	message := discordMessage{
		Content:         render.Fit(content, discordContent-render.UTF16Len(links), escapeMarkdown) + links,
		AllowedMentions: discordMentions{Parse: []string{}},
	}
	share := discordTotal / len(shown)
	for i := range shown {
		a := &shown[i]
		embed := discordEmbed{Color: discordColor(a), URL: render.Link(r.settings, a)}
		if embed.URL == "" && render.HasDomain(a.Links.Open) {
			embed.URL = a.Links.Open
		}
		links := ""
		if several {
			links = discordLinks(render.LinksOf(a), share/6)
		}
		embed.Title = render.Fit(render.Headline(a), min(discordTitle, share/4), escapeMarkdown)
		if line := render.Fit(render.FactLine(render.Facts(a, 200)), min(discordFooter, share/4), render.Inert); line != "" {
			embed.Footer = &discordFooterText{line}
		}
		embed.Description = render.Fit(render.SummaryLine(a, 1000), min(discordDescription/4, share/8), escapeMarkdown)
		if v.Over() && embed.Description != "" {
			embed.Description = "~~" + embed.Description + "~~"
		}
		if code := render.FitCode(a, min(discordDescription/2, share*3/8-10-render.UTF16Len(links)), render.MaskCode); code != "" {
			embed.Description += "\n```\n" + code + "\n```"
		}
		embed.Description += links
		if !a.Time.IsZero() {
			at := a.Time.UTC()
			embed.Timestamp = &at
		}
		message.Embeds = append(message.Embeds, embed)
	}
	return message
}

// discordLinks returns links as text, since only messages of an app can have buttons, or "" if they are longer than a limit: with many alerts in one message
// there is no room for them.
func discordLinks(list []render.NamedLink, limit int) string {
	var parts []string
	for _, l := range list {
		parts = append(parts, "["+l.Word+"](<"+l.URL+">)")
	}
	if text := "\n" + strings.Join(parts, " · "); len(parts) > 0 && render.UTF16Len(text) <= limit {
		return text
	}
	return ""
}

// escapeMarkdown puts a backslash before every character that Discord can read as Markdown.
func escapeMarkdown(s string) string {
	var b strings.Builder
	for _, r := range render.Inert(s) {
		if strings.ContainsRune("\\`*_{}[]()<>#-|~!:", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// discordColor returns the colour of an embed as RGB.
func discordColor(a *trigger.Alert) int {
	if a.Kind == trigger.KindResolved {
		return 0x2eb67d
	}
	switch a.Severity {
	case "critical":
		return 0xd7263d
	case "error":
		return 0xf46036
	case "warning":
		return 0xecb22e
	case "info":
		return 0x2e86de
	}
	return 0x95a5a6
}
