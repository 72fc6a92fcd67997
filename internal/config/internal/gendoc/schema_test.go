package main

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

const schemaRoot = "../../../.."

// compiled is the committed schema.
func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaRoot + "/docs/configuration.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(config.SchemaURL, document); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile(config.SchemaURL)
}

func TestSchemaIsGenerated(t *testing.T) {
	want, err := schema(schemaRoot)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(schemaRoot + "/docs/configuration.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/configuration.schema.json is out of step with the settings: run go generate ./internal/config")
	}
}

// instance returns a TOML document as editors hand it to a validator: moments are texts. ok is false for a text that is not TOML.
func instance(t *testing.T, text string) (document any, ok bool) {
	t.Helper()
	var values map[string]any
	if _, err := toml.Decode(text, &values); err != nil {
		return nil, false
	}
	var plain func(v any) any
	plain = func(v any) any {
		switch v := v.(type) {
		case map[string]any:
			out := map[string]any{}
			for key, one := range v {
				out[key] = plain(one)
			}
			return out
		case []map[string]any:
			out := make([]any, len(v))
			for i := range v {
				out[i] = plain(v[i])
			}
			return out
		case []any:
			out := make([]any, len(v))
			for i := range v {
				out[i] = plain(v[i])
			}
			return out
		case time.Time:
			if strings.HasSuffix(v.Location().String(), "-local") {
				return v.Format("2006-01-02T15:04:05")
			}
			return v.Format(time.RFC3339Nano)
		case int64:
			return json.Number(itoa(v))
		}
		return v
	}
	return plain(values), true
}

func itoa(n int64) string {
	text, _ := json.Marshal(n) // a number always has a form
	return string(text)
}

// documents returns the configurations of the repository.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	for _, folder := range []string{"examples", "docker-fluentbit"} {
		err := filepath.WalkDir(filepath.Join(schemaRoot, folder), func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".toml") && !strings.HasSuffix(path, ".test.toml") {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(paths) < 20 {
		t.Fatalf("only %d examples", len(paths))
	}
	return paths
}

