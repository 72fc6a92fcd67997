// Package redis is the engine of a fleet in Redis or Valkey: one server, a master that sentinels name, or a cluster.
//
// It promises:
//   - Every change is one script on one server, by that server's clock. Every key has a time to live, but the id of the data and the version of silences.
//   - An answer is bounded before it is held in memory, and checked before it is used. One that cannot be read is an error, and ends the connection.
//   - No error contains a secret. Files of secrets are read for each connection, so they can be replaced.
//   - The egress policy judges every address that is dialled, also those that a sentinel or a cluster names.
//   - A server that fails three times in a row is asked again after 1 to 30 seconds at random. In a cluster the others are asked meanwhile.
package redis
