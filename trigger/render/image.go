package render

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// ImageText returns how long after its image appeared an alert comes: "3m after shop/api:1.4", or "" where that is not known.
func ImageText(a *trigger.Alert) string {
	if a.Image == nil {
		return ""
	}
	age := time.Duration(a.Image.Age) * time.Second
	switch {
	case age >= 48*time.Hour:
		age = age.Truncate(24 * time.Hour)
	case age >= time.Hour:
		age = age.Truncate(time.Minute)
	}
	return setting.FormatDuration(age) + " after " + safetext.CutRunes(OneLine(a.Image.Name), 200)
}
