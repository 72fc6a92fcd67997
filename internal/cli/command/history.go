package command

import (
	"slices"
)

// Page is how many entries of a history are read at once.
const Page = 500

// History reads a history that is stored, newest first: alerts, or the audit.
type History[T any] struct {
	Read  func(before int64) ([]T, error) // at most Page entries with numbers below before, or for 0 the newest; newest first
	Seq   func(*T) int64
	Time  func(*T) int64 // when it was stored, in nanoseconds
	Match func(*T) bool
	Print func(*T) error
}

// Show prints the matching entries with numbers above after that were stored since a time, the oldest first: at most limit of them, the newest, unless
// limit is 0. It returns the newest number of all.
func (h *History[T]) Show(after, since int64, limit int) (newest int64, err error) {
	newest = after
	var found []T
	for before, done := int64(0), false; !done; {
		page, err := h.Read(before)
		if err != nil {
			return after, err
		}
		done = len(page) < Page
		for i := range page {
			e := &page[i]
			before = h.Seq(e)
			newest = max(newest, before)
			if before <= after || h.Time(e) < since {
				done = true
				break
			}
			if h.Match(e) {
				found = append(found, *e)
			}
			if limit > 0 && len(found) == limit {
				done = true
				break
			}
		}
	}
	for i := range slices.Backward(found) {
		if err := h.Print(&found[i]); err != nil {
			return after, err
		}
	}
	return newest, nil
}
