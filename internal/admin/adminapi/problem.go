package adminapi

// Problem is every response outside 2xx: problem details as in RFC 9457.
type Problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail,omitempty"`
	Errors []ProblemField `json:"errors,omitempty"`
}

// ProblemField is one of the errors behind a Problem.
type ProblemField struct {
	Field  string `json:"field,omitempty"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }
