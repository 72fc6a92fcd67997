package packs

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/engine"
	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/config/tomlfiles"
	"github.com/tinyforge/fluentbit-trigger/internal/safetext"
)

var update = flag.Bool("update", false, "write hits.golden")

const rules = "../../examples/rules"

// languages are held to at least thirty errors and thirty ordinary lines each.
var languages = []string{"dotnet", "go", "java", "nodejs", "perl", "php", "python", "ruby", "rust"}

// packless are folders of languages without a pack: their output holds package trace alone.
var packless = []string{"cpp", "elixir", "erlang", "lua", "ocaml"}

// severity is the pack for what a program itself calls an error. It stands beside the pack of each language, as it does in use.
const severity = "severity"

// trace is the output of one run of one program.
type trace struct {
	rule   string // that must hit; "" for ordinary output
	joined bool   // it hits the joined text only
	files  []string
}

// TestLanguages tries the pack of each language, with the pack for severities, on what programs in it print.
func TestLanguages(t *testing.T) {
	t.Parallel()
	for _, name := range languages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try(t, filepath.Join("testdata", name), 30, name, severity)
		})
	}
}

// TestCases holds cases.txt and the traces to each other: each case has output, and no output is of a case that is gone.
func TestCases(t *testing.T) {
	t.Parallel()
	for _, name := range append(folders(t), packless...) {
		folder := filepath.Join("testdata", name)
		traces := read(t, folder)
		for _, line := range strings.Split(string(content(t, filepath.Join(folder, "cases.txt"))), "\n") {
			head, _, ok := strings.Cut(line, ": ")
			if !ok || head == "setup" || line[0] == '#' {
				continue
			}
			trace := filepath.Join(append([]string{folder}, strings.Fields(head)...)...)
			if traces[trace] == nil {
				t.Errorf("%s/cases.txt: %s has no output", folder, head)
			}
			delete(traces, trace)
		}
		for trace := range traces {
			t.Errorf("%s is of no case", trace)
		}
	}
}

// TestRecorded runs the programs of the folders that FLUENTBIT_TRIGGER_PACKS names, separated by commas, with the versions that are installed
// here, and holds the packs to what they print now.
func TestRecorded(t *testing.T) {
	names := os.Getenv("FLUENTBIT_TRIGGER_PACKS")
	if names == "" {
		t.Skip("FLUENTBIT_TRIGGER_PACKS names no folder whose programs are to run")
	}
	out := t.TempDir()
	for _, name := range strings.Split(names, ",") {
		cmd := exec.Command("go", "run", "./test/packs/record", "-out", out, name)
		cmd.Dir = "../.."
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		if slices.Contains(packless, name) {
			continue // the recorder found that each program prints something
		}
		t.Run(name, func(t *testing.T) {
			packs, atLeast := []string{name}, 1
			if slices.Contains(languages, name) {
				packs, atLeast = append(packs, severity), 30
			}
			try(t, filepath.Join(out, name), atLeast, packs...)
		})
	}
}

// TestServers tries the packs of the servers on what these print.
func TestServers(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, name := range folders(t) {
		if slices.Contains(languages, name) {
			continue
		}
		tried++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			try(t, filepath.Join("testdata", name), 1, name)
		})
	}
	if tried == 0 {
		t.Error("no server has traces")
	}
}

