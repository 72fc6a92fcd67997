package store

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// FuzzDamage cuts a file, its log included, at any place and optionally overwrites a piece of it. Whatever is left, the store opens without
// a panic and takes alerts; and of a file that was only cut, every alert that is still there is one that was put in, byte for byte.
func FuzzDamage(f *testing.F) {
	template := f.TempDir()
	b := newBench(f)
	s := b.open()
	for n := range 40 {
		b.accept(s, items(n*5, 5, "a", "b"))
	}
	b.finish(s, 1, Delivered, b.lease(s, 1, "a", 50)...)
	b.finish(s, 1, Dead, b.lease(s, 1, "b", 50)...)
	for _, suffix := range []string{"", "-wal"} { // as a crash leaves them
		data, err := os.ReadFile(b.set.Path + suffix)
		must(f, err)
		must(f, os.WriteFile(filepath.Join(template, "a.db"+suffix), data, 0o600))
	}
	f.Add(uint32(0), uint32(0), uint32(0), []byte(nil))
	f.Add(uint32(5000), uint32(1<<30), uint32(0), []byte(nil))
	f.Add(uint32(1<<30), uint32(5000), uint32(0), []byte(nil))
	f.Add(uint32(1<<30), uint32(40960), uint32(4096), []byte{0, 0, 0, 0, 255})
	f.Add(uint32(1<<30), uint32(0), uint32(105), []byte{9, 9, 9})
	f.Fuzz(func(t *testing.T, cut, cutLog, at uint32, garbage []byte) {
		b := newBench(t)
		for suffix, size := range map[string]uint32{"": cut, "-wal": cutLog} {
			data, err := os.ReadFile(filepath.Join(template, "a.db"+suffix))
			must(t, err)
			data = data[:min(int(size), len(data))]
			if suffix == "" && len(data) > 0 {
				copy(data[int(at)%len(data):], garbage)
			}
			must(t, os.WriteFile(b.set.Path+suffix, data, 0o600))
		}
		s, err := b.tryOpen()
		if err != nil {
			if len(garbage) == 0 {
				t.Fatalf("a file that was cut cannot be opened: %v", err)
			}
			return // a header of garbage may well be one of a newer version
		}
		for _, trigger := range []string{"a", "b"} {
			for more := true; more; {
				messages, _, err := s.Lease(context.Background(), 2, b.now().Add(time.Hour), trigger, 64)
				if err != nil && len(garbage) == 0 {
					t.Fatal(err)
				}
				for _, m := range messages {
					if len(garbage) == 0 {
						intact(t, m)
					}
				}
				more = len(messages) > 0
			}
		}
		done, err := s.Accept(context.Background(), b.now(), items(1_000_000, 5, "a"))
		if len(garbage) == 0 && (err != nil || done.New != 5) {
			t.Fatalf("%+v %v", done, err)
		}
	})
}

func intact(t *testing.T, m Message) {
	t.Helper()
	var n int
	if _, err := fmt.Sscanf(m.ID, "al_%d", &n); err != nil {
		t.Fatalf("id %q", m.ID)
	}
	if want := items(n, 1)[0]; string(m.Alerts[0].Payload) != string(want.Payload) {
		t.Errorf("%s has the payload %q", m.ID, m.Alerts[0].Payload)
	}
}
