package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

func TestRegistrySharesByCanonicalPath(t *testing.T) {
	b := newBench(t)
	s := b.open()
	dir := filepath.Dir(b.set.Path)
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(dir, link))
	b.set.Path = filepath.Join(link, ".", "x", "..", "a.db")
	second := b.open()
	if s.core != second.core {
		t.Fatal("two names of one file gave two stores")
	}
	b.accept(s, items(0, 2, "a"))
	must(t, s.Close())
	must(t, s.Close())
	if err := s.Room(); !errors.Is(err, dberr.ErrClosed) {
		t.Errorf("a closed handle has room: %v", err)
	}
	if _, err := s.Accept(context.Background(), b.now(), items(2, 1, "a")); !errors.Is(err, dberr.ErrClosed) {
		t.Errorf("a closed handle accepts: %v", err)
	}
	if n := b.counts(second, "a"); n.Pending != 2 {
		t.Errorf("%+v through the other handle", n)
	}
	must(t, second.Close())
	if len(b.registry.cores) != 0 {
		t.Error("the last Close left the file open")
	}
}

// TestInstancesOfOneProcess use one file at once, each through its own handle.
func TestInstancesOfOneProcess(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.MaxPending = 100_000 })
	const each = 200
	var running sync.WaitGroup
	for i := range 4 {
		s := b.open()
		running.Go(func() {
			defer s.Close()
			for n := 0; n < each; n += 10 {
				if _, err := s.Accept(context.Background(), b.now(), items(i*each+n, 10, "a")); err != nil {
					t.Error(err)
				}
				messages, _, err := s.Lease(context.Background(), Owner(i+1), b.now(), "a", 5)
				if err != nil {
					t.Error(err)
				}
				b.finish(s, Owner(i+1), Delivered, messages...)
			}
		})
	}
	running.Wait()
	s := b.open()
	if n := b.counts(s, "a"); n.Accepted != 4*each || n.Delivered != 4*each/2 {
		t.Errorf("%+v", n)
	}
}

func TestStaysUsableAfterAPanic(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 1, "a"))
	err := s.write(context.Background(), "test", b.now(), func(t *tx) error {
		if _, err := t.exec("DELETE FROM alerts"); err != nil {
			return err
		}
		panic("a defect")
	})
	if err == nil {
		t.Fatal("a panic went unnoticed")
	}
	if got := b.lease(s, 1, "a", 1); len(got) != 1 || got[0].Alerts[0].Payload == nil {
		t.Errorf("what the panicking transaction did is still there: %+v", got)
	}
	must(t, s.Room())
}

func TestWaitEndsWithItsContext(t *testing.T) {
	b := newBench(t)
	s := b.open()
	must(t, s.core.acquire(context.Background()))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Accept(ctx, b.now(), items(0, 1, "a")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want %v", err, context.Canceled)
	}
	s.core.release()
	if err := s.Room(); err != nil {
		t.Errorf("a caller that gave up is no fault of the store: %v", err)
	}
}

func TestSettings(t *testing.T) {
	must(t, setting.Join(DefaultSettings().Validate()))
	bad := Settings{}
	if faults := bad.Validate(); len(faults) == 0 {
		t.Error("the zero settings are valid")
	}
	for id, want := range map[string]string{"trigger.0": "/var/lib/fluentbit-trigger/trigger.0.db", "../x": "/var/lib/fluentbit-trigger/.._x.db",
		"..": "/var/lib/fluentbit-trigger/default.db"} {
		if got := DefaultPath(id); got != want {
			t.Errorf("DefaultPath(%q) = %q, want %q", id, got, want)
		}
	}
}
