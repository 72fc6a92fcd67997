package receiver

import (
	"cmp"
	"context"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Render returns the payload that a trigger with these settings would send. It sends nothing and reads no file, environment variable or clock:
// Placeholder replaces secrets and values that are derived from them.
func Render(s trigger.Settings, alerts []trigger.Alert, now time.Time) (body []byte, contentType string, err error) {
	topic := cmp.Or(s.Topic, setting.Placeholder)
	r, err := NewRenderer(&s, setting.NewSecret(setting.Placeholder), topic, func() time.Time { return now })
	if err != nil {
		return nil, "", err
	}
	id := ""
	if len(alerts) > 0 {
		id = alerts[0].ID
	}
	p, err := r.Render(context.Background(), id, alerts)
	return p.Body, p.ContentType, err
}
