// Package trigger turns alerts into requests to receivers and sends them: filters, payloads, body templates, signatures, the egress guard and the
// retrying client. It speaks HTTP only, writes nothing to disk, and imports only leaf packages of this module.
//
// It makes three promises:
//
//   - A log line cannot change the structure of a payload, mention anyone, or exceed a receiver's limits.
//   - No request goes to an address that the egress policy blocks. The check uses the address of each dial, not an earlier lookup.
//   - No secret (URL, token, header, key) appears in an error, a result or a printed value.
//
// A reader's path: alert.go has the Alert, settings.go the settings of a trigger. client.go renders (payload.go), signs (sign.go) and sends
// (exchange.go, outcome.go) a message through the guard (dial.go). receivers.go has the table of receivers, and each receiver_NAME.go everything
// that is particular to one of them.
package trigger
