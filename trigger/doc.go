// Package trigger has the data of triggers: alerts, settings, filters and the outcomes of sending. The packages below it turn alerts into requests
// and send them. They speak HTTP only and write nothing to disk. Together they make three promises:
//
//   - A log line cannot change the structure of a payload, mention anyone, or exceed a receiver's limits.
//   - No request goes to an address that the egress policy blocks. The check uses the address of each dial, not an earlier lookup.
//   - No secret (URL, token, header, key) appears in an error, a result or a printed value.
//
// A reader's path: alert.go has the Alert, settings.go the Settings. client.Client.Send gets a payload from receiver.Renderer, which asks the
// receiver's file for a document made of texts of package render. Send then signs the request (client/sign.go), sends it through the guard
// (egress/dial.go), and returns a Result (client/result.go).
package trigger
