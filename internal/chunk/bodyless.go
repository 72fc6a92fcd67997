package chunk

// bodyless makes the text of a record of OpenTelemetry that has no body: a JSON object of its event name and its attributes, which are all that it
// says. It reports whether there are any.
func (r *reading) bodyless() bool {
	otlp, ok := child(r.b, r.ev.meta, "otlp")
	if !ok {
		return false
	}
	r.json = append(r.json[:0], '{')
	if at, ok := child(r.b, otlp, "event_name"); ok {
		r.json, _ = appendJSON(append(r.json, `"event_name":`...), r.b, at, 1)
	}
	if at, ok := child(r.b, otlp, "attributes"); ok && isMapFormat(r.b[at]) {
		if pairs, _, _ := mapAt(r.b, at); pairs > 0 {
			if len(r.json) > 1 {
				r.json = append(r.json, ',')
			}
			start := len(r.json)
			r.json, _ = appendJSON(r.json, r.b, at, 0)
			r.json = append(r.json[:start], r.json[start+1:]...) // without its brace
			return true
		}
	}
	if len(r.json) == 1 {
		return false
	}
	r.json = append(r.json, '}')
	return true
}
