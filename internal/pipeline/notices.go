package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/quantity"
	"github.com/tinyforge/fluentbit-trigger/internal/shortid"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// The bounds of alerts about lost lines.
const (
	noticeEvery = time.Minute // for each kind and container
	maxNotices  = 10_000      // open windows; beyond that every notice is sent
)

// notices limits alerts about lost lines to one a minute for each kind and container: a log that rotates faster than it is read has a gap each time that
// it is opened. The first notice is sent immediately, the others together, with their number, at the end of the minute.
type notices struct {
	mu      sync.Mutex
	windows map[noticeKey]*noticeWindow
}

type noticeKey struct {
	kind      docker.NoticeKind
	container string
}

type noticeWindow struct {
	until       time.Time
	held        int // notices since the last alert
	first, last time.Time
	notice      docker.Notice // the last
}

// admit reports whether a notice gets an alert of its own. Otherwise it counts the notice.
func (n *notices) admit(notice docker.Notice, now time.Time) bool {
	key := noticeKey{notice.Kind, cmp.Or(notice.Source.Container.Name, notice.Source.Container.ID)}
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.windows[key]
	if w == nil {
		if n.windows == nil {
			n.windows = map[noticeKey]*noticeWindow{}
		}
		// Without room the notice is sent, because too many alerts are better than a gap that nobody sees.
		if len(n.windows) < maxNotices {
			n.windows[key] = &noticeWindow{until: now.Add(noticeEvery)}
		}
		return true
	}
	if w.held == 0 {
		w.first = now
	}
	w.held++
	w.last, w.notice = now, notice
	return false
}

// due returns the windows that have ended and counted notices, or all with counted notices, and starts the next minute for them. It removes windows that
// ended without notices.
func (n *notices) due(now time.Time, all bool) (held []noticeWindow) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for key, w := range n.windows {
		over := !now.Before(w.until) || w.until.Sub(now) > noticeEvery // the clock was set back
		switch {
		case w.held > 0 && (over || all):
			held = append(held, *w)
			*w = noticeWindow{until: now.Add(noticeEvery)}
		case over:
			delete(n.windows, key)
		}
	}
	return held
}

// Report sends an alert of kind system for a notice, at most one a minute for each kind and container. It is a docker.Options.OnNotice.
func (p *Pipeline) Report(n docker.Notice) {
	defer guard.Recover(p.log, &p.counters.panics, "reporting a notice")
	if now := p.now().UTC(); p.notices.admit(n, now) {
		p.report(noticeWindow{held: 1, first: now, last: now, notice: n}, n.Text)
	}
}

// reportDue sends the alerts about notices that are due.
func (p *Pipeline) reportDue(all bool) {
	defer guard.Recover(p.log, &p.counters.panics, "reporting notices")
	for _, w := range p.notices.due(p.now().UTC(), all) {
		text := w.notice.Text
		if w.held > 1 {
			text = fmt.Sprintf("%s (%d times since %s)", text, w.held, w.first.Format(time.RFC3339))
		}
		p.report(w, text)
	}
}

// reportLost sends an alert of kind system about hits that the engine of the fleet had acknowledged and lost.
func (p *Pipeline) reportLost(ctx context.Context, lost int64) {
	if lost == 0 {
		return
	}
	now := p.now().UTC()
	text := "the fleet's engine lost its data, and with it " + quantity.Plural(lost, "hit") + " that no alert will report"
	sum := sha256.Sum256([]byte("fleet-lost\x00" + p.id + "\x00" + now.String()))
	alert := trigger.Alert{
		Version: trigger.AlertVersion, ID: shortid.Alert(sum[:]), Key: trigger.KeyOf("fleet-lost", p.id), Kind: trigger.KindSystem, Severity: "error",
		Rule: "fleet-lost", Summary: text, Message: text, Time: now, FirstSeen: now, LastSeen: now, Count: 1,
		Source: trigger.Source{Kind: trigger.KindSystem, Host: hostName()},
	}
	if err := p.delivery.Accept(ctx, []delivery.Item{{Alert: alert, Triggers: p.triggers.Load().of(&alert, now)}}); err != nil {
		p.log.Error("cannot store an alert about lost hits, keeping it in memory", "error", err)
	}
}

func (p *Pipeline) report(w noticeWindow, text string) {
	source := w.notice.Source
	h := sha256.New()
	for _, part := range []string{"notice", p.id, string(w.notice.Kind), source.Container.ID, w.last.String(), text} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	rule := "docker-" + string(w.notice.Kind)
	alert := trigger.Alert{
		Version: trigger.AlertVersion, ID: shortid.Alert(h.Sum(nil)), Key: trigger.KeyOf(rule, source.Container.ID), Kind: trigger.KindSystem, Severity: "error",
		Rule: rule, Summary: text, Message: text, Time: w.last, FirstSeen: w.first, LastSeen: w.last, Count: w.held,
		Source: trigger.Source{
			Kind: trigger.KindSystem, Workload: source.Workload, Host: source.Host, Container: trigger.Container(source.Container),
		},
	}
	// The delivery keeps the alert in memory, so the error is only logged.
	if err := p.delivery.Accept(p.ctx, []delivery.Item{{Alert: alert, Triggers: p.triggers.Load().of(&alert, p.now())}}); err != nil {
		p.log.Error("cannot store an alert about lost lines, keeping it in memory", "error", err)
	}
}
