package receiver

import (
	"bytes"
	"context"
	"html"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// sentMail is an e-mail as a mail program reads it.
type sentMail struct {
	Header  map[string]string `json:"header"` // all but the subject
	Subject string            `json:"subject"`
	Text    string            `json:"text"`
	HTML    string            `json:"html"`
	parts   []string          // their media types
}

// readMail reads an e-mail with the standard library's parsers, which did not write it.
func readMail(t *testing.T, raw []byte) *sentMail {
	t.Helper()
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	out := &sentMail{Header: map[string]string{}}
	for name, values := range parsed.Header {
		if len(values) != 1 {
			t.Errorf("%d headers %s", len(values), name)
		}
		if out.Header[name], err = new(mime.WordDecoder).DecodeHeader(values[0]); err != nil {
			t.Error(err)
		}
	}
	out.Subject = out.Header["Subject"]
	delete(out.Header, "Subject")
	media, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	add := func(media, encoding string, body io.Reader) {
		if encoding == "quoted-printable" { // multipart.Reader decodes it itself
			body = quotedprintable.NewReader(body)
		}
		text, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		out.parts = append(out.parts, media)
		if content := strings.ReplaceAll(string(text), "\r\n", "\n"); strings.HasPrefix(media, "text/html") {
			out.HTML = content
		} else {
			out.Text = content
		}
	}
	if media != "multipart/alternative" {
		add(media, parsed.Header.Get("Content-Transfer-Encoding"), parsed.Body)
		return out
	}
	for reader := multipart.NewReader(parsed.Body, params["boundary"]); ; {
		part, err := reader.NextPart()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		add(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), part)
	}
}

var (
	styleElement = regexp.MustCompile(`(?s)<style>.*?</style>`)
	tag          = regexp.MustCompile(`<[^>]*>`)
	openTag      = regexp.MustCompile(`<([a-z0-9]+)([^>]*)>`)
)

// visibleText returns the text that a reader of a page sees.
func visibleText(page string) string {
	return html.UnescapeString(tag.ReplaceAllString(styleElement.ReplaceAllString(page, ""), " "))
}

