package engine

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/engine/model"
	"github.com/tinyforge/fluentbit-trigger/engine/rules"
)

const loginLine = `{"msg":"Unsuccessful login","remote_ip":"203.0.113.5","http":{"status":503.0,"a.b":{"ok":true}},"n":12345678901234567890,"f":5e2,"null":null}`

// TestNumbersHaveOneForm writes numbers in a line of JSON in several ways.
func TestNumbersHaveOneForm(t *testing.T) {
	for raw, want := range map[string]string{
		"503": "503", "503.0": "503", "5.03e2": "503", "503.50": "503.5", "-0": "0", "-0.0": "0", "0.1": "0.1", "1e-7": "0.0000001",
		"9007199254740993": "9007199254740993", "-9223372036854775808": "-9223372036854775808", "18446744073709551615": "18446744073709551615",
		"100000000000000000000": "100000000000000000000", "1E20": "100000000000000000000",
	} {
		rec := Record{Text: []byte(`{"a":{"n":` + raw + `}}`)}
		if got, ok := model.AppendField(nil, &rec, "a.n"); !ok || string(got) != want {
			t.Errorf("%s is %q, want %q", raw, got, want)
		}
	}
}

// TestAlertsCarryFields hits a rule whose summary, labels and fields show fields of a line of JSON, and of a record.
func TestAlertsCarryFields(t *testing.T) {
	rule := DefaultRule()
	rule.Name, rule.Where = "login", map[string]string{"msg": "/login/"}
	rule.Summary = `{{ .Field "remote_ip" }} got {{ .Field "http.status" }} {{ .Field "http.a.b.ok" }} {{ .Field "f" }}{{ .Field "nothing" }}`
	rule.Fields = []string{"remote_ip", "http.status", "http.a.b.ok", "n", "nothing", "null", "http"}
	rule.Labels = map[string]string{"team": "shop", "client": `{{ .Field "remote_ip" }}`, "none": `{{ .Field "nothing" }}`}
	if problems := rule.Validate(); problems != nil {
		t.Fatal(problems)
	}
	r := newRun(t, Settings{Rules: []RuleSettings{rule}})
	wantFields := map[string]string{"remote_ip": "203.0.113.5", "http.status": "503", "http.a.b.ok": "true", "n": "12345678901234567890"}
	wantLabels := map[string]string{"team": "shop", "client": "203.0.113.5"}
	check := func(a *Alert) {
		t.Helper()
		if !maps.Equal(a.Fields, wantFields) || !maps.Equal(a.Labels, wantLabels) {
			t.Errorf("fields %v, labels %v", a.Fields, a.Labels)
		}
	}
	alerts := r.line(loginLine)
	if len(alerts) != 1 || alerts[0].Summary != "203.0.113.5 got 503 true 500" {
		t.Fatalf("%+v", alerts)
	}
	check(&alerts[0])
	// Suppressed hits are shown by the roll-up, also over a restart.
	r.line(loginLine)
	again := r.restart(Settings{Rules: []RuleSettings{rule}}, 0)
	for name, one := range map[string]*run{"at once": r, "after a restart": again} {
		one.pass(rule.Cooldown + time.Second)
		alerts = one.e.Tick(one.now, nil)
		if len(alerts) != 1 || alerts[0].Kind != KindRollup || !strings.HasSuffix(alerts[0].Summary, ": 203.0.113.5 got 503 true 500") {
			t.Fatalf("%s: %+v", name, alerts)
		}
		check(&alerts[0])
	}
	// The same fields of a record, whose text is no JSON.
	r.pass(time.Hour)
	alerts = r.record(Record{Text: []byte("x"), Fields: fieldMap{
		"msg": "login", "remote_ip": "203.0.113.5", "http.status": "503", "http.a.b.ok": "true", "n": "12345678901234567890", "f": "500",
	}})
	if len(alerts) != 1 || alerts[0].Summary != "203.0.113.5 got 503 true 500" {
		t.Fatalf("%+v", alerts)
	}
	check(&alerts[0])
	x := r.e.Explain(&Record{Text: []byte(loginLine), Source: web("c1")}, r.now)
	if len(x) != 1 || !maps.Equal(x[0].Fields, wantFields) {
		t.Errorf("explained: %+v", x)
	}
}

