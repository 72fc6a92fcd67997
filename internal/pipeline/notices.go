package pipeline

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/shortid"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// The bounds of alerts about lost lines.
const (
	noticeEvery = time.Minute // one of a kind and container
	maxNotices  = 10_000      // containers with one not long ago; the alert of one too many is sent
)

// notices makes one alert in a minute of all notices of a kind about a container: a log that is rotated away faster than it is read has a gap each
// time that it is opened. The first is sent at once, the others with their number when the minute is over.
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
	held        int // since the last alert
	first, last time.Time
	notice      docker.Notice // the last
}

// admit reports whether a notice is an alert of its own. Otherwise it is counted.
func (n *notices) admit(notice docker.Notice, now time.Time) bool {
	key := noticeKey{notice.Kind, cmp.Or(notice.Source.Container.Name, notice.Source.Container.ID)}
	n.mu.Lock()
	defer n.mu.Unlock()
	w := n.windows[key]
	if w == nil {
		if n.windows == nil {
			n.windows = map[noticeKey]*noticeWindow{}
		}
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

// due returns the windows that are over and hold notices, all that do with all set. The next minute begins for these; the others are forgotten.
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

// Report makes an alert of kind system of a notice, one a minute of a kind and container. It is a docker.Options.OnNotice.
func (p *Pipeline) Report(n docker.Notice) {
	defer guard.Recover(p.log, &p.counters.panics, "telling a notice")
	if now := p.now().UTC(); p.notices.admit(n, now) {
		p.report(noticeWindow{held: 1, first: now, last: now, notice: n}, n.Text)
	}
}

// reportDue makes the alerts about notices that are due.
func (p *Pipeline) reportDue(all bool) {
	defer guard.Recover(p.log, &p.counters.panics, "telling notices")
	for _, w := range p.notices.due(p.now().UTC(), all) {
		text := w.notice.Text
		if w.held > 1 {
			text = fmt.Sprintf("%s (%d times since %s)", text, w.held, w.first.Format(time.RFC3339))
		}
		p.report(w, text)
	}
}

func (p *Pipeline) report(w noticeWindow, text string) {
	source := w.notice.Source
	h := sha256.New()
	for _, part := range []string{"notice", p.id, string(w.notice.Kind), source.Container.ID, w.last.String(), text} {
		h.Write(binary.AppendUvarint(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	alert := trigger.Alert{
		Version: trigger.AlertVersion, ID: shortid.Alert(h.Sum(nil)), Kind: trigger.KindSystem, Severity: "error",
		Rule: "docker-" + string(w.notice.Kind), Summary: text, Message: text, Time: w.last, FirstSeen: w.first, LastSeen: w.last, Count: w.held,
		Source: trigger.Source{
			Kind: trigger.KindSystem, Workload: source.Workload, Host: source.Host, Container: trigger.Container(source.Container),
		},
	}
	if err := p.delivery.Accept(p.ctx, []delivery.Item{{Alert: alert, Triggers: p.triggers.Load().of(&alert)}}); err != nil {
		p.log.Error("an alert about lost lines is not on disk yet", "error", err)
	}
}
