package pipeline

import (
	"fmt"
	"slices"
	"sync"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/reach"
)

// Warning is a reason why a running instance sends no alerts, or not those that it should. Each is logged once when it appears; the API, the page and the
// command line list the present ones.
type Warning struct {
	Code    string // stable, for programs
	Message string // with a suggestion; without secrets
}

// The codes of warnings.
const (
	WarningEmpty       = "empty-configuration"
	WarningNoRules     = "no-rules"
	WarningNoTriggers  = "no-triggers"
	WarningDryRun      = "dry-run"
	WarningUnwanted    = "unwanted-alert"
	WarningUnreachable = "unreachable-trigger"
	WarningNoContainer = "no-container"
	WarningMemory      = "store-in-memory"
	WarningHeartbeat   = "no-heartbeat"
)

// WarningCodes lists the codes.
func WarningCodes() []string {
	return []string{
		WarningEmpty, WarningNoRules, WarningNoTriggers, WarningDryRun, WarningUnwanted, WarningUnreachable, WarningNoContainer, WarningMemory, WarningHeartbeat,
	}
}

// warnings are the warnings that were logged, and those of the present settings.
type warnings struct {
	mu     sync.Mutex
	more   func() []Warning // set by AddWarnings; nil: none
	logged []Warning

	// reached caches filterWarnings for these settings.
	reached  []Warning
	settings *config.Settings
}

// Warnings returns the present warnings.
func (p *Pipeline) Warnings() []Warning {
	out := []Warning{}
	warn := func(code, message string) { out = append(out, Warning{code, message}) }
	rules, triggers := p.engine.Snapshot().Len(), len(p.triggers.Load().all)
	switch {
	case rules == 0 && triggers == 0:
		warn(WarningEmpty, "no rules and no triggers are configured, so nothing alerts: check the path of the configuration and the spelling of its keys")
	case rules == 0:
		warn(WarningNoRules, "no rules are in force, so nothing alerts: add a [[rule]], or \"docker-fluentbit rules add\"")
	case triggers == 0:
		warn(WarningNoTriggers, "no triggers are in force, so alerts are sent to nobody: add a [[trigger]], or \"docker-fluentbit triggers add\"")
	}
	out = append(out, p.filterWarnings()...)
	if p.memoryInstead {
		warn(WarningMemory, "store unavailable: alerts are kept in memory, they will be lost on restart")
	}
	if status := p.Heartbeat(); status.Reason != "" {
		warn(WarningHeartbeat, "no heartbeat is sent: "+status.Reason)
	}
	p.warnings.mu.Lock()
	more := p.warnings.more
	p.warnings.mu.Unlock()
	// Called without the lock, because it asks the reader of logs, which has locks of its own.
	if more != nil {
		out = append(out, more()...)
	}
	return out
}

// filterWarnings returns the warnings about the filters of triggers. They are computed once for a configuration.
func (p *Pipeline) filterWarnings() []Warning {
	s := p.Settings()
	p.warnings.mu.Lock()
	defer p.warnings.mu.Unlock()
	if s != p.warnings.settings {
		p.warnings.settings, p.warnings.reached = s, filterWarnings(s)
	}
	return p.warnings.reached
}

func filterWarnings(s *config.Settings) (out []Warning) {
	set := s.Engine()
	rules := reach.Rules(&set)
	rules = slices.DeleteFunc(rules, func(r reach.Rule) bool { return r.Settings.DryRun })
	switch {
	case len(s.Triggers) == 0 || len(set.Rules)+len(set.Workloads) == 0:
		return nil // Warnings reports that
	case len(rules) == 0:
		if len(reach.Rules(&set)) == 0 {
			return nil
		}
		return []Warning{{WarningDryRun, "every rule has dry_run, so nothing alerts"}}
	}
	wanted := map[string]bool{} // by rule name, overrides included
	for i := range s.Triggers {
		t := &s.Triggers[i]
		reached := reach.System(t) || slices.ContainsFunc(reach.Deploys(&set), func(r reach.Rule) bool { return reach.Accepts(t, r) })
		for _, r := range rules {
			if reach.Accepts(t, r) {
				reached, wanted[r.Settings.Name] = true, true
			}
		}
		if !reached {
			out = append(out, Warning{WarningUnreachable, fmt.Sprintf("trigger %q gets no alert of any rule: look at its filters source, severity, rule, workload and where", t.Name)})
		}
	}
	var left []string
	for _, r := range rules {
		if name := r.Settings.Name; !wanted[name] && !slices.Contains(left, name) {
			left = append(left, name)
		}
	}
	if len(left) > 0 {
		out = append(out, Warning{WarningUnwanted, "no trigger's filters take the alerts of these rules, so they are sent to nobody: " + names(left)})
	}
	return out
}

// AddWarnings sets a function that returns further warnings, of the reader of logs; nil removes it. It may be called at any time.
func (p *Pipeline) AddWarnings(fn func() []Warning) {
	p.warnings.mu.Lock()
	defer p.warnings.mu.Unlock()
	p.warnings.more = fn
}

// logWarnings logs the warnings that are new since the last call.
func (p *Pipeline) logWarnings() {
	defer guard.Recover(p.log, &p.counters.panics, "checking for warnings")
	// Before the lock, which Warnings takes itself.
	now := p.Warnings()
	p.warnings.mu.Lock()
	before := p.warnings.logged
	p.warnings.logged = now
	p.warnings.mu.Unlock()
	for _, w := range now {
		if !slices.Contains(before, w) {
			p.log.Warn(w.Message, "warning", w.Code)
		}
	}
}
