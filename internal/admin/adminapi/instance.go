package adminapi

import "time"

// HealthResponse answers /healthz and /readyz.
type HealthResponse struct {
	Status string `json:"status"`
}

// LoginRequest logs a browser in with a code or a token. Exactly one must be set.
type LoginRequest struct {
	Code  string `json:"code"`
	Token string `json:"token"`
}

// LoginResponse holds the key of the session, which the browser sends in the header Fluentbit-Trigger-Key.
type LoginResponse struct {
	Key string `json:"key"`
}

// LoginCodeResponse is a code that logs one browser in.
type LoginCodeResponse struct {
	Code    string    `json:"code"`
	Path    string    `json:"path"` // path and fragment of the link; the caller adds the address that the browser uses
	Expires time.Time `json:"expires"`
}

// InstancesResponse lists the instances behind a listener.
type InstancesResponse struct {
	Instances []Instance `json:"instances"`
}

// Find returns the instance with an ID, or an empty one.
func (r *InstancesResponse) Find(id string) Instance {
	for _, i := range r.Instances {
		if i.ID == id {
			return i
		}
	}
	return Instance{}
}

// Instance is one pipeline of the process.
type Instance struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"` // plugin or standalone
	Program string    `json:"program"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Ready   bool      `json:"ready"`
	State   string    `json:"state,omitempty"` // the reason why it is not ready
}

// ReloadResponse is the result of a reload that was applied.
type ReloadResponse struct {
	Applied  bool     `json:"applied"`
	Added    []string `json:"added"` // IDs of rules
	Removed  []string `json:"removed"`
	Changed  []string `json:"changed"`
	Kept     int      `json:"kept"`
	Problems []string `json:"problems"`
	Restart  []string `json:"restart"` // changed settings that need a restart
}
