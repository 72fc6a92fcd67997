// Package listen is the door of the administration: where it listens, and who may enter.
//
// It promises:
//   - Without tokens nobody from another machine enters: an address that is not of this machine alone is refused.
//   - A page of another site, or a name that was made to point here, gets nothing: Host and Origin are checked (DNS rebinding).
//   - Tokens are compared in constant time, and are in no error and no log line.
//   - Everything has a bound: connections, headers, bodies, the time of a request.
//   - Close frees the address before it returns, and leaves no goroutine behind.
//
// It imports nothing of ours. Time is an argument.
package listen
