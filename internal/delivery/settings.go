package delivery

import (
	"errors"
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

// Validate reports every setting that is out of its bounds.
func (s Settings) Validate() error {
	var errs []error
	if s.RetryMin < 100*time.Millisecond || s.RetryMin > s.RetryMax {
		errs = append(errs, fmt.Errorf("retry_min %s must be between 100ms and retry_max %s", s.RetryMin, s.RetryMax))
	}
	if s.RetryMax > 24*time.Hour {
		errs = append(errs, fmt.Errorf("retry_max %s must be at most 24h", s.RetryMax))
	}
	if s.ProbeInterval < time.Second || s.ProbeInterval > 24*time.Hour {
		errs = append(errs, fmt.Errorf("probe_interval %s must be between 1s and 24h", s.ProbeInterval))
	}
	if s.SystemInterval < time.Second {
		errs = append(errs, fmt.Errorf("system_interval %s must be at least 1s", s.SystemInterval))
	}
	if s.Backlog < 1 || s.Backlog > 1_000_000 {
		errs = append(errs, fmt.Errorf("backlog %d must be between 1 and 1000000", s.Backlog))
	}
	return errors.Join(errs...)
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

// NewTarget takes what concerns delivery from the settings of a trigger.
func NewTrigger(s *trigger.Settings, sender Sender, revision string) Trigger {
	return Trigger{
		Name: s.Name, Sender: sender, Revision: revision, Rate: s.SendRate(), Concurrency: s.Concurrency, MaxAge: s.MaxAge,
		GroupBy: s.GroupBy, GroupWait: s.GroupWait, GroupInterval: s.GroupInterval,
	}
}

// The bounds of a trigger.
const (
	maxConcurrency = 64
	maxRate        = 100_000
)

func (t *Trigger) validate() error {
	var errs []error
	if t.Name == "" || t.Sender == nil {
		errs = append(errs, errors.New("a trigger needs a name and a sender"))
	}
	if t.Concurrency < 1 || t.Concurrency > maxConcurrency {
		errs = append(errs, fmt.Errorf("trigger %q: concurrency %d must be between 1 and %d", t.Name, t.Concurrency, maxConcurrency))
	}
	if t.Rate.Count < 0 || t.Rate.Count > maxRate || (t.Rate.Count > 0 && t.Rate.Per <= 0) {
		errs = append(errs, fmt.Errorf("trigger %q: rate %d/%s must be between 0 and %d in a positive time", t.Name, t.Rate.Count, t.Rate.Per, maxRate))
	}
	if t.MaxAge <= 0 {
		errs = append(errs, fmt.Errorf("trigger %q: max_age %s must be positive", t.Name, t.MaxAge))
	}
	if t.GroupWait < 0 || t.GroupInterval < 0 {
		errs = append(errs, fmt.Errorf("trigger %q: group_wait %s and group_interval %s must not be negative", t.Name, t.GroupWait, t.GroupInterval))
	}
	return errors.Join(errs...)
}
