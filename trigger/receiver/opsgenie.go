package receiver

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
)

// Jira Service Management has the same API at https://api.atlassian.com/jsm/ops/integration
// (https://developer.atlassian.com/cloud/jira/service-desk-ops/rest/v1/api-group-integration-events/).
var opsgenie = Receiver{
	Format:   "opsgenie",
	URL:      "https://api.opsgenie.com",
	domains:  []string{"opsgenie.com"},
	need:     needOpsgenie,
	endpoint: withPath("v2/alerts"),
	address:  opsgenieAddress,
	Scheme:   "GenieKey",
	document: func(r *Renderer, v *render.View) any { return r.opsgenie(v) },
	escape:   opsgenieText,
	instead:  "without it, too, the alerts of a key are one alert",
}

func needOpsgenie(s *trigger.Settings, fs *setting.Faults) {
	if s.Token.IsZero() {
		fs.Required("token", "opsgenie needs the key of an API integration: "+setting.SecretHint("token"))
	}
	needsKey(s, fs, "an alert there has one alias")
}

// Limits of Opsgenie's alert API (https://docs.opsgenie.com/docs/alert-api), in characters, counted in UTF-16 code units, which are never fewer.
const (
	opsgenieMessage     = 130
	opsgenieDescription = 15_000
	opsgenieEntity      = 512
	opsgenieDetails     = 8_000 // of all names and values together
	opsgenieTags        = 20
	opsgenieTag         = 50
	opsgenieNote        = 25_000
)

// opsgenieAlert is the request that creates an alert, or counts one more of an open alert that has this alias.
type opsgenieAlert struct {
	Message     string            `json:"message"`
	Alias       string            `json:"alias,omitempty"`
	Description string            `json:"description,omitempty"`
	Tags        []string          `json:"tags,omitempty"`
	Details     map[string]string `json:"details,omitempty"`
	Entity      string            `json:"entity,omitempty"`
	Source      string            `json:"source"`
	Priority    string            `json:"priority"` // P1, the highest, to P5
}

// opsgenieClose is the request that closes an alert.
type opsgenieClose struct {
	Source string `json:"source"`
	Note   string `json:"note"`
}

// opsgenieCloses reports whether a message closes the alert of its key, rather than creating one.
func opsgenieCloses(v *render.View) bool { return v.Resolved() && v.First().Key != "" }

// opsgenieAddress returns where a message goes: to the alert that it closes, or to the list of alerts.
func opsgenieAddress(endpoint *url.URL, v *render.View) *url.URL {
	if !opsgenieCloses(v) {
		return endpoint
	}
	one := endpoint.JoinPath(url.PathEscape(v.First().Key), "close")
	query := one.Query()
	query.Set("identifierType", "alias")
	one.RawQuery = query.Encode()
	return one
}

// opsgenie returns one alert, or the request that closes it. All alerts of a group have the same key (see needOpsgenie), so they are one alert there.
func (r *Renderer) opsgenie(v *render.View) any {
	const source = "fluentbit-trigger"
	if opsgenieCloses(v) {
		return opsgenieClose{source, opsgenieLongText(v, opsgenieNote)}
	}
	first := v.First()
	message := cmp.Or(render.SummaryLine(first, opsgenieMessage), render.OneLine(v.Title()), source) // priority and entity say the rest
	if len(v.All) > 1 {
		message = v.Title() + ": " + message
	}
	return opsgenieAlert{
		Message:     render.Fit(message, opsgenieMessage, opsgenieText),
		Alias:       first.Key,
		Description: opsgenieLongText(v, opsgenieDescription),
		Tags:        opsgenieTagsOf(first),
		Details:     r.opsgenieDetails(v),
		Entity:      render.Fit(render.OneLine(first.Source.Workload), opsgenieEntity, opsgenieValue),
		Source:      source,
		Priority:    [5]string{"P5", "P4", "P3", "P2", "P1"}[render.Grade(v, [5]int{0, 1, 2, 3, 4})],
	}
}

func opsgenieLongText(v *render.View, limit int) string {
	return render.PartTags(render.TextMessage(v, limit, func(text string) bool { return render.UTF16Len(render.PartTags(text)) <= limit }))
}

// opsgenieText returns a text that is neither HTML, which Opsgenie accepts in its fields, nor a link or mention.
func opsgenieText(s string) string { return render.PartTags(render.Inert(s)) }

// opsgenieValue returns a text for the fields that Opsgenie's rules compare. Names and numbers with dots stay as they are.
func opsgenieValue(s string) string { return render.PartTags(render.MuteSchemes(s)) }

// opsgenieTagsOf returns the kind and the labels, by which Opsgenie's rules can route an alert.
func opsgenieTagsOf(a *trigger.Alert) []string {
	var tags []string
	add := func(text string) {
		if tag := render.Fit(render.OneLine(text), opsgenieTag, opsgenieValue); tag != "" && len(tags) < opsgenieTags && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	add(a.Kind)
	for _, name := range slices.Sorted(maps.Keys(a.Labels)) {
		add(name + ":" + a.Labels[name])
	}
	return tags
}

// opsgenieDetails returns the properties of an alert, the ones first that every alert has, as long as there is room for them.
func (r *Renderer) opsgenieDetails(v *render.View) map[string]string {
	first := v.First()
	details, room := map[string]string{}, opsgenieDetails
	put := func(name, value string) {
		size := render.UTF16Len(name) + render.UTF16Len(value)
		if _, taken := details[name]; !taken && value != "" && size <= room {
			details[name] = value
			room -= size
		}
	}
	add := func(name, value string) {
		put(opsgenieValue(safetext.CutRunes(render.OneLine(name), 100)), opsgenieValue(safetext.CutRunes(render.OneLine(value), 500)))
	}
	put("runbook", render.Link(r.settings, first))
	for _, l := range v.Links() {
		put(strings.ToLower(l.Word), l.URL)
	}
	for _, fact := range [][2]string{
		{"id", v.ID}, {"rule", first.Rule}, {"severity", cmp.Or(first.Severity, v.Worst())}, {"host", first.Source.Host},
		{"container", first.Source.Container.Name}, {"image", first.Source.Container.Image}, {"hits", hits(first)},
		{"suppressed", render.SuppressedText(first)},
	} {
		add(fact[0], fact[1])
	}
	for _, more := range []struct {
		prefix string
		values map[string]string
	}{{"capture.", first.Captures}, {"field.", first.Fields}} {
		for i, name := range slices.Sorted(maps.Keys(more.values)) {
			if i == 20 {
				break
			}
			add(more.prefix+name, more.values[name])
		}
	}
	return details
}
