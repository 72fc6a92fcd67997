// Package table keeps state by key for the rooms of the engine: bounded, and saved as it changes.
//
// When a table is full, the entry unused for longest is removed and counted. Entries that changed are copied under the lock of their owner, a batch at a time,
// and encoded without it, so that hits never wait for the encoding.
package table

import (
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
)

// Batch is how many entries are copied while the lock is held once.
const Batch = 500

// Form says how the entries of a table are saved.
type Form[K comparable, V any] struct {
	// Name returns the key of an entry's saved form. It is the same over restarts.
	Name func(key K, value V) string
	// Copy returns a copy of an entry for Encode that shares nothing that changes; ok is false for one that is to be saved later.
	Copy func(value V) (saved any, ok bool)
	// Encode returns the saved form of a copy. It is called without the lock.
	Encode func(saved any) []byte
	// Lazy reports whether an entry has changes that nobody marked. They are saved when all is saved. nil: none has.
	Lazy func(value V) bool
	// Removed is called for each entry that leaves the table, for whatever reason. It may be nil.
	Removed func(key K, value V)
}

// Table has values by key. It has no lock: the owner's is given to Take, and held for all other methods.
type Table[K comparable, V any] struct {
	form     Form[K, V]
	lru      *simplelru.LRU[K, V]
	changed  map[K]struct{}      // entries to be saved
	gone     map[string]struct{} // names of entries to be forgotten
	tracking bool                // changed and gone are kept
	dropping bool                // the removed entry is not needed any more
	evicted  int64
}

// New returns an empty table of at most size entries, and of at least one.
func New[K comparable, V any](size int, form Form[K, V]) *Table[K, V] {
	t := &Table[K, V]{form: form, changed: map[K]struct{}{}, gone: map[string]struct{}{}}
	t.lru, _ = simplelru.NewLRU(max(1, size), t.removed) // it fails only for a size below one
	return t
}

func (t *Table[K, V]) removed(key K, value V) {
	if !t.dropping {
		t.evicted++
	}
	if t.tracking {
		delete(t.changed, key)
		t.gone[t.form.Name(key, value)] = struct{}{}
	}
	if t.form.Removed != nil {
		t.form.Removed(key, value)
	}
}

// Get returns a value, and counts as using it.
func (t *Table[K, V]) Get(key K) (value V, ok bool) { return t.lru.Get(key) }

// Peek returns a value, and does not count as using it.
func (t *Table[K, V]) Peek(key K) (value V, ok bool) { return t.lru.Peek(key) }

// Add adds an entry whose key the table does not have, and marks it as changed.
func (t *Table[K, V]) Add(key K, value V) {
	t.lru.Add(key, value)
	t.Touch(key)
}

// Restore adds an entry whose key the table does not have, as it was saved, and keeps track of changes from then on.
func (t *Table[K, V]) Restore(key K, value V) {
	t.tracking = true
	t.lru.Add(key, value)
}

// Touch marks an entry as changed.
func (t *Table[K, V]) Touch(key K) {
	if !t.tracking {
		return
	}
	t.changed[key] = struct{}{}
	if len(t.gone) > 0 { // an entry of this name left, and came back
		if value, ok := t.lru.Peek(key); ok {
			delete(t.gone, t.form.Name(key, value))
		}
	}
}

// Evict removes an entry to make room, and counts it.
func (t *Table[K, V]) Evict(key K) { t.lru.Remove(key) }

// EvictOldest removes the entry unused for longest, and counts it.
func (t *Table[K, V]) EvictOldest() { t.lru.RemoveOldest() }

// Drop removes an entry that is not needed any more.
func (t *Table[K, V]) Drop(key K) {
	t.dropping = true
	t.lru.Remove(key)
	t.dropping = false
}

// Resize sets the bound. Entries beyond a smaller one are removed and counted, those unused for longest first.
func (t *Table[K, V]) Resize(size int) { t.lru.Resize(max(1, size)) }

// Len returns how many entries there are.
func (t *Table[K, V]) Len() int { return t.lru.Len() }

// Evicted returns how many entries were removed to make room.
func (t *Table[K, V]) Evicted() int64 { return t.evicted }

// All yields the entries there are at the call, the one unused for longest first. They may be changed, touched and removed meanwhile.
func (t *Table[K, V]) All() iter.Seq2[K, V] {
	keys := t.lru.Keys()
	return func(yield func(K, V) bool) {
		for _, key := range keys {
			if value, ok := t.lru.Peek(key); ok && !yield(key, value) {
				return
			}
		}
	}
}

// Take appends the entries that changed since the last call, and from the first call on, which returns all of them, keeps track of changes. Entries that left
// come without a value, before those that changed. With all, lazy changes are among them. It locks mu itself.
func (t *Table[K, V]) Take(mu sync.Locker, all bool, dst []model.StateEntry) []model.StateEntry {
	mu.Lock()
	keys, gone := t.changes(all)
	mu.Unlock()
	for _, name := range gone {
		dst = append(dst, model.StateEntry{Key: name})
	}
	copies := make([]saved, 0, min(len(keys), Batch))
	for batch := range slices.Chunk(keys, Batch) {
		mu.Lock()
		copies = t.copies(batch, copies[:0])
		mu.Unlock()
		for _, one := range copies {
			dst = append(dst, model.StateEntry{Key: one.name, Value: t.form.Encode(one.form)})
		}
	}
	return dst
}

// saved is a copy of an entry.
type saved struct {
	name string
	form any
}

func (t *Table[K, V]) changes(all bool) (keys []K, gone []string) {
	if !t.tracking {
		t.tracking = true
		for _, key := range t.lru.Keys() {
			t.changed[key] = struct{}{}
		}
	}
	if all && t.form.Lazy != nil {
		for key, value := range t.All() {
			if t.form.Lazy(value) {
				t.changed[key] = struct{}{}
			}
		}
	}
	keys = slices.AppendSeq(make([]K, 0, len(t.changed)), maps.Keys(t.changed))
	gone = slices.AppendSeq(make([]string, 0, len(t.gone)), maps.Keys(t.gone))
	clear(t.changed)
	clear(t.gone)
	return keys, gone
}

// copies appends copies of the entries that are still there. An entry that is to be saved later counts as changed again.
func (t *Table[K, V]) copies(keys []K, dst []saved) []saved {
	for _, key := range keys {
		value, ok := t.lru.Peek(key)
		if !ok { // it left meanwhile, and the next call says so
			continue
		}
		form, ok := t.form.Copy(value)
		if !ok {
			t.changed[key] = struct{}{}
			continue
		}
		dst = append(dst, saved{t.form.Name(key, value), form})
	}
	return dst
}
