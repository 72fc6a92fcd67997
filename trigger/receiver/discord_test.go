package receiver

import (
	"strings"

	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

func checkDiscord(p *checked) {
	p.Helper()
	var m discordMessage
	p.decode(&m)
	if !strings.Contains(string(p.body), `"allowed_mentions":{"parse":[]}`) || len(m.Embeds) > discordEmbeds {
		p.Errorf("discord: %d embeds, mentions %v", len(m.Embeds), m.AllowedMentions)
	}
	p.within("content", m.Content, discordContent)
	p.harmless(strings.ReplaceAll(m.Content, `\<`, ""))
	total := 0
	for _, e := range m.Embeds {
		p.within("title", e.Title, discordTitle)
		p.within("description", e.Description, discordDescription)
		p.fenced(e.Description)
		prose, _, _ := strings.Cut(e.Description, "\n```\n")
		p.harmless(strings.ReplaceAll(e.Title+prose, `\<`, ""))
		total += render.UTF16Len(e.Title + e.Description)
		if e.Footer != nil {
			p.within("footer", e.Footer.Text, discordFooter)
			total += render.UTF16Len(e.Footer.Text)
		}
	}
	if total > discordTotal {
		p.Errorf("discord: %d characters in all", total)
	}
}
