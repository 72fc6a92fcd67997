package admin

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/taps"
)

// maxTapExpr bounds the regular expression of a tap.
const maxTapExpr = 4 << 10

// tapFilter selects records.
type tapFilter struct {
	workload, container, stream, rule string
	match                             *regexp.Regexp
	hits                              bool
}

func (c *call) tapFilter() (*tapFilter, error) {
	q := c.query
	f := &tapFilter{workload: q.Get("workload"), container: q.Get("container"), stream: q.Get("stream"), rule: q.Get("rule")}
	if f.stream != "" && f.stream != "stdout" && f.stream != "stderr" {
		return nil, problem(http.StatusBadRequest, "stream %s: must be one of stdout, stderr", quoted(f.stream))
	}
	switch q.Get("hits") {
	case "", "false":
	case "true":
		f.hits = true
	default:
		return nil, problem(http.StatusBadRequest, "hits %s: must be one of true, false", quoted(q.Get("hits")))
	}
	if text := q.Get("match"); text != "" {
		re, err := regexp.Compile(text)
		if err != nil || len(text) > maxTapExpr {
			return nil, problem(http.StatusBadRequest, "match %s: must be a regular expression (RE2 syntax) of at most %d bytes", quoted(text), maxTapExpr)
		}
		f.match = re
	}
	return f, nil
}

// matches reports whether a record with its decisions is selected.
func (f *tapFilter) matches(rec *engine.Record, decisions []taps.Decision) bool {
	return f.decided(decisions) && (f.workload == "" || glob.Match(f.workload, rec.Source.Workload)) &&
		(f.container == "" || glob.Match(f.container, rec.Source.Container.Name) || strings.HasPrefix(rec.Source.Container.ID, f.container)) &&
		(f.stream == "" || rec.Stream.String() == f.stream) && (f.match == nil || f.match.Match(rec.Text))
}

func (f *tapFilter) decided(decisions []taps.Decision) bool {
	if f.rule == "" {
		return !f.hits || len(decisions) > 0
	}
	return slices.ContainsFunc(decisions, func(d taps.Decision) bool { return glob.Match(f.rule, d.Rule) })
}

// tap streams records when they are evaluated as events "record". Events "missed" count the records left out since the last one.
func tap(c *call) (any, error) {
	f, err := c.tapFilter()
	if err != nil {
		return nil, err
	}
	t, closeTap := c.p.Taps().Open(f.matches) // before the response: a client that sees the stream open misses no later record
	defer closeTap()
	s, done, err := c.openStream()
	if err != nil {
		return nil, err
	}
	defer done()
	if s.send([]byte("retry: 1000\n\n: here\n\n")) != nil {
		return nil, errAnswered
	}
	look, beat := time.NewTicker(streamLook), time.NewTicker(streamBeat)
	defer look.Stop()
	defer beat.Stop()
	reported := int64(0)
	for {
		var text []byte
		select {
		case <-c.r.Context().Done():
			return nil, errAnswered
		case one := <-t.Records:
			text = appendTapped(text, &one)
			for range len(t.Records) { // send everything that is queued at once
				one = <-t.Records
				text = appendTapped(text, &one)
			}
		case <-look.C:
		case <-beat.C:
			text = []byte(": still here\n\n")
		}
		if missed := t.Missed.Load(); missed > reported {
			data, _ := json.Marshal(adminapi.TapMissed{Missed: missed - reported}) // cannot fail
			reported = missed
			text = appendEvent(text, "", "missed", data)
		}
		if len(text) > 0 && s.send(text) != nil {
			return nil, errAnswered
		}
	}
}

func appendTapped(dst []byte, t *taps.Record) []byte {
	out := adminapi.TapRecord{
		Time: t.Time, Workload: t.Workload, Container: t.Container, Host: t.Host, Stream: t.Stream, Text: t.Text, Decisions: []adminapi.TapDecision{},
	}
	for _, d := range t.Decisions {
		out.Decisions = append(out.Decisions, adminapi.TapDecision(d))
	}
	data, err := json.Marshal(out)
	if err != nil {
		return dst
	}
	return appendEvent(dst, "", "record", data)
}