// TestAbsencesHaveOneSetOfLabels holds the labels of an absence equal to those of its end, whatever line came back.
func TestAbsencesHaveOneSetOfLabels(t *testing.T) {
	rule := DefaultRule()
	rule.Name, rule.Keywords, rule.Absent = "backup", []string{"finished"}, time.Hour
	rule.Labels = map[string]string{"job": `{{ .Field "job" }}`, "in": `{{ .Workload }}`, "host": `{{ .Host }}`}
	rule.Fields = []string{"job"}
	r := newRun(t, Settings{Rules: []RuleSettings{rule}})
	r.line(`{"job":"a","msg":"begun"}`)
	r.pass(2 * time.Hour)
	absences := r.e.Tick(r.now, nil)
	ends := r.line(`{"job":"a","msg":"finished"}`)
	if len(absences) != 1 || len(ends) != 1 || absences[0].Kind != KindAbsence || ends[0].Kind != KindResolved {
		t.Fatalf("%+v, %+v", absences, ends)
	}
	if want := map[string]string{"in": "shop/web"}; !maps.Equal(absences[0].Labels, want) || !maps.Equal(ends[0].Labels, want) {
		t.Errorf("labels %v, and at the end %v", absences[0].Labels, ends[0].Labels)
	}
	if absences[0].Fields != nil || ends[0].Fields["job"] != "a" {
		t.Errorf("fields %v, and at the end %v", absences[0].Fields, ends[0].Fields)
	}
}

// TestFieldsAreBounded gives a record with fields that are too long, and settings that ask for too much.
func TestFieldsAreBounded(t *testing.T) {
	rule := DefaultRule()
	rule.Name, rule.Keywords = "r", []string{"x"}
	for i := range rules.MaxFields {
		rule.Fields = append(rule.Fields, fmt.Sprintf("f%02d", i))
	}
	rule.Labels = map[string]string{"l": `{{ .Field "f00" }}`}
	fields := fieldMap{}
	for _, path := range rule.Fields {
		fields[path] = strings.Repeat("ä", 2000) + "\n\xff"
	}
	fields["f03"], fields["f05"] = "short\x1b", strings.Repeat("y", 600)
	r := newRun(t, Settings{Rules: []RuleSettings{rule}})
	alerts := r.record(Record{Text: []byte("x"), Fields: fields})
	if len(alerts) != 1 || len(alerts[0].Fields) != rules.MaxFields || len(alerts[0].Labels["l"]) > rules.MaxLabel {
		t.Fatalf("%+v", alerts)
	}
	for path, value := range alerts[0].Fields {
		if len(value) > model.MaxCapture {
			t.Errorf("%s is %d bytes long", path, len(value))
		}
	}
	r.record(Record{Text: []byte("x"), Fields: fields})
	r.pass(time.Hour)
	alerts = r.e.Tick(r.now, nil)
	if len(alerts) != 1 || !maps.Equal(alerts[0].Fields, map[string]string{"f03": "short\x1b"}) {
		t.Errorf("the roll-up has %v", alerts)
	}
	for want, change := range map[string]func(*RuleSettings){
		`fields: must have at most 16 entries, has 17`:            func(s *RuleSettings) { s.Fields = append(s.Fields, "more") },
		`fields: a field's path must not be empty`:                func(s *RuleSettings) { s.Fields[0] = "" },
		`fields "f01": is given twice`:                            func(s *RuleSettings) { s.Fields[0] = "f01" },
		`must have at most 256 bytes, has 257`:                    func(s *RuleSettings) { s.Fields[0] = strings.Repeat("p", 257) },
		`labels.l "{{ .Nothing }}": {{ .Nothing }} names nothing`: func(s *RuleSettings) { s.Labels = map[string]string{"l": "{{ .Nothing }}"} },
	} {
		s := rule
		s.Fields = append([]string(nil), rule.Fields...)
		change(&s)
		if problems := s.Validate(); len(problems) == 0 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("got %v, want %q", problems, want)
		}
	}
}
