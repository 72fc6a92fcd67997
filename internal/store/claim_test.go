package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

// TestClaimsOfOneFile: a trigger with two receivers is reported for as long as both handles are open.
func TestClaimsOfOneFile(t *testing.T) {
	b := newBench(t)
	one, two := b.open(), b.open()
	if got := one.Claim(map[string]string{"a": "1", "b": "1"}); got != nil {
		t.Errorf("alone: %q", got)
	}
	if got := two.Claim(map[string]string{"b": "2", "a": "1", "c": "1"}); !slices.Equal(got, []string{"b"}) {
		t.Errorf("got %q, want b", got)
	}
	if got := two.Claim(map[string]string{"b": "1"}); got != nil {
		t.Errorf("after a change: %q", got)
	}
	must(t, one.Close())
	if got := two.Claim(map[string]string{"a": "2", "b": "2"}); got != nil {
		t.Errorf("after the other was closed: %q", got)
	}
	if got := one.Claim(map[string]string{"a": "3"}); got != nil {
		t.Errorf("closed: %q", got)
	}
	if got := two.Claim(map[string]string{"a": "2"}); got != nil {
		t.Errorf("a closed handle claims: %q", got)
	}
}

// TestMemoryOfItsOwn: each instance has a store in memory of its own, which outlives its handles.
func TestMemoryOfItsOwn(t *testing.T) {
	b := newBench(t)
	b.set.Path = MemoryPathOf("one")
	one := b.open()
	b.accept(one, items(0, 3, "a"))
	must(t, one.Close())
	b.set.Path = MemoryPathOf("two")
	if n := b.counts(b.open(), "a"); n.Pending != 0 {
		t.Errorf("the other's store holds %+v", n)
	}
	b.set.Path = MemoryPathOf("one")
	if n := b.counts(b.open(), "a"); n.Pending != 3 {
		t.Errorf("reopened: %+v", n)
	}
}

// TestMemoryInPlaceOfAnError: what would be an error is a store in memory, said loudly, that stays until the process ends.
func TestMemoryInPlaceOfAnError(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 1, "a"))
	pragma(t, s, "PRAGMA user_version = 9999")
	must(t, s.Close())
	if _, err := b.tryOpen(); !errors.Is(err, dberr.ErrNewer) {
		t.Fatalf("got %v, want %v", err, dberr.ErrNewer)
	}
	b.orMemory = true
	s = b.open()
	if s.Mode() != ModeMemory || !strings.Contains(b.logged.String(), "keeping alerts in memory") {
		t.Errorf("mode %s, log %q", s.Mode(), b.logged.String())
	}
	b.accept(s, items(0, 3, "a"))
	must(t, s.Close())
	if n := b.counts(b.open(), "a"); n.Pending != 3 {
		t.Errorf("over a reload: %+v", n)
	}
	folder := filepath.Join(t.TempDir(), "folder.db")
	must(t, os.Mkdir(folder, 0o700))
	b.set.Path = folder
	if s = b.open(); s.Mode() != ModeMemory {
		t.Errorf("a folder: mode %s", s.Mode())
	}
	must(t, s.Probe(context.Background(), b.now()))
}
