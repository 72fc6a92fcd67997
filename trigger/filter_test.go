package trigger

import (
	"strings"
	"testing"
)

func TestFilter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		set  func(*Settings)
		fail string // the begin of the explanation; "" for a match
	}{
		"none":                 {func(*Settings) {}, ""},
		"severity":             {func(s *Settings) { s.Severity = []string{"error", "critical"} }, ""},
		"other severity":       {func(s *Settings) { s.Severity = []string{"error"} }, `severity is "critical", not one of error`},
		"source":               {func(s *Settings) { s.Source = []string{"log"} }, ""},
		"other source":         {func(s *Settings) { s.Source = []string{"container"} }, `source is "log"`},
		"workload":             {func(s *Settings) { s.Workload = []string{"ops/*", "shop/*"} }, ""},
		"every workload":       {func(s *Settings) { s.Workload = []string{"*"} }, ""},
		"one character":        {func(s *Settings) { s.Workload = []string{"shop/ap?"} }, ""},
		"not a part":           {func(s *Settings) { s.Workload = []string{"shop"} }, `workload is "shop/api"`},
		"no regexp":            {func(s *Settings) { s.Workload = []string{"shop.api", "(", "sho+p/api"} }, `workload is`},
		"rule":                 {func(s *Settings) { s.Rule = []string{"go-*"} }, ""},
		"other rule":           {func(s *Settings) { s.Rule = []string{"java-*"} }, `rule is "go-panic"`},
		"message":              {func(s *Settings) { s.Message = "(?i)PANIC|oom" }, ""},
		"other message":        {func(s *Settings) { s.Message = "^oom" }, `message "panic: `},
		"all of them":          {func(s *Settings) { s.Severity, s.Rule, s.Message = []string{"critical"}, []string{"*"}, "nil" }, ""},
		"all but the last":     {func(s *Settings) { s.Severity, s.Rule, s.Message = []string{"critical"}, []string{"*"}, "nope" }, "message"},
		"the first that fails": {func(s *Settings) { s.Severity, s.Rule = []string{"info"}, []string{"nope"} }, "severity"},
	} {
		s := DefaultSettings()
		c.set(&s)
		f, err := NewFilter(&s, &Regexps{})
		if err != nil {
			t.Fatal(err)
		}
		a := sampleAlert()
		got := f.Explain(&a)
		if f.Match(&a) != (c.fail == "") || (got == "") != (c.fail == "") || !strings.HasPrefix(got, c.fail) {
			t.Errorf("%s: match %v, explanation %q, want %q", name, f.Match(&a), got, c.fail)
		}
	}
	a := sampleAlert()
	a.Message, a.Summary = "", "no line for 26h"
	s := DefaultSettings()
	s.Message = "26h"
	if f, _ := NewFilter(&s, &Regexps{}); !f.Match(&a) {
		t.Error("an alert without a message is not judged by its summary")
	}
}

func TestRegexpsCompileOnce(t *testing.T) {
	t.Parallel()
	var r Regexps
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
	a, b := sampleAlert(), sampleAlert()
	for _, key := range append(GroupKeys(), "label.team", "capture.reason") {
		if GroupKey([]string{key}, &a) != GroupKey([]string{key}, &b) {
			t.Errorf("%s parts equal alerts", key)
		}
		if v := groupValue(key, &a); v == "" {
			t.Errorf("%s is empty", key)
		}
	}
	b.Rule, b.Source.Workload = "a", "b"
	a.Rule, a.Source.Workload = "a;8:workload=1:b", ""
	x, y := Alert{Fields: map[string]string{"a.b": "1"}}, Alert{Fields: map[string]string{"a.b": "2"}}
	if GroupKey([]string{"field.a.b"}, &x) == GroupKey([]string{"field.a.b"}, &y) || GroupKey([]string{"field.c"}, &x) != GroupKey([]string{"field.c"}, &y) {
		t.Error("the fields of alerts do not make their groups")
	}
	if GroupKey([]string{"rule", "workload"}, &a) == GroupKey([]string{"rule", "workload"}, &b) {
		t.Error("different alerts share a group")
	}
}
