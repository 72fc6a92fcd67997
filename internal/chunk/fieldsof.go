package chunk

import "github.com/tinyforge/fluentbit-trigger/engine"

// FieldsOf gives access to the fields of an event, the bytes that a Func receives as raw, for those who keep events beyond the call. The bytes
// must stay as they are for as long as it is used. Bytes that are no event have no fields.
func (d *Decoder) FieldsOf(raw []byte) engine.Fields {
	ev, _, ok := header(raw, 0, 0)
	if !ok {
		return nil
	}
	return &fields{b: raw, body: ev.body, meta: ev.meta, keepANSI: d.settings.KeepANSI}
}
