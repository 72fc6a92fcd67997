package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

// guest opens the bench's file as the command line does.
func (b *bench) guest() (*Store, error) {
	r := new(Registry)
	b.tb.Cleanup(func() { must(b.tb, r.Close()) })
	return r.Open(context.Background(), Options{Settings: b.set, Now: b.now, Guest: true})
}

// TestGuestAppliesNoBounds: smaller settings than the owner's forget neither ids nor events.
func TestGuestAppliesNoBounds(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 300, "a"))
	b.finish(s, 1, Delivered, b.lease(s, 1, "a", 300)...)
	b.set.Alerts, b.set.IDs, b.set.MaxSize = 10, 10, 1<<20
	g, err := b.guest()
	must(t, err)
	if n := b.counts(g, "a"); n.Delivered != 300 {
		t.Errorf("the guest sees %+v", n)
	}
	must(t, g.Close())
	if events, err := s.Alerts(context.Background(), 0, 1000); err != nil || len(events) != 300 {
		t.Errorf("%d events are left (%v), want 300", len(events), err)
	}
	if done := b.accept(s, items(0, 300, "a")); done.Duplicate != 300 {
		t.Errorf("%d of 300 ids are known still", done.Duplicate)
	}
}

// TestGuestLeavesFilesAlone: what is not a whole store of this version stays as it is, byte for byte, with nothing beside it.
func TestGuestLeavesFilesAlone(t *testing.T) {
	newer := newBench(t)
	n := newer.open()
	pragma(t, n, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion+1))
	must(t, n.Close())
	newerFile, err := os.ReadFile(newer.set.Path)
	must(t, err)
	whole := newBench(t)
	s := whole.open()
	whole.accept(s, items(0, 200, "a"))
	must(t, s.Close())
	damaged, err := os.ReadFile(whole.set.Path)
	must(t, err)
	for i := 4096; i < len(damaged); i++ {
		damaged[i] = 0x5a
	}
	for name, content := range map[string][]byte{
		"text": []byte("[SERVICE]\n    flush 1\n"), "empty": {}, "newer": newerFile, "damaged": damaged,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			must(t, os.WriteFile(b.set.Path, content, 0o600))
			g, err := b.guest()
			if err == nil {
				must(t, g.Close())
				t.Fatal("the file was opened")
			}
			if got, err := os.ReadFile(b.set.Path); err != nil || string(got) != string(content) {
				t.Errorf("the file was changed (%v)", err)
			}
			if files, err := filepath.Glob(b.set.Path + ".*"); err != nil || len(files) > 0 {
				t.Errorf("beside it: %q (%v)", files, err)
			}
		})
	}
	b := newBench(t)
	if _, err := b.guest(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is missing: %v", err)
	}
	b.set.Path = t.TempDir()
	if _, err := b.guest(); !errors.Is(err, dberr.ErrForeign) {
		t.Errorf("a folder: %v", err)
	}
}

// TestGuestMeetsDamage: damage that shows while a guest works is an error; putting the file aside is the owner's business.
func TestGuestMeetsDamage(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 300, "a"))
	g, err := b.guest()
	must(t, err)
	damage(t, g)
	if _, _, err := g.Redeliver(context.Background(), time.Now(), Select{}); err == nil {
		if _, err = g.Alerts(context.Background(), 0, 1000); err == nil {
			t.Error("the damage went unnoticed")
		}
	}
	if files, err := filepath.Glob(b.set.Path + ".corrupt-*"); err != nil || len(files) > 0 {
		t.Errorf("the guest put the file aside: %q (%v)", files, err)
	}
}
