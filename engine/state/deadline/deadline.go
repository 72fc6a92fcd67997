// Package deadline keeps the deadlines of many owners in the order of time. There is at most one for each owner, so it is bounded with them.
package deadline

import (
	"iter"
	"slices"
)

// Owner is a piece of state that has a deadline. Its name orders the deadlines of one moment, so that the order is the same each time.
type Owner interface{ Name() string }

// Timer is the deadline of an owner. The zero value with an owner is ready: it is not set.
type Timer struct {
	Owner Owner
	due   int64 // ns; 0: it is not set
	index int   // in the heap
}

// Due returns the time in ns; 0: the timer is not set.
func (t *Timer) Due() int64 { return t.due }

// before orders timers: by time, and those of one moment by the names of their owners.
func (t *Timer) before(other *Timer) bool {
	if t.due != other.due {
		return t.due < other.due
	}
	return t.Owner.Name() < other.Owner.Name()
}

// Heap is the timers that are set, the earliest first. The zero value is empty.
type Heap struct{ timers []*Timer }

// First returns the earliest timer, or nil.
func (h *Heap) First() *Timer {
	if len(h.timers) == 0 {
		return nil
	}
	return h.timers[0]
}

// All yields the timers that are set, in no particular order. The heap must not change meanwhile.
func (h *Heap) All() iter.Seq[*Timer] { return slices.Values(h.timers) }

// Set moves a timer to a time in ns; 0 takes it out.
func (h *Heap) Set(t *Timer, due int64) {
	switch {
	case t.due == due:
		return
	case t.due == 0:
		t.due, t.index = due, len(h.timers)
		h.timers = append(h.timers, t)
		h.up(t.index)
	case due == 0:
		last := len(h.timers) - 1
		at := t.index
		h.swap(at, last)
		// The backing array must not keep removed state in memory.
		h.timers[last] = nil
		h.timers = h.timers[:last]
		t.due = 0
		// The last timer may come from another branch of the heap, so it can belong higher or lower.
		if at < last {
			h.down(at)
			h.up(at)
		}
	default:
		t.due = due
		h.down(t.index)
		h.up(t.index)
	}
}

func (h *Heap) swap(i, j int) {
	h.timers[i], h.timers[j] = h.timers[j], h.timers[i]
	h.timers[i].index, h.timers[j].index = i, j
}

func (h *Heap) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.timers[i].before(h.timers[parent]) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *Heap) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h.timers); child++ {
			if h.timers[child].before(h.timers[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}
