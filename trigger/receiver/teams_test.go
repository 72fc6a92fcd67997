package receiver

import (
	"strings"

	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

func checkTeams(p *checked) {
	p.Helper()
	var m teamsMessage
	p.decode(&m)
	if len(p.body) > teamsBytes || 2*render.UTF16Len(string(p.body)) > teamsUTF16 {
		p.Errorf("teams: %d bytes, %d in UTF-16", len(p.body), 2*render.UTF16Len(string(p.body)))
	}
	for _, b := range m.Attachments[0].Content.Body {
		if b.Type != "RichTextBlock" || strings.Contains(b.Inlines[0].Text, "{{") || strings.Contains(b.Inlines[0].Text, "${") {
			p.Errorf("teams: block %+v", b)
		}
	}
}
