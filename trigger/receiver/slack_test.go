package receiver

import (
	"encoding/json"
	"regexp"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var slackLink = regexp.MustCompile(`^<https?://[^<>|]+\|(Runbook|Open)>( · <https?://[^<>|]+\|Silence 1 h>)?$`)

func checkSlack(p *checked) {
	p.Helper()
	var m struct {
		Text   string
		Blocks []struct {
			Type     string
			Text     *slackText
			Elements []json.RawMessage
		}
	}
	p.decode(&m)
	total := render.UTF16Len(m.Text)
	if len(m.Blocks) > slackBlocks {
		p.Errorf("slack: %d blocks", len(m.Blocks))
	}
	p.harmless(m.Text)
	for _, b := range m.Blocks {
		var texts []slackText
		for _, element := range b.Elements {
			var button slackButton
			var text slackText
			switch err := json.Unmarshal(element, &text); {
			case err == nil:
				texts = append(texts, text)
			case b.Type == "actions" && json.Unmarshal(element, &button) == nil:
				texts = append(texts, button.Text)
				p.within("a button's URL", button.URL, slackURL)
			default:
				p.Errorf("slack: element %s", element)
			}
		}
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
