package trigger

import (
	"net/url"
	"time"
)

var cloudEvents = receiver{
	format:      "cloudevents",
	data:        true,
	contentType: "application/cloudevents+json; charset=utf-8",
	document:    func(_ *renderer, v *view) any { return cloudEvent(v) },
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
