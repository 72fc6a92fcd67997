package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// noteWithin bounds how long the audit is waited for.
const noteWithin = 10 * time.Second

// note adds something that was done to the audit, with what there was before and is after; nil: there is nothing to tell. What was done stays done
// when the audit cannot be written, and is told there also when the client is gone.
func (c *call) note(action, kind, name string, before, after any) {
	e := store.AuditEntry{Who: c.who, Action: action, Kind: kind, Name: name}
	if before != nil {
		e.Before, _ = json.Marshal(before) // of plain structs
	}
	if after != nil {
		e.After, _ = json.Marshal(after)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), noteWithin)
	defer cancel()
	if err := c.p.AddAudit(ctx, e); err != nil {
		c.p.Log().Error("a change through the administration is not in the audit", "who", c.who, "action", action, "kind", kind, "name", name, "error", err)
	}
}

// auditAnswer lists changes.
type auditAnswer struct {
	Audit []auditItem `json:"audit"`
	Next  string      `json:"next"`
}

type auditItem struct {
	Seq  int64  `json:"seq"`
	Time string `json:"time"`
	auditChange
}

// auditChange is a change that somebody made here.
type auditChange struct {
	Who      string          `json:"who"`
	Action   string          `json:"action"`
	Kind     string          `json:"kind"`
	Workload string          `json:"workload,omitempty"`
	Name     string          `json:"name"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
}

func changeOf(e *store.AuditEntry) auditChange {
	return auditChange{e.Who, e.Action, e.Kind, e.Scope, e.Name, e.Before, e.After}
}

func audit(c *call) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	before, err := c.number("cursor")
	if err != nil {
		return nil, err
	}
	all, err := c.p.Audit(c.r.Context(), before, limit)
	if err != nil {
		return nil, err
	}
	out := auditAnswer{Audit: []auditItem{}}
	for i := range all {
		e := &all[i]
		out.Audit = append(out.Audit, auditItem{e.Seq, e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), changeOf(e)})
	}
	if len(all) == limit {
		out.Next = strconv.FormatInt(all[len(all)-1].Seq, 10)
	}
	return out, nil
}

// auditKind is the kind of the events that are changes made here. They have numbers of their own, so that they are listed by themselves.
const auditKind = "audit"

// audits is events for ?kind=audit.
func (c *call) audits(f *eventFilter) (any, error) {
	if len(f.kind) != 1 || f.rule+f.container != "" || len(f.severity) != 0 {
		return nil, problem(http.StatusBadRequest, "kind audit: goes with no other kind, and with no rule, container or severity")
	}
	before, err := c.number("cursor")
	if err != nil {
		return nil, err
	}
	out := eventsAnswer{Events: []eventAnswer{}}
	for {
		all, err := c.p.Audit(c.r.Context(), before, eventPage)
		if err != nil {
			return nil, err
		}
		for i := range all {
			e := &all[i]
			before = e.Seq
			if !f.since.IsZero() && e.Time.Before(f.since) {
				return out, nil
			}
			if !f.takesChange(e) {
				continue
			}
			change := changeOf(e)
			out.Events = append(out.Events, eventAnswer{Seq: e.Seq, Accepted: e.Time.UTC(), Audit: &change, Deliveries: []deliveryAnswer{}})
			if len(out.Events) == f.limit {
				out.Next = strconv.FormatInt(before, 10)
				return out, nil
			}
		}
		if len(all) < eventPage {
			return out, nil
		}
	}
}

func (f *eventFilter) takesChange(e *store.AuditEntry) bool {
	if !f.until.IsZero() && !e.Time.Before(f.until) || f.workload != "" && !glob(f.workload, e.Scope) {
		return false
	}
	text := strings.Join([]string{e.Who, e.Action, e.Kind, e.Scope, e.Name}, " ")
	return f.text == "" || strings.Contains(strings.ToLower(text), f.text)
}

// reloadNoted is what the audit tells of a configuration before a reload, and after it.
type reloadNoted struct {
	Rules     int      `json:"rules"`
	Workloads int      `json:"workloads"`
	Triggers  int      `json:"triggers"`
	Problems  []string `json:"problems"`
}

func extentOf(r *config.Result) reloadNoted {
	out := reloadNoted{Problems: []string{}}
	if r == nil {
		return out
	}
	s := &r.Settings
	out.Rules, out.Workloads, out.Triggers = len(s.Rules), len(s.Workloads), len(s.Triggers)
	for i := range r.Problems[:min(len(r.Problems), maxProblemsShown)] {
		out.Problems = append(out.Problems, r.Problems[i].Error())
	}
	return out
}
