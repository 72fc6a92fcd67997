// Package listen is the admin listener: where it listens, and its access policy.
//
// It promises:
//   - Every path but those of health checks and of the login takes a token, or the session of a browser that logged in by one; on loopback and on unix
//     sockets, too.
//   - A code logs one browser in, once, within ten minutes; to request its page uses nothing up. A session ends with its token, with its time, and with
//     the process.
//   - A page of another site, of another port of the host, or of a name that was made to point here, gets nothing: Origin and Sec-Fetch-Site are checked,
//     and calls need a key beside the cookie.
//   - Secrets are compared in constant time, kept as hashes, and are in no error and no log line.
//   - Connections that have not shown a token cannot lock out those that have, nor health checks.
//   - Everything has a bound: connections, headers, bodies, the time of a request, codes, sessions, failed attempts.
//   - Close frees the address before it returns, and leaves no goroutine behind.
//
// It imports nothing of ours. Time is an argument.
package listen
