package engine

// maxKeyPart bounds what one part, a field or a capture, adds to a cooldown key.
const maxKeyPart = 256

// keySeparator stands between the parts of a key. Names hold no control characters, so a rule's id cannot run into what follows.
const keySeparator = 0x1f

// appendKey appends the rule's cooldown key for a record: the rule's id, for an event its name, then its parts, each after a separator.
func (w *Worker) appendKey(key []byte, r *rule, rec *Record, captures map[string]string) []byte {
	key = append(key, r.id...)
	if len(r.settings.Event) > 0 && rec.Fields != nil { // one event holds back no other
		key = append(key, keySeparator)
		key, _ = rec.Fields.AppendField(key, EventField)
	}
	for _, part := range r.by {
		key = append(key, keySeparator)
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
		}
		key = key[:min(len(key), start+maxKeyPart)]
	}
	return key
}

// appendContainer appends what stands for the record's container: its id, else its name, else, for records of no container, the
// workload and the host.
func appendContainer(dst []byte, s *Source) []byte {
	switch {
	case s.Container.ID != "":
		return append(dst, s.Container.ID...)
	case s.Container.Name != "":
		return append(dst, s.Container.Name...)
	}
	dst = append(dst, s.Workload...)
	dst = append(dst, keySeparator)
	return append(dst, s.Host...)
}
