package admin

import (
	"fmt"
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Problem is an answer that is none of 2xx, as problem details (RFC 9457).
type Problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail,omitempty"`
	Errors []ProblemField `json:"errors,omitempty"`
}

// ProblemField is one of several things that are wrong.
type ProblemField struct {
	Field  string `json:"field,omitempty"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

func problem(status int, format string, args ...any) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// meant says which of the names that there are was probably meant, in parentheses; "" when none is near.
func meant(name string, names []string) string {
	if hint := setting.DidYouMean(name, names); hint != "" {
		return " (" + hint + ")"
	}
	return ""
}

func refused(why listen.Refusal) *Problem { return problem(why.Status, "%s", why.Detail) }

// invalid tells what the configuration's own checks found wrong.
func invalid(status int, found []config.Problem) *Problem {
	p := problem(status, "%d problems", len(found))
	if len(found) == 1 {
		p.Detail = found[0].Error()
	}
	for i := range found {
		f := &found[i]
		field := f.Field
		detail := f.Message
		if f.Value != "" {
			detail = f.Value + ": " + detail
		}
		if f.Line > 0 {
			detail = fmt.Sprintf("%s:%d: %s", f.File, f.Line, detail)
		}
		p.Errors = append(p.Errors, ProblemField{Field: field, Detail: detail, Hint: f.Hint})
	}
	return p
}
