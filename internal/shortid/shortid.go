// Package shortid formats ids: a prefix that names the kind, and characters that are safe in URLs, file names and command lines.
package shortid

import "encoding/base32"

// AlertPrefix is the prefix of every alert id.
const AlertPrefix = "al_"

var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Alert returns the alert id of a hash, of which it uses the first 16 bytes.
func Alert(hash []byte) string { return AlertPrefix + encoding.EncodeToString(hash[:16]) }

// Silence returns the silence id of random bytes.
func Silence(random []byte) string { return "si_" + encoding.EncodeToString(random) }
