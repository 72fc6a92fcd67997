package own

import (
	"bytes"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
	"github.com/tinyforge/fluentbit-trigger/internal/shortid"
)

// cloudEventType is the prefix of the type of alerts sent as CloudEvents.
const cloudEventType = "com.github.tinyforge.fluentbit-trigger."

// IsBody reports whether the map at i, a record's body, is an alert that this program sent, or a group of them, as a receiver gets it: then the
// webhook of a trigger leads back into Fluent Bit. As a CloudEvent the alert is inside.
func IsBody(b []byte, i int, cloudEvent bool) bool {
	member := func(name string) []byte {
		if at, ok := msgpack.Child(b, i, name); ok {
			if start, end, ok := msgpack.Text(b, at); ok {
				return b[start:end]
			}
		}
		return nil
	}
	if cloudEvent {
		return bytes.HasPrefix(member("type"), []byte(cloudEventType))
	}
	if string(member("version")) != "1" || len(member("kind")) == 0 || len(member("severity")) == 0 {
		return false
	}
	if string(member("kind")) == "group" {
		at, ok := msgpack.Child(b, i, "alerts")
		_, _, isArray := msgpack.Array(b, at)
		return ok && isArray
	}
	at, ok := msgpack.Child(b, i, "source")
	return ok && msgpack.IsMap(b[at]) && bytes.HasPrefix(member("id"), []byte(shortid.AlertPrefix)) && len(member("rule")) > 0
}
