package ruletest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/receiver"
)

// compare compares the alerts and suppressions of the test with the expected ones.
func (r *runner) compare() {
	wanted, got := r.alertTexts()
	r.differ(r.alertPlace(), "the alerts are not those expected", wanted, got)
	wanted, got = r.heldTexts()
	r.differ(r.part, "the suppressed hits differ from the expected ones", wanted, got)
	for i := range r.test.Payloads {
		r.payload(&r.test.Payloads[i], r.part.Item("payload", i))
	}
}

// alertPlace is the place of the expected alerts.
func (r *runner) alertPlace() config.Part {
	if len(r.test.Alerts) > 0 {
		return r.part.Item("alert", 0)
	}
	return r.part
}

func (r *runner) differ(p config.Part, message, wanted, got string) {
	if wanted != got {
		r.fail(p, "", "", message, difference(wanted, got))
	}
}

// difference returns the lines in which got differs from wanted, in the form of diff -u without its header.
func difference(wanted, got string) string {
	text := string(diff.Diff("want", []byte(wanted), "got", []byte(got)))
	if i := strings.Index(text, "\n--- want\n"); i >= 0 {
		text = text[i+1:]
	}
	return text
}

// alertTexts returns the alerts expected and made, as TOML. Of one that is made, those settings show that the one expected in its place gives;
// of one that nothing is expected of, the main ones.
func (r *runner) alertTexts() (wanted, got string) {
	pairs := align(len(r.test.Alerts), len(r.made), func(i, j int) bool {
		a, m := &r.test.Alerts[i], &r.made[j]
		return (a.Rule == m.event.Rule || a.Rule == m.id) && (a.Kind == "" || a.Kind == m.event.Kind)
	})
	var w, g strings.Builder
	for i := range r.test.Alerts {
		writeAlert(&w, wantedAlert(&r.test.Alerts[i], r.part.Item("alert", i)))
	}
	for j := range r.made {
		if i := pairs[j]; i >= 0 {
			writeAlert(&g, madeAlert(&r.made[j], &r.test.Alerts[i], r.part.Item("alert", i)))
		} else {
			writeAlert(&g, madeAlert(&r.made[j], nil, config.Part{}))
		}
	}
	return w.String(), g.String()
}

// align pairs elements of two lists that agree, as many as possible in order; it returns for each of the second list its partner, or -1.
func align(n, m int, same func(i, j int) bool) []int {
	pairs := make([]int, m)
	if n*m > 4_000_000 { // too many to try: in the order in which they come
		for j := range pairs {
			if pairs[j] = -1; j < n && same(j, j) {
				pairs[j] = j
			}
		}
		return pairs
	}
	common := make([][]int, n+1)
	for i := range common {
		common[i] = make([]int, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if common[i][j] = max(common[i+1][j], common[i][j+1]); same(i, j) {
				common[i][j] = max(common[i][j], common[i+1][j+1]+1)
			}
		}
	}
	i := 0
	for j := range pairs {
		pairs[j] = -1
		for k := i; k < n; k++ {
			if same(k, j) && common[i][j] == common[k+1][j+1]+1 {
				pairs[j], i = k, k+1
				break
			}
		}
	}
	return pairs
}

// field is one setting of an alert, as TOML writes it.
type field struct{ key, value string }

func writeAlert(b *strings.Builder, settings []field) {
	b.WriteString("[[test.alert]]\n")
	for _, s := range settings {
		fmt.Fprintf(b, "%s = %s\n", s.key, s.value)
	}
}

// wantedAlert returns the settings of an expected alert that the test gives.
func wantedAlert(a *Alert, p config.Part) []field {
	return chosen(&values{
		rule: a.Rule, kind: a.Kind, at: a.At.after, severity: a.Severity, summary: a.Summary, message: a.Message, count: a.Count,
		captures: a.Captures, fields: a.Fields, labels: a.Labels, suppressed: a.Suppressed, workload: a.Workload, container: a.Container, stream: a.Stream,
		before: a.Before, after: a.After, triggers: a.Triggers,
	}, p.Sets)
}

