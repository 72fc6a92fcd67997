// Package links makes and checks the links of messages that silence one incident. A link is a capability: whoever has it may create that one silence, without
// a login.
//
// It promises:
//   - A link holds for the incident, the duration and the time that are in it. A text that this key did not make is refused, whatever it is.
//   - A link ends when it expires, and when its key is replaced. Whether it was used before is for the caller to know: Claim.SilenceID is the same for
//     all links of an alert.
//   - The key is in a file that its user alone can read, and appears in no error.
package links
