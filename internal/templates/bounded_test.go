package templates

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"text/template"
	"time"
)

// alert is data like that of a body.
type alert struct {
	Name, Message string
	Count         int
	Time          time.Time
	Since         *time.Time
	Labels        map[string]string
	Lines         []string
	Alerts        []alert
	Any           any
}

func sample() *alert {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	one := alert{
		Name: "panic", Message: strings.Repeat("m", 8<<10), Count: 1_000_000_000, Time: at, Labels: map[string]string{"team": "a", "x": "b"},
		Lines: []string{"one", "two", "three"}, Any: 1 << 40,
	}
	out := one
	for range 10 {
		out.Alerts = append(out.Alerts, one)
	}
	return &out
}

func functions() template.FuncMap {
	return template.FuncMap{
		"upper": strings.ToUpper, "join": func(sep string, list []string) string { return strings.Join(list, sep) },
		"trunc": func(n int, s string) string { return s[:min(n, len(s))] },
	}
}

func limits() Limits { return Limits{Steps: 100_000, Bytes: 8 << 20, Output: 256 << 10} }

func execute(ctx context.Context, text string, l Limits) (string, error) {
	t, err := Parse("t", text, functions())
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	err = t.Execute(NewBudget(ctx, l), &out, sample())
	return out.String(), err
}

// TestTemplatesDoAsTextTemplateDoes: the output of ordinary templates equals that of text/template.
func TestTemplatesDoAsTextTemplateDoes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "plain", "{{ .Name }}", "{{ .Name | upper }}", "{{ upper .Name | printf \"%q %5d %-8s|\" .Name 12 }}", "{{ .Message | trunc 10 }}",
		"{{ if and .Name (eq .Name \"panic\") }}yes{{ else }}no{{ end }}", "{{ if or .Since (lt .Count 5) }}yes{{ else if .Count }}maybe{{ end }}",
		"{{ range .Alerts }}{{ .Name }},{{ else }}none{{ end }}", "{{ range $i, $a := .Alerts }}{{ $i }}={{ $a.Name }} {{ end }}",
		"{{ range $k, $v := .Labels }}{{ $k }}={{ $v }};{{ end }}", "{{ range .Lines }}{{ if eq . \"two\" }}{{ continue }}{{ end }}{{ . }}{{ end }}",
		"{{ range .Lines }}{{ if eq . \"two\" }}{{ break }}{{ end }}{{ . }}{{ end }}", "{{ with .Labels.team }}team {{ . }}{{ end }}",
		"{{ with .Labels.nope }}x{{ else }}y{{ end }}", "{{ with $x := index .Labels \"team\" }}{{ $x }}{{ end }}", "{{ .Labels.nope }}", "{{ .Labels }}",
		"{{ index .Lines 1 }} {{ len .Lines }} {{ slice .Name 1 3 }}", "{{ .Time.Format \"15:04\" }} {{ .Time.Year }} {{ (.Time.AddDate 0 1 0).Month }}",
		"{{ (index .Alerts 0).Name }}", "{{ $x := .Name }}{{ $x = print $x $x }}{{ $x }}", "{{ $x := 1 }}{{ range .Lines }}{{ $x = len . }}{{ end }}{{ $x }}",
		"{{ join \", \" .Lines }}", "{{ .Lines | join \"-\" }}", "{{ html \"<&>\" }}{{ js \"'\" }}{{ urlquery \"a b\" }}", "{{ println .Name }}", "{{ .Any }}",
		"{{ not .Name }} {{ ne .Name \"x\" }} {{ ge .Count 5 }}", "{{- /* a comment */ -}} x", "{{ .Time.Sub .Time }}", "{{ \"15:04\" | .Time.Format }}",
		"{{ printf \"%d%%\" 5 }} {{ printf \"%v %+v %T %x %08.3f\" .Lines .Labels .Count .Name 3.14159 }}", "{{ true }} {{ 1.5 }} {{ 'x' }}",
		"{{ define \"row\" }}<{{ .Name }}>{{ end }}{{ range .Alerts }}{{ template \"row\" . }}{{ end }}", "{{ block \"b\" .Name }}[{{ . }}]{{ end }}{{ template \"b\" 5 }}",
		"{{ define \"a\" }}{{ template \"b\" . }}{{ template \"b\" . }}{{ end }}{{ define \"b\" }}{{ .Name }}{{ end }}{{ template \"a\" . }}", "{{ template \"none\" }}",
		"{{ range .Alerts }}{{ range .Lines }}{{ $.Name }}{{ . }}{{ end }}{{ end }}", "{{ range slice .Lines 1 }}{{ . }}{{ end }}", "{{ .Nope }}", "{{ index .Lines 7 }}",
		"{{ .Name.Nope }}", "{{ nope }}", "{{ .Name", "{{ upper 3 }}", "{{ eq .Name 3 }}", "{{ call .Name }}",
	} {
		var want bytes.Buffer
		plain, wrong := template.New("t").Funcs(functions()).Option("missingkey=zero").Parse(text)
		if wrong == nil {
			wrong = plain.Execute(&want, sample())
		}
		got, err := execute(t.Context(), text, limits())
		if (err == nil) != (wrong == nil) {
			t.Errorf("%s: %v, want %v", text, err, wrong)
		} else if err == nil && got != want.String() {
			t.Errorf("%s: %q, want %q", text, got, want.String())
		}
	}
}

