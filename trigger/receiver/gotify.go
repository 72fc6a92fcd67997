package receiver

import (
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var gotify = Receiver{
	Format:    "gotify",
	ownHost:   true,
	need:      needGotify,
	endpoint:  withPath("message"),
	Authorize: func(header http.Header, token setting.Secret) { header.Set("X-Gotify-Key", token.Reveal()) },
	document:  func(r *Renderer, v *render.View) any { return r.gotify(v) },
	escape:    render.Inert,
	instead:   "Gotify cannot edit messages: group_by makes fewer of them",
}

// Gotify has no limits of its own. These keep a message readable on a phone.
const (
	gotifyTitle   = 250
	gotifyMessage = 16_000
)

func needGotify(s *trigger.Settings, fs *setting.Faults) {
	if s.Token.IsZero() {
		fs.Required("token", "gotify needs the application's key: "+setting.SecretHint("token"))
	}
}

type gotifyPost struct {
	Title    string       `json:"title"`
	Message  string       `json:"message"`
	Priority int          `json:"priority"` // from 8 on with sound on most clients
	Extras   gotifyExtras `json:"extras"`
}

type gotifyExtras struct {
	Display      gotifyDisplay       `json:"client::display"`
	Notification *gotifyNotification `json:"client::notification,omitempty"`
}

type gotifyDisplay struct {
	ContentType string `json:"contentType"`
}

// gotifyNotification is how a phone shows a message; a tap on it opens the link (https://gotify.net/docs/msgextras).
type gotifyNotification struct {
	Click gotifyClick `json:"click"`
}

type gotifyClick struct {
	URL string `json:"url"`
}

func (r *Renderer) gotify(v *render.View) gotifyPost {
	extras := gotifyExtras{Display: gotifyDisplay{"text/plain"}}
	if link := v.Click(r.settings); link != "" {
		extras.Notification = &gotifyNotification{gotifyClick{link}}
	}
	post := gotifyPost{
		Title:    render.Fit(v.Title(), gotifyTitle, render.Inert),
		Priority: render.Grade(v, [5]int{1, 3, 5, 7, 9}),
		Extras:   extras,
	}
	links := textLinks(v)
	post.Message = render.TextMessage(v, gotifyMessage, func(text string) bool { return render.UTF16Len(text+links) <= gotifyMessage }) + links
	return post
}

// textLinks returns the links of a message as lines of text, behind an empty one.
func textLinks(v *render.View) (text string) {
	for _, l := range v.Links() {
		text += "\n" + l.Word + ": " + l.URL
	}
	if text != "" {
		return "\n" + text
	}
	return ""
}
