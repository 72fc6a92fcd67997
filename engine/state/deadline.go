package state

// timer is one deadline of keyed state. It belongs to a key or to an absence.
type timer struct {
	due     int64 // ns; 0: none is set
	index   int   // in the heap
	key     *keyState
	absence *absenceTimer
}

func (t *timer) name() string {
	if t.key != nil {
		return t.key.key
	}
	return t.absence.key
}

// before orders deadlines: by time, and those of one moment by their keys, so that the order is the same each time.
func (t *timer) before(other *timer) bool {
	if t.due != other.due {
		return t.due < other.due
	}
	return t.name() < other.name()
}

// deadlines is a heap of the timers that are set, the earliest first. There is at most one for each piece of keyed state, so it is bounded
// with that.
type deadlines struct{ heap []*timer }

// first returns the earliest timer, or nil.
func (d *deadlines) first() *timer {
	if len(d.heap) == 0 {
		return nil
	}
	return d.heap[0]
}

// set moves a timer to a time; 0 takes it out.
func (d *deadlines) set(t *timer, due int64) {
	switch {
	case t.due == due:
		return
	case t.due == 0:
		t.due, t.index = due, len(d.heap)
		d.heap = append(d.heap, t)
		d.up(t.index)
	case due == 0:
		last := len(d.heap) - 1
		at := t.index
		d.swap(at, last)
		// The backing array must not keep removed state in memory.
		d.heap[last] = nil
		d.heap = d.heap[:last]
		t.due = 0
		// The last timer may come from another branch of the heap, so it can belong higher or lower.
		if at < last {
			d.down(at)
			d.up(at)
		}
	default:
		t.due = due
		d.down(t.index)
		d.up(t.index)
	}
}

func (d *deadlines) swap(i, j int) {
	d.heap[i], d.heap[j] = d.heap[j], d.heap[i]
	d.heap[i].index, d.heap[j].index = i, j
}

func (d *deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !d.heap[i].before(d.heap[parent]) {
			return
		}
		d.swap(i, parent)
		i = parent
	}
}

func (d *deadlines) down(i int) {
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(d.heap); child++ {
			if d.heap[child].before(d.heap[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		d.swap(i, least)
		i = least
	}
}