// hostile returns templates that would never end, or would fill the memory, without bounds.
func hostile() map[string]string {
	double := "{{ $x := \"aaaaaaaaaaaaaaaa\" }}" + strings.Repeat("{{ $x = print $x $x }}", 40)
	all := map[string]string{
		"a number":                   "{{ range $i := 1000000000000 }}{{ end }}x",
		"a number of the data":       "{{ range .Count }}{{ end }}x",
		"a number behind any":        "{{ range .Any }}{{ end }}x",
		"a length":                   "{{ range len .Message }}{{ range len $.Message }}{{ range len $.Message }}{{ end }}{{ end }}{{ end }}",
		"a number of a method":       "{{ range .Time.UnixNano }}{{ end }}",
		"a text":                     "{{ range .Message }}{{ end }}",
		"recursion":                  "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}",
		"recursion of itself":        "{{ template \"t\" . }}",
		"recursion of two":           "{{ define \"a\" }}{{ template \"b\" . }}{{ end }}{{ define \"b\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}",
		"templates that fan out":     fanOut(40),
		"a block":                    "{{ block \"a\" . }}{{ template \"a\" . }}{{ end }}",
		"nested ranges":              strings.Repeat("{{ range $.Alerts }}", 12) + "x" + strings.Repeat("{{ end }}", 12),
		"nested ranges without text": strings.Repeat("{{ range $.Alerts }}", 12) + strings.Repeat("{{ end }}", 12),
		"in the else":                "{{ range slice .Lines 3 }}{{ else }}{{ range 1000000000000 }}{{ end }}{{ end }}",
		"in with":                    "{{ with .Alerts }}" + strings.Repeat("{{ range $.Alerts }}", 12) + strings.Repeat("{{ end }}", 12) + "{{ end }}",
		"in an argument":             "{{ if eq (len (printf \"%999999999d\" 1)) 5 }}{{ end }}",
		"doubling":                   double + "{{ $x }}",
		"doubling unseen":            double + "{{ if eq $x \"a\" }}{{ end }}",
		"doubling in a range":        "{{ $x := .Message }}{{ range .Alerts }}{{ range $.Alerts }}{{ $x = print $x $x }}{{ end }}{{ end }}",
		"doubling by printf":         "{{ $x := .Message }}" + strings.Repeat("{{ $x = printf \"%s%s\" $x $x }}", 40),
		"doubling by join":           "{{ $x := .Message }}" + strings.Repeat("{{ $x = join $x .Lines }}", 40),
		"doubling by js":             "{{ $x := \"\\\\\\\\\" }}" + strings.Repeat("{{ $x = js $x }}", 60),
		"growing by urlquery":        "{{ $x := \"%%%%\" }}" + strings.Repeat("{{ $x = urlquery $x $x }}", 60),
		"doubling by a layout":       "{{ $x := \"1 2 3 4 5 January Monday\" }}" + strings.Repeat("{{ $x = .Time.Format (print $x $x) }}", 60),
		"doubling by a piped layout": "{{ $x := \"1 2 3 4 5 January Monday\" }}" + strings.Repeat("{{ $x = print $x $x | .Time.Format }}", 60),
		"many arguments":             "{{ $x := .Message }}{{ print" + strings.Repeat(" $x", 20_000) + " }}",
		"a width":                    "{{ printf \"%1000000000d\" 1 }}",
		"many widths":                "{{ printf \"" + strings.Repeat("%60000d", 5000) + "\" }}",
		"a precision":                "{{ printf \"%.1000000f\" 1.5 }}",
		"a width from an argument":   "{{ printf \"%*d\" 1000000000 1 }}",
		"an index":                   "{{ printf \"" + strings.Repeat("%[1]s", 9000) + "\" .Message }}",
		"a format of the data":       "{{ $f := \"%[1]s\" }}" + strings.Repeat("{{ $f = print $f $f }}", 14) + "{{ printf $f .Message }}",
		"the same text for ever":     strings.Repeat("{{ range $.Alerts }}", 4) + "{{ $.Message }}" + strings.Repeat("{{ end }}", 4),
		"comparisons":                "{{ $x := print .Message .Message .Message .Message }}" + strings.Repeat("{{ range $.Alerts }}", 4) + "{{ if eq $x $x $x $x }}{{ end }}" + strings.Repeat("{{ end }}", 4),
		"everything printed":         strings.Repeat("{{ range $.Alerts }}", 3) + "{{ if eq (print $) \"x\" }}{{ end }}" + strings.Repeat("{{ end }}", 3),
		"a long template":            strings.Repeat("{{ .Message }}", 10_000),
		"many parts":                 strings.Repeat("{{ range $.Alerts }}", 3) + strings.Repeat("{{ if $ }}{{ end }}", 3000) + strings.Repeat("{{ end }}", 3),
		"the functions that count":   "{{ _step -1000000 }}{{ _pass 1 }}",
	}
	return all
}

