package trigger_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

// monday is noon on a Monday.
var monday = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// TestVerdict: an alert counts as outside of hours only if all other filters let it pass.
func TestVerdict(t *testing.T) {
	t.Parallel()
	a := triggertest.Sample()
	for _, c := range []struct {
		at       time.Time
		severity string
		want     trigger.Verdict
	}{
		{monday, "critical", trigger.Sends},
		{monday, "info", trigger.Filtered},
		{monday.Add(12 * time.Hour), "critical", trigger.OutsideHours},
		{monday.Add(12 * time.Hour), "info", trigger.Filtered},
	} {
		s := trigger.DefaultSettings()
		s.Severity, s.During = []string{c.severity}, []string{"daily 08:00-18:00"}
		f, err := trigger.NewFilter(&s, &trigger.Regexps{})
		if err != nil {
			t.Fatal(err)
		}
		if got := f.Match(&a, c.at); got != c.want {
			t.Errorf("severity %s at %s: verdict %d, want %d", c.severity, c.at, got, c.want)
		}
		resolved := a
		if resolved.Kind = trigger.KindResolved; c.want == trigger.OutsideHours && (f.Match(&resolved, c.at) != trigger.Sends || f.Explain(&resolved, c.at) != "") {
			t.Error("the end of an incident waits for the hours")
		}
		if p, ok := f.Hours(c.at); !ok || p.Until == 0 || p.From < c.at.UnixNano() {
			t.Errorf("the hours at %s are %v", c.at, p)
		}
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  func(*trigger.Settings)
		fail string // the begin of the explanation; "" for a match
	}{
		"none":             {func(*trigger.Settings) {}, ""},
		"severity":         {func(s *trigger.Settings) { s.Severity = []string{"error", "critical"} }, ""},
		"other severity":   {func(s *trigger.Settings) { s.Severity = []string{"error"} }, `severity is "critical", not one of error`},
		"source":           {func(s *trigger.Settings) { s.Source = []string{"log"} }, ""},
		"other source":     {func(s *trigger.Settings) { s.Source = []string{"container"} }, `source is "log"`},
		"workload":         {func(s *trigger.Settings) { s.Workload = []string{"ops/*", "shop/*"} }, ""},
		"every workload":   {func(s *trigger.Settings) { s.Workload = []string{"*"} }, ""},
		"one character":    {func(s *trigger.Settings) { s.Workload = []string{"shop/ap?"} }, ""},
		"not a part":       {func(s *trigger.Settings) { s.Workload = []string{"shop"} }, `workload is "shop/api"`},
		"no regexp":        {func(s *trigger.Settings) { s.Workload = []string{"shop.api", "(", "sho+p/api"} }, `workload is`},
		"rule":             {func(s *trigger.Settings) { s.Rule = []string{"go-*"} }, ""},
		"other rule":       {func(s *trigger.Settings) { s.Rule = []string{"java-*"} }, `rule is "go-panic"`},
		"message":          {func(s *trigger.Settings) { s.Message = "(?i)PANIC|oom" }, ""},
		"other message":    {func(s *trigger.Settings) { s.Message = "^oom" }, `message "panic: `},
		"all of them":      {func(s *trigger.Settings) { s.Severity, s.Rule, s.Message = []string{"critical"}, []string{"*"}, "nil" }, ""},
		"all but the last": {func(s *trigger.Settings) { s.Severity, s.Rule, s.Message = []string{"critical"}, []string{"*"}, "nope" }, "message"},
		"label":            {func(s *trigger.Settings) { s.Where = map[string]string{"label.team": "payments"} }, ""},
		"other label":      {func(s *trigger.Settings) { s.Where = map[string]string{"label.team": "shop"} }, `where needs label.team = "shop", and it is "payments"`},
		"no label":         {func(s *trigger.Settings) { s.Where = map[string]string{"label.x": "!=shop"} }, `where needs label.x = "!=shop", and the alert has no label.x`},
		"all of where": {func(s *trigger.Settings) {
			s.Where = map[string]string{"kind": "!=rollup", "image": "/^shop/", "host": "/./"}
		}, ""},
		"one of where":         {func(s *trigger.Settings) { s.Where = map[string]string{"kind": "!=rollup", "image": "/^ops/"} }, `where needs image = "/^ops/"`},
		"a field as a number":  {func(s *trigger.Settings) { s.Where = map[string]string{"field.http.status": ">=500"} }, ""},
		"within hours":         {func(s *trigger.Settings) { s.During = []string{"weekdays 08:00-18:00"} }, ""},
		"outside hours":        {func(s *trigger.Settings) { s.During = []string{"weekends", "22:00-06:00"} }, `it sends nothing until Mon 2026-11-30 22:00 UTC`},
		"hours of a zone":      {func(s *trigger.Settings) { s.During, s.Zone = []string{"mon 21:00-22:00"}, "Asia/Tokyo" }, ""},
		"the first that fails": {func(s *trigger.Settings) { s.Severity, s.Rule = []string{"info"}, []string{"nope"} }, "severity"},
	} {
		s := trigger.DefaultSettings()
		c.set(&s)
		f, err := trigger.NewFilter(&s, &trigger.Regexps{})
		if err != nil {
			t.Fatal(err)
		}
		a := triggertest.Sample()
		got := f.Explain(&a, monday)
		if (f.Match(&a, monday) == trigger.Sends) != (c.fail == "") || (got == "") != (c.fail == "") || !strings.HasPrefix(got, c.fail) {
			t.Errorf("%s: verdict %v, explanation %q, want %q", name, f.Match(&a, monday), got, c.fail)
		}
	}
	a := triggertest.Sample()
	a.Message, a.Summary = "", "no line for 26h"
	s := trigger.DefaultSettings()
	s.Message = "26h"
	if f, _ := trigger.NewFilter(&s, &trigger.Regexps{}); f.Match(&a, monday) != trigger.Sends {
		t.Error("an alert without a message is not matched by its summary")
	}
}

func TestRegexpsCompileOnce(t *testing.T) {
	t.Parallel()
	var r trigger.Regexps
	first, err := r.Compile("a+")
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := r.Compile("a+"); second != first {
		t.Error("the same text was compiled twice")
	}
	if _, err := r.Compile("("); err == nil {
		t.Error("( is accepted")
	}
}

func TestGroupKey(t *testing.T) {
	t.Parallel()
	a, b := triggertest.Sample(), triggertest.Sample()
	for _, key := range append(trigger.GroupKeys(), "label.team", "capture.reason") {
		if trigger.GroupKey([]string{key}, &a) != trigger.GroupKey([]string{key}, &b) {
			t.Errorf("%s parts equal alerts", key)
		}
		if v := trigger.GroupKey([]string{key}, &a); strings.Contains(v, "=0:") {
			t.Errorf("%s is empty", key)
		}
	}
	b.Rule, b.Source.Workload = "a", "b"
	a.Rule, a.Source.Workload = "a;8:workload=1:b", ""
	x, y := trigger.Alert{Fields: map[string]string{"a.b": "1"}}, trigger.Alert{Fields: map[string]string{"a.b": "2"}}
	if trigger.GroupKey([]string{"field.a.b"}, &x) == trigger.GroupKey([]string{"field.a.b"}, &y) || trigger.GroupKey([]string{"field.c"}, &x) != trigger.GroupKey([]string{"field.c"}, &y) {
		t.Error("the fields of alerts do not make their groups")
	}
	if trigger.GroupKey([]string{"rule", "workload"}, &a) == trigger.GroupKey([]string{"rule", "workload"}, &b) {
		t.Error("different alerts share a group")
	}
}
