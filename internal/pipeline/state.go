package pipeline

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
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
	// Taken under the lock, so that an older change never overwrites a newer one.
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

// heldLines saves the lines and records of chunks that wait for further parts or lines, and restores them.
type heldLines struct {
	mu      sync.Mutex        // held during a save, so that an older state never follows a newer one
	unsaved map[string][]byte // changes of a save that failed
}

func (p *Pipeline) heldPrefix() string { return "held/" + p.id + "/" }

// saveHeld saves unfinished lines and records before their chunk is acknowledged, and after the alerts of those that are complete: a kill in between
// repeats an alert under its id, and loses none. If the store fails, unfinished ones are in memory alone until the next call.
func (p *Pipeline) saveHeld(d *chunk.Decoder, now int64) {
	h := &p.held
	h.mu.Lock()
	defer h.mu.Unlock()
	changes := d.TakeHeld(now)
	if len(changes)+len(h.unsaved) == 0 {
		return
	}
	if h.unsaved == nil {
		h.unsaved = map[string][]byte{}
	}
	for _, c := range changes {
		h.unsaved[p.heldPrefix()+c.Key] = c.Value
	}
	if err := p.store.SaveState(p.ctx, p.now(), h.unsaved); err != nil {
		p.log.Warn("cannot save lines that wait for their rest, will try again", "lines", len(h.unsaved), "error", err)
		return
	}
	clear(h.unsaved)
}

// restoreHeld gives the first decoder the unfinished lines and records that an earlier run saved.
func (p *Pipeline) restoreHeld(d *chunk.Decoder) {
	saved, err := p.store.LoadStates(p.ctx, p.heldPrefix())
	if err != nil {
		p.log.Warn("cannot read the saved lines that wait for their rest", "error", err)
		return
	}
	lines := make(map[string][]byte, len(saved))
	for key, value := range saved {
		lines[strings.TrimPrefix(key, p.heldPrefix())] = value
	}
	if err := d.RestoreHeld(lines, p.now().UnixNano()); err != nil {
		p.log.Warn("skipping saved lines that cannot be read", "error", err)
	}
}

// replaceDecoder puts a decoder in force. The lines that wait in the one before it are evaluated.
func (p *Pipeline) replaceDecoder(d *chunk.Decoder) {
	d.Keep()
	if p.decoder.Load() == nil {
		p.restoreHeld(d)
	}
	if old := p.decoder.Swap(d); old != nil {
		// Nothing asks the old decoder for its partial lines any more.
		b := p.newBatch()
		b.run(func() { old.Drain(b.line) })
		p.saveHeld(old, b.now)
		p.saveHeld(old, b.now+int64(forgetHeld)) // nobody else removes the rest of its state
	}
}

// forgetHeld is longer than a decoder keeps complete lines.
const forgetHeld = time.Hour
