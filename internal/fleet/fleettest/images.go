package fleettest

import (
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// Images tests what an engine knows of templates and images. Start returns an empty engine and what sets its clock.
func Images(t *testing.T, start func(t *testing.T) (e fleet.Engine, set func(since time.Duration))) {
	t.Helper()
	e, set := start(t)
	const minute, hour, day = time.Minute, time.Hour, 24 * time.Hour
	now := time.Duration(0)
	ask := func(what, run, id, template, image string, seen, appeared time.Duration, want bool) {
		t.Helper()
		set(now)
		q := fleet.Sight{
			Key: fleet.KeyOf("seen", template), Run: run, ID: id, For: 30 * day,
			Image: &fleet.ImageSight{Key: fleet.KeyOf("image", image), Template: seen, Age: max(0, appeared), Appeared: appeared >= 0},
		}
		for range 2 { // the answer may be lost
			if got := e.See(t.Context(), []fleet.Sight{q})[0]; got.Err != nil || got.New != want {
				t.Errorf("%s: %+v, want %t", what, got, want)
			}
		}
	}
	const unknown = -1
	ask("an error of last week, after a deploy", "a", fleet.NoAlert, "old", "v2", 7*day, hour, false)
	ask("the same on a node that never ran the last image", "b", "al_b1", "old", "v2", 0, 10*minute, false)
	ask("an error that the deploy brought", "a", "al_a1", "new", "v2", 5*minute, hour, true)
	ask("the same where the image came later", "b", "al_b2", "new", "v2", 0, 2*minute, true)
	ask("the same where nobody saw the image appear", "c", "al_c1", "new", "v2", minute, unknown, true)
	ask("the old one there", "c", "al_c2", "old", "v2", minute, unknown, false)
	ask("an image that nobody saw appear", "a", "al_a2", "other", "v0", 0, unknown, true)
	ask("the same on another node", "b", "al_b3", "other", "v0", 0, unknown, false)
	now += hour
	ask("an hour later it still alerts", "a", "al_a3", "new", "v2", hour+5*minute, 2*hour, true)
	ask("the next image", "a", "al_a4", "new", "v3", hour+6*minute, minute, false)
}
