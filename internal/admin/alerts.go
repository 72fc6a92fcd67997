package admin

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/openapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/problems"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

func alertOf(e *store.Alert) adminapi.StoredAlert {
	out := adminapi.StoredAlert{Seq: e.Seq, Accepted: e.Accepted.UTC(), Alert: e.Payload, Deliveries: []adminapi.Delivery{}}
	// A damaged payload must not make the whole response invalid.
	if !json.Valid(e.Payload) {
		out.Alert = json.RawMessage(`null`)
	}
	for i := range e.Deliveries {
		d := &e.Deliveries[i]
		out.Deliveries = append(out.Deliveries, adminapi.Delivery{
			Trigger: d.Trigger, State: d.State, Attempts: d.Attempts, At: utc(d.At), Due: utc(d.Due), Reason: d.Reason, Message: d.Message,
		})
	}
	return out
}

// alertFilter selects alerts.
type alertFilter struct {
	limit                                int
	rule, workload, container, text, key string
	severity, kind, state                []string
	trigger                              string
	since, until                         time.Time
}

func (c *call) alertFilter() (f alertFilter, err error) {
	q := c.query
	f = alertFilter{
		rule: q.Get("rule"), workload: q.Get("workload"), container: q.Get("container"), text: strings.ToLower(q.Get("text")), key: q.Get("key"),
		severity: words(q.Get("severity")), kind: words(q.Get("kind")), state: words(q.Get("state")), trigger: q.Get("trigger"),
	}
	for _, one := range []struct {
		name         string
		given, known []string
	}{{"severity", f.severity, trigger.Severities()}, {"kind", f.kind, trigger.Kinds()}, {"state", f.state, store.States()}} {
		for _, word := range one.given {
			if !slices.Contains(one.known, word) {
				return f, problem(http.StatusBadRequest, "%s %s: must be one of %s", one.name, quoted(word), strings.Join(one.known, ", "))
			}
		}
	}
	if f.limit, err = c.limit(); err != nil {
		return f, err
	}
	if f.since, err = c.instant("since"); err != nil {
		return f, err
	}
	f.until, err = c.instant("until")
	return f, err
}

func words(text string) []string {
	var out []string
	for _, w := range strings.Split(text, ",") {
		if w = strings.TrimSpace(w); w != "" {
			out = append(out, w)
		}
	}
	return out
}

// takes reports whether an alert matches. ended is true if no older alert can match either.
func (f *alertFilter) takes(e *store.Alert) (taken, ended bool) {
	if !f.since.IsZero() && e.Accepted.Before(f.since) {
		return false, true
	}
	if !f.until.IsZero() && !e.Accepted.Before(f.until) {
		return false, false
	}
	// Decoding is the expensive part, so it is left out where no filter needs it.
	if f.rule+f.workload+f.container+f.text+f.key == "" && len(f.severity)+len(f.kind) == 0 {
		return true, false
	}
	var a trigger.Alert
	if json.Unmarshal(e.Payload, &a) != nil {
		return false, false
	}
	return f.takesAlert(&a), false
}

func (f *alertFilter) takesAlert(a *trigger.Alert) bool {
	return (f.key == "" || f.key == problems.KeyOf(a)) && (f.rule == "" || glob.Match(f.rule, a.Rule)) && (f.workload == "" || glob.Match(f.workload, a.Source.Workload)) &&
		(f.container == "" || glob.Match(f.container, a.Source.Container.Name) || strings.HasPrefix(a.Source.Container.ID, f.container)) &&
		(len(f.severity) == 0 || slices.Contains(f.severity, a.Severity)) && (len(f.kind) == 0 || slices.Contains(f.kind, a.Kind)) &&
		(f.text == "" || strings.Contains(strings.ToLower(a.Message), f.text) || strings.Contains(strings.ToLower(a.Summary), f.text))
}

// The limits of one request. A page that reaches them ends early, and its cursor continues there.
const (
	alertPage = 250
	maxLooked = 5000
	maxSeq    = 1 << 47 // of an alert
)

