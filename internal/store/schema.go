package store

import (
	"fmt"
)

// A delivery's rowid is its alert's number and its trigger's: seq<<triggerBits | trigger. So the deliveries of one alert lie side by side,
// and neither a column nor an index is needed to go from one to the other.
const (
	triggerBits = 16
	maxTriggers = 1<<triggerBits - 1
)

// The states of a delivery. Finished rows stay for as long as their alert is in the alert log.
const (
	statePending   = 0
	stateDelivered = 1
	stateDead      = 2
	stateDropped   = 3 // by a bound
	stateRemoved   = 4 // by an operator
)

// migrations brings a file of version n to version n+1, each step in the transaction that also raises PRAGMA user_version. A step, once
// released, is never changed.
//
// All times are nanoseconds since 1970-01-01 UTC.
var migrations = [...]string{
	// 1: alerts, their ids, deliveries, triggers and who is sending. Ids stand apart from alerts, as hashes, because they are kept for longer:
	// rows that only lost their payload would leave pages that are nearly empty.
	fmt.Sprintf("PRAGMA application_id = %d;", applicationID) + `
	CREATE TABLE alerts (
		seq INTEGER PRIMARY KEY,
		id TEXT NOT NULL,
		at INTEGER NOT NULL,
		payload BLOB NOT NULL
	);
	CREATE TABLE ids (
		seq INTEGER PRIMARY KEY,
		hash BLOB NOT NULL UNIQUE
	);
	CREATE TABLE triggers (
		id INTEGER PRIMARY KEY,
		name TEXT NOT NULL UNIQUE,
		revision TEXT NOT NULL DEFAULT '',
		max_age INTEGER NOT NULL DEFAULT 0,
		not_before INTEGER NOT NULL DEFAULT 0,
		failures INTEGER NOT NULL DEFAULT 0,
		hold INTEGER NOT NULL DEFAULT 0,
		reason TEXT NOT NULL DEFAULT '',
		accepted INTEGER NOT NULL DEFAULT 0,
		delivered INTEGER NOT NULL DEFAULT 0,
		pending INTEGER NOT NULL DEFAULT 0,
		dead INTEGER NOT NULL DEFAULT 0,
		dropped INTEGER NOT NULL DEFAULT 0,
		removed INTEGER NOT NULL DEFAULT 0
	);
	CREATE TABLE deliveries (
		seq INTEGER PRIMARY KEY,
		trigger INTEGER NOT NULL,
		state INTEGER NOT NULL,
		due INTEGER NOT NULL,
		expires INTEGER NOT NULL,
		owner INTEGER NOT NULL DEFAULT 0,
		attempts INTEGER NOT NULL DEFAULT 0,
		at INTEGER NOT NULL DEFAULT 0,
		reason TEXT NOT NULL DEFAULT ''
	);
	CREATE INDEX pending_due ON deliveries (trigger, due) WHERE state = 0;
	CREATE INDEX pending_expires ON deliveries (trigger, expires) WHERE state = 0;
	CREATE INDEX dead_expires ON deliveries (trigger, expires) WHERE state = 2;
	CREATE TABLE owners (
		id INTEGER PRIMARY KEY,
		until INTEGER NOT NULL
	);`,
	// 2: the engine's limiter state.
	`CREATE TABLE state (
		key TEXT PRIMARY KEY,
		at INTEGER NOT NULL,
		value BLOB NOT NULL
	);`,
	// 3: groups. message is the id under which several deliveries leave together; it is set before the first attempt.
	`ALTER TABLE deliveries ADD COLUMN grp BLOB;
	ALTER TABLE deliveries ADD COLUMN message TEXT NOT NULL DEFAULT '';
	CREATE INDEX pending_group ON deliveries (trigger, grp, message, due) WHERE state = 0 AND grp IS NOT NULL;
	CREATE TABLE groups (
		trigger INTEGER NOT NULL,
		key BLOB NOT NULL,
		flush INTEGER NOT NULL,
		sent INTEGER NOT NULL DEFAULT 0,
		keep INTEGER NOT NULL,
		PRIMARY KEY (trigger, key)
	) WITHOUT ROWID;
	CREATE INDEX groups_keep ON groups (keep);`,
	// 4: rules, overrides and triggers made at run time, and the audit of changes.
	`CREATE TABLE runtime (
		instance TEXT NOT NULL,
		kind TEXT NOT NULL,
		scope TEXT NOT NULL,
		name TEXT NOT NULL,
		revision INTEGER NOT NULL,
		at INTEGER NOT NULL,
		value BLOB NOT NULL,
		PRIMARY KEY (instance, kind, scope, name)
	) WITHOUT ROWID;
	CREATE TABLE audit (
		seq INTEGER PRIMARY KEY AUTOINCREMENT,
		instance TEXT NOT NULL,
		at INTEGER NOT NULL,
		who TEXT NOT NULL,
		action TEXT NOT NULL,
		kind TEXT NOT NULL,
		scope TEXT NOT NULL,
		name TEXT NOT NULL,
		before BLOB,
		after BLOB
	);`,
	// 5: the begin of what a receiver answered to the last attempt that failed.
	`ALTER TABLE deliveries ADD COLUMN answer TEXT NOT NULL DEFAULT '';`,
}

// schemaVersion is the version that this program writes.
const schemaVersion = len(migrations)

// migrate brings the open database to schemaVersion. A file of a newer version is left as it is.
func (c *core) migrate() error {
	for {
		var version int
		if err := c.row("PRAGMA user_version").Scan(&version); err != nil {
			return err
		}
		if version > schemaVersion {
			return fmt.Errorf("%w: the file is of version %d, this program knows versions up to %d; use the newer program or another file",
				ErrNewer, version, schemaVersion)
		}
		if version == schemaVersion {
			return nil
		}
		if c.guest {
			return fmt.Errorf("the file is of version %d, this program's is %d: only the program that owns it migrates it", version, schemaVersion)
		}
		if version < 0 {
			return fmt.Errorf("%w: schema version %d", ErrCorrupt, version)
		}
		if err := c.step(version); err != nil {
			return fmt.Errorf("migrating from version %d: %w", version, err)
		}
	}
}

// step applies one migration. Another process may have done it since version was read; then it does nothing.
func (c *core) step(version int) error {
	return c.transact(func() error {
		var now int
		if err := c.row("PRAGMA user_version").Scan(&now); err != nil || now != version {
			return err
		}
		if err := c.script(migrations[version]); err != nil {
			return err
		}
		return c.script(fmt.Sprintf("PRAGMA user_version = %d", version+1))
	})
}
