package pipeline

import (
	"context"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/fault"
)

// saveEvery is how old the saved limiter state gets at most while the program runs, and so what a kill can lose of it.
const saveEvery = 4 * time.Second

// statePrefix is what the keys of the limiter's state begin with in the store, behind the instance's id, since instances share a store.
func (p *Pipeline) statePrefix() string { return "limiter/" + p.id + "/" }

// saveLoop saves what changed of the limiter's state until the pipeline stops; Stop saves the rest.
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
	defer p.recovered("saving the limiter's state")
	fault.Inject("goroutine")
	if err := p.saveState(p.ctx, false); err != nil {
		p.log.Warn("the limiter's state was not saved", "error", err)
	}
	if err := p.silences.Sweep(p.ctx); err != nil {
		p.log.Warn("ended silences were not removed", "error", err)
	}
}

// saveState saves what changed since the last time, at the end all of it. What could not be saved is saved with the next change.
func (p *Pipeline) saveState(ctx context.Context, all bool) error {
	p.saving.Lock()
	defer p.saving.Unlock()
	if p.unsaved == nil {
		p.unsaved = map[string][]byte{}
	}
	for _, e := range p.engine.TakeState(all) {
		p.unsaved[p.statePrefix()+e.Key] = e.Value
	}
	if len(p.unsaved) == 0 {
		return nil
	}
	if err := p.store.SaveState(ctx, p.now(), p.unsaved); err != nil {
		return err
	}
	clear(p.unsaved)
	return nil
}

// restoreState puts the saved state back before the first record.
func (p *Pipeline) restoreState() {
	prefix := p.statePrefix()
	saved, err := p.store.LoadStates(p.ctx, prefix)
	if err != nil {
		p.log.Warn("the limiter's state was not restored: cooldowns begin anew", "error", err)
		return
	}
	entries := make([]engine.StateEntry, 0, len(saved))
	for key, value := range saved {
		entries = append(entries, engine.StateEntry{Key: strings.TrimPrefix(key, prefix), Value: value})
	}
	n, err := p.engine.RestoreState(entries, p.now().UnixNano())
	if err != nil {
		p.log.Warn("a part of the limiter's state was not restored", "error", err)
	}
	if n > 0 {
		p.log.Debug("limiter state restored", "keys", n)
	}
}