// fanOut returns templates that each execute the next one twice.
func fanOut(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{{ define \"t%d\" }}{{ template \"t%d\" . }}{{ template \"t%d\" . }}{{ end }}", i, i+1, i+1)
	}
	fmt.Fprintf(&b, "{{ define \"t%d\" }}{{ end }}{{ template \"t0\" . }}", n)
	return b.String()
}

// TestHostileTemplatesEnd: each hostile template ends with an error, within its bounds. Most of them would never end without.
func TestHostileTemplatesEnd(t *testing.T) {
	t.Parallel()
	for name, text := range hostile() {
		out, err := execute(t.Context(), text, limits())
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		if len(out) > limits().Output {
			t.Errorf("%s: wrote %d bytes", name, len(out))
		}
	}
	out, err := execute(t.Context(), "{{ range .Alerts }}{{ .Message }}{{ end }}", Limits{Steps: 1000, Bytes: 1 << 20, Output: 100})
	if !errors.Is(err, ErrOutput) || out != strings.Repeat("m", 100) {
		t.Errorf("%q, %v", out, err)
	}
}

// TestBudgetIsShared: all templates of one message share a budget.
func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	one, err := Parse("t", "{{ range .Alerts }}{{ .Name }}{{ end }}", nil)
	if err != nil {
		t.Fatal(err)
	}
	b := NewBudget(t.Context(), Limits{Steps: 200, Bytes: 1 << 20, Output: 1 << 20})
	n := 0
	for ; n < 100 && err == nil; n++ {
		err = one.Execute(b, new(bytes.Buffer), sample())
	}
	var bound *BoundError
	if !errors.As(err, &bound) || n < 2 || n > 20 {
		t.Errorf("ended after %d: %v", n, err)
	}
}

// TestExecutionEndsWithItsContext: even within a large budget, an execution ends with its context.
func TestExecutionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := execute(ctx, "{{ range .Alerts }}{{ end }}", limits()); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := execute(ctx, strings.Repeat("{{ range $.Alerts }}", 12)+strings.Repeat("{{ end }}", 12), Limits{Steps: 1 << 60, Bytes: 1 << 60, Output: 1})
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestTemplatesRunAtOnce(t *testing.T) {
	t.Parallel()
	one, err := Parse("t", "{{ range .Alerts }}{{ .Name | upper }}{{ end }}", functions())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for range 8 {
		go func() {
			var wrong error
			for range 200 {
				var out bytes.Buffer
				if err := one.Execute(NewBudget(context.Background(), limits()), &out, sample()); err != nil || out.String() != strings.Repeat("PANIC", 10) {
					wrong = fmt.Errorf("%q %w", out.String(), err)
				}
			}
			done <- wrong
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// FuzzBounded: the execution of any template ends and respects the output bound. If it succeeds, the output equals that of text/template.
func FuzzBounded(f *testing.F) {
	for _, text := range hostile() {
		if len(text) < 2000 {
			f.Add(text)
		}
	}
	f.Add("{{ range $i, $a := .Alerts }}{{ with $a.Labels.team }}{{ . | upper | printf \"%10s\" }}{{ end }}{{ end }}")
	f.Fuzz(func(t *testing.T, text string) {
		l := Limits{Steps: 2000, Bytes: 256 << 10, Output: 8 << 10}
		got, err := execute(t.Context(), text, l)
		if len(got) > l.Output {
			t.Fatalf("%d bytes", len(got))
		}
		if err != nil {
			return
		}
		plain, err := template.New("t").Funcs(functions()).Option("missingkey=zero").Parse(text)
		if err != nil {
			t.Fatalf("text/template refuses it: %v", err)
		}
		var want bytes.Buffer
		if err := plain.Execute(&want, sample()); err != nil || want.String() != got {
			t.Fatalf("%q, want %q %v", got, want.String(), err)
		}
	})
}

func BenchmarkSummary(b *testing.B) {
	data := sample()
	one, err := Parse("t", "{{ .Name }} in {{ .Labels.team }}: {{ .Message | trunc 100 }}", functions())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var out strings.Builder
		if err := one.Execute(NewBudget(context.Background(), limits()), &out, data); err != nil {
			b.Fatal(err)
		}
	}
}
