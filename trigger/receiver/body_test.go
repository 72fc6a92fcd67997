package receiver

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/render"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func renderBody(t *testing.T, format, body, contentType string, alerts []trigger.Alert) ([]byte, error) {
	t.Helper()
	r := testRenderer(format)
	var err error
	if r.body, err = render.NewBody(body, contentType); err != nil {
		return nil, err
	}
	got, err := r.Render(context.Background(), "id", alerts)
	return got.Body, err
}

func TestBodyTemplates(t *testing.T) {
	t.Parallel()
	two := []trigger.Alert{triggertest.Sample(), triggertest.Sample()}
	for _, c := range []struct{ body, contentType, want string }{
		{`{"a":"{{ .Rule | upper }}","n":1.50,"b":true,"z":null}`, "application/json", `{"a":"GO-PANIC","b":true,"n":1.50,"z":null}`},
		{`{"m":"{{ .Message | trunc 8 }}","l":["{{ .Source.Workload }}","x"]}`, "application/json", `{"l":["shop/api","x"],"m":"panic: …"}`},
		{`{"h":"{{ .SuppressedText }}"}`, "application/json", `{"h":"` + triggertest.SuppressedSample + `"}`},
		{`{"t":"{{ .Time | rfc3339 }}","u":"{{ .Time | unix }}","d":"{{ .Time | date \"15:04\" }}"}`, "application/json",
			`{"d":"14:05","t":"2026-11-22T14:05:06Z","u":"1795356306"}`},
		{`{"x":"{{ .Labels.nothing | default \"none\" }} {{ .Captures.nope }}"}`, "application/json", `{"x":"none "}`},
		{`{"f":"{{ .Field \"http.status\" }} from {{ .Field \"remote_ip\" }}{{ .Field \"nothing\" }}"}`, "application/json", `{"f":"503 from 203.0.113.5"}`},
		{`{{ range .Alerts }}{{ .Field "remote_ip" }} {{ index .Fields "http.status" }} {{ end }}`, "text/plain", `203.0.113.5 503 203.0.113.5 503 `},
		{`{"j":"{{ json .Captures }}"}`, "application/json", `{"j":"{\"reason\":\"assignment to entry in nil map\"}"}`},
		{`{"g":"{{ .Total }} {{ range .Alerts }}{{ .Rule }};{{ end }}{{ if .Group }}+{{ end }}"}`, "application/json", `{"g":"2 go-panic;go-panic;+"}`},
		{`"{{ .Rule }}"`, "application/json", `"go-panic"`},
		{`{"url":"{{ .Links.Silence | default .Links.Open }}","title":"{{ if .Links.Silence }}Silence 1 h{{ else }}Open{{ end }}"}`, "application/json",
			`{"title":"Open","url":""}`},
		{`{{ .Rule }}: {{ .Message }}`, "text/plain", `go-panic: panic: assignment to entry in nil map`},
		{`{"c":"{{ join \",\" .Context.Before }} {{ replace \"/\" \"-\" .Source.Workload }}"}`, "application/vnd.x+json", `{"c":"GET /cart 200 shop-api"}`},
	} {
		got, err := renderBody(t, "generic", c.body, c.contentType, two)
		if err != nil || string(got) != c.want {
			t.Errorf("%s gives %s, %v; want %s", c.body, got, err, c.want)
		}
	}
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{`{"a":`, "application/json"}, {`{"a":1} x`, "application/json"}, {`{"a":"{{ .Rule "}`, "application/json"}, {`{{ .Rule }}`, "application/json"},
		{`{"a":"{{ env \"HOME\" }}"}`, "application/json"}, {`{{ nope }}`, "text/plain"}, {`x`, "application/xml"}, {`x`, ""}, {``, "application/json"},
	} {
		if _, err := render.NewBody(c[0], c[1]); err == nil {
			t.Errorf("%q as %q is accepted", c[0], c[1])
		}
	}
}

func TestBodyFailuresQuoteNoData(t *testing.T) {
	t.Parallel()
	for _, body := range []string{`"{{ .NoSuchField }}"`, `"{{ index .Message 100000 }}"`, `"{{ template \"x\" }}"`, `"{{ slice .Message 5 1 }}"`} {
		_, err := renderBody(t, "generic", body, "application/json", []trigger.Alert{triggertest.Sample()})
		if err == nil || strings.Contains(err.Error(), "nil map") {
			t.Errorf("%s gives %v", body, err)
		}
	}
}

