package config

import "github.com/tinyforge/fluentbit-trigger/engine"

// Engine returns what of the settings the engine runs by.
func (s *Settings) Engine() engine.Settings {
	return engine.Settings{Limits: s.Limits, Rules: s.Rules, Workloads: s.Workloads, Inhibits: s.Inhibits}
}
