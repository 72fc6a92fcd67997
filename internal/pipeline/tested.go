package pipeline

import (
	"context"
	"encoding/json"
	"maps"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// testedTriggers has the revision of each trigger whose receiver accepted a test alert, by name. A trigger with another address or other credentials has
// another revision, and so counts as not tested. The store keeps them over restarts.
type testedTriggers struct {
	mu        sync.Mutex
	revisions map[string]string
}

// testedKey is the key of the revisions in the store, which instances may share.
func (p *Pipeline) testedKey() string { return "tested/" + p.id }

// restoreTested reads the revisions from the store. Without them triggers count as not tested, which another test mends.
func (p *Pipeline) restoreTested(ctx context.Context) {
	saved, err := p.store.LoadStates(ctx, p.testedKey())
	if text, found := saved[p.testedKey()]; err == nil && found {
		err = json.Unmarshal(text, &p.tested.revisions)
	}
	if err != nil {
		p.log.Warn("cannot read which triggers were tested", "error", err)
	}
}

// noteTested adds a trigger, and removes those that are no longer in force: there are never more entries than triggers.
func (p *Pipeline) noteTested(ctx context.Context, name string) {
	current := p.triggers.Load().revisions()
	p.tested.mu.Lock()
	defer p.tested.mu.Unlock()
	next := maps.Clone(p.tested.revisions)
	if next == nil {
		next = map[string]string{}
	}
	next[name] = current[name]
	maps.DeleteFunc(next, func(name, _ string) bool { return current[name] == "" })
	if maps.Equal(next, p.tested.revisions) {
		return
	}
	p.tested.revisions = next
	text, err := json.Marshal(next)
	if err == nil {
		err = p.store.SaveState(ctx, p.now(), map[string][]byte{p.testedKey(): text})
	}
	if err != nil {
		p.log.Warn("cannot save which triggers were tested", "error", err)
	}
}

// Tested returns the triggers in force whose receiver accepted a test alert, in this run or an earlier one.
func (p *Pipeline) Tested() map[string]bool {
	current, out := p.triggers.Load().revisions(), map[string]bool{}
	p.tested.mu.Lock()
	defer p.tested.mu.Unlock()
	for name, revision := range p.tested.revisions {
		if current[name] == revision {
			out[name] = true
		}
	}
	return out
}

// TestTrigger sends a test alert through a trigger and returns its outcome. The alert takes the path of any other alert.
func (p *Pipeline) TestTrigger(ctx context.Context, name string) (trigger.Result, error) {
	result, err := p.delivery.Test(ctx, name, trigger.TestAlert(p.now().UTC()))
	if err == nil && result.Outcome == trigger.Delivered {
		p.noteTested(ctx, name)
	}
	return result, err
}