func TestBodyIsCapped(t *testing.T) {
	t.Parallel()
	a := triggertest.Sample()
	a.Message = strings.Repeat("x", 8<<10)
	alerts := slices.Repeat([]trigger.Alert{a}, 10)
	for _, c := range [][2]string{
		{`"{{ range .Alerts }}{{ range .Alert.Context }}{{ end }}{{ end }}"`, "application/json"},
		{`"{{ range $a := .Alerts }}{{ range $.Alerts }}{{ .Message }}{{ end }}{{ end }}"`, "application/json"},
		{`{{ define "x" }}{{ .Message }}{{ template "x" . }}{{ end }}{{ template "x" . }}`, "text/plain"},
	} {
		if got, err := renderBody(t, "generic", c[0], c[1], alerts); err == nil {
			t.Errorf("%s gives %d bytes", c[0], len(got))
		}
	}
}

// In a body of one's own, too, no log line mentions anyone.
func TestBodyTextsAreEscapedForTheFormat(t *testing.T) {
	t.Parallel()
	hostile := triggertest.Alerts()["hostile"]
	const body = `{"text":"{{ .Message }} {{ .Rule }} {{ .Labels.team }} {{ range .Alerts }}{{ .Summary }}{{ end }}"}`
	for _, format := range []string{"slack", "discord", "telegram"} {
		got, err := renderBody(t, format, body, "application/json", hostile)
		if err != nil {
			t.Fatal(err)
		}
		var m struct{ Text string }
		if err := json.Unmarshal(got, &m); err != nil {
			t.Fatal(err)
		}
		if found := anyMention.FindString(strings.ReplaceAll(m.Text, `\<`, "")); found != "" {
			t.Errorf("%s: holds %q", format, found)
		}
	}
}

// TestBodiesGetEveryTextEscaped fills all texts of an alert, and names those that a body gets as they are: of the program, of the configuration, or digits of
// hashes. A new text is escaped, or is one of them.
func TestBodiesGetEveryTextEscaped(t *testing.T) {
	t.Parallel()
	var a trigger.Alert
	eachText("", reflect.ValueOf(&a).Elem(), func(_ string, text reflect.Value) { text.SetString("x") })
	escaped := escapeAlert(&a, func(s string) string { return "escaped " + s })
	var plain []string
	eachText("", reflect.ValueOf(&escaped).Elem(), func(path string, text reflect.Value) {
		if text.String() != "escaped x" {
			plain = append(plain, path)
		}
	})
	want := []string{
		"Version", "ID", "Kind", "Key", "Severity", "Source.Kind", "Source.Stream", "Deploy.Verdict", "Incident.Severities", "Runbook", "Fleet.Namespace", "Fleet.Engine",
		"Links.Open", "Links.Silence",
	}
	if !slices.Equal(plain, want) {
		t.Errorf("a body gets these texts as they are: %q\nwant %q", plain, want)
	}
	eachText("", reflect.ValueOf(&a).Elem(), func(path string, text reflect.Value) {
		if text.String() != "x" {
			t.Errorf("escaping changed %s of the alert itself", path)
		}
	})
}

// eachText calls found for each text of a value, with its place. It makes what pointers and lists lack, and leaves times alone.
func eachText(path string, v reflect.Value, found func(path string, text reflect.Value)) {
	switch v.Kind() {
	case reflect.String:
		found(path, v)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		eachText(path, v.Elem(), found)
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		eachText(path, v.Index(0), found)
	case reflect.Map:
		if v.Type().Elem().Kind() != reflect.String {
			return
		}
		if v.IsNil() {
			v.Set(reflect.ValueOf(map[string]string{"name": ""}))
		}
		text := reflect.New(v.Type().Elem()).Elem()
		text.Set(v.MapIndex(reflect.ValueOf("name")))
		found(path, text)
		v.SetMapIndex(reflect.ValueOf("name"), text)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			eachText(strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."), v.Field(i), found)
		}
	}
}

func FuzzBodyIsValid(f *testing.F) {
	f.Add(triggertest.HostileText, "x")
	f.Add("\xff\"\\\x00", "\u2028</script>")
	f.Fuzz(func(t *testing.T, message, rule string) {
		a := triggertest.Sample()
		a.Message, a.Rule, a.Labels = message, rule, map[string]string{"team": message}
		const body = `{"a":"{{ .Message }}{{ json .Message }}","{{":["{{ .Rule | trunc 5 | upper }}",{"b":"{{ .Labels.team }}"}]}`
		for _, format := range Formats() {
			if format == "email" {
				continue // its body is a text: TestABodyIsTheTextOfTheMail
			}
			got, err := renderBody(t, format, body, "application/json", []trigger.Alert{a})
			if err == nil && !json.Valid(got) {
				t.Fatalf("%s: %q is not JSON", format, got)
			}
			text, err := renderBody(t, format, `{{ .Message }}`, "text/plain", []trigger.Alert{a})
			if err == nil && !utf8.Valid(text) {
				t.Fatalf("%s: %q is not UTF-8", format, text)
			}
		}
	})
}
