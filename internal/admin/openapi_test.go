package admin

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/tinyforge/fluentbit-trigger/internal/docker"
)

// TestDocumentAgreesWithTheHandlers wants each route in the document and each operation of the document served, and answers that are as it says.
func TestDocumentAgreesWithTheHandlers(t *testing.T) {
	b := newBench(t, "[[workload]]\nmatch = \"shop/*\"\ndisable = [\"boom\"]\n")
	b.flush("boom 1")
	doc := b.want(200, "GET", "/api/v1/openapi.json", nil)
	if doc.body["openapi"] != "3.1.0" {
		t.Fatalf("openapi %v", doc.body["openapi"])
	}
	operations := map[string]bool{}
	ids := map[string]bool{}
	for path, item := range doc.body["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			operations[strings.ToUpper(method)+" "+path] = true
			id := op.(map[string]any)["operationId"].(string)
			if ids[id] {
				t.Errorf("the operation id %s is used twice", id)
			}
			ids[id] = true
		}
	}
	for _, rt := range routes() {
		if !operations[rt.Method+" "+rt.Path] {
			t.Errorf("the document does not have %s %s", rt.Method, rt.Path)
		}
		delete(operations, rt.Method+" "+rt.Path)
	}
	for op := range operations {
		t.Errorf("the document has %s, which nothing serves", op)
	}

	compiler := jsonschema.NewCompiler()
	text, err := jsonschema.UnmarshalJSON(strings.NewReader(doc.text))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource("https://x/openapi.json", text); err != nil {
		t.Fatal(err)
	}
	check := func(method, path string, status int, kind, answer string) {
		t.Helper()
		escaped := strings.NewReplacer("~", "~0", "/", "~1").Replace
		schema, err := compiler.Compile("https://x/openapi.json#/paths/" + strings.NewReplacer("{", "%7B", "}", "%7D").Replace(escaped(path)) + "/" +
			strings.ToLower(method) + "/responses/" + http2(status) + "/content/" + escaped(kind) + "/schema")
		if err != nil {
			t.Errorf("%s %s %d: %v", method, path, status, err)
			return
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(answer))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s %s: the answer is not as the document says: %v\n%s", method, path, err, answer)
		}
	}
	const created = "/api/v1/rules"
	made := b.want(201, "POST", created, map[string]any{"name": "x", "keywords": []string{"x"}})
	check("POST", created, 201, "application/json", made.text)
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	checked := 0
	for _, rt := range routes() {
		if rt.Method != http.MethodGet || rt.Kind != "" {
			continue
		}
		path := rt.Path
		for from, to := range map[string]string{
			"/api/v1/rules/{name}": "/api/v1/rules/x", "/api/v1/triggers/{name}": "/api/v1/triggers/ops",
		} {
			if path == from {
				path = to
			}
		}
		r := b.do("GET", parameter.ReplaceAllString(path, "nobody"), nil)
		kind, _, _ := strings.Cut(r.header.Get("Content-Type"), ";")
		if slices.Contains([]int{200, 404, 503}, r.status) {
			check("GET", rt.Path, r.status, kind, r.text)
			checked++
		} else {
			t.Errorf("GET %s: %d %s", path, r.status, r.text)
		}
	}
	for _, rt := range routes() {
		if rt.Body != nil {
			r := b.want(415, rt.Method, parameter.ReplaceAllString(rt.Path, "x"), "{}", "Content-Type", "text/plain", "If-Match", "*")
			check(rt.Method, rt.Path, 415, "application/problem+json", r.text)
		}
	}
	b.standalone(docker.Stats{})
	check("GET", "/api/v1/stats", 200, "application/json", b.want(200, "GET", "/api/v1/stats", nil).text)
	check("GET", "/api/v1/audit", 200, "application/json", b.want(200, "GET", "/api/v1/audit", nil).text)
	if checked < 12 {
		t.Errorf("only %d answers were checked", checked)
	}
	for path, body := range map[string]any{
		"/api/v1/explain": map[string]any{"line": "boom"}, "/api/v1/rules/test": map[string]any{"name": "boom", "lines": []string{"boom"}},
		"/api/v1/triggers/{name}/test": nil, "/api/v1/dead-letters/drop": map[string]any{"all": true}, "/-/reload": nil,
		"/api/v1/silences": map[string]any{"rule": "x", "until": time.Now().Add(time.Hour).Format(time.RFC3339)},
	} {
		r := b.want(200, "POST", strings.Replace(path, "{name}", "ops", 1), body)
		check("POST", path, r.status, r.header.Get("Content-Type"), r.text)
	}
}

func http2(status int) string {
	text, _ := json.Marshal(status)
	return string(text)
}
