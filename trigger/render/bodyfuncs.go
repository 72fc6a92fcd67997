package render

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/template"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/templates"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TemplateData is the data of a body template: the fields of the first alert, and the group.
type TemplateData struct {
	trigger.Alert                  // the first alert, or the only one
	Alerts         []trigger.Alert // at most max_alerts of them
	Total          int             // alerts in the group
	More           int             // alerts of the group that Alerts leaves out
	SuppressedText string          // "+312 since 14:02 (cooldown 300, rate limit 12)", or ""
	Group          bool            // whether there is more than one
	RoutingKey     string          // the trigger's routing_key, for services that expect a key in the body; a secret
}

// templateFuncs returns the functions of body templates. They read nothing but their arguments, never wait, and return at most a small multiple
// of their input.
func templateFuncs() template.FuncMap {
	return template.FuncMap{
		"json":           jsonText,
		"upper":          strings.ToUpper,
		"lower":          strings.ToLower,
		"trim":           strings.TrimSpace,
		"trunc":          func(n int, s string) string { return safetext.CutRunes(s, n) },
		"replace":        func(old, with, s string) string { return boundedReplace(s, old, with) },
		"join":           boundedJoin,
		"default":        defaultValue,
		"rfc3339":        func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"date":           func(layout string, t time.Time) string { return t.UTC().Format(layout) },
		"unix":           func(t time.Time) int64 { return t.Unix() },
		"inert":          func(s string) string { return Inert(Plain(s)) },
		"code":           func(s string) string { return MaskCode(Plain(s)) },
		"suppressedText": func(a trigger.Alert) string { return SuppressedText(&a) },
	}
}

// jsonText encodes a value as JSON, for text bodies and for JSON inside a string.
func jsonText(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("json: %w", err)
	}
	return string(text), nil
}

// boundedReplace returns the text unchanged when the replacement could make it larger than a body.
func boundedReplace(s, old, with string) string {
	if old == "" || len(s)/len(old)*len(with) > maxRendered {
		return s
	}
	return strings.ReplaceAll(s, old, with)
}

// boundedJoin joins a list. It fails when the result could be larger than a body.
func boundedJoin(separator string, list []string) (string, error) {
	if len(separator)*len(list) > maxRendered {
		return "", &templates.BoundError{Message: "joins more than it may"}
	}
	return strings.Join(list, separator), nil
}

// defaultValue returns value, or fallback when value is empty. The order of its arguments suits a pipeline: {{ .Runbook | default "none" }}.
func defaultValue(fallback, value string) string {
	if value == "" {
		return fallback
	}
	return value
}