// walk calls fn for the alerts with numbers below before (0: all), newest first, until fn returns false.
func (c *call) walk(before int64, fn func(*store.Alert) bool) error {
	for {
		page, err := c.p.Store().Alerts(c.r.Context(), before, alertPage)
		if err != nil {
			return err
		}
		for i := range page {
			if before = page[i].Seq; !fn(&page[i]) {
				return nil
			}
		}
		if len(page) < alertPage {
			return nil
		}
	}
}

// eachAlert calls fn for the matching alerts with numbers below before (0: all), newest first, until fn returns false. next is the cursor to
// continue with.
func (c *call) eachAlert(f *alertFilter, before int64, fn func(*store.Alert) bool) (next string, err error) {
	looked := 0
	err = c.walk(before, func(e *store.Alert) bool {
		taken, ended := f.takes(e)
		if ended {
			return false
		}
		goOn := !taken || fn(e)
		if looked++; !goOn || looked == maxLooked {
			next = strconv.FormatInt(e.Seq, 10)
			return false
		}
		return true
	})
	return next, err
}

func alerts(c *call) (any, error) {
	f, err := c.alertFilter()
	if err != nil {
		return nil, err
	}
	before, err := c.number("cursor")
	if err != nil {
		return nil, err
	}
	out := adminapi.AlertsResponse{Alerts: []adminapi.StoredAlert{}}
	out.Next, err = c.eachAlert(&f, before, func(e *store.Alert) bool {
		out.Alerts = append(out.Alerts, alertOf(e))
		return len(out.Alerts) < f.limit
	})
	return out, err
}

// oneAlert finds an alert by its number or ID.
func oneAlert(c *call) (any, error) {
	id := c.r.PathValue("id")
	if seq, err := strconv.ParseInt(id, 10, 64); err == nil && seq > 0 && seq < maxSeq {
		page, err := c.p.Store().Alerts(c.r.Context(), seq+1, 1)
		if err != nil {
			return nil, err
		}
		if len(page) == 1 && page[0].Seq == seq {
			return alertOf(&page[0]), nil
		}
	}
	e, found, err := c.p.Store().Alert(c.r.Context(), id)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, problem(http.StatusNotFound, "alert %s is not stored", quoted(id))
	}
	return alertOf(&e), nil
}

func deliveries(c *call) (any, error) {
	f, err := c.alertFilter()
	if err != nil {
		return nil, err
	}
	behind, err := c.deliveryMark()
	if err != nil {
		return nil, err
	}
	before := behind.seq
	if behind.trigger != "" {
		before++ // the rest of the alert's deliveries
	}
	out := adminapi.DeliveriesResponse{Deliveries: []adminapi.AlertDelivery{}}
	stopped := ""
	next, err := c.eachAlert(&f, before, func(e *store.Alert) bool {
		one := alertOf(e)
		for _, d := range one.Deliveries {
			if e.Seq == behind.seq && d.Trigger <= behind.trigger || f.trigger != "" && d.Trigger != f.trigger || len(f.state) > 0 && !slices.Contains(f.state, d.State) {
				continue
			}
			if out.Deliveries = append(out.Deliveries, adminapi.AlertDelivery{Seq: e.Seq, AlertID: e.ID, Rule: ruleOf(e.Payload), Accepted: one.Accepted, Delivery: d}); len(out.Deliveries) == f.limit {
				stopped = strconv.FormatInt(e.Seq, 10) + "." + d.Trigger
				return false
			}
		}
		return true
	})
	out.Next = cmp.Or(stopped, next)
	return out, err
}

// deliveryMark is the end of a page of deliveries: an alert's number and the trigger of its last delivery, "" after all of them.
type deliveryMark struct {
	seq     int64
	trigger string
}

func (c *call) deliveryMark() (mark deliveryMark, err error) {
	text := c.query.Get("cursor")
	if text == "" {
		return mark, nil
	}
	seq, name, _ := strings.Cut(text, ".")
	mark.trigger = name
	if mark.seq, err = strconv.ParseInt(seq, 10, 64); err != nil || mark.seq < 1 || mark.seq > maxSeq {
		return mark, problem(http.StatusBadRequest, "cursor %s: must be the value of next in a response", quoted(text))
	}
	return mark, nil
}

// ruleOf returns the rule of a stored alert.
func ruleOf(payload []byte) string {
	var a struct {
		Rule string `json:"rule"`
	}
	_ = json.Unmarshal(payload, &a) // an alert that cannot be decoded has no rule
	return a.Rule
}

