package adminapi

import (
	"encoding/json"
	"time"
)

// AlertsResponse is a page of alerts, newest first.
type AlertsResponse struct {
	Alerts []StoredAlert `json:"alerts"`
	Next   string        `json:"next"` // the cursor for older alerts; "" at the end
}

// StoredAlert is an alert with its deliveries.
type StoredAlert struct {
	Seq        int64           `json:"seq"`
	Accepted   time.Time       `json:"accepted"`
	Alert      json.RawMessage `json:"alert"` // as the generic webhook receives it; null if the stored alert cannot be read
	Deliveries []Delivery      `json:"deliveries"`
}

// ProblemsResponse is the problems of a window, the one with the latest alert first.
type ProblemsResponse struct {
	Problems []AlertProblem     `json:"problems"`
	More     int                `json:"more"` // problems beyond the limit
	From     time.Time          `json:"from"`
	Until    time.Time          `json:"until"`
	Since    time.Time          `json:"since,omitzero"` // alerts before this time are left out, because there are too many
	Alerts   map[string][]int64 `json:"alerts"`         // severity → alerts in each part of the window
}

// AlertProblem is alerts with one key.
type AlertProblem struct {
	Key        string      `json:"key"`
	Rule       string      `json:"rule"`
	Workload   string      `json:"workload"`
	Severity   string      `json:"severity"` // the highest
	State      string      `json:"state"`    // open, resolved, silenced or quiet
	Silence    string      `json:"silence,omitempty"`
	First      time.Time   `json:"first"`
	Last       time.Time   `json:"last"`
	Alerts     int         `json:"alerts"` // in the window
	Hits       int64       `json:"hits"`   // that these alerts report, suppressed ones included
	Suppressed int64       `json:"suppressed"`
	Bins       []int64     `json:"bins"`   // hits in each part of the window
	Latest     StoredAlert `json:"latest"` // without its deliveries
}

// Delivery is the state of an alert at one trigger.
type Delivery struct {
	Trigger  string    `json:"trigger"`
	State    string    `json:"state"`
	Attempts int       `json:"attempts"`
	At       time.Time `json:"at,omitzero"`  // the last change of the state
	Due      time.Time `json:"due,omitzero"` // the next attempt
	Reason   string    `json:"reason,omitempty"`
	Message  string    `json:"message,omitempty"` // ID of the message that the alert was grouped into
}

// DeliveriesResponse is a page of deliveries, those of the newest alert first.
type DeliveriesResponse struct {
	Deliveries []AlertDelivery `json:"deliveries"`
	Next       string          `json:"next"`
}

// AlertDelivery is a delivery with the alert it belongs to.
type AlertDelivery struct {
	Seq      int64     `json:"seq"`
	AlertID  string    `json:"alert_id"`
	Rule     string    `json:"rule"`
	Accepted time.Time `json:"accepted"`
	Delivery
}

// DeadLettersResponse is a page of dead letters, newest first.
type DeadLettersResponse struct {
	DeadLetters []DeadLetter `json:"dead_letters"`
	Next        string       `json:"next"`
}

// DeadLetter is a delivery that is not attempted any more.
type DeadLetter struct {
	AlertID  string          `json:"alert_id"`
	Trigger  string          `json:"trigger"`
	Rule     string          `json:"rule,omitempty"`
	Summary  string          `json:"summary,omitempty"`
	Reason   string          `json:"reason"`
	Answer   string          `json:"answer,omitempty"` // the beginning of the receiver's response to the last attempt
	Attempts int             `json:"attempts"`
	Accepted time.Time       `json:"accepted"`
	Died     time.Time       `json:"died"`
	Expires  time.Time       `json:"expires"`
	Alert    json.RawMessage `json:"alert,omitempty"` // only when one dead letter is requested
}

// DeadLettersRequest selects dead letters: of an alert, of a trigger, of both, or all.
type DeadLettersRequest struct {
	AlertID string `json:"alert_id,omitempty"`
	Trigger string `json:"trigger,omitempty"`
	All     bool   `json:"all,omitempty"`
}

// RedeliverResponse is the result of redelivering dead letters.
type RedeliverResponse struct {
	Redelivered int `json:"redelivered"`
	Left        int `json:"left"` // still dead, because the store has no room for them
}

// DropResponse is the result of dropping dead letters.
type DropResponse struct {
	Dropped int `json:"dropped"`
}

// TriggerTestResponse is the result of a test alert.
type TriggerTestResponse struct {
	Outcome  string  `json:"outcome"`
	Detail   string  `json:"detail"`
	Answer   string  `json:"answer,omitempty"` // the beginning of a failing response
	Failure  string  `json:"failure,omitempty"`
	Status   int     `json:"status,omitempty"` // of HTTP
	Attempts int     `json:"attempts"`
	TookMS   float64 `json:"took_ms"`
}

// AuditResponse is a page of changes, newest first.
type AuditResponse struct {
	Audit []AuditEntry `json:"audit"`
	Next  string       `json:"next"`
}

// AuditEntry is a change made through the API.
type AuditEntry struct {
	Seq      int64           `json:"seq"`
	Time     time.Time       `json:"time"`
	Who      string          `json:"who"`
	Action   string          `json:"action"`
	Kind     string          `json:"kind"`
	Workload string          `json:"workload,omitempty"`
	Name     string          `json:"name"`
	Before   json.RawMessage `json:"before,omitempty"`
	After    json.RawMessage `json:"after,omitempty"`
}

// TapRecord is the data of an event "record" of a tap.
type TapRecord struct {
	Time      time.Time     `json:"time"`
	Workload  string        `json:"workload"`
	Container string        `json:"container"`
	Host      string        `json:"host,omitempty"`
	Stream    string        `json:"stream"`
	Text      string        `json:"text"`
	Decisions []TapDecision `json:"decisions"`
}

// TapDecision is the decision of one rule about a record.
type TapDecision struct {
	RuleID  string `json:"rule_id"`
	Rule    string `json:"rule"`
	Outcome string `json:"outcome"` // alert, or the reason why the hit was suppressed
}

// TapMissed is the data of an event "missed" of a tap.
type TapMissed struct {
	Missed int64 `json:"missed"` // records left out since the last event
}

// DigestResponse is the digest that a trigger would send now.
type DigestResponse struct {
	From        time.Time        `json:"from"`
	Until       time.Time        `json:"until"`
	Hits        int64            `json:"hits"`
	Alerts      int64            `json:"alerts"`
	Suppressed  int64            `json:"suppressed"`
	By          map[string]int64 `json:"by"` // reason → number; sums to suppressed
	Sent        int64            `json:"sent"`
	DeadLetters int64            `json:"dead_letters"`
	Summary     string           `json:"summary"` // one line
	Message     string           `json:"message"`
}
