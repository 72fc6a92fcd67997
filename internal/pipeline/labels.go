package pipeline

import (
	"context"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
)

// labelWait collects the containers that start together, so that their rules are compiled once.
const labelWait = 300 * time.Millisecond

// OnContainer adds the rules that a container defines in its labels, and returns when they are in force or ctx ends; immediately when its labels
// define none. It is a docker.Options.OnContainer.
func (p *Pipeline) OnContainer(ctx context.Context, c *docker.Container, s *engine.Source) {
	inForce := p.labels.Set(c, s.Workload)
	if inForce == nil || !p.Settings().Labels.Rules {
		return
	}
	select {
	case <-inForce:
	case <-ctx.Done():
	case <-p.stopping:
	}
}

// OnContainerGone drops the rules of a container that is no longer followed. It is a docker.Options.OnContainerGone.
func (p *Pipeline) OnContainerGone(id string) { p.labels.Remove(id) }

// labelLoop recompiles the rules when containers with rules come or go, until the pipeline stops.
func (p *Pipeline) labelLoop() {
	for {
		select {
		case <-p.labels.Changed():
		case <-p.stopping:
			return
		}
		timer := time.NewTimer(labelWait)
		select {
		case <-timer.C:
		case <-p.stopping:
			timer.Stop()
			return
		}
		p.applyLabels()
	}
}

// applyLabels puts the rules of all containers in force, beside those of the configuration.
func (p *Pipeline) applyLabels() {
	defer guard.Recover(p.log, &p.counters.panics, "compiling rules from labels")
	p.reloading.Lock()
	defer p.reloading.Unlock()
	// Before the labels are read: a container that comes later waits for the next round.
	defer p.labels.Begin()()
	settings := p.Settings()
	if !settings.Labels.Rules {
		return
	}
	snapshot, err := p.engine.Compile(p.labels.AddTo(settings))
	if err != nil {
		p.log.Error("skipping the rules from labels", "error", err)
		return
	}
	p.applying.Lock()
	defer p.applying.Unlock()
	change := p.engine.Apply(snapshot)
	p.log.Info("rules from labels applied", "added", names(change.Added), "removed", names(change.Removed), "changed", names(change.Changed))
}
