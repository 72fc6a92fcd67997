package receiver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

// Payload is the body of a request. It can contain secrets, such as a routing key, so it is never logged or stored.
type Payload struct {
	Body        []byte
	ContentType string
}

// Renderer renders the payloads of one trigger. It is immutable.
type Renderer struct {
	settings   *trigger.Settings
	receiver   *Receiver
	routingKey setting.Secret
	topic      string
	body       *render.Body
	now        func() time.Time
}

// NewRenderer returns the renderer of a trigger. It fails when the settings have a body that does not compile.
func NewRenderer(s *trigger.Settings, routingKey setting.Secret, topic string, now func() time.Time) (*Renderer, error) {
	r := &Renderer{settings: s, receiver: For(s), routingKey: routingKey, topic: topic, now: now}
	if s.Body == "" {
		return r, nil
	}
	body, err := render.NewBody(s.Body, s.ContentType)
	if err != nil {
		return nil, setting.Fault{Field: "body", Message: err.Error()}
	}
	r.body = body
	return r, nil
}

var errNoAlert = errors.New("no alert to render")

// Render returns the payload for one alert or a group.
func (r *Renderer) Render(ctx context.Context, id string, alerts []trigger.Alert) (Payload, error) {
	if len(alerts) == 0 {
		return Payload{}, errNoAlert
	}
	v := render.NewView(id, alerts, r.settings.MaxAlerts)
	if r.body != nil {
		body, err := r.body.Render(ctx, r.templateData(v))
		own := Payload{body, r.body.ContentType}
		if err != nil || r.receiver.message == nil {
			return own, err
		}
		return r.message(v.Readable(), &own)
	}
	if !r.receiver.data {
		v = v.Readable()
	}
	if r.receiver.message != nil {
		return r.message(v, nil)
	}
	body, err := json.Marshal(r.receiver.document(r, v))
	if err != nil {
		return Payload{}, fmt.Errorf("encode %s payload: %w", r.receiver.Format, err)
	}
	return Payload{body, cmp.Or(r.receiver.contentType, "application/json")}, nil
}

// RenderPost returns the payload that edits a post, or sends it where it has no place. The receiver can edit, and there is no body.
func (r *Renderer) RenderPost(id string, p *trigger.Post) (Payload, error) {
	body, err := json.Marshal(r.receiver.document(r, render.PostView(id, p).Readable()))
	if err != nil {
		return Payload{}, fmt.Errorf("encode %s payload: %w", r.receiver.Format, err)
	}
	return Payload{body, "application/json"}, nil
}

func (r *Renderer) message(v *render.View, own *Payload) (Payload, error) {
	body, err := r.receiver.message(r, v, own)
	return Payload{body, r.receiver.contentType}, err
}

// templateData returns the data for a body template. Its texts are escaped for the receiver.
func (r *Renderer) templateData(v *render.View) *render.TemplateData {
	alerts := make([]trigger.Alert, len(v.Shown))
	escape := r.receiver.escaper(r.body.HTML)
	for i := range v.Shown {
		alerts[i] = escapeAlert(&v.Shown[i], escape)
	}
	return &render.TemplateData{
		Alert: alerts[0], Alerts: alerts, Total: len(v.All), More: len(v.All) - len(alerts),
		SuppressedText: render.SuppressedText(v.First()), Group: len(v.All) > 1,
		RoutingKey: r.routingKey.Reveal(),
	}
}

// escapeAlert returns a copy of an alert with every text escaped that a log line or a container can influence.
func escapeAlert(a *trigger.Alert, escape func(string) string) trigger.Alert {
	out := *a
	for _, text := range []*string{
		&out.Rule, &out.Summary, &out.Message, &out.Template, &out.Source.Workload, &out.Source.Host, &out.Source.Tag,
		&out.Source.Container.ID, &out.Source.Container.Name, &out.Source.Container.Image, &out.Source.Container.ImageID,
	} {
		*text = escape(*text)
	}
	out.Captures, out.Fields, out.Labels = escapeMap(a.Captures, escape), escapeMap(a.Fields, escape), escapeMap(a.Labels, escape)
	if a.Exception != nil {
		e := trigger.Exception{Type: escape(a.Exception.Type), Message: escape(a.Exception.Message)}
		for _, c := range a.Exception.Chain {
			e.Chain = append(e.Chain, trigger.Cause{Type: escape(c.Type), Message: escape(c.Message)})
		}
		for _, f := range a.Exception.Frames {
			e.Frames = append(e.Frames, trigger.Frame{Function: escape(f.Function), File: escape(f.File), Line: f.Line})
		}
		out.Exception = &e
	}
	if a.Image != nil {
		image := *a.Image
		image.Name = escape(image.Name)
		out.Image = &image
	}
	if a.Deploy != nil {
		deploy := *a.Deploy
		deploy.Image, deploy.Last = escape(deploy.Image), escape(deploy.Last)
		out.Deploy = &deploy
	}
	if a.Ratio != nil {
		ratio := *a.Ratio
		ratio.Of = escape(ratio.Of)
		out.Ratio = &ratio
	}
	if a.Fleet != nil {
		fleet := *a.Fleet
		fleet.Hosts = escapeList(a.Fleet.Hosts, escape) // other nodes name them
		out.Fleet = &fleet
	}
	if a.Context != nil {
		out.Context = &trigger.Context{Before: escapeList(a.Context.Before, escape), After: escapeList(a.Context.After, escape)}
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
