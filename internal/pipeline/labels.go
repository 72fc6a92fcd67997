package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// maxLabelRules bounds the rules that the labels of all containers make together. Equal rules of containers of one workload are one.
const maxLabelRules = 1000

// labelWait is how long containers are waited for, once one with rules came or went, before the rules are compiled anew.
const labelWait = 300 * time.Millisecond

// labelRules holds the rules that containers bring along.
type labelRules struct {
	changed chan struct{} // holds one wish to compile anew

	mu         sync.Mutex
	containers map[string]*labelled // by id
	waiting    []chan struct{}      // closed once what there is now is in force
}

// labelled is a container that brings rules along.
type labelled struct {
	id, name, workload string
	labels             map[string]string // those that make rules
	rules              []engine.RuleSettings
	parsed             bool
	leftOut            map[string]bool // names of its rules that are not in force, which was reported
}

func newLabelRules() *labelRules {
	return &labelRules{changed: make(chan struct{}, 1), containers: map[string]*labelled{}}
}

func (l *labelRules) wake() {
	select {
	case l.changed <- struct{}{}:
	default: // there is a wish already
	}
}

// OnContainer takes the rules that a container's labels make, and returns when they are in force, or ctx ends; at once when
// labels make no rules. It is a docker.Options.OnContainer.
func (p *Pipeline) OnContainer(ctx context.Context, c *docker.Container, s *engine.Source) {
	labels := map[string]string{}
	for k, v := range c.Labels {
		if strings.HasPrefix(k, config.LabelPrefix) {
			labels[k] = v
		}
	}
	if len(labels) == 0 {
		return
	}
	done := make(chan struct{})
	l := p.labels
	l.mu.Lock()
	known := l.containers[c.ID]
	if known != nil && known.workload == s.Workload && maps.Equal(known.labels, labels) {
		l.mu.Unlock()
		return
	}
	l.containers[c.ID] = &labelled{id: c.ID, name: c.Name, workload: s.Workload, labels: labels}
	l.waiting = append(l.waiting, done)
	l.mu.Unlock()
	l.wake()
	if !p.Settings().Labels.Rules {
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	case <-p.stopping:
	}
}

// OnContainerGone drops the rules of a container that is followed no more. It is a docker.Options.OnContainerGone.
func (p *Pipeline) OnContainerGone(id string) {
	l := p.labels
	l.mu.Lock()
	known := l.containers[id] != nil
	delete(l.containers, id)
	l.mu.Unlock()
	if known {
		l.wake()
	}
}

// labelLoop compiles the rules anew when containers with rules come or go, once for all that do so within labelWait.
func (p *Pipeline) labelLoop() {
	for {
		select {
		case <-p.labels.changed:
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
	defer p.recovered("compiling the rules of labels")
	p.reloading.Lock()
	defer p.reloading.Unlock()
	l := p.labels
	l.mu.Lock()
	waiting := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	defer func() {
		for _, done := range waiting {
			close(done)
		}
	}()
	settings := p.Settings()
	if !settings.Labels.Rules {
		return
	}
	snapshot, err := p.engine.Compile(p.withLabels(settings))
	if err != nil {
		p.log.Error("the rules of labels are left out", "error", err)
		return
	}
	p.applying.Lock()
	defer p.applying.Unlock()
	change := p.engine.Apply(snapshot)
	p.log.Info("rules of labels applied", "added", names(change.Added), "removed", names(change.Removed), "changed", names(change.Changed))
}

// withLabels returns the engine's settings with the rules of labels, if they are wanted.
func (p *Pipeline) withLabels(s *config.Settings) engine.Settings {
	out := s.Engine()
	if !s.Labels.Rules {
		return out
	}
	l := p.labels
	l.mu.Lock()
	defer l.mu.Unlock()
	type key struct{ workload, rule string }
	blocks, at := map[string]*engine.WorkloadSettings{}, map[key]int{}
	number := 0
	for _, c := range slices.SortedFunc(maps.Values(l.containers), func(a, b *labelled) int { return cmp.Compare(a.id, b.id) }) {
		if !c.parsed {
			var problems []config.Problem
			c.rules, problems = config.LabelRules(c.name, c.labels)
			c.parsed, c.leftOut = true, map[string]bool{}
			p.logProblems(problems)
		}
		for _, r := range c.rules {
			block := blocks[c.workload]
			if block == nil {
				block = &engine.WorkloadSettings{Match: literalGlob(c.workload)}
				blocks[c.workload] = block
			}
			r.OnlyContainers = []string{c.id}
			if i, ok := at[key{c.workload, r.Name}]; ok {
				same := block.Rules[i]
				same.OnlyContainers = r.OnlyContainers
				if reflect.DeepEqual(same, r) {
					block.Rules[i].OnlyContainers = append(block.Rules[i].OnlyContainers, c.id)
					delete(c.leftOut, r.Name)
				} else {
					p.leaveOut(c, r.Name, "another container of the workload "+c.workload+" has a rule of this name with other settings, which is in force")
				}
				continue
			}
			if number == maxLabelRules {
				p.leaveOut(c, r.Name, fmt.Sprintf("the labels of all containers make at most %d rules", maxLabelRules))
				continue
			}
			delete(c.leftOut, r.Name)
			number++
			at[key{c.workload, r.Name}] = len(block.Rules)
			block.Rules = append(block.Rules, r)
		}
	}
	out.Workloads = slices.Clone(out.Workloads)
	for _, workload := range slices.Sorted(maps.Keys(blocks)) {
		out.Workloads = append(out.Workloads, *blocks[workload])
	}
	return out
}

// leaveOut reports, once, that a rule of a container's labels is not in force. The container may have come first: which one of several wins depends on
// their ids alone, so that it is the same after each restart.
func (p *Pipeline) leaveOut(c *labelled, rule, why string) {
	if !c.leftOut[rule] {
		c.leftOut[rule] = true
		p.log.Error("configuration problem: container " + c.name + ": label " + config.LabelPrefix + rule + ": " + why)
	}
}

var globEscaper = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`)

// literalGlob returns a glob that matches one text alone.
func literalGlob(text string) string { return globEscaper.Replace(text) }
