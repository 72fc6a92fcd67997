package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/client"
	"github.com/tinyforge/fluentbit-trigger/internal/cli/command"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

const deadLettersPath = "/api/v1/dead-letters"

// triggerState is a trigger as "queue list -o json" shows it.
type triggerState struct {
	Name      string     `json:"name"`
	Pending   int64      `json:"pending"`
	Delivered int64      `json:"delivered"`
	Dead      int64      `json:"dead"`
	Dropped   int64      `json:"dropped"`
	State     string     `json:"state"` // works, fails, or the kind of hold
	Failures  int        `json:"failures"`
	Next      *time.Time `json:"next,omitempty"` // attempt, where deliveries wait
	Reason    string     `json:"reason,omitempty"`
}

func stateOf(t *store.TriggerInfo) triggerState {
	n := &t.Counts
	shown := triggerState{
		Name: t.Name, Pending: n.Pending, Delivered: n.Delivered, Dead: n.Dead, Dropped: n.Dropped,
		Failures: t.State.Failures, Reason: t.State.Reason,
	}
	hold := ""
	if t.State.Hold != store.HoldNone {
		hold = t.State.Hold.String()
	}
	shown.setState(hold, t.State.NotBefore)
	return shown
}

func stateOfStats(t *adminapi.TriggerStats) triggerState {
	shown := triggerState{Name: t.Name, Pending: t.Pending, Delivered: t.Delivered, Dead: t.Dead, Dropped: t.Dropped, Failures: t.Failures, Reason: t.Reason}
	shown.setState(t.Hold, t.NextAttempt)
	return shown
}

func (t *triggerState) setState(hold string, next time.Time) {
	switch {
	case hold != "":
		t.State = hold
	case t.Failures > 0:
		t.State = "fails"
	default:
		t.State = "works"
	}
	if t.State != "works" && !next.IsZero() {
		next = next.UTC()
		t.Next = &next
	}
}

// words returns the state in words.
func (t *triggerState) words() string {
	text := t.State
	switch {
	case t.State == "works":
		return text
	case t.State == "fails":
		text = fmt.Sprintf("fails (%d)", t.Failures)
	}
	if t.Next != nil && t.State != store.HoldDisabled.String() {
		text += ", next attempt " + t.Next.Local().Format(time.TimeOnly)
	}
	if t.Reason != "" {
		text += ": " + t.Reason
	}
	return text
}

// deadLetter is a dead letter as -o json shows it. Lists leave the alert out.
type deadLetter struct {
	ID       string          `json:"id"`
	Trigger  string          `json:"trigger"`
	Accepted time.Time       `json:"accepted"`
	Died     time.Time       `json:"died"`
	Expires  time.Time       `json:"expires"`
	Attempts int             `json:"attempts"`
	Reason   string          `json:"reason"`
	Answer   string          `json:"answer,omitempty"` // the first bytes of the receiver's answer to the last attempt
	Alert    json.RawMessage `json:"alert,omitempty"`
	mark     store.DeadLetterMark
}

func deadLetterOf(l *store.DeadLetter) deadLetter {
	return deadLetter{l.AlertID, l.Trigger, l.Accepted.UTC(), l.Died.UTC(), l.Expires.UTC(), l.Attempts, l.Reason, l.Answer, l.Payload, l.Mark}
}

// apiDeadLetter is a dead letter of the API.
type apiDeadLetter struct {
	AlertID string `json:"alert_id"`
	deadLetter
}

// shown returns the dead letter as -o json shows it.
func (l *apiDeadLetter) shown() deadLetter {
	out := l.deadLetter
	out.ID = l.AlertID
	return out
}

// writeQueue writes the output of queue list.
func writeQueue(env *command.Env, triggers []triggerState, dead []deadLetter) error {
	return env.WriteJSON(struct {
		Triggers    []triggerState `json:"triggers"`
		DeadLetters []deadLetter   `json:"dead_letters"`
	}{append([]triggerState{}, triggers...), append([]deadLetter{}, dead...)})
}

// pageSize is how many dead letters are read at once: the alerts of thousands do not fit into memory.
const pageSize = 500

// pages reads at most n dead letters behind one, or for nil the newest; newest first, without alerts.
type pages func(n int, behind *deadLetter) ([]deadLetter, error)

// newest returns the newest dead letters, at most limit unless it is 0.
func newest(limit int, read pages) (all []deadLetter, err error) {
	var last *deadLetter
	for {
		n := pageSize
		if limit > 0 {
			n = min(n, limit-len(all))
		}
		page, err := read(n, last)
		if err != nil {
			return nil, err
		}
		if all = append(all, page...); len(page) < n || len(all) == limit {
			return all, nil
		}
		last = &all[len(all)-1]
	}
}

func storePages(ctx context.Context, s *store.Store, which store.Select) pages {
	return func(n int, behind *deadLetter) ([]deadLetter, error) {
		mark := store.DeadLetterMark{}
		if behind != nil {
			mark = behind.mark
		}
		page, err := s.DeadLetters(ctx, which, mark, n)
		out := make([]deadLetter, len(page))
		for i := range page {
			page[i].Payload = nil
			out[i] = deadLetterOf(&page[i])
		}
		return out, err
	}
}

func apiPages(ctx context.Context, api *client.Client, query url.Values) pages {
	for key := range query {
		if query.Get(key) == "" {
			query.Del(key)
		}
	}
	ended := false
	return func(n int, _ *deadLetter) ([]deadLetter, error) {
		if ended {
			return nil, nil
		}
		query.Set("limit", strconv.Itoa(n))
		var page struct {
			DeadLetters []apiDeadLetter `json:"dead_letters"`
			Next        string          `json:"next"`
		}
		if _, err := api.Do(ctx, client.Request{Path: deadLettersPath, Query: query}, &page); err != nil {
			return nil, err
		}
		out := make([]deadLetter, len(page.DeadLetters))
		for i := range page.DeadLetters {
			out[i] = page.DeadLetters[i].shown()
		}
		ended = page.Next == ""
		query.Set("cursor", page.Next)
		return out, nil
	}
}
