package delivery

import (
	"fmt"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Settings apply to all triggers.
type Settings struct {
	// The wait after the first failure of a trigger. It doubles with each further failure; the actual wait is a random part of it.
	RetryMin time.Duration `toml:"retry_min"`
	// The longest wait between two attempts, unless the receiver asks for more.
	RetryMax time.Duration `toml:"retry_max"`
	// How often one alert is tried on a trigger that is on hold because its receiver refuses every alert (401, 403, 404, a blocked
	// address).
	ProbeInterval time.Duration `toml:"probe_interval"`
	// At most one alert of kind system per interval reports the dropped alerts and dead letters of a trigger.
	SystemInterval time.Duration `toml:"system_interval"`
	// How many alerts are kept in memory while the store fails. Any more are dropped and counted.
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

// Trigger is a destination of alerts.
type Trigger struct {
	Name   string
	Sender Sender
	// Revision changes with the destination or the credentials, such as a hash of them. A change lifts a hold.
	Revision string
	// Rate bounds the messages in any period of length Per; a Count of 0 means no bound.
	Rate setting.Rate
	// Concurrency bounds the messages that are sent at once.
	Concurrency int
	// MaxAge is how long an alert is retried before it becomes a dead letter.
	MaxAge time.Duration
	// GroupBy, GroupWait and GroupInterval combine alerts into one message; see trigger.Settings.
	GroupBy       []string
	GroupWait     time.Duration
	GroupInterval time.Duration
}

// NewTrigger copies the settings of a trigger that concern delivery. rate is the limit in force, which depends on the receiver.
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
