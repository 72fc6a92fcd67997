package delivery

import (
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Settings is what all triggers have in common.
type Settings struct {
	// The wait after the first failure of a trigger. It doubles with each further one; the real wait is a random part of it.
	RetryMin time.Duration `toml:"retry_min"`
	// The longest wait between two attempts, unless the receiver asks for more.
	RetryMax time.Duration `toml:"retry_max"`
	// How often a trigger that is on hold, because its receiver refuses everything alike (401, 403, 404, an address that may not be
	// reached), is tried with one alert.
	ProbeInterval time.Duration `toml:"probe_interval"`
	// How often at most an alert of kind system tells of dropped alerts and dead letters of one trigger.
	SystemInterval time.Duration `toml:"system_interval"`
	// How many alerts are kept in memory while the store does not work. More are dropped and counted.
	Backlog int `toml:"backlog"`
}

// DefaultSettings returns the settings in force when none are set.
func DefaultSettings() Settings {
	return Settings{
		RetryMin:       time.Second,
		RetryMax:       15 * time.Minute,
		ProbeInterval:  15 * time.Minute,
		SystemInterval: 10 * time.Minute,
		Backlog:        10_000,
	}
}

// Validate returns the settings that are out of their bounds.
func (s Settings) Validate() []setting.Fault {
	var fs setting.Faults
	const day = 24 * time.Hour
	setting.Between(&fs, "retry_min", s.RetryMin, 100*time.Millisecond, day)
	setting.Between(&fs, "retry_max", s.RetryMax, 100*time.Millisecond, day)
	if s.RetryMin > s.RetryMax {
		fs.Conflict("retry_min", setting.FormatDuration(s.RetryMin), "retry_max", "must be at most retry_max, "+setting.FormatDuration(s.RetryMax), "")
	}
	setting.Between(&fs, "probe_interval", s.ProbeInterval, time.Second, day)
	setting.AtLeast(&fs, "system_interval", s.SystemInterval, time.Second)
	setting.Between(&fs, "backlog", s.Backlog, 1, 1_000_000)
	return fs
}

// Trigger is one destination of alerts.
type Trigger struct {
	Name   string
	Sender Sender
	// Revision is any text that changes with the destination or the credentials, such as a hash of them: then a hold is lifted.
	Revision string
	// Rate bounds the messages in any window of time; a Count of 0 is no bound.
	Rate setting.Rate
	// Concurrency bounds the messages under way at once.
	Concurrency int
	// MaxAge is how long an alert is tried before it becomes a dead letter.
	MaxAge time.Duration
	// GroupBy, GroupWait and GroupInterval gather alerts into one message; see trigger.Settings.
	GroupBy       []string
	GroupWait     time.Duration
	GroupInterval time.Duration
}

// NewTrigger returns the trigger of some settings. rate is the bound on requests in force, which depends on the receiver.
func NewTrigger(s *trigger.Settings, rate setting.Rate, sender Sender, revision string) Trigger {
	return Trigger{
		Name: s.Name, Sender: sender, Revision: revision, Rate: rate, Concurrency: s.Concurrency, MaxAge: s.MaxAge,
		GroupBy: s.GroupBy, GroupWait: s.GroupWait, GroupInterval: s.GroupInterval,
	}
}

// The bounds of a trigger.
const (
	maxConcurrency = 64
	maxRate        = 100_000
)

func (t *Trigger) validate() error {
	var fs setting.Faults
	if t.Name == "" {
		fs.Required("name", "")
	}
	if t.Sender == nil {
		fs.Required("sender", "")
	}
	setting.Between(&fs, "concurrency", t.Concurrency, 1, maxConcurrency)
	setting.Between(&fs, "rate", t.Rate.Count, 0, maxRate)
	if t.Rate.Count > 0 {
		setting.AtLeast(&fs, "rate", t.Rate.Per, 1)
	}
	setting.AtLeast(&fs, "max_age", t.MaxAge, 1)
	setting.AtLeast(&fs, "group_wait", t.GroupWait, 0)
	setting.AtLeast(&fs, "group_interval", t.GroupInterval, 0)
	if len(fs) > 0 {
		return fmt.Errorf("trigger %q: %w", t.Name, setting.Join(fs))
	}
	return nil
}