// madeAlert returns the same settings of an alert that the engine made.
func madeAlert(m *made, a *Alert, p config.Part) []field {
	e := &m.event
	v := values{
		rule: e.Rule, kind: e.Kind, at: m.at, severity: e.Severity, summary: e.Summary, message: e.Message, count: int64(e.Count),
		captures: e.Captures, fields: e.Fields, labels: e.Labels, suppressed: e.Suppressed.By, workload: e.Source.Workload, container: e.Source.Container.Name,
		stream: e.Source.Stream, triggers: m.triggers,
	}
	if e.Context != nil {
		v.before, v.after = e.Context.Before, e.Context.After
	}
	if a == nil {
		return chosen(&v, func(key string) bool {
			return slices.Contains([]string{"rule", "kind", "at", "severity", "message"}, key) || key == "suppressed" && len(v.suppressed) > 0
		})
	}
	if a.Rule == m.id {
		v.rule = m.id
	}
	v.captures, v.fields, v.labels = onlyKeys(v.captures, a.Captures), onlyKeys(v.fields, a.Fields), onlyKeys(v.labels, a.Labels)
	return chosen(&v, p.Sets)
}

// onlyKeys returns the entries of a map whose keys another one holds.
func onlyKeys(m, keys map[string]string) map[string]string {
	out := map[string]string{}
	for k := range keys {
		if v, ok := m[k]; ok {
			out[k] = v
		}
	}
	return out
}

// values are those of an alert that can be compared.
type values struct {
	rule, kind, severity, summary, message string
	workload, container, stream            string
	at                                     time.Duration
	count                                  int64
	captures, fields, labels               map[string]string
	suppressed                             map[string]int64
	before, after, triggers                []string
}

func chosen(v *values, want func(key string) bool) []field {
	all := []field{
		{"rule", safetext.TOML(v.rule)}, {"kind", safetext.TOML(v.kind)}, {"at", safetext.TOML(v.at.String())}, {"severity", safetext.TOML(v.severity)},
		{"summary", safetext.TOML(v.summary)}, {"message", safetext.TOML(v.message)}, {"count", fmt.Sprint(v.count)},
		{"captures", tableOf(v.captures, safetext.TOML)}, {"fields", tableOf(v.fields, safetext.TOML)}, {"labels", tableOf(v.labels, safetext.TOML)},
		{"suppressed", tableOf(v.suppressed, func(n int64) string { return fmt.Sprint(n) })},
		{"workload", safetext.TOML(v.workload)}, {"container", safetext.TOML(v.container)}, {"stream", safetext.TOML(v.stream)},
		{"before", listOf(v.before)}, {"after", listOf(v.after)}, {"triggers", listOf(v.triggers)},
	}
	return slices.DeleteFunc(all, func(s field) bool { return !want(s.key) })
}

// bareKey matches the keys that TOML takes without quotes.
var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func tableOf[V any](m map[string]V, text func(V) string) string {
	parts := make([]string, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		name := k
		if !bareKey.MatchString(k) {
			name = safetext.TOML(k)
		}
		parts = append(parts, name+" = "+text(m[k]))
	}
	return "{ " + strings.Join(parts, ", ") + " }"
}

func listOf(list []string) string {
	parts := make([]string, len(list))
	for i, s := range list {
		parts[i] = safetext.TOML(s)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// heldTexts returns the expected and the actual suppressed hits, in one order. A rule that is expected by its name stands for all of its ids.
func (r *runner) heldTexts() (wanted, got string) {
	want := slices.Clone(r.test.Suppressed)
	named := map[string]bool{}
	for _, s := range want {
		named[s.Rule] = true
	}
	sums := map[[2]string]int64{}
	for _, s := range r.held() {
		rule := s.Rule
		if name, _, own := strings.Cut(rule, "@"); own && !named[rule] && named[name] {
			rule = name
		}
		sums[[2]string{rule, s.Reason}] += s.Count
	}
	held := make([]Suppressed, 0, len(sums))
	for k, n := range sums {
		held = append(held, Suppressed{Rule: k[0], Reason: k[1], Count: n})
	}
	return heldText(want), heldText(held)
}

func heldText(list []Suppressed) string {
	slices.SortFunc(list, func(a, b Suppressed) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason)) })
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, "[[test.suppressed]]\nrule = %s\nreason = %s\ncount = %d\n", safetext.TOML(s.Rule), safetext.TOML(s.Reason), s.Count)
	}
	return b.String()
}

