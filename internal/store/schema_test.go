package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

func TestNewerVersionIsLeftAlone(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 1, "a"))
	pragma(t, s, fmt.Sprintf("PRAGMA user_version = %d", schemaVersion+1))
	must(t, s.Close())
	before, err := os.ReadFile(b.set.Path)
	must(t, err)
	_, err = b.tryOpen()
	if !errors.Is(err, dberr.ErrNewer) || !strings.Contains(err.Error(), fmt.Sprintf("the file is of version %d", schemaVersion+1)) {
		t.Errorf("opening a newer file: %v", err)
	}
	if after, err := os.ReadFile(b.set.Path); err != nil || string(after) != string(before) {
		t.Errorf("a newer file was changed (%v)", err)
	}
}

// TestTablesWithoutAVersionAreDamage: the version is written in the transaction that creates the tables, so one without the other is damage.
func TestTablesWithoutAVersionAreDamage(t *testing.T) {
	for _, version := range []int{0, -1} {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			b := newBench(t)
			s := b.open()
			b.accept(s, items(0, 1, "a"))
			pragma(t, s, fmt.Sprintf("PRAGMA user_version = %d", version))
			must(t, s.Close())
			s = b.open()
			if h := s.Health(); h.Recovered != 1 || !strings.Contains(h.Aside, ".corrupt-") {
				t.Errorf("%+v", h)
			}
			b.accept(s, items(0, 1, "a"))
		})
	}
}

// TestSchemaChecksItsRows: every table is strict, and the database refuses states, holds and rows that this program never writes.
func TestSchemaChecksItsRows(t *testing.T) {
	b := newBench(t)
	s := b.open()
	b.accept(s, items(0, 1, "a"))
	db, err := sql.Open("sqlite", "file:"+b.set.Path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	var lax int
	must(t, db.QueryRow("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' AND NOT strict").Scan(&lax))
	if lax > 0 {
		t.Errorf("%d tables are not strict", lax)
	}
	for _, statement := range []string{
		"UPDATE deliveries SET state = 'sent'",
		"UPDATE deliveries SET trigger = trigger + 1",
		"UPDATE deliveries SET attempts = -1",
		"UPDATE deliveries SET due = 'soon'",
		"UPDATE triggers SET hold = 'paused'",
		"UPDATE triggers SET failures = -1",
		"UPDATE ids SET hash = x'00'",
	} {
		if _, err := db.Exec(statement); err == nil {
			t.Errorf("%s: accepted", statement)
		}
	}
	for _, state := range States() {
		if _, err := s.core.exec("UPDATE deliveries SET state = ?", state); err != nil {
			t.Errorf("state %s: %v", state, err)
		}
	}
	for hold := HoldNone; hold <= HoldDisabled; hold++ {
		must(t, s.write(context.Background(), "test", b.now(), func(t *tx) error { return t.setState(1, TriggerState{Hold: hold}) }))
		if all, err := s.Triggers(context.Background()); err != nil || len(all) != 1 || all[0].State.Hold != hold {
			t.Errorf("hold %s: %+v %v", hold, all, err)
		}
	}
}
