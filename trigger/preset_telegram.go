package trigger

import "strings"

// telegramLimit bounds a message (https://core.telegram.org/bots/api#sendmessage), in UTF-16 code units. Telegram counts after it has read
// the markup; counting before is on the safe side.
const telegramLimit = 4096

type telegramMessage struct {
	ChatID              string              `json:"chat_id"`
	ThreadID            int                 `json:"message_thread_id,omitempty"`
	Text                string              `json:"text"`
	ParseMode           string              `json:"parse_mode"`
	LinkPreview         telegramLinkPreview `json:"link_preview_options"`
	DisableNotification bool                `json:"disable_notification,omitempty"`
}

type telegramLinkPreview struct {
	IsDisabled bool `json:"is_disabled"`
}

// telegramText marks text of foreign origin as code: Telegram makes links, #tags, $tags, /commands, @mentions and telephone numbers of
// any other (https://core.telegram.org/bots/api#formatting-options).
func telegramText(s string) string {
	if s == "" {
		return ""
	}
	return "<code>" + escapeTelegram(s) + "</code>"
}

func (r *renderer) telegram(v *view) telegramMessage {
	return telegramMessage{
		ChatID: r.settings.ChatID, ThreadID: r.settings.ThreadID,
		Text: r.telegramMessage(v), ParseMode: "HTML", LinkPreview: telegramLinkPreview{true},
		DisableNotification: grade(v, [5]int{0, 0, 1, 1, 1}) == 0,
	}
}

// telegramMessage never cuts markup: it cuts what is escaped and marked up afterwards.
func (r *renderer) telegramMessage(v *view) string {
	return shorten(v, telegramLimit, func(v *view, shown, runes int) (string, bool) {
		parts := []string{v.mark() + " " + telegramText(cutRunes(v.title(), 200))}
		for i := range shown {
			parts = append(parts, telegramAlert(&v.shown[i], runes, len(v.all) > 1))
		}
		if rest := v.rest(shown); rest != "" {
			parts = append(parts, rest)
		}
		if address := escapeTelegram(link(r.settings, v.first())); address != "" && len(address) < 500 {
			parts = append(parts, "<a href=\""+address+"\">Runbook</a>")
		}
		separator := "\n"
		if len(v.all) > 1 {
			separator = "\n\n"
		}
		text := strings.Join(parts, separator)
		return text, utf16Of(text) <= telegramLimit
	})
}

func telegramAlert(a *Alert, runes int, titled bool) string {
	var lines []string
	if titled {
		lines = append(lines, telegramText(cutRunes(headline(a), runes)))
	}
	if summary := telegramText(summaryLine(a, min(500, runes))); summary != "" {
		lines = append(lines, summary)
	}
	if code := codeBlock(a, runes); code != "" {
		lines = append(lines, "<pre>"+maskCode(escapeTelegram(code))+"</pre>")
	}
	if line := factLine(facts(a, 200)); line != "" {
		lines = append(lines, telegramText(cutRunes(line, max(120, min(600, runes)))))
	}
	return strings.Join(lines, "\n")
}
