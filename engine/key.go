package engine

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// overflowTemplate is the template in the key that surplus templates share. No template equals it, because it is a control character.
const overflowTemplate = 0x1e

// appendKey appends the rule's cooldown key for a record: the rule's id, for an event its name, then its parts, each after a separator. The
// record's template is in w.template, where the rule needs it.
func (w *Worker) appendKey(key []byte, h *Hit) []byte {
	r, rec := h.rule, h.Record
	if r.Settings.Without != "" { // hits of the other rule have the same key
		key, _ = w.appendSequence(key, r, h)
		return key
	}
	key = append(key, r.ID...)
	if len(r.Settings.Event) > 0 && rec.Fields != nil { // events of one kind suppress only their own kind
		key = append(key, model.KeySeparator)
		key = w.appendField(key, h, EventField)
	}
	for _, part := range r.By {
		key = w.appendPart(append(key, model.KeySeparator), part, h)
	}
	return key
}

// endedKeys returns the keys whose incidents a record ends: those with the values of the key that it has.
func (w *Worker) endedKeys(h *Hit) *model.KeyPattern {
	r := h.rule
	keys := &model.KeyPattern{}
	keys.Add([]byte(r.ID))
	if len(r.Settings.Event) > 0 { // an event of another kind ends it
		keys.Add([]byte{model.KeySeparator})
		keys.AddAny()
	}
	for _, part := range r.By {
		keys.Add([]byte{model.KeySeparator})
		if part.Kind == rules.KeyTemplate { // no line has the template of another one
			keys.AddAny()
			continue
		}
		if w.field = w.appendPart(w.field[:0], part, h); len(w.field) == 0 && (part.Kind == rules.KeyCapture || part.Kind == rules.KeyField) {
			keys.AddAny()
			continue
		}
		keys.Add(w.field)
	}
	return keys
}

// appendSequence appends the key of the sequence of a rule, with the values that a hit has, which may be a hit of the other rule. ok is false where it
// lacks a capture or a field.
func (w *Worker) appendSequence(key []byte, r *rules.Rule, h *Hit) (_ []byte, ok bool) {
	key, ok = append(key, r.ID...), true
	for _, part := range r.Sequence {
		key = append(key, model.KeySeparator)
		before := len(key)
		key = w.appendPart(key, part, h)
		if len(key) == before && (part.Kind == rules.KeyCapture || part.Kind == rules.KeyField) {
			ok = false
		}
	}
	return key, ok
}

// appendPart appends one part of a key, cut to maxKeyPart. In place of a secret it has the mask and a digest.
func (w *Worker) appendPart(key []byte, part rules.KeyPart, h *Hit) []byte {
	rec, start := h.Record, len(key)
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
		key = append(key, h.captured()[part.Name]...)
		if secret, ok := h.hidden[part.Name]; ok {
			return w.engine.appendTag(key[:min(len(key), start+model.MaxKeyPart)], []byte(secret))
		}
	case rules.KeyField:
		return w.appendField(key, h, part.Name)
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

// appendField appends a field of the record as a part of a key.
func (w *Worker) appendField(key []byte, h *Hit, path string) []byte {
	start := len(key)
	key, _ = model.AppendField(key, h.Record, path)
	value := key[start:min(len(key), start+model.MaxField)]
	if !h.redactor.ValueSecret(path, value) {
		return key[:min(len(key), start+model.MaxKeyPart)]
	}
	secret := bytes.Clone(value)
	text, _ := model.ValidText(secret, model.MaxField)
	key = append(key[:start], h.mask(path, text, nil)...)
	return w.engine.appendTag(key[:min(len(key), start+model.MaxKeyPart)], secret)
}

// OverflowKey returns the key.
func (o *hitOverflow) OverflowKey() []byte {
	w, h := o.worker, o.hit
	w.template = append(w.template[:0], overflowTemplate)
	w.key = w.appendKey(w.key[:0], h)
	return w.key
}

// appendTag appends a digest to a part of a key that is masked, so that different secrets are different keys. Without the salt nobody can try secrets on
// it.
func (e *Engine) appendTag(key []byte, secret []byte) []byte {
	h := hmac.New(sha256.New, e.Salt())
	h.Write(secret)
	return hex.AppendEncode(append(key, '#'), h.Sum(nil)[:8])
}
