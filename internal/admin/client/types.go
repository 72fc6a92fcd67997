package client

import (
	"encoding/json"
	"time"
)

// What the API answers, as far as the command line reads it. Fields that it does not know are left alone, so that an older client reads a newer server.

// Instances is /api/v1/instances.
type Instances struct {
	Instances []Instance `json:"instances"`
}

// Find returns the instance of an id, or an empty one.
func (l *Instances) Find(id string) Instance {
	for _, i := range l.Instances {
		if i.ID == id {
			return i
		}
	}
	return Instance{}
}

// Instance is one of those that listen at a place.
type Instance struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Program string    `json:"program"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Ready   bool      `json:"ready"`
	State   string    `json:"state"`
}

// Stats is /api/v1/stats.
type Stats struct {
	Instance   string           `json:"instance"`
	Started    time.Time        `json:"started"`
	Lines      int64            `json:"lines"`
	Hits       int64            `json:"hits"`
	Alerts     int64            `json:"alerts"`
	Sent       int64            `json:"sent"`
	Pending    int64            `json:"pending"`
	Suppressed map[string]int64 `json:"suppressed"`
	Drops      map[string]int64 `json:"drops"`
	Tails      map[string]int64 `json:"tails"`
	Problems   []string         `json:"problems"`
	Warnings   []Warning        `json:"warnings"`
	Store      StoreStats       `json:"store"`
	Rules      []RuleStats      `json:"rules"`
	Workloads  Workloads        `json:"workloads"`
	Triggers   []TriggerStats   `json:"triggers"`
}

// Warning is a reason why an instance that runs alerts nobody, or not about what it is meant to watch.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// StoreStats is the state of the store.
type StoreStats struct {
	Mode  string `json:"mode"`
	Used  int64  `json:"used"`
	Max   int64  `json:"max"`
	Error string `json:"error"`
}

// RuleStats is what one rule did.
type RuleStats struct {
	Name       string           `json:"name"`
	Workload   string           `json:"workload"`
	Hits       int64            `json:"hits"`
	Alerts     int64            `json:"alerts"`
	Sent       int64            `json:"sent"`
	Pending    int64            `json:"pending"`
	Suppressed map[string]int64 `json:"suppressed"`
	Nanos      int64            `json:"nanos"`
}

// Workloads is the busiest workloads, and all others together.
type Workloads struct {
	Busiest []WorkloadStats `json:"busiest"`
	Other   WorkloadStats   `json:"other"`
}

// WorkloadStats is what came from one workload, and what became of it.
type WorkloadStats struct {
	Name       string           `json:"name"`
	Lines      int64            `json:"lines"`
	Hits       int64            `json:"hits"`
	Alerts     int64            `json:"alerts"`
	Sent       int64            `json:"sent"`
	Suppressed map[string]int64 `json:"suppressed"`
}

// Held is how many hits were suppressed.
func (w *WorkloadStats) Held() int64 { return total(w.Suppressed) }

// Held is how many hits were suppressed.
func (r *RuleStats) Held() int64 { return total(r.Suppressed) }

// Held is how many hits were suppressed.
func (s *Stats) Held() int64 { return total(s.Suppressed) }

// Lost is how much was lost for good: alerts and lines of logs. What was left out of a tap, and what was cut off a line, is not.
func (s *Stats) Lost() int64 { return total(s.Drops) - s.Drops["tap"] - s.Drops["overlong_bytes"] }

func total(by map[string]int64) int64 {
	var n int64
	for _, part := range by {
		n += part
	}
	return n
}

// TriggerStats is the state of one trigger.
type TriggerStats struct {
	Name        string    `json:"name"`
	Sent        int64     `json:"sent"`
	Pending     int64     `json:"pending"`
	Delivered   int64     `json:"delivered"`
	Dead        int64     `json:"dead"`
	Dropped     int64     `json:"dropped"`
	Hold        string    `json:"hold"`
	Failures    int       `json:"failures"`
	Reason      string    `json:"reason"`
	Configured  bool      `json:"configured"`
	NextAttempt time.Time `json:"next_attempt"`
}

// Containers is /api/v1/containers.
type Containers struct {
	Containers []Container `json:"containers"`
	Next       string      `json:"next"`
}

// Container is one that the engine lists.
type Container struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Workload string    `json:"workload"`
	Engine   string    `json:"engine_state"`
	Followed bool      `json:"followed"`
	State    string    `json:"state"`
	Reason   string    `json:"reason"`
	Lines    int64     `json:"lines"`
	Hits     int64     `json:"hits"`
	Last     time.Time `json:"last_line"`
}

// Silence suppresses the hits that it matches.
type Silence struct {
	ID string `json:"id,omitempty"`
	SilenceMatchers
	From       *time.Time `json:"from,omitempty"`
	Until      time.Time  `json:"until"`
	Comment    string     `json:"comment,omitempty"`
	Author     string     `json:"author,omitempty"`
	Suppressed int64      `json:"suppressed,omitempty"` // hits that it suppressed since the instance started; in answers only
}

// SilenceMatchers say which hits: all that are set must match.
type SilenceMatchers struct {
	Rule      string   `json:"rule,omitempty"`
	Workload  string   `json:"workload,omitempty"`
	Container string   `json:"container,omitempty"`
	Severity  []string `json:"severity,omitempty"`
	Message   string   `json:"message,omitempty"`
}

// Tapped is one record of /api/v1/tap with what was decided.
type Tapped struct {
	Time      time.Time  `json:"time"`
	Workload  string     `json:"workload"`
	Container string     `json:"container"`
	Stream    string     `json:"stream"`
	Text      string     `json:"text"`
	Decisions []Decision `json:"decisions"`
}

// Decision is what became of a hit.
type Decision struct {
	Rule    string `json:"rule"`
	Outcome string `json:"outcome"`
}

// Test is the outcome of a test delivery.
type Test struct {
	Outcome  string  `json:"outcome"`
	Detail   string  `json:"detail"`
	Attempts int     `json:"attempts"`
	TookMS   float64 `json:"took_ms"`
}

// Object is anything, as JSON has it.
type Object = map[string]json.RawMessage
