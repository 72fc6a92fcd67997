package chunk

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk/msgpack"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// fields reads a record's fields from its bytes on demand. A path is looked up in the body, then
// in the metadata ("otlp.severity_number", for short "attributes.NAME" for "otlp.attributes.NAME"), then in the group's resource and scope
// ("resource.attributes.service.name", for short "resource.service.name"). If a path begins with the name of something that was attached to the record,
// it is looked up only there: a member of a line that was merged into the body must not replace it.
type fields struct {
	b       []byte // the bytes that positions refer to; nil after fn returned
	body    int
	meta    int // -1: none
	group   []byte
	textKey string // of a joined line: the key of the text
	text    []byte // a joined line

	keepANSI bool
}

var _ engine.Fields = (*fields)(nil)

// AppendField implements engine.Fields.
func (f *fields) AppendField(dst []byte, path string) ([]byte, bool) {
	start := len(dst)
	dst, ok := f.appendRaw(dst, path)
	return withoutSequences(dst, start, f.keepANSI), ok
}

// withoutSequences removes terminal sequences from dst[start:], in place.
func withoutSequences(dst []byte, start int, keep bool) []byte {
	if value := dst[start:]; !keep && bytes.IndexByte(value, 0x1b) >= 0 {
		return dst[:start+len(safetext.Strip(value[:0], value))]
	}
	return dst
}

// appendRaw appends a field as it is in the record.
func (f *fields) appendRaw(dst []byte, path string) ([]byte, bool) {
	if f.b == nil || path == "" {
		return dst, false
	}
	if f.textKey != "" && path == f.textKey {
		return append(dst, f.text...), true
	}
	where, at := f.section(path)
	switch where {
	case inGroup:
		return f.appendFromGroup(dst, path)
	case inMetadata:
		return f.appendFromMetadata(dst, path)
	case inKubernetesMap:
		if value, ok := lookup(f.b, at, path[len(kubernetesPath):]); ok {
			return appendScalar(dst, f.b, value)
		}
		return dst, false
	}
	if value, ok := lookup(f.b, f.body, path); ok {
		return appendScalar(dst, f.b, value)
	}
	if value, ok := f.appendFromMetadata(dst, path); ok {
		return value, true
	}
	return f.appendFromGroup(dst, path)
}

var _ engine.Attached = (*fields)(nil)

// Attached implements engine.Attached.
func (f *fields) Attached(path string) bool {
	if f.b == nil {
		return false
	}
	where, _ := f.section(path)
	return where != inBody
}

// section is the part of an event where a path is looked up.
type section uint8

const (
	inBody section = iota // and then in the others
	inKubernetesMap
	inMetadata
	inGroup
)

const kubernetesPath = "kubernetes."

// section returns the part where a path is looked up; at is the position of the map for inKubernetesMap.
func (f *fields) section(path string) (where section, at int) {
	switch {
	case strings.HasPrefix(path, kubernetesPath):
		if at, ok := msgpack.Child(f.b, f.body, "kubernetes"); ok && msgpack.IsMap(f.b[at]) {
			return inKubernetesMap, at
		}
	case strings.HasPrefix(path, "resource.") || strings.HasPrefix(path, "scope."):
		if f.group != nil {
			return inGroup, 0
		}
	case strings.HasPrefix(path, "otlp."):
		if f.meta >= 0 {
			return inMetadata, 0
		}
	}
	return inBody, 0
}

func (f *fields) appendFromMetadata(dst []byte, path string) ([]byte, bool) {
	if f.meta < 0 {
		return dst, false
	}
	if value, ok := lookup(f.b, f.meta, path); ok {
		return appendScalar(dst, f.b, value)
	}
	if strings.HasPrefix(path, "attributes.") {
		if at, ok := msgpack.Child(f.b, f.meta, "otlp"); ok {
			if value, ok := lookup(f.b, at, path); ok {
				return appendScalar(dst, f.b, value)
			}
		}
	}
	return dst, false
}

func (f *fields) appendFromGroup(dst []byte, path string) ([]byte, bool) {
	if f.group == nil {
		return dst, false
	}
	if value, ok := lookup(f.group, 0, path); ok {
		return appendScalar(dst, f.group, value)
	}
	if name, ok := strings.CutPrefix(path, "resource."); ok {
		if at, ok := msgpack.Child(f.group, 0, "resource"); ok {
			if at, ok := msgpack.Child(f.group, at, "attributes"); ok {
				if value, ok := lookup(f.group, at, name); ok {
					return appendScalar(dst, f.group, value)
				}
			}
		}
	}
	return dst, false
}

// lookup finds the scalar at a dotted path below the map at i. At each level it chooses the longest key that is the whole path, or a first part of it
// whose value is a map; of equal keys the last.
func lookup(b []byte, i int, path string) (value int, ok bool) {
	for {
		pairs, at, isMap := msgpack.Map(b, i)
		if !isMap {
			return 0, false
		}
		longest, whole := -1, false
		for ; pairs > 0; pairs-- {
			start, end, isText := msgpack.Text(b, at)
			if !isText {
				if end, ok = msgpack.Skip(b, at); !ok {
					return 0, false
				}
			}
			v := end
			if at, ok = msgpack.Skip(b, v); !ok {
				return 0, false
			}
			if n := end - start; isText && n >= longest && n <= len(path) && string(b[start:end]) == path[:n] {
				switch {
				case n == len(path):
					longest, whole, value = n, msgpack.IsScalar(b[v]), v
				case path[n] == '.' && msgpack.IsMap(b[v]):
					longest, whole, value = n, false, v
				}
			}
		}
		if longest < 0 {
			return 0, false
		}
		if longest == len(path) {
			return value, whole
		}
		i, path = value, path[longest+1:]
	}
}

// appendScalar appends the text form of the scalar at i.
func appendScalar(dst, b []byte, i int) ([]byte, bool) {
	if start, end, ok := msgpack.Text(b, i); ok {
		return append(dst, b[start:end]...), true
	}
	switch t := b[i]; t {
	case msgpack.True:
		return append(dst, "true"...), true
	case msgpack.False:
		return append(dst, "false"...), true
	case msgpack.Float32:
		f, ok := msgpack.Float(b, i)
		if !ok {
			return dst, false
		}
		return engine.AppendFloat(dst, f, 32), true
	case msgpack.Float64:
		f, ok := msgpack.Float(b, i)
		if !ok {
			return dst, false
		}
		return engine.AppendFloat(dst, f, 64), true
	case msgpack.Uint64:
		if len(b)-i >= 9 {
			return strconv.AppendUint(dst, be64(b[i+1:]), 10), true
		}
		return dst, false
	}
	n, ok := msgpack.Integer(b, i)
	if !ok {
		return dst, false
	}
	return strconv.AppendInt(dst, n, 10), true
}

// FieldsOf returns the fields of an event, which is the raw argument of a Func, for use after the call. The bytes must not change while it is used. It
// returns nil if raw is not an event.
func (d *Decoder) FieldsOf(raw []byte) engine.Fields {
	ev, ok := header(raw, 0, 0)
	if ok && ev.meta >= 0 {
		ev.body, ok = msgpack.Skip(raw, ev.meta)
	}
	if !ok {
		return nil
	}
	return &fields{b: raw, body: ev.body, meta: ev.meta, keepANSI: d.settings.KeepANSI}
}
