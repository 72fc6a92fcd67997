package adminapi

import (
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine"
)

// ContainersResponse is a page of the containers that the engine lists, by name.
type ContainersResponse struct {
	Containers []Container `json:"containers"`
	Next       string      `json:"next"`
}

// Container is a container of the engine.
type Container struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	Image         string    `json:"image,omitempty"`
	Workload      string    `json:"workload,omitempty"`
	Engine        string    `json:"engine_state"` // as the engine reports it, such as running
	Followed      bool      `json:"followed"`
	State         string    `json:"state,omitempty"`  // of a followed container, such as live
	Reason        string    `json:"reason,omitempty"` // why it is not followed, or why its log cannot be read at the moment
	Lines         int64     `json:"lines"`            // since the instance started
	Hits          int64     `json:"hits"`
	JoinedRecords int64     `json:"joined_records"` // of several lines: stack traces
	JoinedLines   int64     `json:"joined_lines"`   // of these records
	LastLine      time.Time `json:"last_line,omitzero"`
}

// WorkloadsResponse is a page of the workloads that sent records, and all configured workload blocks.
type WorkloadsResponse struct {
	Workloads  []Workload      `json:"workloads"`
	Other      WorkloadCounts  `json:"other"` // the sum over workloads beyond the limit
	Configured []WorkloadBlock `json:"configured"`
	Next       string          `json:"next"`
}

// Workload is a workload that sent records.
type Workload struct {
	Name string `json:"name"`
	WorkloadCounts
	LastSeen   time.Time           `json:"last_seen"`
	Containers []WorkloadContainer `json:"containers"`
	Image      *WorkloadImage      `json:"image,omitempty"` // that it runs; nil: unknown
}

// WorkloadImage is the image that a workload runs.
type WorkloadImage struct {
	Name    string    `json:"name"`
	Since   time.Time `json:"since,omitzero"` // when its first line was written; zero: unknown
	Last    string    `json:"last,omitempty"` // the image before
	Verdict string    `json:"verdict"`        // better, same, worse or unknown
	Reason  string    `json:"reason"`
}

// WorkloadContainer is a container of a workload.
type WorkloadContainer struct {
	ID       string    `json:"id,omitempty"`
	Name     string    `json:"name,omitempty"`
	Image    string    `json:"image,omitempty"`
	Host     string    `json:"host,omitempty"`
	LastSeen time.Time `json:"last_seen"`
}

// WorkloadBlock is a configured block of workload settings.
type WorkloadBlock struct {
	Match     string   `json:"match"`
	File      string   `json:"file,omitempty"`
	Disable   []string `json:"disable"`
	Overrides []string `json:"overrides"` // names of the overridden rules
	Rules     []string `json:"rules"`     // names of the block's own rules
}

// EffectiveRulesResponse lists the rules that apply to a workload.
type EffectiveRulesResponse struct {
	Workload string           `json:"workload"`
	Rules    []map[string]any `json:"rules"` // the settings in force, with id
}

// DeployResponse compares the image that a workload runs with the last one.
type DeployResponse struct {
	engine.DeployReport
}

// SilenceMatchers select hits. All that are set must match.
type SilenceMatchers struct {
	Rule      string   `json:"rule,omitempty"`
	Workload  string   `json:"workload,omitempty"`
	Container string   `json:"container,omitempty"`
	Severity  []string `json:"severity,omitempty"`
	Message   string   `json:"message,omitempty"`
	// Where has conditions on the alert by its properties, such as "host": "/^edge-/" or "label.team": "payments".
	Where map[string]string `json:"where,omitempty"`
	// Key is the key of one incident, as its alerts carry it, beside at least one other matcher.
	Key string `json:"key,omitempty"`
}

// SilenceRequest creates a silence, or changes the one with the ID. The matchers may be given at the top level or in matchers.
type SilenceRequest struct {
	ID string `json:"id,omitempty"`
	SilenceMatchers
	Matchers *SilenceMatchers `json:"matchers,omitempty"`
	From     time.Time        `json:"from,omitzero"`
	Until    time.Time        `json:"until,omitzero"`  // required unless every is given
	Every    []string         `json:"every,omitempty"` // times of the week, such as "weekdays 18:00-08:00"
	Zone     string           `json:"zone,omitempty"`  // of every, such as "Europe/Berlin"; UTC if absent
	// NextImage ends it earlier: for each workload when a new image appears there. Without until it lasts 30 days at most.
	NextImage bool   `json:"next_image,omitempty"`
	Comment   string `json:"comment,omitempty"`
	Author    string `json:"author,omitempty"`
	// Scope is "fleet" for a silence of all nodes of the fleet. It needs until, and has neither hours nor next_image.
	Scope string `json:"scope,omitempty"`
}

// Silence is a silence with its matchers at the top level and in matchers. It may be sent back as a SilenceRequest.
type Silence struct {
	SilenceRequest
	Configured bool    `json:"configured,omitempty"` // it comes from a file and can only be changed there
	Suppressed int64   `json:"suppressed"`           // hits since the instance started
	State      string  `json:"state"`                // active, pending (it begins later) or expired
	Period     *Period `json:"period,omitempty"`     // in which it suppresses hits: the current or the next one
}

// SilencesResponse lists the silences.
type SilencesResponse struct {
	Silences []Silence `json:"silences"`
}
