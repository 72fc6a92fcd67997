package adminapi

import "time"

// LinkRequest carries the token of a message's link. It needs no login: whoever has the link may use it.
type LinkRequest struct {
	Link string `json:"link"` // the part behind "#"
}

// LinkResponse describes the silence of a link, and whether the link still works.
type LinkResponse struct {
	State   string    `json:"state"` // open, used or expired
	Rule    string    `json:"rule"`
	Alert   string    `json:"alert"` // the ID of the alert whose message has the link
	Key     string    `json:"key"`   // of its incident
	Fleet   bool      `json:"fleet,omitempty"`
	Minutes int       `json:"minutes"` // that the silence lasts
	Expires time.Time `json:"expires"`
	// Workload, Summary and Time are those of the alert, while it is stored.
	Workload string    `json:"workload,omitempty"`
	Summary  string    `json:"summary,omitempty"`
	Time     time.Time `json:"time,omitzero"`
	Silence  *Silence  `json:"silence,omitempty"` // that the link created; it may have ended
}
