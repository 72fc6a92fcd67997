// Package mail writes one e-mail and hands it to a server over SMTP (RFC 5321), with the help of github.com/wneessen/go-mail.
//
// It promises: no text can add a header, a part or an SMTP command; no password leaves over a connection that others can read; the server answers for
// each recipient, and a conversation is bounded in time and in the bytes of the answers. Errors contain neither the password nor the text of an alert.
package mail
