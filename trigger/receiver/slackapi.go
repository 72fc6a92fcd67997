package receiver

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// slackAPI is the address of Slack's Web API. With a channel, messages go there instead of to an incoming webhook, and can be edited.
const slackAPI = "https://slack.com/api"

func slackURLOf(s *trigger.Settings) string {
	if s.Channel == "" {
		return ""
	}
	return slackAPI
}

const (
	slackPost   = "chat.postMessage" // https://docs.slack.dev/reference/methods/chat.postMessage
	slackUpdate = "chat.update"      // https://docs.slack.dev/reference/methods/chat.update
)

func needSlack(s *trigger.Settings, fs *setting.Faults) {
	if s.Channel != "" && s.Token.IsZero() {
		fs.Required("token", "a channel needs the token of a bot: "+setting.SecretHint("token"))
	}
}

func needSlackChannel(s *trigger.Settings, fs *setting.Faults) {
	if s.Channel == "" {
		fs.Required("channel", "an incoming webhook cannot edit its messages: set channel, and token to that of a bot")
	}
}

// slackChannel reports whether a text may be the id or the name of a channel: 1 to 80 letters, digits, "_", "." and "-", with or without a "#" before
// them. It is no regular expression, because one of so many Unicode letters takes milliseconds to compile.
func slackChannel(text string) bool {
	name := strings.TrimPrefix(text, "#")
	n := utf8.RuneCountInString(name)
	return 1 <= n && n <= 80 && !strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !strings.ContainsRune("_.-", r)
	})
}

func checkSlackChannel(s *trigger.Settings, fs *setting.Faults) {
	if s.Channel != "" && !slackChannel(s.Channel) {
		fs.Add("channel", s.Channel, "must be the id of a channel, or its name", "")
	}
}

// slackEndpoint returns the address of the method that posts, unless messages go to an incoming webhook.
func slackEndpoint(s *trigger.Settings, address *url.URL, _ setting.Secret) (Endpoint, error) {
	switch {
	case s.Channel == "" || strings.HasSuffix(address.Path, "/"+slackPost):
		return Endpoint{URL: address}, nil
	case strings.HasPrefix(address.Path, "/services/"):
		return Endpoint{}, setting.Fault{
			Field: s.URL.Key("url"), Value: setting.Placeholder, Code: setting.Conflict, With: "channel",
			Message: "must not be that of an incoming webhook, which has a channel of its own", Hint: "remove it: channel needs no url",
		}
	}
	return Endpoint{URL: address.JoinPath(slackPost)}, nil
}

// slackPlace is the id of a channel and the time stamp by which Slack names a message in it.
var slackPlace = regexp.MustCompile(`^[A-Z0-9]{1,32} [0-9]{1,16}\.[0-9]{1,10}$`)

func slackNamed(_ string, answer []byte) string {
	var sent struct {
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	}
	_ = json.Unmarshal(answer, &sent) // an answer that does not parse names no message
	return sent.Channel + " " + sent.TS
}

func slackEditAt(endpoint *url.URL, _ string) *url.URL {
	endpoint.Path, endpoint.RawPath = strings.TrimSuffix(endpoint.Path, slackPost)+slackUpdate, ""
	return endpoint
}

// The errors that Slack names in an answer of 200. Others are about the message, or about the one to edit.
var (
	slackRefusesAll = []string{
		"not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "no_permission", "missing_scope", "not_allowed_token_type",
		"access_denied", "ekm_access_denied", "team_access_not_granted", "org_login_required", "not_in_channel", "channel_not_found", "is_archived",
		"restricted_action",
	}
	slackFailsForNow = []string{
		"internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited", "rate_limited", "accesslimited", "team_added_to_org",
		"message_limit_exceeded",
	}
)

var slackError = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z_]{1,60}$`) })

// slackJudge reads the error in an answer of 200. Incoming webhooks answer without JSON.
func slackJudge(answer []byte, r *trigger.Result) {
	var said struct {
		OK    *bool  `json:"ok"`
		Error string `json:"error"`
	}
	if json.Unmarshal(answer, &said) != nil || said.OK == nil || *said.OK {
		return
	}
	if !slackError().MatchString(said.Error) {
		said.Error = "an unknown error"
	}
	r.Reason += ", but with " + said.Error
	switch {
	case slices.Contains(slackRefusesAll, said.Error):
		r.Outcome, r.Failure = trigger.Hold, trigger.FailureAuth
	case slices.Contains(slackFailsForNow, said.Error):
		r.Outcome, r.Failure = trigger.RetryLater, trigger.FailureServer
	default:
		r.Outcome, r.Failure = trigger.Dead, trigger.FailureClient
	}
}
