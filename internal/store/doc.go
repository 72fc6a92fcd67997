// Package store keeps alerts on disk until they are delivered. One SQLite file holds the deliveries, the dead letters, the ids of past alerts, the
// state of each trigger, the messages that receivers can edit, the log of the last alerts, the keyed state of the engine, runtime objects and the audit.
//
// It promises:
//
//   - When Accept returns nil, its alerts are on disk (WAL, synchronous=FULL). One call is one transaction.
//   - Every accepted pair of alert and trigger is exactly one of delivered, pending, dead, dropped by a bound, removed by an operator, or held
//     because another node of the fleet alerted.
//     Account counts them; the sums hold across restarts.
//   - An alert id is accepted once, for as long as the store remembers it.
//   - Everything is bounded: the file by size, pending deliveries and dead letters by number per trigger and by age, the alert log and the ids by
//     number. Dropped deliveries are counted and reported.
//   - No content of the file causes a panic. A damaged file is renamed to NAME.corrupt-TIME and replaced by a new one. A file that is not a store
//     of this program is refused and not changed.
//   - Only the owner of the file can read it. Values that SaveRuntime replaced or removed leave no trace in it.
//   - Several processes can open the same file: leases keep two of them from sending the same delivery.
//
// The payload of an alert is opaque here. Time is an argument.
package store
