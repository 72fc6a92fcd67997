package rules

import (
	"context"
	"errors"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/trace"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/templates"
)

// summaryData is the data of a summary template.
type summaryData struct {
	Rule, Severity, Message, Stream, Workload, Host, Tag string
	Container                                            model.Container
	Captures, Labels                                     map[string]string
	Exception                                            trace.Exception // empty where the line holds no stack trace

	record *model.Record // nil where there is none
	mask   func(path, value string) string
}

// parseSummary parses a summary template and tries it on an empty alert, so that an unknown field is found before an alert needs it.
// An empty text is no template: nil.
func parseSummary(text string) (*templates.Template, error) {
	if text == "" {
		return nil, nil
	}
	t, err := templates.Parse("summary", text, nil)
	if err != nil {
		return nil, err
	}
	if _, err := execute(t, &summaryData{}, model.MaxSummary); err != nil {
		return nil, err
	}
	return t, nil
}

// renderSummary returns one line: that of the template, or if there is none or it fails, one of rule, workload and line. A stack trace begins with a line that
// says little, so its exception stands for it.
func renderSummary(t *templates.Template, data *summaryData) string {
	if t != nil {
		if text := renderLine(t, data, model.MaxSummary); text != "" {
			return text
		}
	}
	text := data.Message
	if e := &data.Exception; e.Type != "" {
		if text = e.Type; e.Message != "" {
			text += ": " + e.Message
		}
	}
	return model.OneLine(data.Rule+" in "+data.Workload+": "+safetext.Cut(text, model.ShortLine), model.MaxSummary)
}

// renderLine returns the output of a template for an alert, as one line of at most limit bytes; "" if it fails.
func renderLine(t *templates.Template, data *summaryData, limit int) string {
	text, err := execute(t, data, limit)
	if err != nil {
		return ""
	}
	return model.OneLine(text, limit)
}

// execute returns the first limit bytes that a template writes. Its budget is far more than a line needs, and some milliseconds.
func execute(t *templates.Template, data *summaryData, limit int) (string, error) {
	var out strings.Builder
	budget := templates.NewBudget(context.Background(), templates.Limits{Steps: 2_000, Bytes: 512 << 10, Output: limit})
	if err := t.Execute(budget, &out, data); err != nil && !errors.Is(err, templates.ErrOutput) {
		return "", err
	}
	return out.String(), nil
}
