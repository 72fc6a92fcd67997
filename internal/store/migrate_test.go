package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// writeVersion makes a file as the program of an earlier schema version left it, with one alert pending for trigger a.
func writeVersion(t *testing.T, path string, version int) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	for _, script := range migrations[:version] {
		_, err = db.Exec(script)
		must(t, err)
	}
	_, err = db.Exec(fmt.Sprintf(`PRAGMA user_version = %d;
		INSERT INTO triggers (id, name, accepted, pending) VALUES (1, 'a', 1, 1);
		INSERT INTO ids VALUES (1000, x'00112233445566778899aabbccddeeff');
		INSERT INTO alerts VALUES (1000, 'al_old', 1, '{}');
		INSERT INTO deliveries (seq, trigger, state, due, expires) VALUES (1000 << 16 | 1, 1, 0, 1, 9000000000000000000);`, version))
	must(t, err)
}

func TestOldVersionsMigrate(t *testing.T) {
	for version := 1; version < schemaVersion; version++ {
		t.Run(fmt.Sprint("from ", version), func(t *testing.T) {
			b := newBench(t)
			writeVersion(t, b.set.Path, version)
			s := b.open()
			if got := b.lease(s, 1, "a", 10); len(got) != 1 || got[0].ID != "al_old" {
				t.Fatalf("leased %+v from the migrated file", got)
			}
			must(t, s.SaveState(context.Background(), b.now(), map[string][]byte{"k": {1}}))
			b.accept(s, grouped(items(0, 1, "a"), 'x'))
			if n := b.counts(s, "a"); n.Pending != 2 {
				t.Errorf("%+v", n)
			}
		})
	}
}

func TestNewerVersionIsLeftAlone(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 1, "a"))
	pragma(t, s, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion+1))
	must(t, s.Close())
	before, err := os.ReadFile(b.set.Path)
	must(t, err)
	_, err = b.tryOpen()
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), fmt.Sprintf("the file is of version %d", schemaVersion+1)) {
		t.Errorf("opening a newer file: %v", err)
	}
	if after, err := os.ReadFile(b.set.Path); err != nil || string(after) != string(before) {
		t.Errorf("a newer file was changed (%v)", err)
	}
}
