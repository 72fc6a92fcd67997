package engine

import (
	"maps"
	"slices"

	"github.com/tinyforge/fluentbit-trigger/engine/lines"
	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/redact"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

// maskAlerts masks alerts that time made. Their texts were masked when their hit came, maybe by other settings.
func maskAlerts(r *redact.Redactor, alerts []Alert) {
	if r == nil {
		return
	}
	for i := range alerts {
		a := &alerts[i]
		a.Message = safetext.Cut(r.Text(a.Message, nil), model.MaxMessage)
		a.Summary = safetext.Cut(r.Text(a.Summary, nil), model.MaxSummary)
		a.Captures, a.Fields = maskValues(r, a.Captures), maskValues(r, a.Fields)
	}
}

// maskValues returns the values masked: the map itself where nothing is, since others may have it too.
func maskValues(r *redact.Redactor, values map[string]string) map[string]string {
	var out map[string]string
	for name, value := range values {
		shown := r.Value(name, value, false, nil)
		if shown == value {
			continue
		}
		if out == nil {
			out = maps.Clone(values)
		}
		out[name] = shown
	}
	if out == nil {
		return values
	}
	return out
}

// finish makes the lines around the hit of an alert those that it shows, and counts the secrets in them.
func finish(r *redact.Redactor, a *Alert) { r.Count(showLines(a, r)) }

// showLines makes the lines around the hit of an alert those that it shows. They are copied: others may have the same lines.
func showLines(a *Alert, r *redact.Redactor) (tally redact.Tally) {
	a.Before, a.After = slices.Clone(a.Before), slices.Clone(a.After)
	if len(a.Before)+len(a.After) == 0 {
		return nil
	}
	wasCut := [2][]bool{}
	for i, list := range [...][]string{a.Before, a.After} {
		for _, line := range list {
			wasCut[i] = append(wasCut[i], lines.Cut(line))
		}
	}
	r.Lines(a.Message, a.Before, a.After, lines.Cut, &tally)
	for i, list := range [...][]string{a.Before, a.After} {
		for j, line := range list {
			list[j] = lines.Shown(line, wasCut[i][j])
		}
	}
	return tally
}
