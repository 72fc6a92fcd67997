package trigger

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// payload is the body of a request. It can contain secrets, such as a routing key, so it is never logged or stored.
type payload struct {
	body        []byte
	contentType string
}

// renderer renders the payloads of one trigger. It is immutable.
type renderer struct {
	settings   *Settings
	receiver   *receiver
	routingKey setting.Secret
	topic      string
	body       *bodyTemplate
	now        func() time.Time
}

var errNoAlert = errors.New("no alert to render")

// render returns the payload for one alert or a group.
func (r *renderer) render(ctx context.Context, id string, alerts []Alert) (payload, error) {
	if len(alerts) == 0 {
		return payload{}, errNoAlert
	}
	v := newView(id, alerts, r.settings.MaxAlerts)
	if r.body != nil {
		body, err := r.body.render(ctx, r.templateData(v))
		return payload{body, r.body.contentType}, err
	}
	if !r.receiver.data {
		v = v.readable()
	}
	body, err := json.Marshal(r.receiver.document(r, v))
	if err != nil {
		return payload{}, fmt.Errorf("encode %s payload: %w", r.receiver.format, err)
	}
	return payload{body, cmp.Or(r.receiver.contentType, "application/json")}, nil
}

// templateData returns the data for a body template. Its texts are escaped for the receiver.
func (r *renderer) templateData(v *view) *TemplateData {
	alerts := make([]Alert, len(v.shown))
	for i := range v.shown {
		alerts[i] = escapeAlert(&v.shown[i], r.receiver.escapeText)
	}
	return &TemplateData{
		Alert: alerts[0], Alerts: alerts, Total: len(v.all), More: len(v.all) - len(alerts),
		SuppressedText: suppressedText(v.first()), Group: len(v.all) > 1,
	}
}

// escapeAlert returns a copy of an alert with every text escaped that a log line or a container can influence.
func escapeAlert(a *Alert, escape func(string) string) Alert {
	out := *a
	for _, text := range []*string{
		&out.Rule, &out.Summary, &out.Message, &out.Source.Workload, &out.Source.Host, &out.Source.Tag,
		&out.Source.Container.ID, &out.Source.Container.Name, &out.Source.Container.Image,
	} {
		*text = escape(*text)
	}
	out.Captures, out.Fields, out.Labels = escapeMap(a.Captures, escape), escapeMap(a.Fields, escape), escapeMap(a.Labels, escape)
	if a.Context != nil {
		out.Context = &Context{Before: escapeList(a.Context.Before, escape), After: escapeList(a.Context.After, escape)}
	}
	return out
}

func escapeMap(m map[string]string, escape func(string) string) map[string]string {
	out := make(map[string]string, len(m))
	for key, value := range m {
		out[key] = escape(value)
	}
	return out
}

func escapeList(list []string, escape func(string) string) []string {
	out := make([]string, len(list))
	for i, text := range list {
		out[i] = escape(text)
	}
	return out
}
