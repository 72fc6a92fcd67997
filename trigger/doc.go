// Package trigger has the data of triggers: alerts, settings, filters and the outcomes of sending. The packages below it turn alerts into requests
// and send them. They speak HTTP and SMTP, and write nothing to disk. Together they make four promises:
//
//   - A log line cannot change the structure of a payload, mention anyone, or exceed a receiver's limits.
//   - No request goes to an address that the egress policy blocks. The check uses the address of each dial, not an earlier lookup.
//   - No text of an alert adds a header to an e-mail, or a command to a conversation with its server.
//   - No secret (URL, token, header, key) appears in an error, a result or a printed value.
//
// A reader's path: alert.go has the Alert, settings.go the Settings. client.Client.Send gets a payload from receiver.Renderer, which asks the
// receiver's file for a document made of texts of package render. A transport sends it through the guard (egress/dial.go): client/http.go as a
// signed request, client/smtp.go as an e-mail (package mail). Send returns a Result (client/result.go).
package trigger
