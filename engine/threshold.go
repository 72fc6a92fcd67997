package engine

import (
	"crypto/sha256"
	"encoding/binary"
)

// Bounds of what thresholds remember.
const (
	maxCount         = 10_000  // hits of one key
	maxDistinctCount = 1_000   // different values of one key
	maxMarks         = 1 << 22 // hits of all keys: 64 MiB
)

// mark is one hit that counts for a threshold, or the latest of those with one value.
type mark struct {
	at    int64 // ns
	value valueID
}

// valueID stands for a value that is counted once. It is a part of a cryptographic digest, for whoever writes the lines could choose values that
// share a weaker one.
type valueID uint64

func newValueID(value []byte) valueID {
	sum := sha256.Sum256(value)
	return valueID(binary.BigEndian.Uint64(sum[:]))
}

// mark counts a hit, whatever becomes of it, and reports whether enough of them lie within the window that ends with it. Without a threshold one
// is enough.
func (l *limiter) mark(a *attempt, c *cell, now int64) bool {
	set := &a.rule.settings
	if set.Count == 0 {
		l.clearMarks(c)
		return true
	}
	before := len(c.marks)
	for i := range c.marks { // a clock that steps back
		c.marks[i].at = min(c.marks[i].at, now)
	}
	old := 0
	for old < len(c.marks) && now-c.marks[old].at >= int64(set.Within) {
		old++
	}
	c.marks = c.marks[old:]
	if a.rule.distinct == nil || a.valued {
		if a.rule.distinct != nil {
			for i := range c.marks {
				if c.marks[i].value == a.value {
					c.marks = append(c.marks[:i], c.marks[i+1:]...)
					break
				}
			}
		}
		c.marks = append(c.marks, mark{now, a.value})
	}
	if extra := len(c.marks) - set.Count; extra > 0 {
		c.marks = c.marks[extra:]
	}
	l.marks += len(c.marks) - before
	for l.marks > maxMarks && l.cells.Len() > 1 {
		l.cells.RemoveOldest()
	}
	l.touchCell(c)
	return len(c.marks) >= set.Count
}

// clearMarks begins the count anew: what crossed the threshold is told.
func (l *limiter) clearMarks(c *cell) {
	l.marks -= len(c.marks)
	c.marks = nil
}
