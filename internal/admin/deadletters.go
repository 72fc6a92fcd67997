package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

func deadLetterOf(l *store.DeadLetter) adminapi.DeadLetter {
	out := adminapi.DeadLetter{
		AlertID: l.AlertID, Trigger: l.Trigger, Reason: l.Reason, Answer: l.Answer, Attempts: l.Attempts, Accepted: l.Accepted.UTC(), Died: l.Died.UTC(), Expires: l.Expires.UTC(),
	}
	var a struct {
		Rule    string `json:"rule"`
		Summary string `json:"summary"`
		Message string `json:"message"`
	}
	if json.Unmarshal(l.Payload, &a) == nil {
		out.Rule, out.Summary = a.Rule, a.Summary
		if out.Summary == "" {
			out.Summary = a.Message
		}
	}
	return out
}

func deadLetters(c *call) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	which := store.Select{AlertID: c.query.Get("alert_id"), Trigger: c.query.Get("trigger")}
	behind, err := c.letterMark()
	if err != nil {
		return nil, err
	}
	// One more than asked for shows whether there is another page.
	all, err := c.p.Store().DeadLetters(c.r.Context(), which, behind, limit+1)
	if err != nil {
		return nil, err
	}
	out := adminapi.DeadLettersResponse{DeadLetters: []adminapi.DeadLetter{}}
	if len(all) > limit {
		all = all[:limit]
		last := &all[limit-1].Mark
		out.Next = fmt.Sprintf("%d.%d", last.Died, last.Row)
	}
	for i := range all {
		out.DeadLetters = append(out.DeadLetters, deadLetterOf(&all[i]))
	}
	return out, nil
}

// letterMark reads the cursor of dead letters.
func (c *call) letterMark() (mark store.DeadLetterMark, err error) {
	text := c.query.Get("cursor")
	if text == "" {
		return mark, nil
	}
	died, row, _ := strings.Cut(text, ".")
	if mark.Died, err = strconv.ParseInt(died, 10, 64); err == nil {
		mark.Row, err = strconv.ParseInt(row, 10, 64)
	}
	if err != nil || mark.Died < 0 || mark.Row < 1 {
		return mark, problem(http.StatusBadRequest, "cursor %s: must be the value of next in a response", quoted(text))
	}
	return mark, nil
}

func oneDeadLetter(c *call) (any, error) {
	id, trigger := c.r.PathValue("alert"), c.r.PathValue("trigger")
	l, ok, err := c.p.Store().DeadLetter(c.r.Context(), id, trigger)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, problem(http.StatusNotFound, "alert %s is not a dead letter of the trigger %s", quoted(id), quoted(trigger))
	}
	out := deadLetterOf(&l)
	if json.Valid(l.Payload) {
		out.Alert = l.Payload
	}
	return out, nil
}
