package store

import (
	"errors"
	"fmt"

	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dbfile"
)

// The rowid of a delivery is the number of its alert and that of its trigger: seq<<triggerBits | trigger. So the deliveries of one alert are
// neighbours, and neither a column nor an index is needed to go from an alert to its deliveries or back.
const (
	triggerBits = 16
	maxTriggers = 1<<triggerBits - 1
)

// The states of a delivery. Finished rows are kept for as long as their alert is in the alert log.
const (
	statePending   = "pending"
	stateDelivered = "delivered"
	stateDead      = "dead"
	stateDropped   = "dropped" // by a bound
	stateRemoved   = "removed" // by an operator
	stateHeld      = "held"    // another node of the fleet alerted
)

// schemaVersion is the value of PRAGMA user_version in the files that this program writes.
const schemaVersion = 1

// schema creates all tables. All times are nanoseconds since 1970-01-01 UTC.
//
// The counts of a trigger have no CHECK: Account verifies them, and a wrong count must not keep alerts from being stored. The CHECKs use OR
// because SQLite builds a table for each longer IN list at every statement.
const schema = `
	CREATE TABLE alerts (
		seq INTEGER PRIMARY KEY,
		id TEXT NOT NULL,
		at INTEGER NOT NULL,
		payload BLOB NOT NULL
	) STRICT;

	-- Ids are kept for longer than alerts, as hashes in a table of their own: alerts without a payload would leave pages nearly empty.
	CREATE TABLE ids (
		seq INTEGER PRIMARY KEY,
		hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 16)
	) STRICT;

	CREATE TABLE triggers (
		id INTEGER PRIMARY KEY,
		name TEXT NOT NULL UNIQUE,
		revision TEXT NOT NULL DEFAULT '',
		max_age INTEGER NOT NULL DEFAULT 0,
		not_before INTEGER NOT NULL DEFAULT 0,
		failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
		hold TEXT NOT NULL DEFAULT 'active' CHECK (hold = 'active' OR hold = 'held' OR hold = 'disabled'),
		reason TEXT NOT NULL DEFAULT '',
		accepted INTEGER NOT NULL DEFAULT 0,
		delivered INTEGER NOT NULL DEFAULT 0,
		pending INTEGER NOT NULL DEFAULT 0,
		dead INTEGER NOT NULL DEFAULT 0,
		dropped INTEGER NOT NULL DEFAULT 0,
		removed INTEGER NOT NULL DEFAULT 0,
		held INTEGER NOT NULL DEFAULT 0
	) STRICT;

	-- answer is the beginning of the receiver's answer to the last attempt that failed. message is the id under which the deliveries of a
	-- group are sent together; it is set before the first attempt. Deliveries of a trigger with equal ord are sent in the order of their
	-- alerts. owner is 0 while nobody sends the delivery.
	CREATE TABLE deliveries (
		seq INTEGER PRIMARY KEY,
		trigger INTEGER NOT NULL CHECK (trigger = seq & 65535),
		state TEXT NOT NULL CHECK (state = 'pending' OR state = 'delivered' OR state = 'dead' OR state = 'dropped' OR state = 'removed'
			OR state = 'held'),
		due INTEGER NOT NULL,
		expires INTEGER NOT NULL,
		owner INTEGER NOT NULL DEFAULT 0,
		attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
		at INTEGER NOT NULL DEFAULT 0,
		reason TEXT NOT NULL DEFAULT '',
		answer TEXT NOT NULL DEFAULT '',
		grp BLOB,
		ord BLOB CHECK (length(ord) = 16),
		message TEXT NOT NULL DEFAULT ''
	) STRICT;
	CREATE INDEX pending_due ON deliveries (trigger, due) WHERE state = 'pending';
	CREATE INDEX pending_expires ON deliveries (trigger, expires) WHERE state = 'pending';
	CREATE INDEX pending_group ON deliveries (trigger, grp, message, due) WHERE state = 'pending' AND grp IS NOT NULL;
	CREATE INDEX pending_order ON deliveries (trigger, ord, seq) WHERE state = 'pending' AND ord IS NOT NULL;
	CREATE INDEX leased_order ON deliveries (trigger, ord) WHERE owner <> 0 AND ord IS NOT NULL;
	CREATE INDEX dead_expires ON deliveries (trigger, expires) WHERE state = 'dead';

	-- The messages at receivers that can edit them, by the order of the deliveries that they show. seq is that of the newest alert that a message
	-- shows, and keep is until when the row is kept.
	CREATE TABLE posts (
		trigger INTEGER NOT NULL,
		ord BLOB NOT NULL CHECK (length(ord) = 16),
		place TEXT NOT NULL,
		destination TEXT NOT NULL,
		seq INTEGER NOT NULL,
		state BLOB NOT NULL,
		keep INTEGER NOT NULL,
		PRIMARY KEY (trigger, ord)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX posts_of ON posts (trigger, keep);
	CREATE INDEX posts_keep ON posts (keep);

	-- The dispatchers that hold leases.
	CREATE TABLE owners (
		id INTEGER PRIMARY KEY,
		until INTEGER NOT NULL
	) STRICT;

	-- When the next message of a group is sent, when the last one was, and until when the row is kept.
	CREATE TABLE groups (
		trigger INTEGER NOT NULL,
		key BLOB NOT NULL,
		flush INTEGER NOT NULL,
		sent INTEGER NOT NULL DEFAULT 0,
		keep INTEGER NOT NULL,
		PRIMARY KEY (trigger, key)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX groups_keep ON groups (keep);

	-- The engine's keyed state.
	CREATE TABLE state (
		key TEXT PRIMARY KEY,
		at INTEGER NOT NULL,
		value BLOB NOT NULL
	) STRICT;

	-- Rules, overrides, triggers and silences that were made through the API.
	CREATE TABLE runtime (
		instance TEXT NOT NULL,
		kind TEXT NOT NULL,
		scope TEXT NOT NULL,
		name TEXT NOT NULL,
		revision INTEGER NOT NULL,
		at INTEGER NOT NULL,
		value BLOB NOT NULL,
		PRIMARY KEY (instance, kind, scope, name)
	) STRICT, WITHOUT ROWID;

	-- The alerts of a fleet: candidates without a decision (asked), those that leave or left (lead, alone), and those that this node took from
	-- another (taken), until they are settled. until is when the deliveries of a candidate are due without a decision; gift is what goes to the
	-- outbox if it is held, and hits are those of the gift. seq is 0 where there is no alert.
	CREATE TABLE fleet (
		instance TEXT NOT NULL,
		id TEXT NOT NULL,
		seq INTEGER NOT NULL,
		key TEXT NOT NULL,
		state TEXT NOT NULL CHECK (state = 'asked' OR state = 'lead' OR state = 'alone' OR state = 'taken'),
		until INTEGER NOT NULL,
		hits INTEGER NOT NULL CHECK (hits >= 0),
		about BLOB NOT NULL,
		gift BLOB NOT NULL,
		PRIMARY KEY (instance, id)
	) STRICT;

	-- The hits of candidates that were held, until the fleet has acknowledged them.
	CREATE TABLE outbox (
		instance TEXT NOT NULL,
		seq INTEGER NOT NULL,
		key TEXT NOT NULL,
		at INTEGER NOT NULL,
		hits INTEGER NOT NULL CHECK (hits > 0),
		gift BLOB NOT NULL,
		PRIMARY KEY (instance, seq)
	) STRICT;
	CREATE INDEX outbox_key ON outbox (instance, key, seq);

	-- What each instance gave to the fleet and reported for it. run is random; seq is that of the last row of the outbox.
	CREATE TABLE fleets (
		instance TEXT PRIMARY KEY,
		run TEXT NOT NULL,
		seq INTEGER NOT NULL DEFAULT 0,
		given INTEGER NOT NULL DEFAULT 0,
		reported INTEGER NOT NULL DEFAULT 0,
		forgotten INTEGER NOT NULL DEFAULT 0
	) STRICT, WITHOUT ROWID;

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
	) STRICT;`

