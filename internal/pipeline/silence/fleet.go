package silence

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// epochKey is the key of the id of the data that the silences of the fleet were last pulled from.
func epochKey(instance string) string { return "fleet/" + instance + "/epoch" }

// Share puts the silences of a fleet in force. They are stored, so that they hold on while the fleet's engine is away. Whole says that the list is complete: silences
// of the fleet that it does not have end. A silence that cannot be read, or that there is no room for, is left out.
func (s *Set) Share(ctx context.Context, shared fleet.Shared, whole bool) error {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	values := map[string][]byte{epochKey(s.o.Instance): []byte(shared.Epoch)}
	next := map[string]engine.Silence{}
	listed := map[string]bool{}
	room := maxSilences - len(s.runtime)
	for i := range shared.Silences {
		one, ok := fromFleet(&shared.Silences[i], now)
		if !ok {
			s.o.Log.Warn("skipping a silence of the fleet that cannot be read", "id", shared.Silences[i].ID)
			continue
		}
		listed[one.ID] = true
		before, known := s.runtime[one.ID]
		if known && !before.Fleet {
			continue // an id of this node
		}
		// The end moves by the differences of clocks at each look.
		if known && near(before.Until, one.Until) && near(before.From, one.From) {
			one.From, one.Until = before.From, before.Until
		}
		if !known {
			if room--; room < 0 {
				continue
			}
		}
		next[one.ID] = one
	}
	for id, one := range s.runtime {
		if whole && one.Fleet && !listed[id] && !one.Ended(now.UnixNano()) {
			one.Until = now.UnixNano()
			next[id] = one
		}
	}
	for id, one := range next {
		value, err := json.Marshal(&one)
		if err != nil {
			return err
		}
		values[KeyPrefix(s.o.Instance)+id] = value
	}
	if err := s.o.Store.SaveState(ctx, now, values); err != nil {
		return err
	}
	for id, one := range next {
		if _, known := s.runtime[id]; !known {
			s.o.Log.Info("silence of the fleet is in force", "id", id, "until", untilText(&one), "author", one.Author)
		}
		s.runtime[id] = one
	}
	if len(next) > 0 {
		s.enforce()
	}
	return nil
}

// near reports whether two ends differ by less than a few seconds.
func near(a, b int64) bool { return max(a-b, b-a) < int64(5*time.Second) }

// fromFleet returns a silence as this node keeps it: it begins and ends by what is left of it, whatever this node's clock shows.
func fromFleet(f *fleet.Silence, now time.Time) (one engine.Silence, ok bool) {
	if json.Unmarshal(f.Body, &one) != nil || one.ID != f.ID || engine.ConfiguredSilence(one.ID) {
		return one, false
	}
	length := one.Until - one.From
	one.Fleet, one.Configured, one.Suppressed = true, false, 0
	one.Until = now.Add(f.Left).UnixNano()
	one.From = one.Until - length
	return one, one.From > 0 && len(one.Validate()) == 0
}

// ToFleet returns a silence as the fleet keeps it. It must have an end.
func ToFleet(one *engine.Silence, now time.Time) (fleet.Silence, error) {
	body, err := json.Marshal(one)
	return fleet.Silence{ID: one.ID, Left: time.Unix(0, one.Until).Sub(now), Body: body}, err
}

// Silences returns the silences of the fleet that are in force, and the id of the data that they were last pulled from.
func (s *Set) Silences(ctx context.Context) (epoch string, list []fleet.Silence, err error) {
	saved, err := s.o.Store.LoadStates(ctx, epochKey(s.o.Instance))
	if err != nil {
		return "", nil, err
	}
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.runtime {
		if !one.Fleet || one.Ended(now.UnixNano()) {
			continue
		}
		f, err := ToFleet(&one, now)
		if err != nil {
			return "", nil, err
		}
		list = append(list, f)
	}
	return string(saved[epochKey(s.o.Instance)]), list, nil
}

// Draft checks a silence for the fleet as Add checks one of this node, and returns it with its id, and its former state, nil for a new one. Nothing is saved: it is in
// force once Share brings it.
func (s *Set) Draft(one engine.Silence) (made engine.Silence, before *engine.Silence, err error) {
	now := s.o.Now()
	one.Configured, one.Fleet = false, true
	if one.From == 0 {
		one.From = now.UnixNano()
	}
	var faults setting.Faults
	switch {
	case len(one.Every) > 0:
		faults.Conflict("every", "", "scope", `must not be set with scope = "fleet"`, "each node's clock would decide: configure the silence on all nodes")
	case one.NextImage:
		faults.Conflict("next_image", "", "scope", `must not be set with scope = "fleet"`, "each node knows its own images: give it an end")
	case one.Until == 0:
		faults.Required("until", "a silence of the fleet has an end")
	}
	if bad := append(faults, one.Validate()...); len(bad) > 0 {
		return one, nil, &Error{bad}
	}
	if one.Ended(now.UnixNano()) {
		return one, nil, &Error{[]setting.Fault{{Field: "until", Message: "has passed: it is " + now.UTC().Format(time.RFC3339)}}}
	}
	if one.ID == "" {
		one.ID = newID()
		return one, nil, nil
	}
	old, ok := s.OfFleet(one.ID)
	switch {
	case engine.ConfiguredSilence(one.ID):
		return one, nil, ErrConfigured
	case !ok:
		return one, nil, ErrNotFound
	}
	return one, &old, nil
}

// OfFleet returns the silence of the fleet with an id that has not ended.
func (s *Set) OfFleet(id string) (engine.Silence, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, ok := s.runtime[id]
	return one, ok && one.Fleet && !one.Ended(s.o.Now().UnixNano())
}
