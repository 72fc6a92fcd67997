package adminapi

import "time"

// StatsResponse holds the counters of an instance. hits = alerts + suppressed + pending, in the totals and for each rule.
type StatsResponse struct {
	Instance        string           `json:"instance"`
	Started         time.Time        `json:"started"`
	Chunks          int64            `json:"chunks"`
	Refused         int64            `json:"refused"` // chunks
	Own             int64            `json:"own"`     // log lines of this program, which are skipped
	Panics          int64            `json:"panics"`
	Lines           int64            `json:"lines"`
	ContainerEvents int64            `json:"container_events"`
	Hits            int64            `json:"hits"`
	Alerts          int64            `json:"alerts"` // hits with an alert of their own
	Sent            int64            `json:"sent"`   // alerts that receivers accepted, including roll-ups; an alert sent by two triggers counts twice
	Pending         int64            `json:"pending"`
	Suppressed      map[string]int64 `json:"suppressed"` // by reason
	Redacted        map[string]int64 `json:"redacted"`   // secrets masked in alerts, by the name of the mask
	Drops           map[string]int64 `json:"drops"`      // by cause
	Keys            int              `json:"keys"`       // cooldown keys and rate limit buckets in memory
	Evicted         int64            `json:"evicted"`
	Tails           map[string]int64 `json:"tails,omitempty"`  // followed containers by state; standalone only
	Docker          *DockerStats     `json:"docker,omitempty"` // standalone only
	Store           StoreStats       `json:"store"`
	Delivery        DeliveryStats    `json:"delivery"`
	Problems        []string         `json:"problems"` // of the configuration in force
	Warnings        []Warning        `json:"warnings"`
	Checklist       []ChecklistItem  `json:"checklist"` // of a first run
	Evaluation      EvaluationStats  `json:"evaluation"`
	Rules           []RuleStats      `json:"rules"`
	Gone            GoneStats        `json:"gone"`
	Workloads       BusiestWorkloads `json:"workloads"`
	Triggers        []TriggerStats   `json:"triggers"`
	Heartbeat       *HeartbeatStats  `json:"heartbeat,omitempty"` // absent: none is configured
	Fleet           *FleetStats      `json:"fleet,omitempty"`     // absent: the instance is in none
	Streams         int              `json:"streams"`             // open streams of this listener
}

// SuppressedTotal returns the number of suppressed hits.
func (s *StatsResponse) SuppressedTotal() int64 { return sum(s.Suppressed) }

// RedactedTotal returns the number of secrets that were masked in alerts.
func (s *StatsResponse) RedactedTotal() int64 { return sum(s.Redacted) }

// Lost returns the number of alerts and log lines that were lost for good. Records that a tap missed and truncated lines do not count.
func (s *StatsResponse) Lost() int64 {
	return sum(s.Drops) - s.Drops["tap"] - s.Drops["overlong_bytes"]
}

func sum(by map[string]int64) int64 {
	var n int64
	for _, part := range by {
		n += part
	}
	return n
}

// Warning is a reason why a running instance sends no alerts, or not those that were intended.
type Warning struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// HeartbeatStats is the state of the heartbeat.
type HeartbeatStats struct {
	Sent     int64     `json:"sent"`             // requests that the service accepted
	Failed   int64     `json:"failed"`           // requests that it did not accept
	Withheld int64     `json:"withheld"`         // times at which no request was sent, because alerts might not arrive
	Last     time.Time `json:"last,omitzero"`    // the last accepted request
	Reason   string    `json:"reason,omitempty"` // why the latest request was withheld, or failed
}

// StoreStats is the state of the store.
type StoreStats struct {
	Mode      string `json:"mode"`
	Path      string `json:"path"`
	Used      int64  `json:"used"` // bytes
	Max       int64  `json:"max"`
	Error     string `json:"error,omitempty"`
	Recovered int64  `json:"recovered"`       // damaged files that were replaced
	Aside     string `json:"aside,omitempty"` // path of the last damaged file
	Lost      int64  `json:"lost"`            // alerts in damaged files
}

// DeliveryStats counts deliveries and attempts since the instance started.
type DeliveryStats struct {
	Accepted   int64 `json:"accepted"`
	Duplicates int64 `json:"duplicates"`
	Backlog    int64 `json:"backlog"` // alerts in memory that wait for the store
	Delivered  int64 `json:"delivered"`
	Retried    int64 `json:"retried"`
	Held       int64 `json:"held"` // attempts that put their trigger on hold
	Refused    int64 `json:"refused"`
	Expired    int64 `json:"expired"`
	InFlight   int64 `json:"in_flight"`
}

