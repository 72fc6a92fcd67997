// Package labels reads and keeps the rules that containers define in their labels.
//
// It promises: the labels of all containers define at most 1000 rules, and equal rules of containers of one workload count as one. If two
// containers of a workload define a rule of one name differently, the container with the lower id wins, so that the choice is the same after each
// restart. Rules that are left out are logged once.
package labels

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/glob"
)

const maxRules = 1000

// Rules holds the rules of all containers. It is safe for concurrent use.
type Rules struct {
	log     *slog.Logger
	changed chan struct{} // capacity 1: a wake-up that is pending

	mu         sync.Mutex
	containers map[string]*container // by id
	waiting    []chan struct{}       // closed once the present rules are in force
}

// container is a container that defines rules.
type container struct {
	id, name, workload string
	labels             map[string]string // those that define rules
	rules              []engine.RuleSettings
	parsed             bool
	leftOut            map[string]bool // names of its rules that are left out, once logged
}

// New returns an empty set.
func New(log *slog.Logger) *Rules {
	return &Rules{log: log, changed: make(chan struct{}, 1), containers: map[string]*container{}}
}

// Changed returns a channel with a value after a change that is not in force yet.
func (l *Rules) Changed() <-chan struct{} { return l.changed }

func (l *Rules) wake() {
	select {
	case l.changed <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// Set replaces the rules of a container. The result is closed once they are in force; it is nil if nothing changed.
func (l *Rules) Set(c *docker.Container, workload string) (inForce <-chan struct{}) {
	labels := map[string]string{}
	for k, v := range c.Labels {
		if strings.HasPrefix(k, prefix) {
			labels[k] = v
		}
	}
	if len(labels) == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	known := l.containers[c.ID]
	if known != nil && known.workload == workload && maps.Equal(known.labels, labels) {
		return nil
	}
	l.containers[c.ID] = &container{id: c.ID, name: c.Name, workload: workload, labels: labels}
	done := make(chan struct{})
	l.waiting = append(l.waiting, done)
	l.wake()
	return done
}

// Remove drops the rules of a container.
func (l *Rules) Remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.containers[id] != nil {
		delete(l.containers, id)
		l.wake()
	}
}

// Begin returns a function that closes the channels of all changes up to now. It is called before the rules are compiled, the function after they
// are in force.
func (l *Rules) Begin() (finish func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.waiting
	l.waiting = nil
	return func() {
		for _, done := range waiting {
			close(done)
		}
	}
}

// AddTo returns the engine's settings of a configuration with the rules of labels, if the configuration allows them.
func (l *Rules) AddTo(s *config.Settings) engine.Settings {
	out := s.Engine()
	if !s.Labels.Rules {
		return out
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	type key struct{ workload, rule string }
	blocks, at := map[string]*engine.WorkloadSettings{}, map[key]int{}
	number := 0
	for _, c := range slices.SortedFunc(maps.Values(l.containers), func(a, b *container) int { return cmp.Compare(a.id, b.id) }) {
		l.parse(c)
		for _, r := range c.rules {
			block := blocks[c.workload]
			if block == nil {
				block = &engine.WorkloadSettings{Match: glob.Literal(c.workload)}
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
					l.leaveOut(c, r.Name, "another container of the workload "+c.workload+" defines this rule with other settings, which are in force")
				}
				continue
			}
			if number == maxRules {
				l.leaveOut(c, r.Name, fmt.Sprintf("the labels of all containers may define at most %d rules", maxRules))
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

// parse reads the labels of a container, once, and logs their problems. The caller holds the lock.
func (l *Rules) parse(c *container) {
	if c.parsed {
		return
	}
	var problems []config.Problem
	c.rules, problems = parse(c.name, c.labels)
	c.parsed, c.leftOut = true, map[string]bool{}
	for i := range problems {
		l.log.Error("configuration problem: " + problems[i].Error())
	}
}

// leaveOut logs once that a rule of a container is left out. The caller holds the lock.
func (l *Rules) leaveOut(c *container, rule, why string) {
	if !c.leftOut[rule] {
		c.leftOut[rule] = true
		l.log.Error("configuration problem: container " + c.name + ": label " + prefix + rule + ": " + why)
	}
}
