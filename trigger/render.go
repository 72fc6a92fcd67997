package trigger

import (
	"context"
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Render returns the payload that a trigger with these settings would send. It sends nothing and reads no file, environment variable or clock:
// Placeholder replaces secrets and values that are derived from them.
func Render(s Settings, alerts []Alert, now time.Time) (body []byte, contentType string, err error) {
	r := &renderer{settings: &s, receiver: s.receiver(), routingKey: setting.NewSecret(setting.Placeholder), topic: s.Topic, now: func() time.Time { return now }}
	if r.topic == "" {
		r.topic = setting.Placeholder
	}
	if s.Body != "" {
		if r.body, err = newBodyTemplate(s.Body, s.ContentType); err != nil {
			return nil, "", fmt.Errorf("body: %w", err)
		}
	}
	id := ""
	if len(alerts) > 0 {
		id = alerts[0].ID
	}
	p, err := r.render(context.Background(), id, alerts)
	return p.body, p.contentType, err
}
