// Package aged keeps things that wait in the order in which they began to, with their number and their size, so that their owner can bound both. A list
// allocates nothing, and finding, adding and removing cost the same whatever its length.
package aged

// Member is a thing that waits. It is a pointer that has its place in the list, and knows its size.
type Member[T any] interface {
	comparable
	Place() *Place[T]
	Size() int
}

// Place is the place of a member in a list. Each member has one, and is in one list at most.
type Place[T any] struct {
	next, prev T
	size       int // as the list counts it
}

// List is the members that wait, the oldest first. The zero value is empty. It is not safe for concurrent use.
type List[T Member[T]] struct {
	oldest, newest T
	number, bytes  int
}

// Number returns how many members there are.
func (l *List[T]) Number() int { return l.number }

// Bytes returns the sum of their sizes.
func (l *List[T]) Bytes() int { return l.bytes }

// All yields the members, the oldest first. The one that is yielded may be removed.
func (l *List[T]) All(yield func(T) bool) {
	var none T
	for m := l.oldest; m != none; {
		next := m.Place().next
		if !yield(m) {
			return
		}
		m = next
	}
}

// Append adds a member as the newest.
func (l *List[T]) Append(m T) {
	at := m.Place()
	at.prev, at.size = l.newest, m.Size()
	if l.number == 0 {
		l.oldest = m
	} else {
		l.newest.Place().next = m
	}
	l.newest = m
	l.number++
	l.bytes += at.size
}

// Remove takes a member out.
func (l *List[T]) Remove(m T) {
	var none T
	at := m.Place()
	if at.prev == none {
		l.oldest = at.next
	} else {
		at.prev.Place().next = at.next
	}
	if at.next == none {
		l.newest = at.prev
	} else {
		at.next.Place().prev = at.prev
	}
	l.number--
	l.bytes -= at.size
	*at = Place[T]{}
}

// Resized counts the present size of a member, which grew or shrank since it was added.
func (l *List[T]) Resized(m T) {
	at, size := m.Place(), m.Size()
	l.bytes += size - at.size
	at.size = size
}
