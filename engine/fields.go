package engine

import (
	"maps"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/templates"
)

// Bounds of what is kept of a suppressed hit for the roll-up that shows it, in bytes.
const (
	maxSample         = 512 // of the line
	maxSampleCaptures = 512 // of names and values; more are left out altogether
)

// Bounds of what an alert carries of a record's fields, in bytes; a value is cut to maxCapture.
const (
	maxFields    = 16  // in number
	maxFieldPath = 256 // of a dotted path
	maxLabel     = 256 // of a label that is a template, rendered
)

// Field returns the text of the record's field at the dotted path, cut to 1 KiB; "" where there is none. It is for templates.
func (d summaryData) Field(path string) string {
	if d.record == nil {
		return ""
	}
	value, ok := appendField(nil, d.record, path)
	if !ok {
		return ""
	}
	text, _ := validText(value, maxCapture)
	return text
}

// fields returns the fields of the record that the rule's alerts carry, those that are there; nil when there are none.
func (r *rule) fields(rec *Record) map[string]string {
	var out map[string]string
	var value []byte
	for _, path := range r.settings.Fields {
		var ok bool
		if value, ok = appendField(value[:0], rec, path); !ok {
			continue
		}
		if out == nil {
			out = make(map[string]string, len(r.settings.Fields))
		}
		out[path], _ = validText(value, maxCapture)
	}
	return out
}

// withinSample returns the entries that a roll-up keeps: in the order of the paths, as long as names and values fit.
func (r *rule) withinSample(fields map[string]string) map[string]string {
	size := 0
	for _, path := range r.settings.Fields {
		if value, ok := fields[path]; ok {
			if size += len(path) + len(value); size > maxSampleCaptures {
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
func (r *rule) labels(data *summaryData) map[string]string {
	data.Labels = r.settings.Labels
	if len(r.labelTemplates) == 0 {
		return data.Labels
	}
	out := make(map[string]string, len(r.settings.Labels))
	for name, text := range r.settings.Labels {
		if t := r.labelTemplates[name]; t != nil {
			if text = renderLine(t, data, maxLabel); text == "" {
				continue
			}
		}
		out[name] = text
	}
	data.Labels = out
	return out
}

// absenceLabels returns the labels of an absence and of the recovery that ends it. They are the same whatever line came back: a receiver that knows an
// alert by its labels takes the one for the end of the other.
func (r *rule) absenceLabels(workload string) map[string]string {
	return r.labels(&summaryData{Rule: r.settings.Name, Severity: r.absenceSeverity().String(), Workload: workload})
}
