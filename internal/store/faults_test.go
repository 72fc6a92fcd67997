package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

// fill accepts alerts of 4 KiB until the store has no room, and returns how many it took.
func fill(t *testing.T, b *bench, s *Store, trigger string) int {
	t.Helper()
	for n := 0; n < 100_000; n++ {
		if err := s.Room(); err != nil {
			if !errors.Is(err, dberr.ErrFull) {
				t.Fatalf("no room: %v, want %v", err, dberr.ErrFull)
			}
			return n
		}
		list := items(n, 1, trigger)
		list[0].Payload = make([]byte, 4000)
		b.accept(s, list)
	}
	t.Fatal("the store never filled up")
	return 0
}

// TestFullByItsBound: a full store refuses before it fails, still lets go of what is in it, and then takes alerts again.
func TestFullByItsBound(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.MaxSize = 1 << 20; s.Alerts = 10 })
	s := b.open()
	taken := fill(t, b, s, "a")
	if taken < 100 {
		t.Fatalf("full after %d alerts of 4 KiB in 1 MiB", taken)
	}
	// What was evaluated before it was full has the headroom; beyond that there is an error and nothing is half kept.
	var err error
	n := taken
	for err == nil && n < 10*taken {
		list := items(n, 2, "a")
		list[0].Payload, list[1].Payload = make([]byte, 4000), make([]byte, 4000)
		if _, err = s.Accept(context.Background(), b.now(), list); err == nil {
			n += 2
		}
	}
	if !errors.Is(err, dberr.ErrFull) {
		t.Fatalf("accepting into a full store: %v, want %v", err, dberr.ErrFull)
	}
	if got := b.counts(s, "a"); got.Pending != int64(n) {
		t.Fatalf("%+v, want %d pending", got, n)
	}
	if size := fileSize(t, b.set.Path); size > int64(b.set.MaxSize) {
		t.Errorf("the file is %d bytes, its bound %d", size, b.set.MaxSize)
	}
	for b.counts(s, "a").Pending > 0 {
		b.finish(s, 1, Delivered, b.lease(s, 1, "a", 32)...)
	}
	must(t, s.Probe(context.Background(), b.now()))
	if err := s.Room(); err != nil {
		t.Errorf("after all was delivered: %v", err)
	}
	b.accept(s, items(1_000_000, 10, "a"))
}

// TestFullMakesRoomFromTheLogAndDeadLetters: what is not pending never stands in the way of an alert.
func TestFullMakesRoomFromTheLogAndDeadLetters(t *testing.T) {
	b := newBench(t, func(s *Settings) { s.MaxSize = 1 << 20 })
	s := b.open()
	var dropped int64
	for n := range 600 {
		must(t, s.Room())
		list := items(n, 1, "a", "b")
		list[0].Payload = make([]byte, 4000)
		dropped += b.accept(s, list).Dropped["a"]
		b.finish(s, 1, Dead, b.lease(s, 1, "a", 1)...)
		b.finish(s, 1, Delivered, b.lease(s, 1, "b", 1)...)
	}
	got := b.counts(s, "a")
	if dropped == 0 || got.Dropped != dropped || got.Dead+got.Dropped != 600 {
		t.Errorf("%d reported as dropped, %+v", dropped, got)
	}
}

// TestFullDisk fills a file system of 1 MiB.
func TestFullDisk(t *testing.T) {
	dir := tmpfs(t, "size=1m")
	b := newBench(t, func(s *Settings) { s.Path = filepath.Join(dir, "a.db") })
	s := b.open()
	var err error
	kept := 0
	for err == nil && kept < 10_000 {
		list := items(kept, 1, "a")
		list[0].Payload = make([]byte, 4000)
		if _, err = s.Accept(context.Background(), b.now(), list); err == nil {
			kept++
		}
	}
	if !errors.Is(err, dberr.ErrFull) {
		t.Fatalf("after %d alerts: %v, want %v", kept, err, dberr.ErrFull)
	}
	if err := s.Room(); !errors.Is(err, dberr.ErrFull) {
		t.Errorf("room: %v, want %v", err, dberr.ErrFull)
	}
	// Space comes back, the store works again, and everything it had acknowledged is there.
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=8m"))
	must(t, s.Probe(context.Background(), b.now()))
	must(t, s.Room())
	if got := b.counts(s, "a"); got.Pending != int64(kept) {
		t.Errorf("%+v, want %d pending", got, kept)
	}
}