// create makes the schema in an empty database and refuses one of another version, which stays as it is.
func (c *core) create() error {
	if made, err := c.hasSchema(); made || err != nil {
		return err
	}
	if c.guest {
		return errors.New("the file holds no store yet: only the program that owns it creates one")
	}
	return c.transact(func() error {
		// Another process may have created the schema before this one got the lock.
		if made, err := c.hasSchema(); made || err != nil {
			return err
		}
		// The version and the mark of dbfile.Recognize are part of the same transaction, so a file has all of this or none.
		return c.script(schema + fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", dbfile.ApplicationID, schemaVersion))
	})
}

// hasSchema reports whether the database has the schema of this program. A database that has another one is an error.
func (c *core) hasSchema() (bool, error) {
	var version, tables int
	if err := c.row("PRAGMA user_version").Scan(&version); err != nil {
		return false, err
	}
	if version == schemaVersion {
		return true, nil
	}
	if version > schemaVersion {
		return false, fmt.Errorf("%w: the file is of version %d, this program knows versions up to %d; use the newer program or another file",
			dberr.ErrNewer, version, schemaVersion)
	}
	if err := c.row("SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return false, err
	}
	if version < 0 || tables > 0 {
		return false, fmt.Errorf("%w: schema version %d", dberr.ErrCorrupt, version)
	}
	return false, nil
}

// belongs repeats the check of dbfile.Recognize in the open database, because the writes of another process may still be in the write-ahead log.
func (c *core) belongs() error {
	var id int64
	var tables int
	if err := c.row("PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	if id == dbfile.ApplicationID {
		return nil
	}
	if err := c.row("SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if id != 0 || tables > 0 {
		return dbfile.Foreign(c.path)
	}
	return nil
}
