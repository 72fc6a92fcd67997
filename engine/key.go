package engine

import "encoding/hex"

// maxTemplated bounds how much of a line its template is made of, where the template is a key.
const maxTemplated = 1 << 10

// overflowTemplate stands in the key that the templates share which are too many. No template is equal to it, since none is without a line.
const overflowTemplate = 0x1e

// appendKey appends the rule's cooldown key for a record: the rule's id, for an event its name, then its parts, each after a separator. The
// record's template is in w.template, where the rule needs it.
func (w *Worker) appendKey(key []byte, r *rule, rec *Record, captures map[string]string) []byte {
	key = append(key, r.id...)
	if len(r.settings.Event) > 0 && rec.Fields != nil { // one event holds back no other
		key = append(key, keySeparator)
		key, _ = rec.Fields.AppendField(key, EventField)
	}
	for _, part := range r.by {
		key = w.appendPart(append(key, keySeparator), part, rec, captures)
	}
	return key
}

// appendPart appends one part of a key, cut to maxKeyPart.
func (w *Worker) appendPart(key []byte, part keyPart, rec *Record, captures map[string]string) []byte {
	start := len(key)
	switch part.kind {
	case keyContainer:
		key = appendContainer(key, rec.Source)
	case keyWorkload:
		key = append(key, rec.Source.Workload...)
	case keyHost:
		key = append(key, rec.Source.Host...)
	case keyStream:
		key = append(key, rec.Stream.String()...)
	case keyTag:
		key = append(key, rec.Source.Tag...)
	case keyCapture:
		key = append(key, captures[part.name]...)
	case keyField:
		key, _ = appendField(key, rec, part.name)
	case keyTemplate:
		if len(w.template) <= maxKeyPart {
			return append(key, w.template...)
		}
		// Long templates that differ at their ends alone are different.
		id := digestOf("", "", w.template)
		key = append(key, w.template[:maxKeyPart-2*len(id)]...)
		return hex.AppendEncode(key, id[:])
	}
	return key[:min(len(key), start+maxKeyPart)]
}

// hitOverflow makes the key that a hit of a worker has instead of its own when its templates are too many.
type hitOverflow struct {
	worker *Worker
	hit    *Hit
}

// OverflowKey returns the key.
func (o *hitOverflow) OverflowKey() []byte {
	w, h := o.worker, o.hit
	w.template = append(w.template[:0], overflowTemplate)
	w.key = w.appendKey(w.key[:0], h.rule, h.Record, h.captured())
	return w.key
}
