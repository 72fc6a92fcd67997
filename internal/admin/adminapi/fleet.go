package adminapi

import "time"

// FleetStats is what an instance did in its fleet.
type FleetStats struct {
	Namespace    string           `json:"namespace"`
	Node         string           `json:"node"`
	Up           bool             `json:"up"`               // the engine answers
	Reason       string           `json:"reason,omitempty"` // why it does not
	Keeper       bool             `json:"keeper"`           // this node makes the roll-ups
	Nodes        int              `json:"nodes"`            // that are alive
	Claims       map[string]int64 `json:"claims"`           // answers: lead, held, known, late, error
	Alone        map[string]int64 `json:"alone"`            // alerts that left without an answer, by the reason
	GivenHits    int64            `json:"given_hits"`       // hits that the engine acknowledged, since the store was made
	ReportedHits int64            `json:"reported_hits"`    // hits of roll-ups that this node sent, likewise
	Forgotten    int64            `json:"forgotten_hits"`   // hits that no alert will report, likewise
	Outbox       int64            `json:"outbox_hits"`      // hits that are not given yet
	Handovers    int64            `json:"handovers"`        // alerts of other nodes that this one sent
	Epochs       int64            `json:"epoch_changes"`    // how often the engine lost its data
	Circuits     int              `json:"circuit_open"`     // servers that are not asked at the moment, because they failed repeatedly
}

// FleetResponse is the fleet of an instance, as its engine sees it. Error says why the engine was not asked, or did not answer.
type FleetResponse struct {
	FleetStats
	Error      string        `json:"error,omitempty"`
	Windows    int64         `json:"windows"` // that the engine holds
	Given      int64         `json:"given"`   // hits, of all nodes
	Reported   int64         `json:"reported"`
	Unreported int64         `json:"unreported"` // given and not reported yet
	Lost       int64         `json:"lost"`       // that the engine acknowledged and lost
	Members    []FleetMember `json:"members"`
}

// FleetMember is a node of the fleet.
type FleetMember struct {
	Node    string  `json:"node"`
	Version string  `json:"version"`
	Age     float64 `json:"age_seconds"` // of its last heartbeat
	Keeper  bool    `json:"keeper"`
}

// FleetWindow is the cooldown of one incident of the fleet.
type FleetWindow struct {
	Key        string    `json:"key"`
	Rule       string    `json:"rule"`
	Workload   string    `json:"workload"`
	Opened     time.Time `json:"opened,omitzero"` // absent: it was closed
	Left       float64   `json:"left_seconds"`    // of the cooldown
	Lead       string    `json:"lead,omitempty"`  // the node whose alert left
	Alert      string    `json:"alert,omitempty"` // its id
	Waiting    bool      `json:"waiting"`         // the alert is not delivered yet
	Unreported int64     `json:"unreported"`      // hits that no alert has reported
	Nodes      int       `json:"nodes"`           // that gave them
}

// FleetWindowsResponse lists windows.
type FleetWindowsResponse struct {
	Windows []FleetWindow `json:"windows"`
}

// FleetCloseResponse says whether the window was open.
type FleetCloseResponse struct {
	Open bool `json:"open"`
}
