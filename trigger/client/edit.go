package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// maxNaming bounds an answer that names a message, in bytes: most services repeat the message in it.
const maxNaming = 256 << 10

// Edit edits the message at the place of a post, or sends the post as a new message where it has no place. It returns the place of a new message. Where the
// message cannot be edited any more, the result says so, and nothing was sent. Otherwise it is as Send.
func (c *Client) Edit(ctx context.Context, id string, post *trigger.Post) trigger.Result {
	copied := *post
	if c.edits == nil || !c.edits.Valid(copied.Place) {
		copied.Place = "" // the store may hold anything
	}
	return c.timed(func() trigger.Result {
		copied.First.Links = c.linksOf(&copied)
		payload, err := c.renderer.RenderPost(id, &copied)
		return c.deliver(ctx, &outgoing{id: id, alerts: []trigger.Alert{copied.Alert()}, payload: payload, place: copied.Place}, err)
	})
}

// linksOf returns the links of a post: it opens the first alert, and silences by the newest one. So each roll-up brings a link that was not used before.
func (c *Client) linksOf(p *trigger.Post) trigger.Links {
	if c.links == nil {
		return trigger.Links{}
	}
	links, newest := c.links(&p.First), p.First
	newest.ID = p.Newest
	links.Silence = c.links(&newest).Silence
	return links
}

// Destination returns a digest of where messages are that can be edited, or "" for a trigger that edits none. Credentials that a service keeps apart from
// its messages do not change it.
func (c *Client) Destination() string { return c.destination }

// destinationOf returns the digest of Destination.
func destinationOf(s *trigger.Settings, to receiver.Endpoint) string {
	if !s.Update {
		return ""
	}
	h := sha256.New()
	for _, part := range []string{s.Format, to.URL.String(), to.Topic, s.ChatID, fmt.Sprint(s.ThreadID), s.Channel} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// edited changes the result of an edit by what its answer says. A message that refuses to be edited for any reason of its own is sent as a new one: a fault
// of the alert shows then. It reports whether the message is already like that, in which case expect does not apply to the refusal that says so.
func (x *exchange) edited(answer []byte) (same bool) {
	r := &x.result
	switch x.via.edits.Judge(r.Status, answer) {
	case receiver.RefusalSame:
		r.Outcome, r.Failure = trigger.Delivered, ""
		return true
	case receiver.RefusalGone:
		r.Gone = true
	case receiver.RefusalOther:
		r.Gone = r.Outcome == trigger.Dead
	}
	if r.Gone {
		r.Outcome = trigger.RetryLater
		r.Reason += ": the message cannot be edited"
	}
	return false
}
