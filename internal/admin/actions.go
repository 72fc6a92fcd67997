package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/silence"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

func pathEscape(name string) string { return url.PathEscape(name) }

func (c *call) selected() (store.Select, adminapi.DeadLettersRequest, error) {
	var q adminapi.DeadLettersRequest
	if err := c.bodyInto(&q); err != nil {
		return store.Select{}, q, err
	}
	if (q.AlertID == "" && q.Trigger == "") != q.All {
		return store.Select{}, q, problem(http.StatusBadRequest, "set alert_id, trigger or both, or all")
	}
	return store.Select{AlertID: q.AlertID, Trigger: q.Trigger}, q, nil
}

func redeliver(c *call) (any, error) {
	which, q, err := c.selected()
	if err != nil {
		return nil, err
	}
	// Read before the change, which takes them out of the list.
	before := c.deadLettersBefore(which)
	back, left, err := c.p.Store().Redeliver(c.r.Context(), c.p.Now(), which)
	if err != nil {
		return nil, err
	}
	out := adminapi.RedeliverResponse{Redelivered: back, Left: left}
	if back == 0 {
		return out, nil
	}
	before.DeadLetters = back + left
	c.note("redeliver", "dead letter", q.AlertID, before, struct {
		adminapi.DeadLettersRequest
		adminapi.RedeliverResponse
	}{q, out})
	return out, nil
}

func dropDeadLetters(c *call) (any, error) {
	which, q, err := c.selected()
	if err != nil {
		return nil, err
	}
	// Read before they are gone, for the audit.
	before := c.deadLettersBefore(which)
	n, err := c.p.Store().Remove(c.r.Context(), c.p.Now(), which)
	if err != nil {
		return nil, err
	}
	out := adminapi.DropResponse{Dropped: n}
	if n == 0 {
		return out, nil
	}
	before.DeadLetters = n
	c.note("drop", "dead letter", q.AlertID, before, struct {
		adminapi.DeadLettersRequest
		adminapi.DropResponse
	}{q, out})
	return out, nil
}

// maxDeadLettersNoted bounds the dead letters that an audit entry lists.
const maxDeadLettersNoted = 20

// deadLettersNoted describes dead letters in the audit before they are redelivered or dropped.
type deadLettersNoted struct {
	DeadLetters int               `json:"dead_letters"` // the number selected
	Newest      []deadLetterNoted `json:"newest"`
}

type deadLetterNoted struct {
	AlertID string `json:"alert_id"`
	Trigger string `json:"trigger"`
	Reason  string `json:"reason"`
}

func (c *call) deadLettersBefore(which store.Select) deadLettersNoted {
	out := deadLettersNoted{Newest: []deadLetterNoted{}}
	all, err := c.p.Store().DeadLetters(c.r.Context(), which, store.DeadLetterMark{}, maxDeadLettersNoted)
	if err != nil {
		return out // the change itself reports the store's error
	}
	for i := range all {
		out.Newest = append(out.Newest, deadLetterNoted{all[i].AlertID, all[i].Trigger, all[i].Reason})
	}
	return out
}

// testTrigger sends a test alert with the settings in force. The trigger's own limit may be longer than a response may take, so the test has a limit of its own.
func testTrigger(c *call) (any, error) {
	name := c.r.PathValue("name")
	ctx, cancel := context.WithTimeout(c.r.Context(), c.api.registry.opt.TestWithin)
	defer cancel()
	r, err := c.p.TestTrigger(ctx, name)
	if err != nil {
		var names []string
		for i := range c.p.Settings().Triggers {
			names = append(names, c.p.Settings().Triggers[i].Name)
		}
		return nil, problem(http.StatusNotFound, "no trigger %s is in force%s", quoted(name), meant(name, names))
	}
	out := adminapi.TriggerTestResponse{
		Outcome: r.Outcome.String(), Detail: r.Reason, Answer: r.Detail, Failure: string(r.Failure), Status: r.Status, Attempts: r.Attempts,
		TookMS: float64(r.Elapsed) / float64(time.Millisecond),
	}
	kept := out
	kept.Answer = "" // the audit does not keep responses of receivers
	c.note("test", "trigger", name, nil, kept)
	return out, nil
}

// showDigest shows the digest that a trigger would send now; for one that sends none, the counts since the start.
func showDigest(c *call) (any, error) {
	name := c.r.PathValue("name")
	a, ok, err := c.p.Digest(c.r.Context(), name)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, problem(http.StatusNotFound, "no trigger %s is in force", quoted(name))
	}
	return adminapi.DigestResponse{
		From: a.Digest.From, Until: a.Digest.Until, Hits: a.Digest.Hits, Alerts: a.Digest.Alerts, Suppressed: a.Digest.Suppressed, By: a.Digest.By, Sent: a.Digest.Sent,
		DeadLetters: a.Digest.DeadLetters, Summary: a.Summary, Message: a.Message,
	}, nil
}

