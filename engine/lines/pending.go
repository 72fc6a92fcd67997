package lines

import (
	"container/list"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// pendingAlert is an alert that waits for lines.
type pendingAlert struct {
	alert    model.Alert
	counters *model.RuleCounters
	buffer   *Buffer
	lines    int   // still to come
	began    int64 // written with the mutexes of the ring and of contexts, read with either; deadline too
	deadline int64
	element  *list.Element
	released bool // guarded by the ring's mutex
}

// deliver gives a line to the alerts that wait at a ring. The caller holds the ring's mutex.
func (c *Buffers) deliver(r *Buffer, line []byte, now int64, dst []model.Alert) []model.Alert {
	var text string
	ready := 0
	for _, w := range r.pending {
		if !w.expired(now) {
			if text == "" {
				text = contextLine(line)
			}
			w.alert.After = append(w.alert.After, text)
			w.lines--
		}
		if w.lines == 0 || w.expired(now) {
			ready++
		}
	}
	if ready == 0 {
		return dst
	}
	for _, w := range slices.Clone(r.pending) {
		if w.lines == 0 || w.expired(now) {
			dst = c.release(w, dst)
		}
	}
	return dst
}

// expired reports whether the alert has waited for long enough. A clock that stepped back by more than it waits ends the wait.
func (w *pendingAlert) expired(now int64) bool { return now >= w.deadline || now < w.began-ContextWait }

// release appends a waiting alert to dst, unless it was released before. The caller holds the ring's mutex.
func (c *Buffers) release(w *pendingAlert, dst []model.Alert) []model.Alert {
	if w.released {
		return dst
	}
	w.released = true
	w.buffer.pending = slices.DeleteFunc(w.buffer.pending, func(other *pendingAlert) bool { return other == w })
	w.buffer.holds.Add(-1)
	c.mu.Lock()
	c.pending.Remove(w.element)
	c.mu.Unlock()
	unpend(w.counters, &w.alert)
	return append(dst, w.alert)
}

// unpend counts an alert that does not wait any more, unless it is a candidate of a fleet, which is pending until it is decided.
func unpend(counters *model.RuleCounters, a *model.Alert) {
	if a.Candidate == 0 {
		counters.Unpend()
	}
}

// Hold takes an alert, counted as pending, that waits for lines after a position, or reports that it cannot wait. began is called before anybody can
// release it. Alerts that have waited for long enough are appended to dst first when there are too many.
func (c *Buffers) Hold(after int, counters *model.RuleCounters, a *model.Alert, at LinePosition, now int64, began func(*model.Alert), dst []model.Alert) (waits bool, out []model.Alert) {
	if c.full() {
		dst = c.Advance(now, dst)
	}
	at.buffer.mu.Lock()
	defer at.buffer.mu.Unlock()
	w := &pendingAlert{alert: *a, counters: counters, buffer: at.buffer, lines: after, began: now, deadline: now + ContextWait}
	// Another worker may have seen lines of the same stream since this one saw its own.
	w.alert.After = at.buffer.between(at.line, at.line+1+uint64(w.lines))
	w.lines -= len(w.alert.After)
	if w.lines == 0 || at.buffer.forgotten || !c.enqueue(w) {
		if w.lines > 0 {
			c.sentWithoutAfter.Add(1)
		}
		a.After = w.alert.After
		unpend(counters, a)
		return false, dst
	}
	if began != nil {
		began(&w.alert)
	}
	at.buffer.pending = append(at.buffer.pending, w)
	at.buffer.holds.Add(1)
	return true, dst
}

func (c *Buffers) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending.Len() >= MaxPending
}

// enqueue puts an alert among those that wait, by deadline, and gives it its ticket. It reports whether there was room.
func (c *Buffers) enqueue(w *pendingAlert) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending.Len() >= MaxPending {
		return false
	}
	c.tickets++
	w.alert.Ticket = c.tickets
	for e := c.pending.Back(); e != nil; e = e.Prev() {
		if e.Value.(*pendingAlert).deadline <= w.deadline {
			w.element = c.pending.InsertAfter(w, e)
			return true
		}
	}
	w.element = c.pending.PushFront(w)
	return true
}

// Advance appends the alerts that have waited for long enough to dst, in the order of their deadlines.
func (c *Buffers) Advance(now int64, dst []model.Alert) []model.Alert {
	return c.releaseAll(func(w *pendingAlert) bool { return w.expired(now) }, dst)
}

// Flush appends all waiting alerts to dst.
func (c *Buffers) Flush(dst []model.Alert) []model.Alert {
	return c.releaseAll(func(*pendingAlert) bool { return true }, dst)
}

func (c *Buffers) releaseAll(ready func(*pendingAlert) bool, dst []model.Alert) []model.Alert {
	c.mu.Lock()
	var due []*pendingAlert
	for e := c.pending.Front(); e != nil; e = e.Next() {
		if w := e.Value.(*pendingAlert); ready(w) {
			due = append(due, w)
		}
	}
	c.mu.Unlock()
	for _, w := range due {
		w.buffer.mu.Lock()
		dst = c.release(w, dst)
		w.buffer.mu.Unlock()
	}
	return dst
}

// ClampFuture has alerts that wait for lines wait no longer than contextWait from now, since the clock went back.
func (c *Buffers) ClampFuture(now int64) {
	c.mu.Lock()
	var all []*pendingAlert
	for e := c.pending.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*pendingAlert))
	}
	c.mu.Unlock()
	for _, w := range all { // the times are read with either mutex
		w.buffer.mu.Lock()
		c.mu.Lock()
		w.began, w.deadline = min(w.began, now), min(w.deadline, now+ContextWait)
		c.mu.Unlock()
		w.buffer.mu.Unlock()
	}
}

// NextDue returns when the first waiting alert has waited for long enough.
func (c *Buffers) NextDue() (at int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.pending.Front(); e != nil {
		return e.Value.(*pendingAlert).deadline, true
	}
	return 0, false
}
