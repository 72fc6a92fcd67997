package receiver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

// Messages go to the API with the token of a bot, because an incoming webhook can neither edit them nor name them.
var mattermost = Receiver{
	Format:   "mattermost",
	need:     needMattermost,
	endpoint: withPath("api/v4/posts"),
	document: func(r *Renderer, v *render.View) any { return r.mattermost(v) },
	escape:   mattermostText,
	Edits:    &Edits{Method: http.MethodPut, place: mattermostID, named: idOfAnswer, address: mattermostPatchAt, judge: mattermostJudge},
}

// mattermostID matches the ids of posts and channels.
var mattermostID = regexp.MustCompile(`^[a-z0-9]{26}$`)

func needMattermost(s *trigger.Settings, fs *setting.Faults) {
	if s.Token.IsZero() {
		fs.Required("token", "mattermost needs the token of a bot: "+setting.SecretHint("token"))
	}
	switch {
	case s.Channel == "" && s.Body == "":
		fs.Required("channel", "mattermost needs the id of a channel")
	case s.Channel != "" && !mattermostID.MatchString(s.Channel):
		fs.Add("channel", s.Channel, "must be the id of a channel: 26 letters and digits", "the channel's menu shows it under View Info")
	}
}

// mattermostPatchAt returns the address that edits a post (https://docs.mattermost.com/api/reference/patch-post).
func mattermostPatchAt(endpoint *url.URL, place string) *url.URL {
	return endpoint.JoinPath(place, "patch")
}

// mattermostJudge knows a post that is gone: Mattermost answers as if the permission were missing. Where it is, the new post is refused too.
func mattermostJudge(status int, _ []byte) Refusal {
	if status == http.StatusForbidden || status == http.StatusNotFound {
		return RefusalGone
	}
	return RefusalOther
}

// The bounds of a post in UTF-16 code units, which are never fewer than characters: of its text before Mattermost 5.0 and of its props before 6.0
// (https://github.com/mattermost/mattermost/blob/master/server/public/model/post.go). Newer ones take more.
const (
	mattermostMessage = 4000
	mattermostProps   = 8000 // of their JSON
	mattermostFooter  = 300  // what its clients show
)

type mattermostPost struct {
	ChannelID string          `json:"channel_id,omitempty"` // of a new post
	Message   string          `json:"message"`
	Props     mattermostExtra `json:"props"`
}

type mattermostExtra struct {
	Attachments []mattermostAttachment `json:"attachments"`
}

type mattermostAttachment struct {
	Fallback string `json:"fallback"`
	Color    string `json:"color"`
	Title    string `json:"title,omitempty"` // where a message has several alerts
	Text     string `json:"text"`
	Footer   string `json:"footer,omitempty"` // in which Mattermost reads no Markdown
}

func (r *Renderer) mattermost(v *render.View) mattermostPost {
	post := mattermostPost{ChannelID: r.settings.Channel}
	if v.Place != "" {
		post.ChannelID = ""
	}
	title := v.Mark() + " **" + render.Fit(v.Title(), 600, mattermostText) + "**"
	if progress := v.Progress(); progress != "" {
		title += ": " + progress
	}
	post.Props.Attachments = render.Shorten(v, min(2000, mattermostProps/len(v.Shown)), func(v *render.View, shown, runes int) ([]mattermostAttachment, bool) {
		list := make([]mattermostAttachment, 0, shown)
		for i := range shown {
			list = append(list, r.mattermostAlert(v, &v.Shown[i], runes))
		}
		body, err := json.Marshal(mattermostExtra{list})
		post.Message = title
		if rest := v.Rest(shown); rest != "" {
			post.Message += ", " + rest
		}
		return list, err == nil && render.UTF16Len(string(body)) <= mattermostProps
	})
	links := discordLinks(v.Links(), mattermostMessage-render.UTF16Len(post.Message))
	post.Message += links
	return post
}

func (r *Renderer) mattermostAlert(v *render.View, a *trigger.Alert, runes int) mattermostAttachment {
	headline := safetext.CutRunes(render.Headline(a), runes)
	out := mattermostAttachment{
		Fallback: mattermostText(headline), Color: fmt.Sprintf("#%06x", discordColor(a)),
		Footer: render.Fit(render.FactLine(render.Facts(a, 200)), min(mattermostFooter, max(120, runes)), mattermostPlain),
	}
	if len(v.All) > 1 {
		out.Title = mattermostText(headline)
	}
	var parts []string
	if summary := mattermostText(render.SummaryLine(a, min(1000, runes))); summary != "" {
		if v.Over() {
			summary = "~~" + summary + "~~"
		}
		parts = append(parts, summary)
	}
	if code := render.CodeBlock(a, runes); code != "" {
		parts = append(parts, "```\n"+render.MaskCode(code)+"\n```")
	}
	if link := render.Link(r.settings, a); link != "" && len(link) <= 1000 {
		parts = append(parts, "[Runbook](<"+link+">)")
	}
	out.Text = strings.Join(parts, "\n")
	return out
}

// mattermostText escapes text outside of code. Mattermost looks for #tags and ~channels in what Markdown leaves, so that a backslash does not keep it from them.
func mattermostText(s string) string { return mattermostNames.Replace(escapeMarkdown(s)) }

// mattermostPlain escapes text in which Mattermost reads no Markdown.
func mattermostPlain(s string) string { return mattermostNames.Replace(render.Inert(s)) }

var mattermostNames = strings.NewReplacer("#", "#"+render.ZeroWidth, "~", "~"+render.ZeroWidth)
