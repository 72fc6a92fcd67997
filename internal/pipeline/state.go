package pipeline

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fault"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// saveEvery bounds the engine state that a kill loses.
const saveEvery = 4 * time.Second

// statePrefix returns the prefix of the keys of an instance's engine state in the store, which instances may share.
func statePrefix(instance string) string { return "limiter/" + instance + "/" }

// engineState saves the engine's state in the store, and restores it.
type engineState struct {
	engine   *engine.Engine
	store    *store.Store
	instance string
	now      func() time.Time
	log      *slog.Logger

	mu      sync.Mutex        // held during a save
	unsaved map[string][]byte // changes of a save that failed
}

// save saves the changes since the last call, or everything. Changes that it fails to save are saved by the next call.
func (s *engineState) save(ctx context.Context, all bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unsaved == nil {
		s.unsaved = map[string][]byte{}
	}
	for _, e := range s.engine.TakeState(all) {
		s.unsaved[statePrefix(s.instance)+e.Key] = e.Value
	}
	if len(s.unsaved) == 0 {
		return nil
	}
	if err := s.store.SaveState(ctx, s.now(), s.unsaved); err != nil {
		return err
	}
	clear(s.unsaved)
	return nil
}

// restore restores the saved state. It must be called before the first record.
func (s *engineState) restore(ctx context.Context) {
	prefix := statePrefix(s.instance)
	saved, err := s.store.LoadStates(ctx, prefix)
	if err != nil {
		s.log.Warn("cannot read the saved state of rules: cooldowns and thresholds start over", "error", err)
		s.makeSalt(ctx)
		return
	}
	entries := make([]engine.StateEntry, 0, len(saved))
	for key, value := range saved {
		entries = append(entries, engine.StateEntry{Key: strings.TrimPrefix(key, prefix), Value: value})
	}
	n, err := s.engine.RestoreState(entries, s.now().UnixNano())
	if s.engine.Salt() == nil {
		s.makeSalt(ctx)
	}
	if err != nil {
		s.log.Warn("skipping saved states of rules that cannot be read", "error", err)
	}
	if n > 0 {
		s.log.Debug("state of rules restored", "keys", n)
	}
}

// makeSalt makes the instance's salt and saves it. If that fails, the next save does it.
func (s *engineState) makeSalt(ctx context.Context) {
	salt := make([]byte, 32)
	_, _ = rand.Read(salt) // it never fails
	s.engine.SetSalt(salt)
	s.mu.Lock()
	defer s.mu.Unlock()
	salted := map[string][]byte{statePrefix(s.instance) + engine.SaltKey: salt}
	if err := s.store.SaveState(ctx, s.now(), salted); err != nil {
		s.unsaved = salted
	}
}

// saveLoop saves changed state every four seconds until the pipeline stops. Stop saves the rest.
func (p *Pipeline) saveLoop() {
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.saveOnce()
		case <-p.stopping:
			return
		}
	}
}

func (p *Pipeline) saveOnce() {
	defer guard.Recover(p.log, &p.counters.panics, "saving the state of rules")
	fault.Inject("goroutine")
	if err := p.state.save(p.ctx, false); err != nil {
		p.log.Warn("cannot save the state of rules, will try again", "error", err)
	}
	if err := p.silences.Sweep(p.ctx); err != nil {
		p.log.Warn("cannot remove ended silences, will try again", "error", err)
	}
}