// EvaluationStats is the time spent on records.
type EvaluationStats struct {
	Nanos int64 `json:"nanos"` // from decoding to the decision
}

// RuleStats holds the counters of one rule in force.
type RuleStats struct {
	ID         string           `json:"id"`
	Name       string           `json:"name"`
	Workload   string           `json:"workload,omitempty"` // glob of the workload block that has the rule
	Hits       int64            `json:"hits"`
	Alerts     int64            `json:"alerts"`
	Sent       int64            `json:"sent"`
	Pending    int64            `json:"pending"`
	Suppressed map[string]int64 `json:"suppressed"`
	Nanos      int64            `json:"nanos"`                 // CPU time of this rule without the shared cost, estimated from samples
	Estimate   float64          `json:"estimate_ns,omitempty"` // estimated cost of the rule's prefilter per line
	Filter     string           `json:"filter,omitempty"`
}

// SuppressedTotal returns the number of suppressed hits.
func (r *RuleStats) SuppressedTotal() int64 { return sum(r.Suppressed) }

// GoneStats is the sum over rules that are no longer in force and over the program's own alerts. The totals include it.
type GoneStats struct {
	Hits       int64            `json:"hits"`
	Alerts     int64            `json:"alerts"`
	Sent       int64            `json:"sent"`
	Pending    int64            `json:"pending"`
	Suppressed map[string]int64 `json:"suppressed"`
}

// TriggerStats is the state of one trigger, which may have left the configuration while deliveries are pending.
type TriggerStats struct {
	Name        string    `json:"name"`
	Configured  bool      `json:"configured"`
	Sent        int64     `json:"sent"`     // since the instance started
	Accepted    int64     `json:"accepted"` // this and the next six: since the store was created
	Delivered   int64     `json:"delivered"`
	Pending     int64     `json:"pending"`
	Dead        int64     `json:"dead"`
	Dropped     int64     `json:"dropped"`
	Removed     int64     `json:"removed"`
	Held        int64     `json:"held"`     // because another node of the fleet alerted
	Tested      bool      `json:"tested"`   // its receiver accepted a test alert, with the address and the credentials in force
	Failures    int       `json:"failures"` // in a row
	Hold        string    `json:"hold,omitempty"`
	Reason      string    `json:"reason,omitempty"`
	NextAttempt time.Time `json:"next_attempt,omitzero"`
	Oldest      time.Time `json:"oldest,omitzero"` // acceptance time of the oldest pending delivery
	// OutsideHours counts the alerts that during alone excluded, since the instance started.
	OutsideHours int64   `json:"outside_hours"`
	Hours        *Period `json:"hours,omitempty"` // of during
}

// Period is a time within the hours of a trigger or a silence.
type Period struct {
	From  time.Time `json:"from,omitzero"`  // of the next period; absent when it is in force
	Until time.Time `json:"until,omitzero"` // its end; absent when it has none
}

// DockerStats holds the counters of the standalone program's log reader.
type DockerStats struct {
	Notices  map[string]int64 `json:"notices"` // about unreadable lines, by kind
	Stalled  int64            `json:"stalled_streams"`
	Broken   int64            `json:"broken_streams"`
	Invalid  int64            `json:"invalid_timestamps"`
	Replayed int64            `json:"replayed_records"`
	Missed   int64            `json:"missed_events"`  // of the engine
	Unsaved  int64            `json:"failed_saves"`   // of log positions
	Records  int64            `json:"joined_records"` // of several lines
	Joined   int64            `json:"joined_lines"`   // of these records
	Cut      int64            `json:"cut_records"`    // that a bound ended
}

// WorkloadCounts holds the counters of one workload.
type WorkloadCounts struct {
	Lines      int64            `json:"lines"`
	Hits       int64            `json:"hits"` // decided hits: alerts + suppressed
	Alerts     int64            `json:"alerts"`
	Sent       int64            `json:"sent"` // alerts that receivers accepted, including roll-ups
	Suppressed map[string]int64 `json:"suppressed"`
}

// SuppressedTotal returns the number of suppressed hits.
func (w *WorkloadCounts) SuppressedTotal() int64 { return sum(w.Suppressed) }

// BusiestWorkloads lists the workloads with the most hits, and sums up the others.
type BusiestWorkloads struct {
	Busiest []WorkloadStats `json:"busiest"`
	Other   WorkloadCounts  `json:"other"`
}

// WorkloadStats is one of the busiest workloads.
type WorkloadStats struct {
	Name string `json:"name"`
	WorkloadCounts
}
