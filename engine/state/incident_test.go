package state

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

// TestALineFindsAllOpenIncidentsWhileOthersEnd: a key that ends between two batches keeps no other one from being found.
func TestALineFindsAllOpenIncidentsWhileOthersEnd(t *testing.T) {
	const workload, many = "shop/web", 3 * DueBatch
	k := NewKeyed(rules.DefaultLimits(), nil, nil)
	for n := range many {
		s, _ := k.stateOf(fmt.Appendf(nil, "r%c%d", model.KeySeparator, n))
		s.incident = &incident{source: &model.Source{Workload: workload}}
		k.track(s)
	}
	e := &Ending{Rule: &rules.Rule{ID: "r"}, Workload: workload, Keys: &model.KeyPattern{}, At: 1}
	e.Keys.Add([]byte{'r', model.KeySeparator})
	e.Keys.AddAny()

	var found []string
	before := k.endedBefore(e, many, 1, &found)
	// Other workers end incidents of which some were looked at, and some not yet.
	for _, key := range []string{found[0], found[1], found[DueBatch-1], fmt.Sprintf("r%c%d", model.KeySeparator, 3)} {
		s := k.peek(key)
		s.closeIncident()
		k.track(s)
	}
	for before > 0 {
		before = k.endedBefore(e, before, 1, &found)
	}
	slices.Sort(found)
	found = slices.Compact(found)
	for _, s := range k.keys.All() {
		if _, ok := slices.BinarySearch(found, s.key); s.incident != nil && !ok {
			t.Errorf("%q is open and was not found", s.key)
		}
	}
	if len(found) < many-1 {
		t.Errorf("%d keys were found", len(found))
	}
}
