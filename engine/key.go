package engine

import (
	"encoding/hex"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// maxTemplated bounds how much of a line its template is made of, where the template is a key.
const maxTemplated = 1 << 10

// overflowTemplate is the template in the key that surplus templates share. No template equals it, because it is a control character.
const overflowTemplate = 0x1e

// appendKey appends the rule's cooldown key for a record: the rule's id, for an event its name, then its parts, each after a separator. The
// record's template is in w.template, where the rule needs it.
func (w *Worker) appendKey(key []byte, r *rules.Rule, rec *Record, captures map[string]string) []byte {
	key = append(key, r.ID...)
	if len(r.Settings.Event) > 0 && rec.Fields != nil { // events of one kind suppress only their own kind
		key = append(key, model.KeySeparator)
		key, _ = rec.Fields.AppendField(key, EventField)
	}
	for _, part := range r.By {
		key = w.appendPart(append(key, model.KeySeparator), part, rec, captures)
	}
	return key
}

// appendPart appends one part of a key, cut to maxKeyPart.
func (w *Worker) appendPart(key []byte, part rules.KeyPart, rec *Record, captures map[string]string) []byte {
	start := len(key)
	switch part.Kind {
	case rules.KeyContainer:
		key = model.AppendContainer(key, rec.Source)
	case rules.KeyWorkload:
		key = append(key, rec.Source.Workload...)
	case rules.KeyHost:
		key = append(key, rec.Source.Host...)
	case rules.KeyStream:
		key = append(key, rec.Stream.String()...)
	case rules.KeyTag:
		key = append(key, rec.Source.Tag...)
	case rules.KeyCapture:
		key = append(key, captures[part.Name]...)
	case rules.KeyField:
		key, _ = model.AppendField(key, rec, part.Name)
	case rules.KeyTemplate:
		if len(w.template) <= model.MaxKeyPart {
			return append(key, w.template...)
		}
		// Long templates that differ at their ends alone are different.
		id := model.DigestOf("", "", w.template)
		key = append(key, w.template[:model.MaxKeyPart-2*len(id)]...)
		return hex.AppendEncode(key, id[:])
	}
	return key[:min(len(key), start+model.MaxKeyPart)]
}

// OverflowKey returns the key.
func (o *hitOverflow) OverflowKey() []byte {
	w, h := o.worker, o.hit
	w.template = append(w.template[:0], overflowTemplate)
	w.key = w.appendKey(w.key[:0], h.rule, h.Record, h.captured())
	return w.key
}