// payload compares the request body for an alert with the expected one.
func (r *runner) payload(w *Payload, p config.Part) {
	if w.Alert > len(r.made) {
		r.fail(p, "alert", "", fmt.Sprintf("there is no alert %d: %d were made", w.Alert, len(r.made)), "")
		return
	}
	settings := trigger.DefaultSettings()
	settings.Name, settings.Format = "test", w.Format
	if w.Trigger != "" {
		triggers := r.file.config.Settings.Triggers
		settings = triggers[slices.IndexFunc(triggers, func(t trigger.Settings) bool { return t.Name == w.Trigger })]
	}
	a := r.made[w.Alert-1]
	body, contentType, err := receiver.Render(settings, []trigger.Alert{a.event}, r.test.start.Add(a.at))
	if err != nil {
		r.fail(p, "", "", "the payload cannot be made: "+err.Error(), "")
		return
	}
	isJSON := strings.Contains(contentType, "json")
	switch {
	case w.Golden != "":
		r.golden(w, p, body, isJSON)
	case !isJSON:
		r.fail(p, "match", "", "the payload is "+contentType+", not JSON: compare it with golden", "")
	default:
		var want, got any
		if err := decodeBoth([]byte(w.Match), body, &want, &got); err != nil {
			r.fail(p, "match", "", err.Error(), "")
			return
		}
		r.differ(p, "the payload does not match", pretty(want), pretty(cutTo(got, want)))
	}
}

func (r *runner) golden(w *Payload, p config.Part, body []byte, isJSON bool) {
	text, err := config.ReadFile(r.file.beside(w.Golden))
	if err != nil {
		r.fail(p, "golden", "", w.Golden+" "+err.Error(), "")
		return
	}
	wanted, got := strings.TrimRight(string(text), "\n")+"\n", strings.TrimRight(string(body), "\n")+"\n"
	var want, have any
	if isJSON {
		if err := decodeBoth(text, body, &want, &have); err != nil {
			r.fail(p, "golden", "", err.Error(), "")
			return
		}
		wanted, got = pretty(want), pretty(have)
	}
	r.differ(p, "the payload is not "+w.Golden, wanted, got)
}

func decodeBoth(wanted, got []byte, want, have *any) error {
	for _, d := range []struct {
		what string
		text []byte
		into *any
	}{{"what is expected", wanted, want}, {"the payload", got, have}} {
		decoder := json.NewDecoder(bytes.NewReader(d.text))
		decoder.UseNumber()
		if err := decoder.Decode(d.into); err != nil {
			return fmt.Errorf("%s is not JSON: %w", d.what, err)
		}
	}
	return nil
}

// cutTo returns a JSON value without the keys that another one does not have, at every level: only the keys that a test gives are compared.
func cutTo(value, other any) any {
	switch v := value.(type) {
	case map[string]any:
		o, ok := other.(map[string]any)
		if !ok {
			return value
		}
		out := map[string]any{}
		for k := range o {
			if e, ok := v[k]; ok {
				out[k] = cutTo(e, o[k])
			}
		}
		return out
	case []any:
		o, ok := other.([]any)
		if !ok {
			return value
		}
		out := slices.Clone(v)
		for i := range min(len(out), len(o)) {
			out[i] = cutTo(out[i], o[i])
		}
		return out
	}
	return value
}

// pretty writes a JSON value with sorted keys on lines of their own.
func pretty(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil { // it was decoded from JSON
		return err.Error()
	}
	return b.String()
}
