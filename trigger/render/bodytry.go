package render

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/templates"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// Try executes the templates on a test alert. It returns the errors that would occur for every alert, such as a field that no alert has, and
// ignores those that depend on the alert, such as an index.
func (b *Body) Try() error {
	a := trigger.TestAlert(time.Unix(0, 0).UTC())
	data := &TemplateData{Alert: a, Alerts: []trigger.Alert{a}, Total: 1}
	if b.text != nil {
		return tryTemplate(b.text, data)
	}
	return tryValue(b.document, data)
}

func tryValue(value any, data *TemplateData) error {
	switch v := value.(type) {
	case *templates.Template:
		return tryTemplate(v, data)
	case []any:
		for i := range v {
			if err := tryValue(v[i], data); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if err := tryValue(v[key], data); err != nil {
				return err
			}
		}
	}
	return nil
}

func tryTemplate(t *templates.Template, data *TemplateData) error {
	err := t.Execute(templates.NewBudget(context.Background(), bodyLimits()), io.Discard, data)
	var bound *templates.BoundError
	if err == nil || (!templates.NoField(err) && !errors.As(err, &bound)) {
		return nil
	}
	return inWords(t.Name(), err)
}

// inWords describes an error of a template in the terms of the configuration. path is the position in the body.
func inWords(path string, err error) error {
	hint, wrong := templates.Error(err, &TemplateData{}, slices.Collect(maps.Keys(templateFuncs())))
	if hint != "" {
		return fmt.Errorf("%s: %w (%s)", path, wrong, hint)
	}
	return fmt.Errorf("%s: %w", path, wrong)
}
