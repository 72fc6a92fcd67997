package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// payload is the body of a request. It may hold secrets (PagerDuty's routing key), so it is never logged or stored.
type payload struct {
	body        []byte
	contentType string
}

// renderer makes payloads of alerts for one trigger. It is immutable.
type renderer struct {
	settings   *Settings
	routingKey setting.Secret
	topic      string
	body       *bodyTemplate
	now        func() time.Time
}

var errNoAlert = errors.New("no alert to render")

// render makes the payload of one alert, or of a group.
func (r *renderer) render(ctx context.Context, id string, alerts []Alert) (payload, error) {
	if len(alerts) == 0 {
		return payload{}, errNoAlert
	}
	v := newView(id, alerts, r.settings.MaxAlerts)
	if r.body != nil {
		body, err := r.body.render(ctx, r.templateData(v))
		return payload{body, r.body.contentType}, err
	}
	document, contentType := r.preset(v)
	body, err := json.Marshal(document)
	if err != nil {
		return payload{}, fmt.Errorf("encode %s payload: %w", r.settings.Format, err)
	}
	return payload{body, contentType}, nil
}

// preset returns what is encoded for the format.
func (r *renderer) preset(v *view) (document any, contentType string) {
	const jsonType = "application/json"
	switch r.settings.Format {
	case FormatGeneric:
		return genericDocument(v), jsonType
	case FormatCloudEvents:
		return cloudEvent(v), "application/cloudevents+json; charset=utf-8"
	}
	v = v.readable()
	switch r.settings.Format {
	case FormatSlack:
		return r.slack(v), jsonType
	case FormatDiscord:
		return r.discord(v), jsonType
	case FormatTeams:
		return r.teams(v), jsonType
	case FormatPagerDuty:
		return r.pagerDuty(v), jsonType
	case FormatNtfy:
		return r.ntfy(v), jsonType
	case FormatGotify:
		return r.gotify(v), jsonType
	case FormatTelegram:
		return r.telegram(v), jsonType
	default:
		return r.alertmanager(v), jsonType
	}
}

// templateData gives a body template texts that cannot be read as markup by the format's receiver.
func (r *renderer) templateData(v *view) *TemplateData {
	alerts := make([]Alert, len(v.shown))
	for i := range v.shown {
		alerts[i] = escapeAlert(&v.shown[i], r.escaper())
	}
	return &TemplateData{
		Alert: alerts[0], Alerts: alerts, Total: len(v.all), More: len(v.all) - len(alerts),
		HeldBack: heldBack(v.first()), Group: len(v.all) > 1,
	}
}

func (r *renderer) escaper() func(string) string {
	var escape func(string) string
	switch r.settings.Format {
	case FormatSlack:
		escape = slackProse
	case FormatDiscord:
		escape = escapeMarkdown
	case FormatTeams:
		escape = escapeTeams
	case FormatTelegram:
		escape = escapeTelegramText
	case FormatNtfy, FormatGotify:
		escape = inert
	default:
		return asIs
	}
	return func(s string) string { return escape(plain(s)) }
}

// escapeAlert returns a copy of an alert with every text of foreign origin escaped.
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
