// Package lanes is a lock that workers can hold in part, so that work on different things need not wait for each other.
package lanes

import (
	"runtime"
	"sync"
	"sync/atomic"
)

const (
	// maxLanes bounds the lanes: whoever needs all of the state locks each.
	maxLanes = 8
	// maxUses bounds the uses that a lane notes.
	maxUses = 1024
)

// Lock is the lock of some state. Lock locks all of it. A worker that holds its lane alone may read all of the state, since nobody changes it meanwhile, and
// change things that it alone has; uses that change an order, such as the last use of an entry, are noted, and put in effect before anybody has all of the
// state.
type Lock[T any] struct {
	all  []*Lane[T]
	next atomic.Uint32
	used func(T)
}

// Lane is the part of a lock that belongs to one worker, or to a few.
type Lane[T any] struct {
	mu   sync.Mutex
	uses []T      // in their order
	_    [64]byte // lanes share no cache line
}

// New returns a lock with as many lanes as workers can run at once, within a bound. used puts a use in effect; it is called with all of the state locked, for
// the uses of a lane in their order.
func New[T any](used func(T)) *Lock[T] {
	l := &Lock[T]{all: make([]*Lane[T], min(maxLanes, runtime.GOMAXPROCS(0))), used: used}
	for i := range l.all {
		l.all[i] = &Lane[T]{uses: make([]T, 0, maxUses)}
	}
	return l
}

// Lane returns a lane for a worker.
func (l *Lock[T]) Lane() *Lane[T] { return l.all[int(l.next.Add(1))%len(l.all)] }

// Lock locks all of the state.
func (l *Lock[T]) Lock() {
	for _, one := range l.all {
		one.mu.Lock()
	}
	l.note()
}

// TryLock is Lock that does not wait.
func (l *Lock[T]) TryLock() bool {
	for i, one := range l.all {
		if !one.mu.TryLock() {
			for _, locked := range l.all[:i] {
				locked.mu.Unlock()
			}
			return false
		}
	}
	l.note()
	return true
}

// Unlock implements sync.Locker.
func (l *Lock[T]) Unlock() {
	for _, one := range l.all {
		one.mu.Unlock()
	}
}

func (l *Lock[T]) note() {
	for _, one := range l.all {
		for _, use := range one.uses {
			l.used(use)
		}
		clear(one.uses)
		one.uses = one.uses[:0]
	}
}

// Lock locks the lane.
func (l *Lane[T]) Lock() { l.mu.Lock() }

// Unlock implements sync.Locker.
func (l *Lane[T]) Unlock() { l.mu.Unlock() }

// Full reports whether no more uses can be noted before somebody locks all of the state.
func (l *Lane[T]) Full() bool { return len(l.uses) == maxUses }

// Last returns the last use that is noted, to change it, or nil. The caller holds the lane.
func (l *Lane[T]) Last() *T {
	if len(l.uses) == 0 {
		return nil
	}
	return &l.uses[len(l.uses)-1]
}

// Note notes a use. The caller holds the lane, which is not full.
func (l *Lane[T]) Note(use T) { l.uses = append(l.uses, use) }
