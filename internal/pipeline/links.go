package pipeline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/links"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/fleetnode"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/silence"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// linkLasts is how long a link can silence, from the moment at which its message is sent to the end of an hour.
const linkLasts = 24 * time.Hour

// messageLinks makes the links of messages. Without a key, before the store is open, messages have none.
type messageLinks struct {
	now   func() time.Time
	keys  atomic.Pointer[links.Keys]
	using sync.Mutex // so that of two uses of one link the second finds the silence of the first
}

// under returns the function that makes the links below the address of a listener; nil where there is no address.
func (m *messageLinks) under(public string) func(*trigger.Alert) trigger.Links {
	if public == "" {
		return nil
	}
	return func(a *trigger.Alert) trigger.Links { return m.of(a, public) }
}

// silenceable are the kinds of alerts about an incident of a rule that goes on, or may come again.
var silenceable = [...]string{trigger.KindLog, trigger.KindThreshold, trigger.KindAbsence, trigger.KindRollup, trigger.KindContainer, trigger.KindMissing}

func (m *messageLinks) of(a *trigger.Alert, public string) (l trigger.Links) {
	if a.Kind == trigger.KindTest { // no store has it
		return trigger.Links{Open: public + "/#/alerts"}
	}
	l.Open = public + "/#/alerts/" + a.ID
	keys := m.keys.Load()
	if keys == nil || !slices.Contains(silenceable[:], a.Kind) {
		return l
	}
	token, err := keys.Make(&links.Claim{
		Alert: a.ID, Key: a.Key, Rule: a.Rule, Fleet: a.Fleet != nil, Length: trigger.SilenceLength,
		// The end of an hour, so that retries send the same message.
		Expires: m.now().Add(linkLasts + time.Hour - 1).Truncate(time.Hour),
	})
	if err == nil { // else the alert is about no incident
		l.Silence = public + "/silence#" + token
	}
	return l
}

// openLinks makes the key of links, if messages have any. One that cannot be kept ends with the process.
func (p *Pipeline) openLinks(public string) {
	if public == "" || p.links.keys.Load() != nil {
		return
	}
	path := ""
	if h := p.store.Health(); h.Mode == store.ModeFile {
		path = links.Path(h.Path)
	}
	keys, err := links.Open(path, p.id)
	if err != nil {
		p.log.Warn("links of messages end with this process", "error", err)
	}
	p.links.keys.Store(keys)
}

// ErrNoLinks is that messages have no links.
var ErrNoLinks = errors.New("messages have no links: set [admin] public_url")

// ErrLinkUsed is that the link of an alert was used before.
var ErrLinkUsed = errors.New("the link was used already")

// Link returns the silence that a link is for, as it would be created now. The errors are those of links.Keys.Read, with what is known of the silence, and
// ErrLinkUsed, with the silence that the link created.
func (p *Pipeline) Link(token string) (engine.Silence, *links.Claim, error) {
	keys := p.links.keys.Load()
	if keys == nil {
		return engine.Silence{}, nil, links.ErrInvalid
	}
	now := p.now()
	claim, err := keys.Read(token, now)
	if errors.Is(err, links.ErrInvalid) {
		return engine.Silence{}, nil, err
	}
	id := claim.SilenceID()
	if made, ok := p.silences.Made(id); ok {
		return made, &claim, ErrLinkUsed
	}
	return engine.Silence{
		ID: id, Matchers: engine.Matchers{Rule: glob.Literal(claim.Rule)}, Key: claim.Key, From: now.UnixNano(), Until: now.Add(claim.Length).UnixNano(),
		Comment: "by the link in alert " + claim.Alert, Author: linkAuthor, Fleet: claim.Fleet,
	}, &claim, err
}

// linkAuthor is the author of silences that links create.
const linkAuthor = "link"

// UseLink creates the silence of a link. It fails with the errors of Link, of silence.Set and of the fleet; then nothing has changed, or, where the fleet's
// engine answered only in part, the same silence is created by the next attempt.
func (p *Pipeline) UseLink(ctx context.Context, token string) (engine.Silence, error) {
	p.links.using.Lock()
	defer p.links.using.Unlock()
	one, _, err := p.Link(token)
	if err != nil {
		return one, err
	}
	if !one.Fleet {
		return p.silences.Create(ctx, one)
	}
	form, err := silence.ToFleet(&one, p.now())
	if err != nil {
		return one, err
	}
	return one, p.fleet.PutSilence(ctx, form)
}

// RotateLinks replaces the key of links, so that none sent before is valid any more.
func (p *Pipeline) RotateLinks() error {
	keys := p.links.keys.Load()
	if keys == nil {
		return ErrNoLinks
	}
	return keys.Rotate()
}

// isAlertKey reports whether alerts of a state key can carry a key: those of this node, or those of its fleet.
func isAlertKey(alert string, state []byte) bool {
	return trigger.KeyOf(string(state)) == alert || fleetnode.IsAlertKey(alert, string(state))
}
