package receiver

import (
	_ "embed"
	"html"
	"html/template"
	"mime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/mail"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

const emailFormat = "email"

var email = Receiver{
	Format:      emailFormat,
	Mail:        true,
	rate:        setting.Rate{Count: 1, Per: time.Second},
	need:        needEmail,
	check:       checkEmail,
	contentType: "message/rfc822",
	message:     func(r *Renderer, v *render.View, own *Payload) ([]byte, error) { return r.email(v, own) },
	escape:      render.Inert,
	escapeHTML:  func(s string) string { return html.EscapeString(render.Inert(s)) },
	instead:     "an e-mail cannot be edited: those of one key are a thread",
}

// Bounds of a message. Gmail cuts off what comes after 102 KB of HTML (https://developers.google.com/workspace/gmail), and lists of messages show about
// 100 characters of a subject.
const (
	emailRecipients = 50
	emailSubject    = 200
	emailPreview    = 300
	emailText       = 60_000 // bytes
	emailHTML       = 90_000 // bytes
	emailRunes      = 16_000 // of the log line of one alert
)

func needEmail(s *trigger.Settings, fs *setting.Faults) {
	if s.From == "" {
		fs.Required("from", `e-mail needs a sender, such as "Alerts <alerts@example.com>"`)
	}
	if len(s.To) == 0 {
		fs.Required("to", `e-mail needs recipients, such as ["ops@example.com"]`)
	}
	if s.Username != "" && s.Password.IsZero() {
		fs.Required("password", setting.SecretHint("password"))
	}
	if s.Body != "" {
		if media, _, err := mime.ParseMediaType(s.ContentType); err == nil && media != "text/plain" && media != "text/html" {
			fs.Conflict("content_type", s.ContentType, "body", "must be text/plain or text/html: a body is the text of the e-mail", "")
		}
	}
	for _, foreign := range []struct {
		field string
		set   bool
	}{
		{"method", s.Method != trigger.DefaultSettings().Method},
		{"headers", len(s.Headers) > 0},
		{"header_files", len(s.HeaderFiles) > 0},
		{"header_env", len(s.HeaderEnv) > 0},
		{s.Token.Key("token"), !s.Token.IsZero()},
		{s.SigningSecret.Key("signing_secret"), !s.SigningSecret.IsZero()},
		{s.HubSecret.Key("hub_secret"), !s.HubSecret.IsZero()},
		{s.ProxyURL.Key("proxy_url"), !s.ProxyURL.IsZero()},
		{"expect", s.Expect != ""},
	} {
		if foreign.set {
			fs.Conflict(foreign.field, "", "format", "must not be set: e-mail goes over SMTP, which has no such thing", "")
		}
	}
}

func checkEmail(s *trigger.Settings, fs *setting.Faults) {
	const form = `such as "ops@example.com" or "Ops <ops@example.com>", in ASCII`
	if s.Format != emailFormat {
		if s.From != "" {
			fs.Conflict("from", s.From, "format", "must not be set: only e-mail has a sender", "")
		}
		if len(s.To) > 0 {
			fs.Conflict("to", s.To[0], "format", "must not be set: only e-mail has recipients", "")
		}
	}
	if _, ok := mail.ParseMailbox(s.From); !ok && s.From != "" {
		fs.Add("from", s.From, "must be an e-mail address", form)
	}
	seen := map[string]bool{}
	for _, to := range s.To {
		m, ok := mail.ParseMailbox(to)
		switch {
		case !ok:
			fs.Add("to", to, "must be an e-mail address", form)
		case seen[m.Address]:
			fs.Add("to", to, "must not be listed twice", "")
		}
		seen[m.Address] = true
	}
	if len(s.To) > emailRecipients {
		fs.Length("to", len(s.To), emailRecipients, "recipients")
	}
	fs.OneOf("starttls", s.StartTLS, []string{trigger.StartTLSRequired, trigger.StartTLSOff})
}

// email returns the message. Its texts are shown only: no client finds a link in them, and no text of an alert reaches a header unescaped.
func (r *Renderer) email(v *render.View, own *Payload) ([]byte, error) {
	m := mail.Message{
		ID: r.settings.Name + "\x00" + v.ID, Thread: v.Key(), Date: r.now().UTC(),
		Subject: render.Fit(emailTitle(v), emailSubject, render.Inert), Urgent: render.Grade(v, [5]int{4: 1}) == 1,
		Header: map[string]string{"Alert-Severity": v.Worst()},
	}
	if key := v.Key(); key != "" {
		m.Header["Alert-Key"] = safetext.CutRunes(render.OneLine(key), 100)
	}
	m.From, m.To = r.mailboxes()
	switch {
	case own == nil:
		content := r.emailContent(v)
		m.Text, m.HTML = content.text, content.html
	case r.body.HTML:
		m.HTML = string(own.Body)
	default:
		m.Text = string(own.Body)
	}
	return m.Encode()
}

// mailboxes returns sender and recipients. Those of a format that a test renders without a trigger are made up.
func (r *Renderer) mailboxes() (from mail.Mailbox, to []mail.Mailbox) {
	from = mail.Mailbox{Address: "alerts@localhost"}
	if parsed, ok := mail.ParseMailbox(r.settings.From); ok {
		from = parsed
	}
	for _, text := range r.settings.To {
		if parsed, ok := mail.ParseMailbox(text); ok {
			to = append(to, parsed)
		}
	}
	if len(to) == 0 {
		to = []mail.Mailbox{from}
	}
	return from, to
}

// emailTitle returns the subject. It is the same for all messages of a key, from the first hit to the end: Gmail puts only messages with equal subjects
// into one thread.
func emailTitle(v *render.View) string {
	if v.Key() == "" {
		return v.Title()
	}
	a := *v.First()
	a.Severity = v.Worst()
	if a.Kind == trigger.KindResolved {
		a.Kind = trigger.KindLog
		if a.Incident != nil && len(a.Incident.Severities) > 0 {
			a.Severity = a.Incident.Severities[len(a.Incident.Severities)-1]
		}
	}
	return render.Headline(&a)
}

// emailBody is the two forms of a message's text.
type emailBody struct{ text, html string }

func (r *Renderer) emailContent(v *render.View) emailBody {
	link := render.Link(r.settings, v.First())
	return render.Shorten(v, emailRunes, func(v *render.View, shown, runes int) (emailBody, bool) {
		body := emailBody{text: emailPlain(v, shown, runes, link)}
		page := emailPage{
			Title: inert(v.Title(), 300), Preview: inert(emailLead(v), emailPreview), Colour: emailColour(v, v.Worst()), Rest: inert(v.Rest(shown), 200), Link: link,
			Buttons: v.Links(),
		}
		for i := range shown {
			a := &v.Shown[i]
			item := emailAlert{Summary: inert(render.SummaryLine(a, 1000), 1000), Code: render.Inert(render.CodeBlock(a, runes))}
			if item.Code == item.Summary {
				item.Code = ""
			}
			if len(v.All) > 1 {
				item.Headline = inert(render.Headline(a), 300)
			}
			if v.Key() == "" && len(v.All) > 1 {
				item.Links = render.LinksOf(a)
			}
			for _, f := range render.Facts(a, min(500, runes)) {
				item.Facts = append(item.Facts, render.Fact{Name: render.Inert(f.Name), Value: render.Inert(f.Value)})
			}
			page.Alerts = append(page.Alerts, item)
		}
		var b strings.Builder
		if err := emailTemplate().Execute(&b, page); err != nil { // a template of our own, on texts
			return emailBody{text: body.text}, len(body.text) <= emailText
		}
		body.html = b.String()
		return body, len(body.text) <= emailText && len(body.html) <= emailHTML
	})
}

func inert(s string, runes int) string { return render.Inert(safetext.CutRunes(s, runes)) }

// emailLead returns the text that lists of messages show after the subject.
func emailLead(v *render.View) string {
	lead := render.SummaryLine(v.First(), emailPreview)
	switch {
	case v.Resolved():
		return "Resolved: " + lead
	case len(v.All) > 1:
		return v.Title() + ": " + lead
	}
	return lead
}

func emailPlain(v *render.View, shown, runes int, link string) string {
	part := *v
	part.Shown = v.Shown[:shown]
	text := ""
	if shown > 0 {
		text = render.TextMessage(&part, runes, func(string) bool { return true })
	} else {
		text = render.Inert(v.Rest(0))
	}
	text = render.Inert(v.Title()) + "\n\n" + text
	if link != "" {
		text += "\n\nRunbook: " + link
	}
	return text + textLinks(v) + "\n"
}

// emailPage is the data of email.html.
type emailPage struct {
	Title, Preview, Rest, Link string
	Colour                     template.CSS
	Alerts                     []emailAlert
	Buttons                    []render.NamedLink
}

type emailAlert struct {
	Headline, Summary, Code string
	Facts                   []render.Fact
	Links                   []render.NamedLink // in a message about several incidents
}

// emailColour returns the colour of a severity. White text on each has a contrast of at least 4.5 to 1.
func emailColour(v *render.View, severity string) template.CSS {
	switch {
	case v.Resolved():
		return "#1e7a34"
	case v.First().Kind == trigger.KindTest:
		return "#5b4a9e"
	}
	colours := []template.CSS{"#5f6368", "#1f5fa8", "#8a6100", "#b8480c", "#b3261e"}
	return colours[max(0, slices.Index(trigger.Severities(), severity))]
}

//go:embed email.html
var emailSource string

// emailTemplate is parsed by the first message: most programs send none.
var emailTemplate = sync.OnceValue(func() *template.Template { return template.Must(template.New("email.html").Parse(emailSource)) })
