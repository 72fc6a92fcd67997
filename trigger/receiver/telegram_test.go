package receiver

import (
	"regexp"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var telegramMarkup = regexp.MustCompile(`</?(code|pre|b|s)>|<a href="https?://[^"<>]*">Runbook</a>`)
var telegramCode = regexp.MustCompile(`(?s)<code>.*?</code>|<pre>.*?</pre>|<a href="https?://[^"<>]*">Runbook</a>`)
var telegramEntity = regexp.MustCompile(`&(lt|gt|amp|#34);`)

func checkTelegramMessage(p *checked) {
	p.Helper()
	var m telegramMessage
	p.decode(&m)
	if n := render.UTF16Len(m.Text); n > telegramLimit {
		p.Errorf("telegram: %d code units", n)
	}
	rest := telegramMarkup.ReplaceAllString(m.Text, "")
	p.harmless(telegramCode.ReplaceAllString(m.Text, ""))
	if strings.ContainsAny(rest, "<>") || strings.Contains(telegramEntity.ReplaceAllString(rest, ""), "&") {
		p.Errorf("telegram: markup left in %q", rest)
	}
	for _, tag := range []string{"code", "pre", "b", "s"} {
		if strings.Count(m.Text, "<"+tag+">") != strings.Count(m.Text, "</"+tag+">") {
			p.Errorf("telegram: %s is not closed", tag)
		}
	}
}