// TestExamplesNameTheSchema wants the directive in the first line of each example, where editors look for it, and every example valid.
func TestExamplesNameTheSchema(t *testing.T) {
	s := compiled(t)
	good, err := filepath.Glob("../../testdata/*.good.toml")
	if err != nil || len(good) == 0 {
		t.Fatal(err)
	}
	for _, path := range append(documents(t), good...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(good, path) && !strings.HasPrefix(string(text), "#:schema "+config.SchemaURL+"\n") {
			t.Errorf("%s does not begin with #:schema %s", path, config.SchemaURL)
		}
		document, ok := instance(t, string(text))
		if !ok {
			t.Fatalf("%s is not TOML", path)
		}
		if err := s.Validate(document); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// shape matches the complaints that a schema can make: about keys, types, words and forms. Bounds, and all that needs two settings, are beyond it.
var shape = regexp.MustCompile(`^(unknown key|must not be negative|must be (a text in quotes|true or false|a whole number|a number|a list|an array of tables|a table|one value|` +
	`a duration|a rate|a size|a factor|a comparison|a moment|one of .*)|the length of time of a rate|a moment without its offset|arrays or tables nest)`)

// needed are the settings without which no table of their kind is complete. Others are needed for the sake of a third.
var needed = []string{"name", "match", "rule"}

// bounds are files whose mistakes have the words of a form, but are about a bound.
var bounds = []string{"rate-zero-time.bad.toml"}

// TestBadFilesAreRefused compares the schema with the program on files with mistakes: each file with a mistake of shape is refused, and no other one is.
func TestBadFilesAreRefused(t *testing.T) {
	s := compiled(t)
	bad, err := filepath.Glob("../../testdata/*.bad.toml")
	if err != nil || len(bad) < 30 {
		t.Fatalf("%d files, %v", len(bad), err)
	}
	refused := 0
	for _, path := range bad {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		document, ok := instance(t, string(text))
		if !ok {
			continue // editors say so without a schema
		}
		var shapes []string
		for _, p := range config.Load(config.Sources{Inline: string(text)}).Problems {
			if (shape.MatchString(p.Message) || p.Code == setting.Missing && slices.Contains(needed, p.Field)) && !slices.Contains(bounds, filepath.Base(path)) {
				shapes = append(shapes, p.Error())
			}
		}
		err = s.Validate(document)
		if err != nil {
			refused++
		}
		if (err != nil) != (len(shapes) > 0) {
			t.Errorf("%s: the schema says %v, the program\n%s", filepath.Base(path), err, strings.Join(shapes, "\n"))
		}
	}
	t.Logf("%d of %d files are refused", refused, len(bad))
}

// TestEditorsKnowTheKeywords holds the schema to what editors for TOML know: keywords of draft 4 and draft 7 alike, no keyword beside $ref, which drafts up to
// 7 ignore, and expressions in the syntax that RE2, ECMAScript and Rust share.
func TestEditorsKnowTheKeywords(t *testing.T) {
	text, err := os.ReadFile(schemaRoot + "/docs/configuration.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "$defs") || document["$id"] != config.SchemaURL {
		t.Errorf("$id is %v", document["$id"])
	}
	keywords := []string{"type", "properties", "additionalProperties", "items", "required", "enum", "pattern", "anyOf", "$ref", "description", "default", "x-taplo"}
	var look func(path string, s map[string]any)
	look = func(path string, s map[string]any) {
		for keyword, value := range s {
			top := path == "" && slices.Contains([]string{"$schema", "$id", "title", "definitions"}, keyword)
			if !top && !slices.Contains(keywords, keyword) {
				t.Errorf("%s: %s", path, keyword)
			}
			if keyword == "$ref" && len(s) > 1 {
				t.Errorf("%s: keywords beside $ref", path)
			}
			if form, ok := value.(string); ok && keyword == "pattern" && (regexp.MustCompile(`\(\?|\\[pPQEzAbB]|\[\[:`).MatchString(form) || !strings.HasPrefix(form, "^") || !strings.HasSuffix(form, "$")) {
				t.Errorf("%s: %s", path, form)
			}
			switch inner := value.(type) {
			case map[string]any:
				if keyword == "properties" || keyword == "definitions" {
					for key, one := range inner {
						look(path+"/"+key, one.(map[string]any))
					}
				} else if keyword != "default" && keyword != "x-taplo" {
					look(path+"/"+keyword, inner)
				}
			case []any:
				for _, one := range inner {
					if s, ok := one.(map[string]any); ok && keyword == "anyOf" {
						look(path+"/anyOf", s)
					}
				}
			}
		}
	}
	look("", document)
}

// TestFormsAcceptAllThatTheProgramAccepts has a value of each form, in all the ways that people write it, in a document that the program takes.
func TestFormsAcceptAllThatTheProgramAccepts(t *testing.T) {
	s := compiled(t)
	try := func(format string, values ...string) {
		t.Helper()
		for _, value := range values {
			text := strings.ReplaceAll(format, "VALUE", value)
			document, ok := instance(t, text)
			problems := config.Load(config.Sources{Inline: text}).Problems
			if !ok || len(problems) > 0 {
				t.Fatalf("%s: %v", text, problems)
			}
			if err := s.Validate(document); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
	rule := "[[rule]]\nname = 'a'\npattern = 'a'\n"
	try(rule+"cooldown = 'VALUE'\n", "0s", "5m", "1h30m", "2d12h", "1w", "1.5h", ".5h", "5.m", " 10m ", "100ms", "1w2d3h4m5s", "250us", "250µs")
	try("[limits]\nper_container = { rate = 'VALUE', burst = 1 }\n", "30/m", "5/10s", "+3/h", " 1 / d ", "0/s", "100/1h30m", "7/w")
	try("store_max_size = 'VALUE'\n", "64M", "1G", "128MiB", "100000000", "512mb", "1073741824b")
	try(rule+"within = '5m'\nrate = { above = 'VALUE', than = '1h', at_least = 20 }\n", "3x", "1.5x", " 10x")
	try(rule+"within = '5m'\nof = 'b'\nratio = 'VALUE'\nat_least = 5\n[[rule]]\nname='b'\npattern='b'\n", ">5%", ">= 0.5 %")
	try("[[silence]]\nname = 'a'\nrule = 'a'\nfrom = 2126-12-20T00:00:00Z\nuntil = VALUE\n"+rule, "2126-12-24T22:00:00Z", "2126-12-24 23:00:00+01:00", "'2126-12-24T22:00:00.5Z'", "'next image'")
	try(rule+"first_seen = 'VALUE'\n", "7d", "image")
	try(rule+"cooldown_by = ['VALUE']\n", "workload", "template", "field.a.b", "field.kubernetes.labels.app")
	try(rule+"VALUE\n", "where = { a.b = 'x', 'c.d' = 'y' }", "where.a.b.c = 'x'", "labels = { team = 'a' }", "context = { before = 1 }", "escalate = [{ after = '5m', severity = 'critical' }]", "event = []")
}
