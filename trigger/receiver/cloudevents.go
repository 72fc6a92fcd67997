package receiver

import (
	"net/url"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

var cloudEvents = Receiver{
	Format:      "cloudevents",
	data:        true,
	contentType: "application/cloudevents+json; charset=utf-8",
	document:    func(_ *Renderer, v *render.View) any { return cloudEvent(v) },
	instead:     "the receiver joins the alerts of an incident by their key",
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

func cloudEvent(v *render.View) cloudEventDocument {
	first := v.First()
	kind := first.Kind
	if len(v.All) > 1 {
		kind = trigger.KindGroup
	}
	return cloudEventDocument{
		SpecVersion:     "1.0",
		ID:              v.ID,
		Source:          "/fluentbit-trigger/" + url.PathEscape(render.OneLine(first.Source.Host)),
		Type:            "com.github.tinyforge.fluentbit-trigger." + kind + ".v" + trigger.AlertVersion,
		Subject:         v.Key(),
		Time:            first.Time.UTC(),
		DataContentType: "application/json",
		Data:            genericDocument(v),
	}
}
