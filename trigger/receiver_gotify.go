package trigger

import (
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

var gotify = receiver{
	format:    "gotify",
	ownHost:   true,
	check:     checkGotify,
	endpoint:  withPath("message"),
	authorize: func(header http.Header, token setting.Secret) { header.Set("X-Gotify-Key", token.Reveal()) },
	document:  func(r *renderer, v *view) any { return r.gotify(v) },
	escape:    inert,
}

// Gotify has no limits of its own. These keep a message readable on a phone.
const (
	gotifyTitle   = 250
	gotifyMessage = 16_000
)

func checkGotify(s *Settings, fs *setting.Faults) {
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
	Display gotifyDisplay `json:"client::display"`
}

type gotifyDisplay struct {
	ContentType string `json:"contentType"`
}

func (r *renderer) gotify(v *view) gotifyPost {
	return gotifyPost{
		Title:    fit(v.title(), gotifyTitle, inert),
		Message:  textMessage(v, gotifyMessage, func(text string) bool { return utf16Of(text) <= gotifyMessage }),
		Priority: grade(v, [5]int{1, 3, 5, 7, 9}),
		Extras:   gotifyExtras{gotifyDisplay{"text/plain"}},
	}
}
