package delivery

import (
	"context"
	"encoding/json"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Editor is a Sender whose messages can be edited.
type Editor interface {
	Sender
	// Edit edits the message at the place of the post, or sends it where the place is "".
	Edit(ctx context.Context, id string, post *trigger.Post) trigger.Result
	// Destination identifies where messages are: those of another one cannot be edited. "": this sender edits none.
	Destination() string
}

// destinationOf returns the destination of a sender, or "" for one that edits no messages.
func destinationOf(s Sender) string {
	if e, ok := s.(Editor); ok {
		return e.Destination()
	}
	return ""
}

// The bounds of the first alert of a post, as it is stored with it.
const (
	maxPostMessage = 4 << 10  // bytes, more than any of the receivers shows
	maxPostFirst   = 16 << 10 // bytes of JSON
)

// plan is how a message leaves for a receiver that can edit, and the row that is then stored about it.
type plan struct {
	destination string
	newest      int64         // number of the newest alert of the message
	edit        bool          // the post is edited; otherwise the alerts are sent as they are
	tracked     bool          // post is stored once it is delivered
	post        trigger.Post  // with the alerts of the message
	before      *trigger.Post // without them; nil for none
	shown       int64         // number of the newest alert that before shows
}

// planOf decides whether a message edits the post of its key. It does if all its alerts continue that post. One with an alert that is older than what the
// post shows, such as a dead letter that is sent again, is a message of its own: no post goes back to an older state.
func planOf(m *store.Message, alerts []trigger.Alert, destination string) plan {
	p := plan{destination: destination}
	if destination == "" || trigger.SharedKey(alerts) == "" {
		return p
	}
	oldest := m.Alerts[0].Seq()
	for i := range m.Alerts {
		oldest, p.newest = min(oldest, m.Alerts[i].Seq()), max(p.newest, m.Alerts[i].Seq())
	}
	if m.Post != nil && m.Post.Destination == destination {
		if oldest <= m.Post.Seq {
			return p
		}
		p.before, p.shown = readPost(m.Post), m.Post.Seq
	}
	takes, opens, rollups := p.before != nil, false, true
	for i := range alerts {
		takes = takes && p.before.Takes(&alerts[i])
		opens = opens || alerts[i].Kind != trigger.KindResolved
		rollups = rollups && alerts[i].Kind == trigger.KindRollup
	}
	switch {
	case takes:
		p.edit, p.tracked, p.post = true, true, *p.before
		for i := range alerts {
			p.post.Add(&alerts[i])
		}
	case opens:
		p.tracked, p.post = true, trigger.NewPost(alerts)
		if rollups && p.before != nil {
			p.post.Continue(p.before)
		}
	}
	return p
}

// send sends the message as planned.
func (p *plan) send(ctx context.Context, s Sender, id string, alerts []trigger.Alert) (trigger.Result, bool) {
	if e, ok := s.(Editor); ok && p.edit {
		return safely(func() trigger.Result { return e.Edit(ctx, id, &p.post) })
	}
	return safely(func() trigger.Result { return s.Send(ctx, id, alerts) })
}

// stored returns the row about the post of the key after an attempt; nil: nothing changes.
func (p *plan) stored(r *trigger.Result, outcome store.Outcome) *store.Post {
	switch {
	case outcome == store.Delivered && p.tracked:
		post := p.post
		if r.Place != "" || !p.edit {
			post.Place = r.Place
		}
		return writePost(&post, p.destination, p.newest)
	case r.Gone && outcome == store.Retry && p.before != nil:
		post := *p.before
		post.Place = ""
		return writePost(&post, p.destination, p.shown)
	}
	return nil
}

// readPost returns a stored post, or nil for one that does not parse.
func readPost(stored *store.Post) *trigger.Post {
	var p trigger.Post
	if json.Unmarshal(stored.State, &p) != nil {
		return nil
	}
	p.Place = stored.Place
	return &p
}

// writePost returns a post for the store. One whose incident is over is removed: nothing edits it any more.
func writePost(p *trigger.Post, destination string, seq int64) *store.Post {
	out := &store.Post{Place: p.Place, Destination: destination, Seq: seq}
	if p.Over {
		return out
	}
	kept := *p
	kept.First = bounded(&p.First)
	if text, err := json.Marshal(kept); err == nil {
		out.State = text
	}
	return out
}

// bounded returns an alert within the bounds of a post: with its message cut, without the lines around it, and at last with its texts alone.
func bounded(a *trigger.Alert) trigger.Alert {
	out := *a
	if len(out.Message) > maxPostMessage {
		out.Message, out.Truncated = safetext.Cut(out.Message, maxPostMessage), true
	}
	if fits(&out) {
		return out
	}
	out.Context = nil
	if fits(&out) {
		return out
	}
	out.Captures, out.Fields, out.Labels, out.Exception, out.Template = nil, nil, nil, nil, ""
	out.Message, out.Summary, out.Runbook = safetext.Cut(out.Message, 1<<10), safetext.Cut(out.Summary, 1<<10), ""
	return out
}

func fits(a *trigger.Alert) bool {
	text, err := json.Marshal(a)
	return err == nil && len(text) <= maxPostFirst
}
