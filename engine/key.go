package engine

import "encoding/hex"

// maxKeyPart bounds what one part, a field or a capture, adds to a cooldown key.
const maxKeyPart = 256

// keySeparator stands between the parts of a key. Names hold no control characters, so a rule's id cannot run into what follows.
const keySeparator = 0x1f

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
		id := newTemplateID("", "", w.template)
		key = append(key, w.template[:maxKeyPart-2*len(id)]...)
		return hex.AppendEncode(key, id[:])
	}
	return key[:min(len(key), start+maxKeyPart)]
}

// overflowKey returns the key that a hit has instead of its own when its templates are too many.
func (w *Worker) overflowKey(h *Hit) []byte {
	w.template = append(w.template[:0], overflowTemplate)
	w.key = w.appendKey(w.key[:0], h.rule, h.Record, h.captured())
	return w.key
}

// appendContainer appends what stands for the record's container: the name that people know, which outlives the id, else the id, else, for
// records of no container, the workload and the host.
func appendContainer(dst []byte, s *Source) []byte {
	switch name := s.Container.Name; {
	case len(name) > maxKeyPart: // names that differ at their ends alone are different
		id := newTemplateID("", "", []byte(name))
		return hex.AppendEncode(append(dst, name[:maxKeyPart-2*len(id)]...), id[:])
	case name != "":
		return append(dst, name...)
	case s.Container.ID != "":
		return append(dst, s.Container.ID...)
	}
	dst = append(dst, s.Workload...)
	dst = append(dst, keySeparator)
	return append(dst, s.Host...)
}

// appendBucket appends the key of the token bucket that an alert of the source takes from.
func appendBucket(dst []byte, s *Source) []byte {
	if s.Bucket != "" {
		return append(append(dst, keySeparator), s.Bucket...)
	}
	return appendContainer(dst, s)
}

// appendInstance appends what stands for the one container whose lines follow each other, not for those that had its name before.
func appendInstance(dst []byte, s *Source) []byte {
	if s.Container.ID != "" {
		return append(dst, s.Container.ID...)
	}
	return appendContainer(dst, s)
}
