package receiver

import (
	"regexp"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var slackLink = regexp.MustCompile(`^<https?://[^<>|]+\|Runbook>$`)

func checkSlack(p *checked) {
	p.Helper()
	var m slackMessage
	p.decode(&m)
	total := render.UTF16Len(m.Text)
	if len(m.Blocks) > slackBlocks {
		p.Errorf("slack: %d blocks", len(m.Blocks))
	}
	p.harmless(m.Text)
	for _, b := range m.Blocks {
		texts := b.Elements
		if b.Text != nil {
			texts = append(texts, *b.Text)
		}
		for _, text := range texts {
			total += render.UTF16Len(text.Text)
			limit := slackSection
			if b.Type == "header" {
				limit = slackHeader
			}
			p.within(b.Type, text.Text, limit)
			p.fenced(text.Text)
			if text.Text == "" {
				p.Error("slack: an empty text")
			}
			if !slackLink.MatchString(text.Text) {
				p.harmless(text.Text)
				if strings.ContainsAny(text.Text, "<>") {
					p.Errorf("slack: markup in %q", text.Text)
				}
			}
		}
	}
	if total > slackTotal {
		p.Errorf("slack: %d characters in all", total)
	}
}
