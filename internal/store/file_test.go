package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dbfile"
)

// otherDatabase makes an SQLite database of another program, whose last writes may still be in the log beside it.
func otherDatabase(t *testing.T, path, pragmas string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = db.Exec(pragmas + "; CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('https://example.com')")
	must(t, err)
	must(t, db.Close())
}

// TestWhatIsNoStoreStaysAsItIs names files of others as the store, straight and through a link: all are refused, and neither they nor their
// folder change.
func TestWhatIsNoStoreStaysAsItIs(t *testing.T) {
	for name, make := range map[string]func(path string){
		"rules":    func(path string) { must(t, os.WriteFile(path, []byte("[[rule]]\nname = \"oom\"\n"), 0o644)) },
		"one byte": func(path string) { must(t, os.WriteFile(path, []byte("x"), 0o644)) },
		"text":     func(path string) { must(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o644)) },
		"almost": func(path string) {
			must(t, os.WriteFile(path, []byte("SQLite format 4\x00"+strings.Repeat("x", 200)), 0o644))
		},
		"zeros first": func(path string) { must(t, os.WriteFile(path, append(bytes.Repeat([]byte{0}, 1<<20), 'x'), 0o644)) },
		"a database":  func(path string) { otherDatabase(t, path, "PRAGMA user_version = 1") },
		"with the id of another program": func(path string) {
			otherDatabase(t, path, "PRAGMA application_id = 1196444487; PRAGMA user_version = 5")
		},
		"in WAL mode": func(path string) { otherDatabase(t, path, "PRAGMA journal_mode = WAL") },
		"a damaged one": func(path string) {
			otherDatabase(t, path, "PRAGMA user_version = 1")
			text, err := os.ReadFile(path)
			must(t, err)
			copy(text[pageSize:], bytes.Repeat([]byte{0x5a}, pageSize))
			must(t, os.WriteFile(path, text, 0o644))
		},
	} {
		for _, linked := range []bool{false, true} {
			b := newBench(t)
			dir := t.TempDir()
			file := filepath.Join(dir, "theirs")
			make(file)
			before, err := os.ReadFile(file)
			must(t, err)
			b.set.Path = file
			if linked {
				b.set.Path = filepath.Join(b.tb.TempDir(), "link.db")
				must(t, os.Symlink(file, b.set.Path))
			}
			_, err = b.tryOpen()
			if !errors.Is(err, dberr.ErrForeign) || !strings.Contains(err.Error(), file) {
				t.Errorf("%s, linked %v: %v", name, linked, err)
			}
			if g, err := b.guest(); !errors.Is(err, dberr.ErrForeign) {
				t.Errorf("%s, linked %v: the command line opens it: %v %v", name, linked, g, err)
			}
			after, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("%s, linked %v: the file was changed or moved (%v)", name, linked, err)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o644 {
				t.Errorf("%s: its mode is %v (%v)", name, info.Mode(), err)
			}
			if beside, err := filepath.Glob(dir + "/*"); err != nil || len(beside) != 1 {
				t.Errorf("%s, linked %v: beside it: %q", name, linked, beside)
			}
			b.orMemory = true // as at a hot reload, where an error would end Fluent Bit
			if s := b.open(); s.Mode() != ModeMemory {
				t.Errorf("%s: mode %s", name, s.Mode())
			}
		}
	}
}

func TestAPipeAsTheStoreDoesNotHang(t *testing.T) {
	b := newBench(t)
	must(t, syscall.Mkfifo(b.set.Path, 0o600))
	if _, err := b.tryOpen(); err == nil {
		t.Error("the owner opens it")
	}
	if _, err := b.guest(); err == nil {
		t.Error("a guest opens it")
	}
}

// TestAnEmptyDatabaseBecomesAStore takes what another tool made and put nothing into.
func TestAnEmptyDatabaseBecomesAStore(t *testing.T) {
	b := newBench(t)
	db, err := sql.Open("sqlite", b.set.Path)
	must(t, err)
	_, err = db.Exec("PRAGMA journal_mode = WAL")
	must(t, err)
	must(t, db.Close())
	s := b.open()
	b.accept(s, items(0, 3, "a"))
	must(t, s.Close())
	header, err := os.ReadFile(b.set.Path)
	must(t, err)
	if id := binary.BigEndian.Uint32(header[68:]); id != dbfile.ApplicationID || string(header[68:72]) != "FBTr" {
		t.Errorf("application id %x", id)
	}
}

