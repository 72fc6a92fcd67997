package state

import (
	"time"
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
	opened  int64 // when the key last alerted; 0: never
	overdue int64 // until when the window stays open because its roll-up could not leave; 0: it closes as usual
}

func (w *window) state(cooldown time.Duration, now int64) windowState {
	switch {
	case cooldown <= 0:
		return windowClosed
	case w.opened != 0 && now-w.opened < int64(cooldown):
		return windowOpen
	case now < w.overdue:
		return windowOverdue
	}
	return windowClosed
}

// open opens the window of an alert.
func (w *window) open(now int64) { *w = window{opened: now} }

// closes returns when the window closes whose roll-up shows a hit that arrived at shown: counted from the last alert, or, where no window was open then,
// from there.
func (w *window) closes(length, shown int64) int64 {
	if at := w.opened + length; w.opened != 0 && shown < at {
		return at
	}
	return shown + length
}

// prolong keeps the window open because its roll-up cannot leave.
func (w *window) prolong(length, now int64) {
	w.overdue = now + min(max(length/4, int64(minProlonged)), int64(maxProlonged))
}

func (w *window) clampFuture(now int64) {
	// A roll-up that cannot leave is the one time that lies ahead, and by no more than this.
	w.opened, w.overdue = min(w.opened, now), min(w.overdue, now+int64(maxProlonged))
}
