package cli

import (
	"encoding/json"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// queueTarget is a trigger as "queue list -o json" shows it.
type queueTarget struct {
	Name      string     `json:"name"`
	Pending   int64      `json:"pending"`
	Delivered int64      `json:"delivered"`
	Dead      int64      `json:"dead"`
	Dropped   int64      `json:"dropped"`
	State     string     `json:"state"`
	Failures  int        `json:"failures"`
	Next      *time.Time `json:"next,omitempty"` // attempt, when it is held
	Reason    string     `json:"reason,omitempty"`
}

// queueLetter is a dead letter as -o json shows it. The alert is left out of lists.
type queueLetter struct {
	ID       string          `json:"id"`
	Trigger  string          `json:"trigger"`
	Accepted time.Time       `json:"accepted"`
	Died     time.Time       `json:"died"`
	Expires  time.Time       `json:"expires"`
	Attempts int             `json:"attempts"`
	Reason   string          `json:"reason"`
	Answer   string          `json:"answer,omitempty"` // the begin of what the receiver said at the last attempt
	Alert    json.RawMessage `json:"alert,omitempty"`
}

func asLetter(l *store.DeadLetter) queueLetter {
	return queueLetter{l.AlertID, l.Trigger, l.Accepted.UTC(), l.Died.UTC(), l.Expires.UTC(), l.Attempts, l.Reason, l.Answer, l.Payload}
}

// writeQueue writes what queue list shows.
func writeQueue(c *console, targets []store.TriggerInfo, letters []store.DeadLetter) error {
	out := struct {
		Triggers []queueTarget `json:"triggers"`
		Letters  []queueLetter `json:"letters"`
	}{[]queueTarget{}, []queueLetter{}}
	for i := range targets {
		t := &targets[i]
		n := &t.Counts
		shown := queueTarget{
			Name: t.Name, Pending: int64(n.Pending), Delivered: int64(n.Delivered), Dead: int64(n.Dead), Dropped: int64(n.Dropped),
			State: stateWord(&t.State), Failures: t.State.Failures, Reason: t.State.Reason,
		}
		if next := t.State.NotBefore.UTC(); shown.State != "works" && !t.State.NotBefore.IsZero() {
			shown.Next = &next
		}
		out.Triggers = append(out.Triggers, shown)
	}
	for i := range letters {
		letter := asLetter(&letters[i])
		letter.Alert = nil
		out.Letters = append(out.Letters, letter)
	}
	return writeJSON(c, out)
}

// stateWord is works, fails, or the word of what holds a trigger back.
func stateWord(s *store.TriggerState) string {
	switch {
	case s.Hold != store.HoldNone:
		return s.Hold.String()
	case s.Failures > 0:
		return "fails"
	}
	return "works"
}

func writeJSON(c *console, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.json(text)
}
