package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// maxState bounds one value of SaveState.
const maxState = 16 << 20

// SaveState saves values by key, all in one transaction; nil removes a key. The values are opaque.
func (s *Store) SaveState(ctx context.Context, now time.Time, values map[string][]byte) error {
	for key, value := range values {
		if len(value) > maxState {
			return fmt.Errorf("store: state %q: %d bytes must be at most %d", key, len(value), maxState)
		}
	}
	return s.write(ctx, "save state", now, func(t *tx) error {
		for key, value := range values {
			var err error
			if value == nil {
				_, err = t.exec("DELETE FROM state WHERE key = ?", key)
			} else {
				_, err = t.exec(`INSERT INTO state (key, at, value) VALUES (?, ?, ?)
					ON CONFLICT (key) DO UPDATE SET at = excluded.at, value = excluded.value`, key, t.now, value)
			}
			if err != nil {
				return err
			}
		}
		return t.measure()
	})
}

// LoadStates returns the values of all keys that begin with prefix.
func (s *Store) LoadStates(ctx context.Context, prefix string) (map[string][]byte, error) {
	var all map[string][]byte
	err := s.read(ctx, "load states", func(c *core) error {
		all = make(map[string][]byte)
		// substr compares literally; LIKE would treat % and _ in the prefix as wildcards.
		return c.each("SELECT key, value FROM state WHERE key >= ?1 AND substr(key, 1, length(?1)) = ?1", []any{prefix}, func(rows *sql.Rows) error {
			var key string
			var value []byte
			if err := rows.Scan(&key, &value); err != nil {
				return err
			}
			all[key] = value
			return nil
		})
	})
	return all, err
}
