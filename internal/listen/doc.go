// Package listen implements the admin listener and its access policy.
//
// It promises:
//   - Every path except health checks and the login requires a token, or the session of a browser that logged in, on loopback and unix sockets too.
//   - A code logs one browser in, once, within ten minutes. Requesting the login page does not use it up. A session ends with its token, after its maximum
//     age or idle time, and with the process.
//   - Pages of other sites, of other ports of the host, and of names rebound by DNS get no data: Origin and Sec-Fetch-Site are checked, and calls
//     need a key in addition to the cookie.
//   - Secrets are compared in constant time and kept as hashes. No error and no log line contains one.
//   - Connections without a valid token can lock out neither those with one nor health checks.
//   - Everything is bounded: connections, headers, bodies, the time of a request, codes, sessions, failed attempts.
//   - Close frees the address before it returns, and leaves no goroutine behind.
//
// Time is an argument.
package listen
