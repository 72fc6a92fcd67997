package fleettest

import (
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// Windows tests an engine by incidents whose windows double, and which escalate. Start returns an empty engine and what sets its clock.
func Windows(t *testing.T, start func(t *testing.T) (e fleet.Engine, set func(since time.Duration))) {
	t.Helper()
	const minute = time.Minute
	terms := fleet.Terms{Cooldown: 5 * minute, Grace: 10 * time.Second, Triggers: "t1"}
	doubles, escalates, both := terms, terms, terms
	doubles.CooldownMax, both.CooldownMax = 30*minute, 30*minute
	escalates.Steps = []time.Duration{12 * minute, 40 * minute}
	both.Steps = escalates.Steps
	// Three nodes are hit all the time, one of them now and then.
	always := func(to time.Duration) []Hitting {
		return []Hitting{{"a", 0, to, 7 * time.Second}, {"b", 3 * time.Second, to, 11 * time.Second}, {"c", 100 * time.Second, to, 4 * minute}}
	}
	for name, one := range map[string]struct {
		terms  fleet.Terms
		hits   []Hitting
		length time.Duration
		want   string
	}{
		"windows double up to cooldown_max": {doubles, always(3 * time.Hour), 2 * time.Hour, "lead 0s, 5m10s, 15m20s, 35m30s, 1h5m40s, 1h35m50s"},
		"without it they stay":              {terms, always(3 * time.Hour), 21 * minute, "lead 0s, 5m10s, 10m20s, 15m30s, 20m40s"},
		// The hits stop after 20 minutes, in a window of 20 minutes that began at 15m20s. The last claim is that of c, after 21m40s.
		"a pause ends a longer window": {
			doubles, append(always(20*minute), Hitting{"a", 33 * minute, 34 * minute, time.Second}), 40 * minute,
			"lead 0s, 5m10s, 15m20s, 26m50s, lead 33m0s, 38m10s",
		},
		"a window after one without hits is as long as the cooldown": {
			doubles, []Hitting{{"a", 0, 4 * minute, 7 * time.Second}, {"a", 16 * minute, 24 * minute, 7 * time.Second}}, 40 * minute,
			"lead 0s, 5m10s, lead 16m0s, 21m10s, 31m10s",
		},
		"steps of an escalation are roll-ups at their moments": {
			escalates, always(3 * time.Hour), 46 * minute,
			"lead 0s, 5m10s, 10m20s, 12m0s step 1, 17m10s step 1, 22m20s step 1, 27m30s step 1, 32m40s step 1, 37m50s step 1, 40m0s step 2, 45m10s step 2",
		},
		"in longer windows, too": {
			both, always(3 * time.Hour), 80 * minute, "lead 0s, 5m10s, 12m0s step 1, 32m10s step 1, 40m0s step 2, 1h10m10s step 2",
		},
		"a pause ends the episode": {
			escalates, append(always(6*minute), Hitting{"a", 25 * minute, 3 * time.Hour, 7 * time.Second}), 43 * minute,
			"lead 0s, 5m10s, 10m20s, lead 25m0s, 30m10s, 35m20s, 37m0s step 1, 42m10s step 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, set := start(t)
			i := Incident{Engine: e, Terms: one.terms, Key: fleet.KeyOf("cooldown", "db-down"), Hits: one.hits, Set: set}
			all, err := i.Run(t.Context(), one.length)
			if err != nil {
				t.Fatal(err)
			}
			for at, what := range all { // how many hits depends on when nodes claim
				if _, moment, rollup := strings.Cut(what, " at "); rollup {
					all[at] = moment
				}
			}
			if got := strings.Join(all, ", "); got != one.want {
				t.Errorf("%s, want %s", got, one.want)
			}
		})
	}
}
