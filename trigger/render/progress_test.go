package render_test

import (
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

// TestProgress: what a message says after each alert of its key.
func TestProgress(t *testing.T) {
	t.Parallel()
	begin := time.Date(2026, 11, 22, 14, 2, 0, 0, time.UTC)
	at := func(kind string, minutes int, count int, suppressed int64) trigger.Alert {
		when := begin.Add(time.Duration(minutes) * time.Minute)
		return trigger.Alert{Kind: kind, Severity: "error", Count: count, Time: when, FirstSeen: when, LastSeen: when, Suppressed: trigger.Suppressed{Total: suppressed}}
	}
	lasting := func(a trigger.Alert, i *trigger.Incident) trigger.Alert {
		a.Resolves, a.Incident = i == nil, i
		return a
	}
	ended := &trigger.Incident{Began: begin, Lasted: 31 * 60, Hits: 312}
	for want, alerts := range map[string][]trigger.Alert{
		"last at 14:02":                                       {at(trigger.KindLog, 0, 1, 40)}, // what was suppressed before is of the past
		"×313 since 14:02, last at 14:33":                     {at(trigger.KindLog, 0, 1, 0), at(trigger.KindRollup, 31, 0, 312)},
		"×313 since 14:02, still on at 14:33":                 {lasting(at(trigger.KindLog, 0, 1, 0), nil), at(trigger.KindRollup, 31, 0, 312)},
		"×5 since 2026-11-22 14:02, last at 2026-11-23 14:02": {at(trigger.KindLog, 0, 1, 0), at(trigger.KindRollup, 24*60, 0, 4)},
		"over after 31m, ×312 since 14:02":                    {lasting(at(trigger.KindLog, 0, 1, 0), nil), lasting(at(trigger.KindResolved, 31, 0, 2), ended)},
		"over after 31m":                                      {at(trigger.KindAbsence, 0, 0, 9), lasting(at(trigger.KindResolved, 31, 0, 0), &trigger.Incident{Lasted: 31 * 60})},
		"over":                                                {at(trigger.KindDeploy, 0, 0, 0), at(trigger.KindResolved, 31, 0, 0)},
		"×3 since 14:10, last at 14:12":                       {lasting(at(trigger.KindResolved, 5, 0, 7), ended), at(trigger.KindLog, 8, 1, 0), at(trigger.KindRollup, 10, 0, 2)},
		"×3 since 14:20, last at 14:20":                       {at(trigger.KindRollup, 18, 0, 3)},
	} {
		p := trigger.NewPost(alerts)
		if got := render.ProgressText(&p); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	// A message of its own counts on from the one before it.
	first, worse := trigger.NewPost([]trigger.Alert{at(trigger.KindLog, 0, 1, 0)}), trigger.NewPost([]trigger.Alert{at(trigger.KindRollup, 10, 0, 4)})
	worse.Continue(&first)
	if got := render.ProgressText(&worse); got != "×5 since 14:02, last at 14:12" {
		t.Errorf("after a worse roll-up: %q", got)
	}
}
