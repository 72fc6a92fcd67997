package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// RuntimeObject is a rule, override, trigger or silence that was made through the API. Value is opaque here.
type RuntimeObject struct {
	Kind, Scope, Name string
	Revision          int64 // differs after each change
	Changed           time.Time
	Value             []byte // nil in SaveRuntime removes the object
}

// AuditEntry records one change in the audit. Before and After are JSON, or nil.
type AuditEntry struct {
	Seq           int64
	Time          time.Time
	Instance      string // where it was made; SaveRuntime ignores it and uses its argument
	Who           string
	Action        string // create, change, delete, …
	Kind          string // of what was changed
	Scope, Name   string
	Before, After []byte
}

// maxAudit bounds the audit entries of all instances together.
const maxAudit = 10_000

// RuntimeObjects returns the objects of an instance, ordered by kind, scope and name.
func (s *Store) RuntimeObjects(ctx context.Context, instance string) ([]RuntimeObject, error) {
	var all []RuntimeObject
	err := s.read(ctx, "runtime", func(c *core) error {
		all = nil
		return c.each("SELECT kind, scope, name, revision, at, value FROM runtime WHERE instance = ? ORDER BY kind, scope, name", []any{instance},
			func(rows *sql.Rows) error {
				var o RuntimeObject
				var at int64
				if err := rows.Scan(&o.Kind, &o.Scope, &o.Name, &o.Revision, &at, &o.Value); err != nil {
					return err
				}
				o.Changed = timeOf(at)
				all = append(all, o)
				return nil
			})
	})
	return all, err
}

// SaveRuntime saves and removes objects of an instance and adds entries to the audit, all in one transaction. Objects may hold secrets: no trace of
// a replaced or removed one stays in the file or, once no other process reads it, in SQLite's write-ahead log.
func (s *Store) SaveRuntime(ctx context.Context, now time.Time, instance string, objects []RuntimeObject, audit []AuditEntry) error {
	err := s.write(ctx, "manage", now, func(t *tx) (err error) {
		if err := t.script("PRAGMA secure_delete = ON"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.script("PRAGMA secure_delete = FAST")) }()
		for i := range objects {
			o := &objects[i]
			var err error
			if o.Value == nil {
				_, err = t.exec("DELETE FROM runtime WHERE instance = ? AND kind = ? AND scope = ? AND name = ?", instance, o.Kind, o.Scope, o.Name)
			} else {
				_, err = t.exec(`INSERT INTO runtime (instance, kind, scope, name, revision, at, value) VALUES (?, ?, ?, ?, ?, ?, ?)
					ON CONFLICT (instance, kind, scope, name) DO UPDATE SET revision = excluded.revision, at = excluded.at, value = excluded.value`,
					instance, o.Kind, o.Scope, o.Name, o.Revision, o.Changed.UnixNano(), o.Value)
			}
			if err != nil {
				return err
			}
		}
		for i := range audit {
			e := &audit[i]
			if _, err := t.exec("INSERT INTO audit (instance, at, who, action, kind, scope, name, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
				instance, t.now, e.Who, e.Action, e.Kind, e.Scope, e.Name, e.Before, e.After); err != nil {
				return err
			}
		}
		if len(audit) > 0 {
			if _, err := t.exec("DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - ?", maxAudit); err != nil {
				return err
			}
		}
		return t.measure()
	})
	if err != nil || len(objects) == 0 || s.core.mode == ModeMemory {
		return err
	}
	// The change is on disk already. If another process reads the log, it cannot be emptied now; the next change tries again.
	_ = s.read(ctx, "checkpoint", func(c *core) error { return c.script("PRAGMA wal_checkpoint(TRUNCATE)") })
	return nil
}

// Audit lists up to limit audit entries with a number below before (0: from the newest), the newest first. An empty instance selects all.
func (s *Store) Audit(ctx context.Context, instance string, before int64, limit int) ([]AuditEntry, error) {
	var all []AuditEntry
	err := s.read(ctx, "audit", func(c *core) error {
		all = nil
		if before <= 0 {
			before = 1<<63 - 1
		}
		return c.each(`SELECT seq, at, instance, who, action, kind, scope, name, before, after FROM audit WHERE (?1 = '' OR instance = ?1) AND seq < ?2
			ORDER BY seq DESC LIMIT ?3`,
			[]any{instance, before, limit}, func(rows *sql.Rows) error {
				var e AuditEntry
				var at int64
				if err := rows.Scan(&e.Seq, &at, &e.Instance, &e.Who, &e.Action, &e.Kind, &e.Scope, &e.Name, &e.Before, &e.After); err != nil {
					return err
				}
				e.Time = timeOf(at)
				all = append(all, e)
				return nil
			})
	})
	return all, err
}
