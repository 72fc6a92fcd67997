package state

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// TestStateIsCopiedInBatchesAndEncodedWithoutTheLock.
func TestStateIsCopiedInBatchesAndEncodedWithoutTheLock(t *testing.T) {
	k := NewKeyed(rules.Limits{MaxKeys: 10_000}, nil, nil)
	k.TakeChanges(false)
	const keys = 3*saveBatch + 1
	k.latest = 1
	for i := range keys {
		s, _ := k.stateOf(fmt.Appendf(nil, "r\x1f%d", i))
		s.window.open(k.latest)
		k.touchKey(s)
	}
	all := k.changes(false)
	if len(all) != keys+1 { // and the clock
		t.Fatalf("%d changes, want %d", len(all), keys+1)
	}
	copied := 0
	for i, one := range k.copies(all[:saveBatch], nil) {
		s, ok := one.(*keyState)
		if !ok {
			continue
		}
		copied++
		if live := k.peek(s.key); s == live {
			t.Fatalf("entry %d is the state itself, which may change while it is encoded", i)
		}
		k.mu.Lock() // encoding needs no lock: it would wait here for ever
		value := encode(one)
		k.mu.Unlock()
		if !json.Valid(value) {
			t.Fatalf("%s", value)
		}
	}
	if copied < saveBatch-1 {
		t.Errorf("%d keys were copied", copied)
	}
	for _, key := range all {
		k.touch(key)
	}
	if got := len(k.TakeChanges(false)); got != keys+1 {
		t.Errorf("%d entries, want %d", got, keys+1)
	}
	if got := len(k.TakeChanges(false)); got != 0 {
		t.Errorf("%d entries, and nothing changed", got)
	}
}
