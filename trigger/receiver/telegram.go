package receiver

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var telegram = Receiver{
	Format:     "telegram",
	URL:        "https://api.telegram.org",
	domains:    []string{"api.telegram.org"},
	rate:       setting.Rate{Count: 1, Per: time.Second},
	need:       needTelegram,
	check:      checkTelegram,
	endpoint:   telegramEndpoint,
	Authorize:  func(http.Header, setting.Secret) {}, // the path contains the token
	AsksToWait: telegramAsksToWait,
	document:   func(r *Renderer, v *render.View) any { return r.telegram(v) },
	escape:     escapeTelegramText,
	Edits:      &Edits{place: telegramPlace, named: telegramNamed, address: telegramEditAt, judge: telegramJudge},
}

var telegramPlace = regexp.MustCompile(`^[1-9][0-9]{0,17}$`)

func telegramNamed(_ string, answer []byte) string {
	var sent struct {
		Result struct {
			MessageID int64 `json:"message_id"`
		} `json:"result"`
	}
	_ = json.Unmarshal(answer, &sent) // an answer that does not parse names no message
	return strconv.FormatInt(sent.Result.MessageID, 10)
}

// telegramEditAt returns the address of the method that edits (https://core.telegram.org/bots/api#editmessagetext), which is beside sendMessage.
func telegramEditAt(endpoint *url.URL, _ string) *url.URL {
	endpoint.Path, endpoint.RawPath = strings.TrimSuffix(strings.TrimRight(endpoint.Path, "/"), telegramSend)+"editMessageText", ""
	return endpoint
}

// telegramJudge recognizes an edit that changes nothing, which Telegram refuses. A message that is gone is refused with 400, as everything else is.
func telegramJudge(status int, answer []byte) Refusal {
	var refused struct {
		Description string `json:"description"`
	}
	_ = json.Unmarshal(answer, &refused)
	if status == http.StatusBadRequest && strings.Contains(refused.Description, "message is not modified") {
		return RefusalSame
	}
	return RefusalOther
}

const telegramSend = "sendMessage"

func needTelegram(s *trigger.Settings, fs *setting.Faults) {
	if s.Token.IsZero() {
		fs.Required("token", "telegram needs the bot's token: "+setting.SecretHint("token"))
	}
	if s.ChatID == "" && s.Body == "" {
		fs.Required("chat_id", "telegram needs it")
	}
}

var chatIDPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(-?[0-9]{1,19}|@[A-Za-z0-9_]{1,64})$`) })

func checkTelegram(s *trigger.Settings, fs *setting.Faults) {
	if s.ChatID != "" && !chatIDPattern().MatchString(s.ChatID) {
		fs.Add("chat_id", s.ChatID, "must be a number or @channel", "")
	}
	setting.AtLeast(fs, "thread_id", s.ThreadID, 0)
}

// telegramEndpoint appends the bot's token and the method to the address of a Bot API server, unless the address is that of the method.
func telegramEndpoint(_ *trigger.Settings, address *url.URL, token setting.Secret) (Endpoint, error) {
	if strings.HasSuffix(strings.TrimRight(address.Path, "/"), "/"+telegramSend) {
		return Endpoint{URL: address}, nil
	}
	return Endpoint{URL: address.JoinPath("bot"+token.Reveal(), telegramSend)}, nil
}

// telegramAsksToWait returns parameters.retry_after (https://core.telegram.org/bots/api#responseparameters).
func telegramAsksToWait(answer []byte) (seconds float64) {
	var body struct {
		Parameters struct {
			RetryAfter float64 `json:"retry_after"`
		} `json:"parameters"`
	}
	if json.Unmarshal(answer, &body) != nil {
		return 0
	}
	return body.Parameters.RetryAfter
}

// telegramLimit bounds a message (https://core.telegram.org/bots/api#sendmessage), in UTF-16 code units. Telegram counts without the
// markup; counting with it is on the safe side.
const telegramLimit = 4096

type telegramMessage struct {
	ChatID              string              `json:"chat_id"`
	MessageID           int64               `json:"message_id,omitempty"` // of an edit
	ThreadID            int                 `json:"message_thread_id,omitempty"`
	Text                string              `json:"text"`
	ParseMode           string              `json:"parse_mode"`
	LinkPreview         telegramLinkPreview `json:"link_preview_options"`
	DisableNotification bool                `json:"disable_notification,omitempty"`
	ReplyMarkup         *telegramKeyboard   `json:"reply_markup,omitempty"`
}

// telegramKeyboard is rows of buttons below a message (https://core.telegram.org/bots/api#inlinekeyboardmarkup). Those with a URL need nobody who answers.
type telegramKeyboard struct {
	Rows [][]telegramButton `json:"inline_keyboard"`
}

type telegramButton struct {
	Text string `json:"text"`
	URL  string `json:"url"`
}

type telegramLinkPreview struct {
	IsDisabled bool `json:"is_disabled"`
}

// telegramText marks a text as code. In any other text Telegram finds links, #tags, $tags, /commands, @mentions and telephone numbers
// (https://core.telegram.org/bots/api#formatting-options).
func telegramText(s string) string {
	if s == "" {
		return ""
	}
	return "<code>" + escapeTelegram(s) + "</code>"
}

func (r *Renderer) telegram(v *render.View) telegramMessage {
	message := telegramMessage{
		ChatID: r.settings.ChatID, Text: r.telegramMessage(v), ParseMode: "HTML", LinkPreview: telegramLinkPreview{true}, ReplyMarkup: telegramButtons(v),
	}
	if v.Place != "" {
		message.MessageID, _ = strconv.ParseInt(v.Place, 10, 64) // telegramPlace has matched it
		return message
	}
	message.ThreadID, message.DisableNotification = r.settings.ThreadID, render.Grade(v, [5]int{0, 0, 1, 1, 1}) == 0
	return message
}

// telegramButtons returns a button for each link of a message; nil where Telegram would refuse the message for its address, and so the text has the links.
func telegramButtons(v *render.View) *telegramKeyboard {
	var row []telegramButton
	for _, l := range v.Links() {
		if !render.HasDomain(l.URL) {
			return nil
		}
		row = append(row, telegramButton{l.Word, l.URL})
	}
	if len(row) == 0 {
		return nil
	}
	return &telegramKeyboard{[][]telegramButton{row}}
}

// telegramLinks returns the links of a message as text, if there are no buttons.
func telegramLinks(v *render.View) string {
	var parts []string
	if telegramButtons(v) == nil {
		for _, l := range v.Links() {
			parts = append(parts, l.Word+": <code>"+escapeTelegram(l.URL)+"</code>")
		}
	}
	return strings.Join(parts, "\n")
}

// telegramMessage cuts texts before it escapes them and adds markup, so that it never cuts markup.
func (r *Renderer) telegramMessage(v *render.View) string {
	return render.Shorten(v, telegramLimit, func(v *render.View, shown, runes int) (string, bool) {
		parts := []string{v.Mark() + " " + telegramText(safetext.CutRunes(v.Title(), 200))}
		if progress := v.Progress(); progress != "" {
			parts = append(parts, "<b>"+escapeTelegram(progress)+"</b>")
		}
		for i := range shown {
			parts = append(parts, telegramAlert(&v.Shown[i], runes, len(v.All) > 1, v.Over()))
		}
		if rest := v.Rest(shown); rest != "" {
			parts = append(parts, rest)
		}
		if address := escapeTelegram(render.Link(r.settings, v.First())); address != "" && len(address) < 500 {
			parts = append(parts, "<a href=\""+address+"\">Runbook</a>")
		}
		if links := telegramLinks(v); links != "" {
			parts = append(parts, links)
		}
		separator := "\n"
		if len(v.All) > 1 {
			separator = "\n\n"
		}
		text := strings.Join(parts, separator)
		return text, render.UTF16Len(text) <= telegramLimit
	})
}

// telegramAlert strikes the summary of an alert that is over. Telegram strikes no code, so that text is escaped in another way.
func telegramAlert(a *trigger.Alert, runes int, titled, over bool) string {
	var lines []string
	if titled {
		lines = append(lines, telegramText(safetext.CutRunes(render.Headline(a), runes)))
	}
	summary := render.SummaryLine(a, min(500, runes))
	switch {
	case summary == "":
	case over:
		lines = append(lines, "<s>"+escapeTelegramText(render.PartLinks(summary))+"</s>")
	default:
		lines = append(lines, telegramText(summary))
	}
	if code := render.CodeBlock(a, runes); code != "" {
		lines = append(lines, "<pre>"+render.MaskCode(escapeTelegram(code))+"</pre>")
	}
	if line := render.FactLine(render.Facts(a, 200)); line != "" {
		lines = append(lines, telegramText(safetext.CutRunes(line, max(120, min(600, runes)))))
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
	for _, r := range render.MuteLinks(s) {
		b.WriteRune(r)
		if strings.ContainsRune("@#$/+", r) {
			b.WriteString(render.ZeroWidth)
		}
	}
	return escapeTelegram(b.String())
}
