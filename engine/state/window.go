package state

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// Lengths of time of windows.
const (
	minProlonged = time.Second // how long a window stays open for a roll-up that cannot leave: a quarter of it, but within these
	maxProlonged = time.Minute
)

// windowState says whether the cooldown of a key suppresses hits.
type windowState uint8

const (
	windowClosed  windowState = iota // no alert within the cooldown: the next hit may alert
	windowOpen                       // cooling down
	windowOverdue                    // the roll-up could not be sent yet: as good as open
)

// window is the cooldown of a key. It goes by arrival.
type window struct {
	opened    int64 // when the key last alerted; 0: never
	held      int64 // when the latest hit arrived that the cooldown suppressed since then, as long as they kept coming; 0: none
	overdue   int64 // until when the window stays open because its roll-up could not leave; 0: it closes as usual
	doublings int   // how often the windows doubled: one for each before it in a row whose hits kept coming
	shared    bool  // the fleet has the window that may be longer: this node's is as long as the cooldown, so that the fleet hears of its hits
}

func (w *window) state(r *rules.Rule, now int64) windowState {
	switch {
	case r.Settings.Cooldown <= 0:
		return windowClosed
	case w.opened != 0 && now < w.end(r):
		return windowOpen
	case now < w.overdue:
		return windowOverdue
	}
	return windowClosed
}

// end returns when the window that the last alert opened closes. One that is longer than the cooldown closes before its end when no hit came for the time of a
// cooldown: what comes after that is new.
func (w *window) end(r *rules.Rule) int64 {
	if w.shared {
		return w.opened + r.Window()
	}
	return min(w.opened+r.WindowLength(w.doublings), max(w.opened, w.held)+r.Window())
}

// goesOn reports whether the hits that the cooldown suppresses kept coming until a time.
func (w *window) goesOn(r *rules.Rule, now int64) bool { return now-max(w.opened, w.held) < r.Window() }

// hold notes a hit that the cooldown suppresses.
func (w *window) hold(r *rules.Rule, now int64) {
	// After a gap the window is over, though a roll-up that cannot leave may keep it open: a later hit must not make it go on.
	if w.goesOn(r, now) {
		w.held = now
	}
}

// open opens the window of an alert. It is twice as long as the one before, if hits kept coming in that. Windows that the fleet has say nothing of this node's own.
func (w *window) open(r *rules.Rule, now int64, shared bool) {
	next := window{opened: now, shared: shared}
	if w.held != 0 && !w.shared && w.goesOn(r, now) && r.Doubles(r.Window()) {
		next.doublings = w.doublings
		if r.Doubles(r.WindowLength(w.doublings)) {
			next.doublings++
		}
	}
	*w = next
}

// closes returns when the window closes whose roll-up shows a hit that arrived at shown: that of the last alert, or, where no window was open then, one that
// begins with the hit.
func (w *window) closes(r *rules.Rule, shown int64) int64 {
	if end := w.end(r); w.opened != 0 && shown < end {
		return end
	}
	return shown + r.Window()
}

// prolong keeps the window open because its roll-up cannot leave.
func (w *window) prolong(length, now int64) {
	w.overdue = now + min(max(length/4, int64(minProlonged)), int64(maxProlonged))
}

func (w *window) clampFuture(now int64) {
	w.opened, w.held = min(w.opened, now), min(w.held, now)
	// A roll-up that cannot leave is the one time that lies ahead, and by no more than this.
	w.overdue = min(w.overdue, now+int64(maxProlonged))
}