func TestReadOnlyFileSystem(t *testing.T) {
	dir := tmpfs(t, "size=8m")
	b := newBench(t, func(s *Settings) { s.Path = filepath.Join(dir, "a.db") })
	s := b.open()
	b.accept(s, items(0, 3, "a"))
	must(t, s.Close())
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=8m"))
	if _, err := b.tryOpen(); !errors.Is(err, dberr.ErrReadOnly) {
		t.Fatalf("opening a file with alerts in it, on a read-only file system: %v, want %v", err, dberr.ErrReadOnly)
	}
	kept := b.set.Path
	b.set.Path = filepath.Join(dir, "new.db")
	if _, err := b.tryOpen(); err == nil || !strings.Contains(err.Error(), "cannot be made") {
		t.Errorf("a file that cannot be made on a read-only file system: %v", err)
	}
	b.memoryIfNone = true
	if s = b.open(); s.Mode() != ModeMemory || !strings.Contains(b.logged.String(), "keeping alerts in memory") {
		t.Errorf("mode %s where no file can be made, log %q", s.Mode(), b.logged.String())
	}
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=8m"))
	b.set.Path = kept
	s = b.open()
	if got := b.counts(s, "a"); got.Pending != 3 {
		t.Errorf("%+v, want 3 pending", got)
	}
}

// TestReadOnlyWhileRunning makes the connection refuse writes, as it does when a file system is remounted read-only after an error.
func TestReadOnlyWhileRunning(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 3, "a"))
	pragma(t, s, "PRAGMA query_only = 1")
	if _, err := s.Accept(context.Background(), b.now(), items(3, 1, "a")); !errors.Is(err, dberr.ErrReadOnly) {
		t.Errorf("%v, want %v", err, dberr.ErrReadOnly)
	}
	if err := s.Room(); !errors.Is(err, dberr.ErrReadOnly) {
		t.Errorf("room: %v, want %v", err, dberr.ErrReadOnly)
	}
	if h := s.Health(); !errors.Is(h.Err, dberr.ErrReadOnly) || h.Recovered != 0 {
		t.Errorf("health %+v", h)
	}
	pragma(t, s, "PRAGMA query_only = 0")
	must(t, s.Probe(context.Background(), b.now()))
	must(t, s.Room())
	b.accept(s, items(3, 1, "a"))
}

func TestFolderThatCannotBeMade(t *testing.T) {
	b := newBench(t)
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	b.set.Path = filepath.Join(file, "sub", "a.db")
	if _, err := b.tryOpen(); !errors.Is(err, dberr.ErrFolder) || !strings.Contains(err.Error(), "set store to another file or to memory") {
		t.Errorf("a folder that cannot be made: %v", err)
	}
	b.memoryIfNone = true
	s := b.open()
	if s.Mode() != ModeMemory || !strings.Contains(b.logged.String(), "level=WARN") || !strings.Contains(b.logged.String(), "keeping alerts in memory") {
		t.Fatalf("mode %s, log %q", s.Mode(), b.logged.String())
	}
	b.accept(s, items(0, 3, "a"))
	// A hot reload closes the last handle before the next instance opens one.
	must(t, s.Close())
	s = b.open()
	b.finish(s, 1, Delivered, b.lease(s, 1, "a", 1)...)
	if got := b.counts(s, "a"); got != (Counts{Accepted: 3, Delivered: 1, Pending: 2}) {
		t.Errorf("in memory, over a reload: %+v", got)
	}
}

func TestMissingFolderIsMade(t *testing.T) {
	b := newBench(t)
	b.set.Path = filepath.Join(t.TempDir(), "x", "y", "a.db")
	s := b.open()
	if s.Mode() != ModeFile {
		t.Fatalf("mode %s", s.Mode())
	}
	info, err := os.Stat(b.set.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v: alerts may be confidential", info.Mode(), err)
	}
	b.set.Path = t.TempDir()
	if _, err := b.tryOpen(); err == nil || !strings.Contains(err.Error(), "is not a regular file") {
		t.Errorf("a folder as the file: %v", err)
	}
}

