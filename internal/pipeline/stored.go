package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline/silence"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// RestoreSaved restores an engine's state and silences from an instance's store, and adds the silences of the configuration. It does not change the
// store. An empty id means the only instance of the store. now is in ns.
func RestoreSaved(ctx context.Context, e *engine.Engine, s *config.Settings, from *store.Store, id string, now int64) error {
	saved, err := from.LoadStates(ctx, "limiter/")
	if err != nil {
		return err
	}
	silences, err := from.LoadStates(ctx, "silence/")
	if err != nil {
		return err
	}
	if id, err = onlyInstance(saved, silences, id); err != nil {
		return err
	}
	var entries []engine.StateEntry
	for key, value := range saved {
		if key, ok := strings.CutPrefix(key, statePrefix(id)); ok {
			entries = append(entries, engine.StateEntry{Key: key, Value: value})
		}
	}
	if _, err := e.RestoreState(entries, now); err != nil {
		return err
	}
	all := silence.Configured(s)
	for key, value := range silences {
		if !strings.HasPrefix(key, silence.KeyPrefix(id)) {
			continue
		}
		var one engine.Silence
		if err := json.Unmarshal(value, &one); err != nil {
			return fmt.Errorf("silence %q: %w", key, err)
		}
		all = append(all, one)
	}
	return e.SetSilences(all)
}

// onlyInstance returns the id, or that of the only instance if it is empty.
func onlyInstance(saved, silences map[string][]byte, id string) (string, error) {
	var ids []string
	for _, m := range []map[string][]byte{saved, silences} {
		for key := range m {
			if parts := strings.SplitN(key, "/", 3); len(parts) == 3 && !slices.Contains(ids, parts[1]) {
				ids = append(ids, parts[1])
			}
		}
	}
	slices.Sort(ids)
	switch {
	case id == "" && len(ids) <= 1:
		return strings.Join(ids, ""), nil
	case id == "":
		return "", errors.New("several instances share the store: choose one of " + strings.Join(ids, ", "))
	case !slices.Contains(ids, id):
		return "", fmt.Errorf("the store has no state of instance %q, only of %q", id, ids)
	}
	return id, nil
}
