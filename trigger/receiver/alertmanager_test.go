package receiver

import (
	"regexp"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func checkAlerts(p *checked) {
	p.Helper()
	var list []alertmanagerAlert
	p.decode(&list)
	for _, a := range list {
		for _, text := range a.Labels {
			if n := utf8.RuneCountInString(text); n > 500 {
				p.Errorf("alertmanager: a label of %d characters", n)
			}
		}
		if a.Labels["alertname"] == "" || (a.EndsAt != nil && a.StartsAt != nil && a.EndsAt.Before(*a.StartsAt)) {
			p.Errorf("alertmanager: %+v", a)
		}
		for name := range a.Labels {
			if !regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`).MatchString(name) {
				p.Errorf("alertmanager: label name %q", name)
			}
		}
	}
}

// TestAlertmanagersTimes: for any time of a record, an alert begins before it ends and not in the future, and a recovery has ended.
func TestAlertmanagersTimes(t *testing.T) {
	t.Parallel()
	now := triggertest.SampleTime.Add(time.Minute)
	for _, resolveAfter := range []time.Duration{0, time.Second, time.Hour} {
		for _, kind := range trigger.Kinds() {
			for _, ahead := range []time.Duration{-100_000 * time.Hour, -time.Hour, -time.Nanosecond, 0, time.Nanosecond, time.Second, time.Hour, 100_000 * time.Hour} {
				a := triggertest.Sample()
				a.Kind, a.Time = kind, now.Add(ahead)
				r := testRenderer("alertmanager")
				r.settings.ResolveAfter = resolveAfter
				got := r.alertmanagerAlert(&a)
				switch {
				case got.StartsAt == nil || got.StartsAt.After(now):
					t.Errorf("%s, %s ahead: begins at %v", kind, ahead, got.StartsAt)
				case got.EndsAt != nil && got.EndsAt.Before(*got.StartsAt):
					t.Errorf("%s, %s ahead: begins at %v and ends at %v", kind, ahead, got.StartsAt, got.EndsAt)
				case kind == trigger.KindResolved && (got.EndsAt == nil || got.EndsAt.After(now)):
					t.Errorf("a recovery, %s ahead, ends at %v", ahead, got.EndsAt)
				case kind != trigger.KindResolved && got.EndsAt != nil && !got.EndsAt.After(now):
					t.Errorf("%s, %s ahead, has ended at %v", kind, ahead, got.EndsAt)
				}
			}
		}
	}
}
