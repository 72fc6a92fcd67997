package receiver

import (
	"encoding/json"
	"regexp"
	"strings"
)

// mattermostFound finds what Mattermost makes a link of in a text without its code.
var mattermostFound = regexp.MustCompile(names.String() + `|#[a-z]+([^\w]|$)|[^~]~[a-z]`)

var mattermostLink = regexp.MustCompile(`\[(Runbook|Open|Silence 1 h)\]\(<[^<>]*>\)`)

func checkMattermost(p *checked) {
	p.Helper()
	var m mattermostPost
	p.decode(&m)
	p.within("message", m.Message, mattermostMessage)
	props, err := json.Marshal(m.Props)
	if err != nil {
		p.Fatal(err)
	}
	p.within("props", string(props), mattermostProps)
	texts := []string{m.Message}
	for _, a := range m.Props.Attachments {
		p.fenced(a.Text)
		prose, code, fenced := strings.Cut(a.Text, "```\n")
		if _, rest, closed := strings.Cut(code, "\n```"); closed {
			prose += rest
		} else if fenced {
			p.Error("mattermost: a fence is not closed")
		}
		p.within("footer", a.Footer, mattermostFooter)
		texts = append(texts, a.Fallback, a.Title, prose)
	}
	for _, text := range texts {
		text = mattermostLink.ReplaceAllString(text, "")
		p.harmless(strings.ReplaceAll(text, `\<`, ""))
		if found := regexp.MustCompile(`[^\\](\*{3,}|\]\(|<)`).FindString(text); found != "" {
			p.Errorf("mattermost: %q in %q", found, text)
		}
	}
}
