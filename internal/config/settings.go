package config

import (
	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/chunk"
	"github.com/tinyforge/fluentbit-trigger/internal/delivery"
	"github.com/tinyforge/fluentbit-trigger/internal/docker"
	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
	"github.com/tinyforge/fluentbit-trigger/internal/heartbeat"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// Settings is the whole configuration. Tables that a source does not set hold their defaults.
type Settings struct {
	// Where alerts are kept until they are delivered, with its bounds.
	Store store.Settings `toml:",inline"`
	// How much is logged: debug, info, warning or error.
	Verbosity string `toml:"verbosity"`
	// The bounds of alerts and of memory.
	Limits engine.Limits `toml:"limits"`
	// The comparison of a new image of a workload with the last one.
	Deploy engine.DeploySettings `toml:"deploy"`
	// Which fields of a record hold the line, the severity and the path.
	Records chunk.Settings `toml:"records"`
	// Which containers the standalone program follows.
	Docker docker.Settings `toml:"docker"`
	// Which settings containers may have in their labels.
	Labels docker.LabelSettings `toml:"labels"`
	// How alerts are tried again, for all triggers.
	Delivery delivery.Settings `toml:"delivery"`
	// The address and the access policy of the admin listener.
	Admin listen.Settings `toml:"admin"`
	// Which addresses triggers may reach.
	Egress egress.Settings `toml:"egress"`
	// Requests that say that alerts would arrive.
	Heartbeat heartbeat.Settings `toml:"heartbeat"`
	// The fleet of nodes that alert together, for rules with scope = "fleet".
	Fleet fleet.Settings `toml:"fleet"`
	// Which secrets are masked in alerts.
	Redact engine.RedactSettings `toml:"redact"`
	// The global rules, in the order of their sources.
	Rules []engine.RuleSettings `toml:"rule"`
	// Changes for some workloads.
	Workloads []engine.WorkloadSettings `toml:"workload"`
	// Silences: times without alerts.
	Silences []engine.SilenceSettings `toml:"silence"`
	// Inhibitions: alerts that suppress others.
	Inhibits []engine.InhibitSettings `toml:"inhibit"`
	// The destinations.
	Triggers []trigger.Settings `toml:"trigger"`
}

// DefaultSettings returns the settings in force when no source sets any.
func DefaultSettings() Settings {
	return Settings{
		Store:     store.DefaultSettings(),
		Verbosity: "info",
		Records:   chunk.DefaultSettings(),
		Limits:    engine.DefaultLimits(),
		Deploy:    engine.DefaultDeploy(),
		Docker:    docker.DefaultSettings(),
		Labels:    docker.DefaultLabelSettings(),
		Delivery:  delivery.DefaultSettings(),
		Egress:    egress.DefaultSettings(),
		Redact:    engine.DefaultRedact(),
		Heartbeat: heartbeat.DefaultSettings(),
		Fleet:     fleet.DefaultSettings(),
	}
}

// verbosities lists the words of verbosity.
func verbosities() []string { return []string{"debug", "info", "warning", "error"} }

// WorkloadTable is a [[workload]] block as the sources write it.
type WorkloadTable struct {
	// A glob of the workloads that the block is for: * stands for any text, slashes included, ? for one character.
	Match string `toml:"match"`
	// Names of global rules that do not apply to these workloads.
	Disable []string `toml:"disable"`
}

// OverrideTable is a [[workload.override]] block: the name of a global rule, and the settings that it changes.
type OverrideTable struct {
	// The name of the global rule whose settings change.
	Rule string `toml:"rule"`
	engine.RuleSettings
}

// Engine returns the settings of the engine.
func (s *Settings) Engine() engine.Settings {
	return engine.Settings{Limits: s.Limits, Deploy: s.Deploy, Rules: s.Rules, Workloads: s.Workloads, Inhibits: s.Inhibits, Redact: s.Redact}
}
