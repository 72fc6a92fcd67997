package client

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Revision returns a digest of the address and the credentials, from which neither can be read. When it changes, a trigger that is on hold is
// tried again.
func (c *Client) Revision() string {
	h := sha256.New()
	for _, part := range []string{c.method, c.wire.to.URL.String(), c.wire.routingKey.Reveal()} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	headers, _ := json.Marshal(c.wire.header) // a map of strings always marshals, with sorted keys
	h.Write(headers)
	for _, key := range c.wire.signer.keys {
		h.Write(key)
		h.Write([]byte{0})
	}
	h.Write(c.wire.signer.hub)
	return hex.EncodeToString(h.Sum(nil)[:16])
}