// damage writes garbage over every page of the file but the first, and makes SQLite read them again.
func damage(t *testing.T, s *Store) {
	t.Helper()
	pragma(t, s, "PRAGMA wal_checkpoint(TRUNCATE)")
	pragma(t, s, "PRAGMA shrink_memory")
	file, err := os.OpenFile(s.core.path, os.O_RDWR, 0)
	must(t, err)
	info, err := file.Stat()
	must(t, err)
	garbage := make([]byte, info.Size()-pageSize)
	for i := range garbage {
		garbage[i] = byte(i*7 + 3)
	}
	_, err = file.WriteAt(garbage, pageSize)
	must(t, err)
	must(t, file.Close())
}

func TestDamageWhileRunning(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 100, "a"))
	b.finish(s, 1, Delivered, b.lease(s, 1, "a", 10)...)
	b.finish(s, 1, Dead, b.lease(s, 1, "a", 5)...)
	old := b.lease(s, 1, "a", 5)
	damage(t, s)
	b.pass(time.Minute)
	if done := b.accept(s, items(100, 2, "a")); done.New != 2 {
		t.Errorf("%+v: what came after the damage must be kept", done)
	}
	h := s.Health()
	if h.Recovered != 1 || h.Lost != 90 || h.Err != nil || !strings.HasPrefix(h.Aside, b.set.Path+".corrupt-2026") {
		t.Errorf("health %+v", h)
	}
	if _, err := os.Stat(h.Aside); err != nil {
		t.Error(err)
	}
	if !strings.Contains(b.logged.String(), "was damaged") {
		t.Errorf("log %q", b.logged.String())
	}
	b.finish(s, 1, Delivered, old...)
	if got := b.counts(s, "a"); got != (Counts{Accepted: 102, Delivered: 10, Pending: 2, Dropped: 90}) {
		t.Errorf("%+v", got)
	}
}

func TestDamageAtOpen(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"zeroes":            func(path string) error { return os.WriteFile(path, make([]byte, 40960), 0o600) },
		"cut":               func(path string) error { return os.Truncate(path, 3*pageSize+17) },
		"cut in the header": func(path string) error { return os.Truncate(path, 60) },
		"cut in the magic":  func(path string) error { return os.Truncate(path, 7) },
		"only the magic": func(path string) error {
			return os.WriteFile(path, []byte("SQLite format 3\x00"+strings.Repeat("x", 50)), 0o600)
		},
		"a page zeroed": func(path string) error {
			file, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			defer file.Close()
			_, err = file.WriteAt(make([]byte, pageSize), 2*pageSize)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			s := b.open()
			b.accept(s, items(0, 100, "a"))
			must(t, s.Close())
			must(t, spoil(b.set.Path))
			s = b.open()
			if h := s.Health(); h.Recovered != 1 || h.Aside == "" {
				t.Errorf("health %+v", h)
			}
			b.accept(s, items(0, 100, "a"))
			if got := b.counts(s, "a"); got.Pending != 100 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestDamageFoundByTwo: the second process that meets the damage must not put the first one's fresh file aside.
func TestDamageFoundByTwo(t *testing.T) {
	b := newBench(t)
	s, other := b.open(), b.other()
	b.accept(s, items(0, 100, "a"))
	b.accept(other, items(100, 1, "a"))
	pragma(t, other, "PRAGMA shrink_memory")
	damage(t, s)
	b.accept(s, items(200, 3, "a"))
	b.pass(time.Second)
	b.accept(other, items(300, 2, "a"))
	if first, second := s.Health().Recovered, other.Health().Recovered; first != 1 || second != 0 {
		t.Errorf("recovered %d and %d times, want 1 and 0", first, second)
	}
	if got := b.counts(s, "a"); got.Pending != 5 {
		t.Errorf("%+v, want 5 pending in the one file", got)
	}
}

// tmpfs mounts a small file system of its own, where that is allowed.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mounting a file system needs rights: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// pragma runs a statement on the store's own connection.
func pragma(t *testing.T, s *Store, text string) {
	t.Helper()
	must(t, s.core.run(context.Background(), "pragma", func() error { return s.core.script(text) }))
}

func fileSize(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Size()
}

func TestErrorsName(t *testing.T) {
	err := dberr.Wrap("accept", fmt.Errorf("writing: %w", syscall.ENOSPC))
	if !errors.Is(err, dberr.ErrFull) || !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "store: accept: store is full: ") {
		t.Errorf("%v", err)
	}
}
