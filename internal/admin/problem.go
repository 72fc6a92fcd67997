package admin

import (
	"fmt"
	"net/http"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

func problem(status int, format string, args ...any) *adminapi.Problem {
	return &adminapi.Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}
}

// meant returns a suggestion in parentheses, "" if no name is similar.
func meant(name string, names []string) string {
	if hint := setting.DidYouMean(name, names); hint != "" {
		return " (" + hint + ")"
	}
	return ""
}

func refused(why listen.Refusal) *adminapi.Problem { return problem(why.Status, "%s", why.Detail) }

// invalid returns the response for problems of the configuration.
func invalid(status int, found []config.Problem) *adminapi.Problem {
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
			detail = f.Place.String() + ": " + detail
		}
		p.Errors = append(p.Errors, adminapi.ProblemField{Field: field, Detail: detail, Hint: f.Hint})
	}
	return p
}
