package admin

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// noteWithin bounds the wait for the audit.
const noteWithin = 10 * time.Second

// note adds a change to the audit, with the values before and after; nil: none. The change stays in force if the audit cannot be written, and it is recorded
// even if the client is gone.
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
		c.p.Log().Error("cannot write a change to the audit", "who", c.who, "action", action, "kind", kind, "name", name, "error", err)
	}
}

// auditPage is how many entries are read from the store at once.
const auditPage = 250

// audit lists changes, newest first. It scans the whole audit if the filter asks for it: the store keeps a bounded number of entries.
func audit(c *call) (any, error) {
	f, err := c.auditFilter()
	if err != nil {
		return nil, err
	}
	before, err := c.number("cursor")
	if err != nil {
		return nil, err
	}
	out := adminapi.AuditResponse{Audit: []adminapi.AuditEntry{}}
	for {
		page, err := c.p.Audit(c.r.Context(), before, auditPage)
		if err != nil {
			return nil, err
		}
		for i := range page {
			e := &page[i]
			// Also for entries that do not match, so that the next page begins behind them.
			before = e.Seq
			if !f.since.IsZero() && e.Time.Before(f.since) {
				return out, nil
			}
			if !f.matches(e) {
				continue
			}
			out.Audit = append(out.Audit, adminapi.AuditEntry{
				Seq: e.Seq, Time: e.Time.UTC(), Who: e.Who, Action: e.Action, Kind: e.Kind, Workload: e.Scope, Name: e.Name, Before: e.Before, After: e.After,
			})
			if len(out.Audit) == f.limit {
				out.Next = strconv.FormatInt(before, 10)
				return out, nil
			}
		}
		if len(page) < auditPage {
			return out, nil
		}
	}
}

// auditFilter selects audit entries.
type auditFilter struct {
	limit          int
	workload, text string
	since, until   time.Time
}

func (c *call) auditFilter() (f auditFilter, err error) {
	f = auditFilter{workload: c.query.Get("workload"), text: strings.ToLower(c.query.Get("text"))}
	if f.limit, err = c.limit(); err != nil {
		return f, err
	}
	if f.since, err = c.instant("since"); err != nil {
		return f, err
	}
	f.until, err = c.instant("until")
	return f, err
}

func (f *auditFilter) matches(e *store.AuditEntry) bool {
	if !f.until.IsZero() && !e.Time.Before(f.until) || f.workload != "" && !glob.Match(f.workload, e.Scope) {
		return false
	}
	text := strings.Join([]string{e.Who, e.Action, e.Kind, e.Scope, e.Name}, " ")
	return f.text == "" || strings.Contains(strings.ToLower(text), f.text)
}

// reloadNoted describes a configuration in the audit of a reload.
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