// checkMail checks that the message has the header that this program writes and nothing else, and a page without anything that is loaded or runs.
func checkMail(p *checked) {
	p.Helper()
	m := readMail(p.T, p.raw)
	known := []string{
		"Alert-Key", "Alert-Severity", "Auto-Submitted", "Content-Type", "Date", "From", "Importance", "In-Reply-To", "Message-Id", "Mime-Version", "Priority",
		"References", "To", "X-Auto-Response-Suppress", "X-Msmail-Priority", "X-Priority",
	}
	for name := range m.Header {
		if !slices.Contains(known, name) {
			p.Errorf("header %q", name)
		}
	}
	if !slices.Equal(m.parts, []string{"text/plain; charset=UTF-8", "text/html; charset=UTF-8"}) {
		p.Errorf("parts %v", m.parts)
	}
	if m.Header["From"] != `"Alerts" <alerts@example.com>` || m.Header["To"] != `"Ops" <ops@example.com>, <dev@example.com>` {
		p.Errorf("from %s to %s", m.Header["From"], m.Header["To"])
	}
	p.within("subject", m.Subject, emailSubject)
	if len(m.Text) > emailText || len(m.HTML) > emailHTML {
		p.Errorf("%d bytes of text, %d of HTML", len(m.Text), len(m.HTML))
	}
	// RFC 5322, section 2.1.1.
	for line := range strings.SplitSeq(string(p.raw), "\r\n") {
		if len(line) > 998 || strings.ContainsAny(line, "\r\n\x00") {
			p.Errorf("a line of %d bytes: %.100q", len(line), line)
		}
	}
	for _, found := range openTag.FindAllStringSubmatch(m.HTML, -1) {
		name, attributes := found[1], found[2]
		if !slices.Contains([]string{"html", "head", "meta", "title", "style", "body", "div", "h1", "h2", "p", "pre", "table", "tr", "td", "hr", "a"}, name) {
			p.Errorf("element %s", name)
		}
		if strings.Contains(attributes, "src=") || strings.Contains(attributes, "url(") || strings.Contains(attributes, " on") {
			p.Errorf("%s has %s", name, attributes)
		}
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(m.HTML, -1) {
		if !render.IsWebURL(html.UnescapeString(link[1])) {
			p.Errorf("a link to %q", link[1])
		}
	}
	own, _, _ := strings.Cut(m.Text, "\n\nRunbook: ")
	own, _, _ = strings.Cut(own, "\n\nOpen: ")
	for _, text := range []string{m.Subject, own, visibleText(m.HTML)} {
		if found := names.FindString(text); found != "" {
			p.Errorf("%q becomes a link", found)
		}
	}
}

func renderMail(t *testing.T, id string, alerts ...trigger.Alert) (*sentMail, []byte) {
	t.Helper()
	got, err := testRenderer("email").Render(context.Background(), id, alerts)
	if err != nil {
		t.Fatal(err)
	}
	if got.ContentType != "message/rfc822" {
		t.Errorf("content type %s", got.ContentType)
	}
	return readMail(t, got.Body), got.Body
}

// TestMailsOfOneKeyAreOneThread: subject and References are the same from the first hit to the end, and each message has an id of its own that a
// repetition keeps.
func TestMailsOfOneKeyAreOneThread(t *testing.T) {
	t.Parallel()
	first, rollup, end, other := triggertest.Sample(), triggertest.Sample(), triggertest.Alerts()["resolved"][0], triggertest.Sample()
	rollup.Kind, rollup.Summary = trigger.KindRollup, "312 more"
	other.Key = "another"
	var ids, subjects, threads []string
	for i, alerts := range [][]trigger.Alert{{first}, {rollup}, {first, rollup}, {end}} {
		m, _ := renderMail(t, string(rune('a'+i)), alerts...)
		ids, subjects, threads = append(ids, m.Header["Message-Id"]), append(subjects, m.Subject), append(threads, m.Header["References"])
		if m.Header["In-Reply-To"] != m.Header["References"] {
			t.Errorf("in reply to %s, references %s", m.Header["In-Reply-To"], m.Header["References"])
		}
	}
	if n := len(slices.Compact(slices.Clone(subjects))); n != 1 || subjects[0] != "CRITICAL go-panic · shop/api" {
		t.Errorf("subjects %q", subjects)
	}
	if n := len(slices.Compact(slices.Clone(threads))); n != 1 || threads[0] == "" {
		t.Errorf("threads %q", threads)
	}
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != 4 {
		t.Errorf("ids %q", ids)
	}
	if again, _ := renderMail(t, "a", first); !slices.Contains(ids, again.Header["Message-Id"]) {
		t.Errorf("a repetition has id %s", again.Header["Message-Id"])
	}
	apart, _ := renderMail(t, "x", other)
	mixed, _ := renderMail(t, "y", first, other)
	if apart.Header["References"] == threads[0] || mixed.Header["References"] != "" || mixed.Subject != "CRITICAL 2 alerts · go-panic · shop/api" {
		t.Errorf("another key: %s; two keys: %s, %q", apart.Header["References"], mixed.Header["References"], mixed.Subject)
	}
	if m, _ := renderMail(t, "e", end); !strings.Contains(visibleText(m.HTML), "Resolved: ") {
		t.Error("the end does not say so where lists show the beginning of a message")
	}
}

// TestTheSameAlertIsTheSameMail compares bytes: nothing in a message is random.
func TestTheSameAlertIsTheSameMail(t *testing.T) {
	t.Parallel()
	_, one := renderMail(t, "a", triggertest.Sample())
	_, two := renderMail(t, "a", triggertest.Sample())
	if !bytes.Equal(one, two) {
		t.Error("two renderings differ")
	}
}

// TestNoTextInjectsAHeader puts line ends in all their forms, and encoded words, into each text that reaches a header.
func TestNoTextInjectsAHeader(t *testing.T) {
	t.Parallel()
	plain, _ := renderMail(t, "a", triggertest.Sample())
	for _, end := range []string{"\r\n", "\n", "\r", "\r\n ", "\v", "\f", "\x85", "\u0085", "\u2028", "\x00", "\n\n", "\r\n\r\n", "\r\n.\r\n", "=?UTF-8?q?=0D=0A?=", "%0d%0a"} {
		text := "x" + end + "Bcc: eve@evil.example" + end + "<script>x</script>"
		a := triggertest.Sample()
		a.Rule, a.Severity, a.Source.Workload, a.Key, a.ID, a.Summary, a.Message, a.Kind = text, text, text, text, text, text, text, text
		m, raw := renderMail(t, text, a)
		for name := range m.Header {
			if _, known := plain.Header[name]; !known {
				t.Errorf("%q adds a header %q", end, name)
			}
		}
		if regexp.MustCompile(`(?im)^(bcc|eve|<script)`).Match(raw[:bytes.Index(raw, []byte("\r\n\r\n"))]) {
			t.Errorf("%q: %s", end, raw)
		}
		checkPayload(t, "email", raw)
	}
}

// TestABodyIsTheTextOfTheMail: a body of text/plain or text/html replaces both parts, and log lines cannot add markup.
func TestABodyIsTheTextOfTheMail(t *testing.T) {
	t.Parallel()
	a := triggertest.Sample()
	a.Message = `<img src=x onerror=alert(1)> https://evil.example & "x"`
	for contentType, want := range map[string]string{
		"text/plain": "critical: <img src=x onerror=alert(1)> https:\u200b//evil.\u200bexample & \"x\"",
		"text/html":  "critical: &lt;img src=x onerror=alert(1)&gt; https:\u200b//evil.\u200bexample &amp; &#34;x&#34;",
		"Text/HTML":  "critical: &lt;img src=x onerror=alert(1)&gt; https:\u200b//evil.\u200bexample &amp; &#34;x&#34;", // media types have no case
	} {
		r := testRenderer("email")
		body, err := render.NewBody(`{{ .Severity }}: {{ .Message }}`, contentType)
		if err != nil {
			t.Fatal(err)
		}
		r.body = body
		got, err := r.Render(context.Background(), "id", []trigger.Alert{a})
		if err != nil {
			t.Fatal(err)
		}
		m := readMail(t, got.Body)
		if text := m.Text + m.HTML; text != want || !slices.Equal(m.parts, []string{strings.ToLower(contentType)}) {
			t.Errorf("%s: parts %v, %q", contentType, m.parts, text)
		}
	}
}

// TestTheDateIsThatOfTheAttempt: the alert's own time is in the text.
func TestTheDateIsThatOfTheAttempt(t *testing.T) {
	t.Parallel()
	m, _ := renderMail(t, "a", triggertest.Sample())
	at, err := mail.ParseDate(m.Header["Date"])
	if want := triggertest.SampleTime.Add(time.Minute).Truncate(time.Second); err != nil || !at.Equal(want) {
		t.Errorf("%s, %v, want %s", m.Header["Date"], err, want)
	}
}
