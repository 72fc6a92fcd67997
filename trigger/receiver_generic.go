package trigger

// generic is the default. Its payload is the Alert itself.
var generic = receiver{
	format:   "generic",
	data:     true,
	document: func(_ *renderer, v *view) any { return genericDocument(v) },
}

// KindGroup is the kind of the document that holds several alerts.
const KindGroup = "group"

// Group is the JSON form of several alerts sent as one message.
type Group struct {
	Version  string  `json:"version"`
	ID       string  `json:"id"` // stable over retries
	Kind     string  `json:"kind"`
	Severity string  `json:"severity"` // the gravest
	Total    int     `json:"total"`
	More     int     `json:"more"` // alerts of the group that the list does not hold
	Alerts   []Alert `json:"alerts"`
}

// genericDocument is the alert itself, or a Group.
func genericDocument(v *view) any {
	if len(v.all) == 1 {
		return v.first()
	}
	return Group{
		Version: AlertVersion, ID: v.id, Kind: KindGroup, Severity: v.worst(),
		Total: len(v.all), More: len(v.all) - len(v.shown), Alerts: v.shown,
	}
}
