package packs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine/template"
	stacks "github.com/tinyforge/fluentbit-trigger/engine/trace"
)

// TestTraces holds traces.golden to what package trace reads in each output: the template, the exception, its causes, and the frames that are shown.
// Output without frames is left out. Numbers in the golden file differ when the programs run again, and nothing else does.
func TestTraces(t *testing.T) {
	t.Parallel()
	for _, name := range append(folders(t), packless...) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := filepath.Join("testdata", name)
			var golden strings.Builder
			for _, file := range outputs(t, folder) {
				text := join(content(t, file))
				e, ok := stacks.Read(text)
				key, found := template.AppendTrace(nil, text)
				if ok != found {
					t.Errorf("%s: an exception: %v, a template: %v", file, ok, found)
				}
				if !ok {
					continue
				}
				if again := template.Append(nil, key); !bytes.Equal(again, key) {
					t.Errorf("%s: masked again: %s\nonce: %s", file, again, key)
				}
				fmt.Fprintf(&golden, "%s\n\t%s\n\t%s: %s\n", strings.TrimPrefix(file, folder+"/"), key, e.Type, e.Message)
				for _, c := range e.Chain {
					fmt.Fprintf(&golden, "\tcaused by %s: %s\n", c.Type, c.Message)
				}
				for _, f := range e.Frames {
					fmt.Fprintf(&golden, "\t\t%s (%s:%d)\n", f.Function, f.File, f.Line)
				}
			}
			file := filepath.Join(folder, "traces.golden")
			if golden.Len() == 0 {
				return
			}
			if *update {
				if err := os.WriteFile(file, []byte(golden.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(content(t, file)); want != golden.String() {
				t.Errorf("%s differs; after a look at the traces write it with -update. It would be:\n%s", file, golden.String())
			}
		})
	}
}

// outputs returns the files of a folder's errors, in order.
func outputs(t *testing.T, folder string) []string {
	t.Helper()
	var out []string
	for _, tr := range read(t, folder) {
		out = append(out, tr.files...)
	}
	slices.Sort(out)
	return out
}

// TestOneFaultIsOneKind holds the output of different loggers about one fault to one template: the lines before the trace, the message's values and
// JSON make no difference.
func TestOneFaultIsOneKind(t *testing.T) {
	t.Parallel()
	for _, files := range [][]string{
		{
			"python/hit/python-exception/root_exception.stderr", "python/hit/python-exception/classic_exception.stderr",
			"python/hit/python-exception/celery_exception.stderr", "python/hit/python-exception/structlog_plain_exception.stdout",
			"python/hit/logged-error/json_logger_exception.stderr", "python/hit/logged-error/structlog_json_exception.stdout",
			"python/hit/logged-error/structlog_logfmt_exception.stdout",
		},
		{"python/hit/python-exception/loguru_plain_exception.stderr", "python/hit/logged-error/loguru_json_exception.stderr"},
		{
			"java/hit/java-exception/logback_pattern_exception.stdout", "java/hit/java-exception/logback_spring_exception.stdout",
			"java/hit/java-exception/logback_spring3colour_exception.stdout", "java/hit/logged-error/logback_logstash_exception.stdout",
		},
		{
			"java/hit/java-exception/log4j_date_exception.stdout", "java/hit/java-exception/log4j_default_exception.stdout",
			"java/hit/java-exception/log4j_elastic_exception.stdout", "java/hit/java-exception/log4j_colour_exception.stdout",
		},
		{
			"nodejs/hit/logged-error/bunyan_exception.stdout", "nodejs/hit/logged-error/winston_json_exception.stdout",
			"nodejs/hit/logged-error/winston_simple_exception.stdout", "nodejs/hit/logged-error/winston_printf_exception.stdout",
			"nodejs/hit/logged-error/winston_colour_exception.stdout", "nodejs/hit/logged-error/log4js_exception.stdout",
		},
		{
			"nodejs/hit/logged-error/pino_numbers_exception.stdout", "nodejs/hit/logged-error/pino_strings_exception.stdout",
			"nodejs/hit/logged-error/pino_pretty_exception.stdout",
		},
		{"php/hit/php-fatal/custom.stdout", "php/hit/php-fatal/logged_custom.stderr"},
		{"php/hit/php-fatal/cause.stdout", "php/hit/php-fatal/logged_cause.stderr"},
		{"ruby/hit/logged-error/sidekiq_interpolated.stdout", "ruby/hit/logged-error/sidekiq_json_interpolated.stdout", "ruby/hit/logged-error/json_interpolated.stdout"},
	} {
		first := ""
		for _, file := range files {
			key, ok := template.AppendTrace(nil, join(content(t, filepath.Join("testdata", file))))
			if !ok {
				t.Errorf("%s: no trace", file)
			}
			if first == "" {
				first = string(key)
			}
			if string(key) != first {
				t.Errorf("%s: another kind\n got %s\nwant %s", file, key, first)
			}
		}
	}
}
