package templates

import (
	"io"
	"strings"
	"testing"
	"text/template"
)

type inner struct{ Name, ID string }

// Long is a method that templates may call.
func (inner) Long() string { return "" }

type sampleData struct {
	Message   string
	Container *inner
	Captures  map[string]string
	Alerts    []inner
}

// TestErrors lists the error of each kind of mistake. None mentions a Go type.
func TestErrors(t *testing.T) {
	data := sampleData{Container: &inner{}, Alerts: []inner{{}}}
	for text, want := range map[string]string{
		`{{ .Capture.u }}`:                       `{{ .Capture.u }} names nothing: there is no .Capture here (did you mean .Captures?)`,
		`{{ .captures.u }}`:                      `{{ .captures.u }} names nothing: there is no .captures here (did you mean .Captures?)`,
		`{{ .Nothing }}`:                         `{{ .Nothing }} names nothing: there is no .Nothing here (there is .Alerts, .Captures, .Container, .Message)`,
		`{{ .Container.Nme }}`:                   `{{ .Container.Nme }} names nothing: there is no .Nme here (there is .Container.ID, .Container.Long, .Container.Name)`,
		`{{ .Message.Text }}`:                    `{{ .Message.Text }} names nothing: there is no .Text here`,
		`{{ range .Alerts }}{{ .Nam }}{{ end }}`: `{{ .Nam }} names nothing: there is no .Nam here`,
		`{{ Upper .Message }}`:                   `there is no function Upper in templates (did you mean upper?)`,
		`{{ shout .Message }}`:                   `there is no function shout in templates (there are upper, and those of Go's text/template, such as printf)`,
		`{{ .Message`:                            `not a template: unclosed action`,
		`{{ if }}x{{ end }}`:                     `not a template: missing value for if`,
		"a\n{{ end }}":                           `not a template: line 2 of it: unexpected {{end}}`,
		`{{ index .Alerts 7 }}`:                  `not a template: error calling index: index out of range: 7`,
		`{{ upper .Container }}`:                 `not a template: wrong type for value; expected string; got this`,
		`{{ upper .Alerts }}`:                    `not a template: wrong type for value; expected string; got this`,
	} {
		parsed, err := template.New("summary").Funcs(template.FuncMap{"upper": strings.ToUpper}).Parse(text)
		if err == nil {
			err = parsed.Execute(io.Discard, data)
		}
		if err == nil {
			t.Errorf("%s is fine", text)
			continue
		}
		hint, wrong := Error(err, data, []string{"upper"})
		got := wrong.Error()
		if hint != "" {
			got += " (" + hint + ")"
		}
		if got != want {
			t.Errorf("%s (%v):\n%s\nwant\n%s", text, err, got, want)
		}
	}
}
