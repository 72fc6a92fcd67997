package trigger

import "strings"

func checkTeams(p *checked) {
	p.Helper()
	var m teamsMessage
	p.decode(&m)
	if len(p.body) > teamsBytes || 2*utf16Of(string(p.body)) > teamsUTF16 {
		p.Errorf("teams: %d bytes, %d in UTF-16", len(p.body), 2*utf16Of(string(p.body)))
	}
	for _, b := range m.Attachments[0].Content.Body {
		if b.Type != "RichTextBlock" || strings.Contains(b.Inlines[0].Text, "{{") || strings.Contains(b.Inlines[0].Text, "${") {
			p.Errorf("teams: block %+v", b)
		}
	}
}