// TestAFileThatIsReplacedWhileRunningIsLeftAlone: the file of another, put in the store's place, is not put aside.
func TestAFileThatIsReplacedWhileRunningIsLeftAlone(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 3, "a"))
	theirs := []byte("[[rule]]\nname = \"oom\"\n")
	must(t, os.Remove(b.set.Path))
	must(t, os.WriteFile(b.set.Path, theirs, 0o644))
	_ = s.core.run(context.Background(), "replace", func() error { return dberr.ErrCorrupt })
	if got, err := os.ReadFile(b.set.Path); err != nil || !bytes.Equal(got, theirs) {
		t.Errorf("%q %v", got, err)
	}
	if _, err := s.Accept(context.Background(), b.now(), items(3, 1, "a")); !errors.Is(err, dberr.ErrForeign) || !dberr.IsTemporary(err) {
		t.Errorf("%v", err)
	}
}

func TestModesAreTightened(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 3, "a"))
	must(t, s.Close())
	for _, mode := range []os.FileMode{0o666, 0o644, 0o660, 0o604} {
		must(t, os.Chmod(b.set.Path, mode))
		s = b.open()
		b.accept(s, items(int(mode), 1, "a"))
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if info, err := os.Stat(b.set.Path + suffix); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%o: %q is %v (%v)", mode, suffix, info.Mode(), err)
			}
		}
		must(t, s.Close())
	}
	if !strings.Contains(b.logged.String(), "other users could open the store") {
		t.Errorf("log %q", b.logged.String())
	}
}

// TestSecretsOfWhatWasRemovedLeaveTheFile looks for a trigger's secret in the file and the log beside it, after the trigger was changed and
// after it was removed, while the store is open.
func TestSecretsOfWhatWasRemovedLeaveTheFile(t *testing.T) {
	b := newBench(t)
	s := b.open()
	ctx := context.Background()
	b.accept(s, items(0, 200, "a"))
	value := func(secret string, padding int) []byte {
		return []byte(`{"token":"` + secret + `","headers":{"x":"` + strings.Repeat("y", padding) + `"}}`)
	}
	manage := func(objects ...RuntimeObject) {
		must(t, s.SaveRuntime(ctx, b.now(), "one", objects, []AuditEntry{{Who: "x", Action: "change", Kind: "trigger", Name: "t"}}))
	}
	holds := func(secret string) bool {
		for _, suffix := range []string{"", "-wal"} {
			text, err := os.ReadFile(b.set.Path + suffix)
			if err == nil && bytes.Contains(text, []byte(secret)) {
				return true
			}
		}
		return false
	}
	for _, padding := range []int{10, 900, 5000, 60_000} { // within a page, on pages of its own
		manage(RuntimeObject{Kind: "trigger", Name: "t", Revision: 1, Changed: time.Unix(1, 0), Value: value("S3CR3T-0LD", padding)})
		if !holds("S3CR3T-0LD") {
			t.Fatal("the secret is nowhere: the test looks in the wrong place")
		}
		for i := range 30 { // so that pages are split and joined
			manage(RuntimeObject{Kind: "trigger", Name: "n" + strings.Repeat("x", i), Revision: 1, Changed: time.Unix(1, 0), Value: value("S3CR3T-0THER", padding/2)})
		}
		manage(RuntimeObject{Kind: "trigger", Name: "t", Revision: 2, Changed: time.Unix(2, 0), Value: value("S3CR3T-N3W", padding/3)})
		if holds("S3CR3T-0LD") {
			t.Errorf("padding %d: the old secret is still in the file", padding)
		}
		manage(RuntimeObject{Kind: "trigger", Name: "t"})
		for i := range 30 {
			manage(RuntimeObject{Kind: "trigger", Name: "n" + strings.Repeat("x", i)})
		}
		for _, secret := range []string{"S3CR3T-0LD", "S3CR3T-N3W", "S3CR3T-0THER"} {
			if holds(secret) {
				t.Errorf("padding %d: %s of a removed trigger is still in the file", padding, secret)
			}
		}
	}
	b.accept(s, items(1000, 5, "a"))
}
