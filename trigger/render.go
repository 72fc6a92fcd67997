package trigger

import (
	"context"
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Render makes the payload that a trigger with these settings sends for the alerts, and sends nothing. It reads no file, no variable and no
// clock: where a payload holds a secret, or what only a secret tells, Placeholder stands for it.
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
