package trigger

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

var telegram = receiver{
	format:     "telegram",
	url:        "https://api.telegram.org",
	domains:    []string{"api.telegram.org"},
	rate:       setting.Rate{Count: 1, Per: time.Second},
	check:      checkTelegram,
	endpoint:   telegramEndpoint,
	authorize:  func(http.Header, setting.Secret) {}, // the path holds the token
	retryAfter: telegramRetryAfter,
	document:   func(r *renderer, v *view) any { return r.telegram(v) },
	escape:     escapeTelegramText,
}

func checkTelegram(s *Settings, fs *setting.Faults) {
	if s.Token.IsZero() {
		fs.Required("token", "telegram needs the bot's token: "+setting.SecretHint("token"))
	}
	if s.ChatID == "" && s.Body == "" {
		fs.Required("chat_id", "telegram needs it")
	}
}

// telegramEndpoint appends the bot's token and the method to the address of a Bot API server, unless the address is that of the method.
func telegramEndpoint(_ *Settings, address *url.URL, token setting.Secret) (endpoint, error) {
	if strings.HasSuffix(strings.TrimRight(address.Path, "/"), "/sendMessage") {
		return endpoint{url: address}, nil
	}
	return endpoint{url: address.JoinPath("bot"+token.Reveal(), "sendMessage")}, nil
}

// telegramRetryAfter reads parameters.retry_after (https://core.telegram.org/bots/api#responseparameters).
func telegramRetryAfter(answer []byte) time.Duration {
	var body struct {
		Parameters struct {
			RetryAfter float64 `json:"retry_after"`
		} `json:"parameters"`
	}
	if json.Unmarshal(answer, &body) != nil {
		return 0
	}
	return clampSeconds(body.Parameters.RetryAfter)
}

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

// escapeTelegram escapes text for Telegram's HTML parse mode, which knows &lt; &gt; &amp; and &quot; only.
func escapeTelegram(s string) string {
	return strings.ReplaceAll(html.EscapeString(s), "&#39;", "'")
}

// escapeTelegramText escapes text outside of code, where Telegram looks for links, #tags, $tags, /commands, @mentions and telephone numbers.
func escapeTelegramText(s string) string {
	var b strings.Builder
	for _, r := range muteLinks(s) {
		b.WriteRune(r)
		if strings.ContainsRune("@#$/+", r) {
			b.WriteString(zeroWidth)
		}
	}
	return escapeTelegram(b.String())
}