func silenceOf(s *engine.Silence, now time.Time) adminapi.Silence {
	m := adminapi.SilenceMatchers{Rule: s.Rule, Workload: s.Workload, Container: s.Container, Message: s.Message, Where: s.Where, Key: s.Key}
	for _, severity := range s.Severity {
		m.Severity = append(m.Severity, severity.String())
	}
	out := adminapi.Silence{
		SilenceRequest: adminapi.SilenceRequest{
			ID: s.ID, SilenceMatchers: m, Matchers: &m, Every: s.Every, Zone: s.Zone, NextImage: s.NextImage, Comment: s.Comment, Author: s.Author, Scope: scopeOf(s),
		},
		Configured: s.Configured, Suppressed: s.Suppressed, State: "pending",
	}
	p, comes := s.Period(now.UnixNano())
	switch {
	case s.Ended(now.UnixNano()):
		out.State = "expired"
	case comes && p.From == now.UnixNano():
		out.State = "active"
	}
	if comes {
		out.Period = periodOf(p, now)
	}
	if s.Until != 0 {
		out.Until = time.Unix(0, s.Until).UTC()
	}
	if s.From != 0 {
		out.From = time.Unix(0, s.From).UTC()
	}
	return out
}

// scopeOf returns the scope of a silence; "" for one of this node.
func scopeOf(s *engine.Silence) string {
	if s.Fleet {
		return engine.ScopeFleet
	}
	return ""
}

func silences(c *call) (any, error) {
	out := adminapi.SilencesResponse{Silences: []adminapi.Silence{}}
	all := c.p.Silences().All()
	for i := range all {
		out.Silences = append(out.Silences, silenceOf(&all[i], c.p.Now()))
	}
	return out, nil
}

func addSilence(c *call) (any, error) {
	var q adminapi.Silence
	if err := c.bodyInto(&q); err != nil {
		return nil, err
	}
	m := q.SilenceMatchers
	if q.Matchers != nil {
		m = *q.Matchers
	}
	s := engine.Silence{ID: q.ID, Every: q.Every, Zone: q.Zone, NextImage: q.NextImage, Comment: q.Comment, Author: q.Author}
	s.Rule, s.Workload, s.Container, s.Message, s.Where, s.Key = m.Rule, m.Workload, m.Container, m.Message, m.Where, m.Key
	for _, word := range m.Severity {
		var severity engine.Severity
		if err := severity.UnmarshalText([]byte(word)); err != nil {
			return nil, problem(http.StatusUnprocessableEntity, "severity: %v", err)
		}
		s.Severity = append(s.Severity, severity)
	}
	// Times in ns reach to the year 2262, and 0 means that no time is set.
	if year := q.Until.Year(); !q.Until.IsZero() && (year < 1971 || year > 2261) {
		return nil, problem(http.StatusUnprocessableEntity, "until: the year %d must be from 1971 to 2261", year)
	}
	if !q.Until.IsZero() {
		s.Until = q.Until.UnixNano()
	}
	if !q.From.IsZero() {
		if year := q.From.Year(); year < 1971 || year > 2261 {
			return nil, problem(http.StatusUnprocessableEntity, "from: the year %d must be from 1971 to 2261", year)
		}
		s.From = q.From.UnixNano()
	}
	if s.Author == "" {
		s.Author = c.who
	}
	switch q.Scope {
	case "", engine.ScopeNode:
	case engine.ScopeFleet:
		return addFleetSilence(c, s)
	default:
		return nil, problem(http.StatusUnprocessableEntity, "scope: %q must be one of %s", q.Scope, strings.Join(engine.ScopeNames(), ", "))
	}
	made, before, err := c.p.Silences().Add(c.r.Context(), s)
	if err != nil {
		return nil, silenceRefusal(err)
	}
	out := silenceOf(&made, c.p.Now())
	action := "create"
	if before != nil {
		action = "change"
	}
	c.note(action, "silence", made.ID, noted(before, c.p.Now()), out)
	return out, nil
}

func silenceRefusal(err error) error {
	var bad *silence.Error
	switch {
	case errors.As(err, &bad):
		p := problem(http.StatusUnprocessableEntity, "%v", err)
		for i := range bad.Fields {
			f := &bad.Fields[i]
			detail := f.Message
			if f.Value != "" {
				detail = strconv.Quote(f.Value) + ": " + detail
			}
			p.Errors = append(p.Errors, adminapi.ProblemField{Field: f.Field, Detail: detail, Hint: f.Hint})
		}
		return p
	case errors.Is(err, silence.ErrNotFound):
		return problem(http.StatusNotFound, "%v", err)
	case errors.Is(err, silence.ErrConfigured):
		return problem(http.StatusConflict, "%v", err)
	case errors.Is(err, silence.ErrTooMany):
		return problem(http.StatusInsufficientStorage, "%v", err)
	}
	return err
}

// noted returns a silence for the audit; nil for none.
func noted(s *engine.Silence, now time.Time) any {
	if s == nil {
		return nil
	}
	return silenceOf(s, now)
}

func expireSilence(c *call) (any, error) {
	id := c.r.PathValue("id")
	if before, ok := c.p.Silences().OfFleet(id); ok {
		if err := c.p.Fleet().DropSilence(c.r.Context(), id); err != nil {
			return nil, fleetRefusal(err)
		}
		c.note("expire", "silence", id, noted(&before, c.p.Now()), nil)
		return struct{}{}, nil
	}
	before, after, err := c.p.Silences().Expire(c.r.Context(), id)
	if err != nil {
		return nil, silenceRefusal(err)
	}
	if before != nil { // otherwise it had expired already
		c.note("expire", "silence", id, noted(before, c.p.Now()), noted(after, c.p.Now()))
	}
	return struct{}{}, nil
}
