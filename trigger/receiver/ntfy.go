package receiver

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var ntfy = Receiver{
	Format:   "ntfy",
	domains:  []string{"ntfy.sh"},
	ownHost:  true,
	check:    checkNtfy,
	endpoint: ntfyEndpoint,
	document: func(r *Renderer, v *render.View) any { return r.ntfy(v) },
	escape:   render.Inert,
	Edits:    &Edits{place: ntfyPlace, named: func(id string, _ []byte) string { return ntfySequence(id) }},
}

var ntfyPlace = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ntfySequence returns the sequence id of a message that is edited later: of its own, so that a new message of the key replaces no older one, and the
// same at every attempt.
func ntfySequence(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// Limits of ntfy (https://docs.ntfy.sh/publish/#limitations).
const (
	ntfyMessage = 4096            // bytes; a longer one becomes an attachment
	ntfyBody    = 2 * ntfyMessage // bytes of the whole JSON, escapes included
	ntfyTitle   = 250
	ntfyClick   = 2000 // bytes of JSON, so that the message has room beside it
)

var topicPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`) })

func checkNtfy(s *trigger.Settings, fs *setting.Faults) {
	if s.Topic != "" && !topicPattern().MatchString(s.Topic) {
		fs.Add("topic", s.Topic, "must be 1 to 64 letters, digits, - or _", "")
	}
}

// ntfyEndpoint returns the server's address and the topic: the topic setting, or the last part of the address's path.
func ntfyEndpoint(s *trigger.Settings, address *url.URL, _ setting.Secret) (Endpoint, error) {
	if s.Topic != "" {
		return Endpoint{address, s.Topic}, nil
	}
	path := strings.TrimRight(address.Path, "/")
	slash := strings.LastIndex(path, "/")
	topic := path[slash+1:]
	if !topicPattern().MatchString(topic) {
		return Endpoint{}, setting.Fault{Field: "topic", Code: setting.Missing, Message: "must be set", Hint: "or be the last part of the url's path"}
	}
	address.Path, address.RawPath = path[:slash+1], ""
	return Endpoint{address, topic}, nil
}

// ntfyPost is the JSON form of a message (https://docs.ntfy.sh/publish/#publish-as-json). A message replaces those before it that have its sequence id
// (https://docs.ntfy.sh/publish/#updating-deleting-notifications, since ntfy 2.16; older servers ignore it).
type ntfyPost struct {
	Topic    string   `json:"topic"`
	Sequence string   `json:"sequence_id,omitempty"`
	Title    string   `json:"title"`
	Message  string   `json:"message"`
	Priority int      `json:"priority"` // 1 to 5
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
	// At most three (https://docs.ntfy.sh/publish/#action-buttons).
	Actions []ntfyAction `json:"actions,omitempty"`
}

type ntfyAction struct {
	Action string `json:"action"` // view
	Label  string `json:"label"`
	URL    string `json:"url"`
}

// ntfy returns a post in JSON, in which ntfy reads no Markdown unless asked to.
func (r *Renderer) ntfy(v *render.View) ntfyPost {
	sequence := v.Key()
	if r.settings.Update {
		sequence = cmp.Or(v.Place, ntfySequence(v.ID))
	}
	post := ntfyPost{
		Topic:    r.topic,
		Sequence: sequence,
		Title:    render.Fit(v.Title(), ntfyTitle, render.Inert),
		Priority: render.Grade(v, [5]int{1, 2, 3, 4, 5}),
		Tags:     []string{ntfyTag(v)},
	}
	for _, l := range v.Links() {
		post.Actions = append(post.Actions, ntfyAction{"view", l.Word, l.URL})
	}
	if click := v.Click(r.settings); len(render.JSONForm(click)) <= ntfyClick {
		post.Click = click
	}
	post.Message = render.TextMessage(v, ntfyMessage, func(text string) bool {
		post.Message = text
		body, err := json.Marshal(post)
		return err == nil && len(text) <= ntfyMessage && len(body) <= ntfyBody
	})
	return post
}

func ntfyTag(v *render.View) string {
	switch {
	case v.Resolved():
		return "white_check_mark"
	case v.First().Kind == trigger.KindTest:
		return "bell"
	}
	return [5]string{"mag", "information_source", "warning", "x", "rotating_light"}[render.Grade(v, [5]int{0, 1, 2, 3, 4})]
}
