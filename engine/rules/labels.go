package rules

import (
	"maps"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/templates"
)

// Bounds of the texts of a suppressed hit that a roll-up shows, in bytes.
const (
	MaxSample         = 512 // of the line
	MaxSampleCaptures = 512 // of names and values; more are left out altogether
)

// Bounds of the fields of a record in an alert, in bytes; a value is cut to maxCapture.
const (
	MaxFields    = 16  // in number
	maxFieldPath = 256 // of a dotted path
	MaxLabel     = 256 // of a label that is a template, rendered
)

// Field returns the text of the record's field at the dotted path, cut to 1 KiB; "" where there is none. It is for templates.
func (d summaryData) Field(path string) string {
	if d.record == nil {
		return ""
	}
	value, ok := model.AppendField(nil, d.record, path)
	if !ok {
		return ""
	}
	text, _ := model.ValidText(value, model.MaxField)
	return safetext.Cut(d.mask(path, text), model.MaxCapture)
}

// Fields returns the fields of the record that the rule's alerts carry, those that are there, each masked; nil when there are none.
func (r *Rule) Fields(rec *model.Record, mask func(path, value string) string) map[string]string {
	var out map[string]string
	var value []byte
	for _, path := range r.Settings.Fields {
		var ok bool
		if value, ok = model.AppendField(value[:0], rec, path); !ok {
			continue
		}
		if out == nil {
			out = make(map[string]string, len(r.Settings.Fields))
		}
		text, _ := model.ValidText(value, model.MaxField)
		out[path] = safetext.Cut(mask(path, text), model.MaxCapture)
	}
	return out
}

// WithinSample returns the entries that a roll-up keeps: in the order of the paths, as long as names and values fit.
func (r *Rule) WithinSample(fields map[string]string) map[string]string {
	size := 0
	for _, path := range r.Settings.Fields {
		if value, ok := fields[path]; ok {
			if size += len(path) + len(value); size > MaxSampleCaptures {
				fields = maps.Clone(fields)
				delete(fields, path)
				size -= len(path) + len(value)
			}
		}
	}
	return fields
}

// parseLabels returns the templates among a rule's labels, by name; nil when all are plain texts. Each is tried on an empty alert.
func parseLabels(labels map[string]string) (map[string]*templates.Template, error) {
	var out map[string]*templates.Template
	for name, text := range labels {
		t, err := parseLabel(text)
		if err != nil {
			return nil, err
		}
		if t == nil {
			continue
		}
		if out == nil {
			out = map[string]*templates.Template{}
		}
		out[name] = t
	}
	return out, nil
}

func parseLabel(text string) (*templates.Template, error) {
	if !strings.Contains(text, "{{") {
		return nil, nil
	}
	return parseSummary(text)
}

// labels returns the labels of an alert, with those that are templates rendered. One that renders to nothing is left out. data.Labels is set
// to the result.
func (r *Rule) labels(data *summaryData) map[string]string {
	data.Labels = r.Settings.Labels
	if len(r.LabelTemplates) == 0 {
		return data.Labels
	}
	out := make(map[string]string, len(r.Settings.Labels))
	for name, text := range r.Settings.Labels {
		if t := r.LabelTemplates[name]; t != nil {
			if text = renderLine(t, data, MaxLabel); text == "" {
				continue
			}
		}
		out[name] = text
	}
	data.Labels = out
	return out
}

// AbsenceLabels returns the labels of an absence and of the alert that ends it. They are the same whatever line came back: a receiver that knows an
// alert by its labels takes the one for the end of the other.
func (r *Rule) AbsenceLabels(workload string) map[string]string {
	return r.labels(&summaryData{Rule: r.Settings.Name, Severity: r.AbsenceSeverity().String(), Workload: workload})
}

// Render sets the labels and the summary of an alert about a record. Labels come first, because the summary may show them.
//
// The alert's texts are masked already; mask masks the value of a field that a template asks for. The caller masks the results once more, because templates
// can put parts together.
func (r *Rule) Render(a *model.Alert, rec *model.Record, mask func(path, value string) string) {
	data := summaryData{
		Rule: a.Rule, Severity: a.Severity.String(), Message: a.Message, Stream: a.Stream.String(),
		Workload: a.Source.Workload, Host: a.Source.Host, Tag: a.Source.Tag, Container: a.Source.Container,
		Captures: a.Captures, record: rec, mask: mask,
	}
	if a.Exception != nil {
		data.Exception = *a.Exception
	}
	a.Labels = r.labels(&data)
	a.Summary = renderSummary(r.Summary, &data)
}