// The bounds of a view of problems.
const (
	defaultProblemBins = 24
	maxProblemBins     = 200
	defaultProblemSpan = 24 * time.Hour
	maxProblemSpan     = 366 * 24 * time.Hour
)

// problemParams select the window of problems.
var problemParams = params{
	limitParam,
	{Name: "since", Kind: "string", Meaning: "The beginning of the window: RFC 3339, or a duration before now such as 10m. Default: 24h."},
	{Name: "bins", Kind: "integer", Meaning: "Number of equal parts into which the window is cut, from 1 to 200; there may be one more, because they begin at multiples of their length. Default: 24."},
}

var problemsOp = openapi.Operation{
	Method: "GET", Path: "/api/v1/problems", Summary: "Group the alerts of a window by the problem that they are about, the one with the latest alert first.",
	Params: problemParams, Answer: adminapi.ProblemsResponse{},
}

// problemWindow returns the window from since to now. Its parts begin at multiples of their length, so that a bar stays the same bar while time passes: the
// window may have one part more.
func (c *call) problemWindow() (w problems.Window, err error) {
	now, bins := c.p.Now().UTC(), int64(defaultProblemBins)
	if text := c.query.Get("bins"); text != "" {
		if bins, err = strconv.ParseInt(text, 10, 64); err != nil || bins < 1 || bins > maxProblemBins {
			return w, problem(http.StatusBadRequest, "bins %s: must be a number from 1 to %d", quoted(text), maxProblemBins)
		}
	}
	from, err := c.instant("since")
	if err != nil {
		return w, err
	}
	if from.IsZero() {
		from = now.Add(-defaultProblemSpan)
	}
	if span := now.Sub(from); span <= 0 || span > maxProblemSpan {
		return w, problem(http.StatusBadRequest, "since %s: must be before now, by at most %d days", quoted(c.query.Get("since")), maxProblemSpan/(24*time.Hour))
	}
	width := (now.Sub(from)/time.Duration(bins) + time.Second - 1).Truncate(time.Second)
	w.From, w.Until = from.UTC().Truncate(width), now.Truncate(width).Add(width)
	w.Bins = int(w.Until.Sub(w.From) / width)
	return w, nil
}

func listProblems(c *call) (any, error) {
	limit, err := c.limit()
	if err != nil {
		return nil, err
	}
	w, err := c.problemWindow()
	if err != nil {
		return nil, err
	}
	view, err := c.instance.problems.View(c.r.Context(), c.p.Store(), w, c.p.Now())
	if err != nil {
		return nil, err
	}
	out := adminapi.ProblemsResponse{From: w.From, Until: w.Until, Since: view.Since, Alerts: view.Alerts, Problems: []adminapi.AlertProblem{}}
	for i := range view.Problems {
		if len(out.Problems) == limit {
			out.More = len(view.Problems) - i
			break
		}
		one, err := c.problemOfAlerts(&view.Problems[i])
		if err != nil {
			return nil, err
		}
		if one != nil {
			out.Problems = append(out.Problems, *one)
		}
	}
	return out, nil
}

// problemOfAlerts adds the latest alert of a problem, and whether it is silenced; nil if the store does not have that alert any more.
func (c *call) problemOfAlerts(p *problems.Problem) (*adminapi.AlertProblem, error) {
	stored, err := c.p.Store().AlertsAfter(c.r.Context(), p.Latest-1, 1)
	if err != nil || len(stored) == 0 || stored[0].Seq != p.Latest {
		return nil, err
	}
	out := &adminapi.AlertProblem{
		Key: p.Key, Rule: p.Rule, Workload: p.Workload, Severity: p.Severity, State: string(p.State), First: p.First, Last: p.Last, Alerts: p.Alerts, Hits: p.Hits,
		Suppressed: p.Suppressed, Bins: p.Bins, Latest: alertOf(&stored[0]),
	}
	var a trigger.Alert
	if json.Unmarshal(stored[0].Payload, &a) == nil {
		if out.Silence = c.p.SilenceOf(&a); out.Silence != "" {
			out.State = "silenced"
		}
	}
	return out, nil
}