// TestTogether tries all packs at once on all ordinary output: nobody runs one language alone.
func TestTogether(t *testing.T) {
	t.Parallel()
	packs, err := filepath.Glob(filepath.Join(rules, "*.toml"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range packs {
		if !tomlfiles.IsTest(p) {
			names = append(names, strings.TrimSuffix(filepath.Base(p), ".toml"))
		}
	}
	w := load(t, names...)
	for _, f := range folders(t) {
		for name, tr := range read(t, filepath.Join("testdata", f)) {
			if tr.rule == "" {
				w.ordinary(t, name, tr)
			}
		}
	}
}

// TestOtherLanguages tries the packs of all languages on the errors of each: what is an error of one is a hit in that one alone. Of languages
// that name errors alike, single lines are left out: the lines after the first tell them apart.
func TestOtherLanguages(t *testing.T) {
	t.Parallel()
	pairs := map[[2]string]bool{{"nodejs", "python"}: true, {"nodejs", "rust"}: true}
	for _, other := range languages {
		w := load(t, other)
		for _, language := range languages {
			if language == other {
				continue
			}
			alike := pairs[[2]string{language, other}] || pairs[[2]string{other, language}]
			for name, tr := range read(t, filepath.Join("testdata", language)) {
				for _, file := range tr.files {
					text := content(t, file)
					lines := split(text)
					if found := w.hits(join(text), file); len(found) > 0 && !(alike && len(lines) == 1) {
						t.Errorf("%s: its joined text hits %q", name, found)
					}
					for i, line := range lines {
						if found := w.hits(line, file); len(found) > 0 && !alike {
							t.Errorf("%s:%d: %q hits %q", file, i+1, line, found)
						}
					}
				}
			}
		}
	}
}

// TestOneAlert holds packs that know the same error to one alert for it: of a record that has a level and an exception, the exception's rule alerts.
func TestOneAlert(t *testing.T) {
	t.Parallel()
	for language, cases := range map[string][]string{
		"python": {"classic_exception.stderr", "aligned_exception.stderr", "structlog_plain_exception.stdout"},
		"java":   {"logback_pattern_exception.stdout", "log4j_elastic_custom.stdout", "jul_oneline_exception.stderr"},
		"dotnet": {"serilog_exception.stdout", "log4net_exception.stdout"},
	} {
		rule := language + "-exception"
		for _, name := range cases {
			w := load(t, language, severity)
			text := content(t, filepath.Join("testdata", language, "hit", rule, name))
			lines := split(text)
			for len(w.hits(lines[0], name)) == 0 && len(lines) > 1 {
				lines = lines[1:] // ordinary lines before the error are records of their own
			}
			rec := record(bytes.Join(lines, []byte("\n")), name)
			var got []string
			for _, a := range w.worker.Process(&rec, rec.Time, nil) {
				got = append(got, a.Rule)
			}
			if !slices.Equal(got, []string{rule}) {
				t.Errorf("%s: alerts of %q, want one of %s", name, got, rule)
			}
		}
	}
}

// folders returns the folders of testdata that have a pack.
func folders(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(packless, e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out
}

// try holds one folder to the rules of packs, with at least so many errors and so many ordinary lines.
func try(t *testing.T, folder string, atLeast int, packs ...string) {
	w := load(t, packs...)
	traces := read(t, folder)
	hits, lines := 0, 0
	var golden strings.Builder
	names := make([]string, 0, len(traces))
	for name := range traces {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		tr := traces[name]
		if tr.rule == "" {
			lines += w.ordinary(t, name, tr)
			continue
		}
		hits++
		single, joined := false, false
		for _, file := range tr.files {
			text := content(t, file)
			fmt.Fprintf(&golden, "%s\n", strings.TrimPrefix(file, folder+"/"))
			for i, line := range split(text) {
				for _, rule := range w.hits(line, file) {
					single = single || rule == tr.rule
					fmt.Fprintf(&golden, "\t%d: %s\n", i+1, rule)
				}
			}
			for _, rule := range w.hits(join(text), file) {
				joined = joined || rule == tr.rule
				fmt.Fprintf(&golden, "\tjoined: %s\n", rule)
			}
		}
		if single == tr.joined {
			t.Errorf("%s: %s hits one of its lines: %v", name, tr.rule, single)
		}
		if !joined {
			t.Errorf("%s: %s does not hit its joined text", name, tr.rule)
		}
	}
	if hits < atLeast {
		t.Errorf("%d traces with an error, want at least %d", hits, atLeast)
	}
	if lines < atLeast {
		t.Errorf("%d ordinary lines, want at least %d", lines, atLeast)
	}
	file := filepath.Join(folder, "hits.golden")
	if filepath.Dir(folder) != "testdata" {
		return // recorded now: the order of what goroutines and threads print differs
	}
	if *update {
		if err := os.WriteFile(file, []byte(golden.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := string(content(t, file)); want != golden.String() {
		t.Errorf("%s differs; after a look at the hits write it with -update. It would be:\n%s", file, golden.String())
	}
}

// read returns the traces of a folder by their names.
func read(t *testing.T, folder string) map[string]*trace {
	t.Helper()
	out := map[string]*trace{}
	for _, kind := range []string{"hit", "joined", "miss", "trace"} {
		err := filepath.WalkDir(filepath.Join(folder, kind), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) && (kind == "joined" || (kind == "trace") != slices.Contains(packless, filepath.Base(folder))) {
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			name, ext := strings.TrimSuffix(path, filepath.Ext(path)), filepath.Ext(path)
			if ext != ".stdout" && ext != ".stderr" {
				return fmt.Errorf("%s is neither .stdout nor .stderr", path)
			}
			tr := out[name]
			if tr == nil {
				tr = &trace{}
				out[name] = tr
			}
			if kind == "hit" || kind == "joined" {
				tr.rule = filepath.Base(filepath.Dir(path))
			}
			tr.joined = kind == "joined"
			tr.files = append(tr.files, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(out) == 0 {
		t.Fatalf("%s holds no traces", folder)
	}
	return out
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// split returns the lines of an output as rules see them.
func split(text []byte) [][]byte {
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	for i := range lines {
		lines[i], _ = safetext.Line(nil, lines[i], false)
	}
	return lines
}

// join returns an output as one record.
func join(text []byte) []byte { return bytes.Join(split(text), []byte("\n")) }

// worker finds hits with the production engine.
type worker struct{ worker *engine.Worker }

func load(t *testing.T, packs ...string) worker {
	t.Helper()
	var files []string
	for _, p := range packs {
		files = append(files, filepath.Join(rules, p+".toml"))
	}
	result := config.Load(config.Sources{Files: files})
	for _, p := range result.Problems {
		t.Error(p)
	}
	e := engine.New()
	snapshot, err := e.Compile(result.Settings.Engine())
	if err != nil {
		t.Fatal(err)
	}
	e.Apply(snapshot)
	w := e.Worker()
	t.Cleanup(w.Release)
	return worker{w}
}

// record returns a text as the record of a container. Its stream is that of the file.
func record(text []byte, file string) engine.Record {
	stream := engine.Stdout
	if filepath.Ext(file) == ".stderr" {
		stream = engine.Stderr
	}
	return engine.Record{Time: 1, Text: text, Stream: stream, Source: &engine.Source{Kind: "log", Workload: "shop/app"}}
}

// hits returns the rules that a text hits.
func (w worker) hits(text []byte, file string) []string {
	rec := record(text, file)
	var out []string
	for _, h := range w.worker.Find(&rec, nil) {
		out = append(out, h.RuleID())
	}
	return out
}

// ordinary reports what hits in output that has no error, and returns the number of its lines that are not blank.
func (w worker) ordinary(t *testing.T, name string, tr *trace) int {
	t.Helper()
	n := 0
	for _, file := range tr.files {
		text := content(t, file)
		for i, line := range split(text) {
			if len(bytes.TrimSpace(line)) > 0 {
				n++
			}
			if found := w.hits(line, file); len(found) > 0 {
				t.Errorf("%s:%d: %q hits %q", file, i+1, line, found)
			}
		}
		if found := w.hits(join(text), file); len(found) > 0 {
			t.Errorf("%s: its joined text hits %q", name, found)
		}
	}
	return n
}
