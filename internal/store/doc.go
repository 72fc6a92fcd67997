// Package store keeps alerts on disk until they are delivered: one SQLite file, with deliveries, dead letters, the ids already seen, the
// state of each trigger, the log of the last alerts and the limiter state of the engine.
//
// It promises:
//
//   - What Accept has returned for is on disk (WAL, synchronous=FULL), all alerts of one call in one transaction, or none of them.
//   - Every accepted pair of alert and trigger is exactly one of delivered, pending, dead, dropped by a bound, or removed by an operator.
//     Account counts them; the sums hold across restarts.
//   - An alert id is accepted once, for as long as the store remembers it.
//   - Everything is bounded: the file by size, pending deliveries and dead letters by rows for each trigger and by age, the log and the
//     ids by number. What a bound drops is counted and reported.
//   - No content of the file makes it panic. A damaged file is put aside under a name that says so, and a fresh one takes its place. A file that
//     is not a store of this program is refused and stays as it is.
//   - The file is its owner's alone. What SaveRuntime replaced or removed leaves no trace in it.
//   - Several processes may open the same file: leases keep a delivery from being sent by two of them.
//
// The payload of an alert is opaque here, and of our packages only namedfile is imported. Time is an argument.
package store
