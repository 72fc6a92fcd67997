package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"github.com/tinyforge/fluentbit-trigger/internal/shortid"
)

// Shards is how many parts the keys of a namespace have. All keys of an incident are in one of them, and so on one server of a cluster.
const Shards = 64

// Key is the name of an incident on the wire: 128 bits of a hash, as 32 hexadecimal digits. Keys of rules hold text of log lines, which must stay on the node.
type Key string

// KeyOf returns the key of an incident. Kind separates those that share a text, such as a cooldown key and an absence.
func KeyOf(kind, text string) Key {
	h := sha256.New()
	h.Write([]byte(kind))
	h.Write([]byte{0})
	h.Write([]byte(text))
	return Key(hex.EncodeToString(h.Sum(nil)[:16]))
}

// Valid reports whether a key has the form of one. Answers of the engine are checked by it.
func (k Key) Valid() bool {
	if len(k) != 32 {
		return false
	}
	for i := range len(k) {
		if c := k[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Shard returns the part of the namespace that a valid key belongs to, from 0.
func (k Key) Shard() int {
	n, err := strconv.ParseUint(string(k[:4]), 16, 16)
	if err != nil {
		return 0
	}
	return int(n % Shards)
}

// WorkID returns the alert id of a roll-up, an absence or a wait of the fleet. Whoever takes the work makes the same id.
func WorkID(namespace string, t *Taken) string {
	sum := sha256.Sum256([]byte("fleet\x00" + namespace + "\x00" + t.Kind.String() + "\x00" + string(t.Key) + "\x00" + strconv.FormatInt(t.DueAt, 10)))
	return shortid.Alert(sum[:])
}
