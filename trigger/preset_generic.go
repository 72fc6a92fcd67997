package trigger

import (
	"net/url"
	"time"
)

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

// cloudEventDocument is an event of CloudEvents 1.0 in structured mode (https://github.com/cloudevents/spec/blob/v1.0.2).
type cloudEventDocument struct {
	SpecVersion     string    `json:"specversion"`
	ID              string    `json:"id"`
	Source          string    `json:"source"`
	Type            string    `json:"type"`
	Subject         string    `json:"subject,omitempty"`
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	Data            any       `json:"data"`
}

func cloudEvent(v *view) cloudEventDocument {
	first := v.first()
	kind := first.Kind
	if len(v.all) > 1 {
		kind = KindGroup
	}
	return cloudEventDocument{
		SpecVersion:     "1.0",
		ID:              v.id,
		Source:          "/fluentbit-trigger/" + url.PathEscape(oneLine(first.Source.Host)),
		Type:            "com.github.tinyforge.fluentbit-trigger." + kind + ".v" + AlertVersion,
		Subject:         oneLine(first.Rule),
		Time:            first.Time.UTC(),
		DataContentType: "application/json",
		Data:            genericDocument(v),
	}
}
