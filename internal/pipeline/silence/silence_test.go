package silence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// memory is a Store in memory.
type memory map[string][]byte

func (m memory) SaveState(_ context.Context, _ time.Time, values map[string][]byte) error {
	for key, value := range values {
		m[key] = value
	}
	return nil
}

func (m memory) LoadStates(context.Context, string) (map[string][]byte, error) { return m, nil }

var _ Store = memory{}

func TestSilencesAreBounded(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	e := engine.New()
	snapshot, err := e.Compile(engine.Settings{Rules: []engine.RuleSettings{{Name: "boom", Pattern: "^boom"}}})
	if err != nil {
		t.Fatal(err)
	}
	e.Apply(snapshot)
	s := New(t.Context(), Options{
		Instance: "one", Engine: e, Store: memory{}, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler),
	})
	one := engine.Silence{Matchers: engine.Matchers{Rule: "boom"}, Until: now.Add(time.Hour).UnixNano(), Comment: "we move", Author: "ada"}
	s.mu.Lock()
	for i := range maxSilences {
		many := one
		many.ID = fmt.Sprint("si_", i)
		s.runtime[many.ID] = many
	}
	s.mu.Unlock()
	if _, _, err := s.Add(t.Context(), one); !errors.Is(err, ErrTooMany) {
		t.Error(err)
	}
	if _, _, err := s.Expire(t.Context(), "si_0"); err != nil {
		t.Error(err)
	}
}
