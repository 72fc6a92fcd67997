package admin

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/jsonobject"
	"github.com/tinyforge/fluentbit-trigger/internal/store"
)

// FuzzBodies sends any text as the body of every route that takes one. No answer is a failure of the program, none shows a secret, and each has a
// status that the document names.
func FuzzBodies(f *testing.F) {
	for i, seed := range []string{
		`{"name":"a","pattern":"x"}`, `{"rule":"boom","cooldown":"1m"}`, `{"line":"boom 1"}`, `{"name":"boom","lines":["boom"]}`, `{"all":true}`,
		`{"rule":"x","until":"2099-01-01T00:00:00Z"}`, `{"name":"t","url":"http://192.0.2.1/x"}`, `{"url":"••••","headers":{"a":"••••"}}`, `{"a":{"a":{"a":{}}}}`,
		`{"rule":null}`, `[]`, `{`, `{"a":1e999}`, "\xff", `{"cooldown":5,"where":{"a":{"b":1}},"labels":[1]}`, `{"name":"","workloads":[null]}`,
	} {
		for n := range 3 {
			f.Add(5*i+7*n, seed)
		}
	}
	b := newBench(f, "")
	b.inMemory()
	asked := 0
	var targets []route
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	for _, rt := range routes() {
		if rt.Method != http.MethodGet {
			targets = append(targets, rt)
		}
	}
	responses := documented(b)
	f.Fuzz(func(t *testing.T, n int, body string) {
		b.t = t
		if asked++; asked%freshEvery == 1 { // so that what was made by then does not pile up
			b.stop()
			if err := b.stores.Close(); err != nil {
				t.Fatal(err)
			}
			b.stores = &store.Registry{}
			b.start()
		}
		rt := targets[uint(n)%uint(len(targets))]
		path := parameter.ReplaceAllString(rt.Path, "x")
		if rt.Method == http.MethodPatch { // there must be something to change, or the body is not read to its end
			b.do("POST", rulesPath, map[string]any{"name": "x", "pattern": "x"})
			for _, made := range []map[string]any{{"name": "x", "pattern": "x"}, {"name": "x", "url": "http://192.0.2.1/x"}, {"rule": "x"}} {
				b.do("POST", strings.TrimSuffix(path, "/x"), made)
			}
		}
		r := b.do(rt.Method, path, body, "If-Match", "*")
		if !responses[fmt.Sprintf("%s %s %d", rt.Method, rt.Path, r.status)] {
			t.Errorf("%s %s with %q: the document has no %d", rt.Method, rt.Path, body, r.status)
		}
		if r.status >= 500 && r.status != http.StatusInsufficientStorage || !utf8.ValidString(r.text) || strings.Contains(r.text, "internal error") || strings.Contains(r.text, "made the program fail") {
			t.Errorf("%s %s with %q: %d %s", rt.Method, rt.Path, body, r.status, r.text)
		}
	})
}

// documented returns the responses of the document, each as "METHOD path status".
func documented(b *bench) map[string]bool {
	all := map[string]bool{}
	for path, item := range b.get("/api/v1/openapi.json")["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			for status := range op.(map[string]any)["responses"].(map[string]any) {
				all[strings.ToUpper(method)+" "+path+" "+status] = true
			}
		}
	}
	return all
}

// freshEvery is after how many bodies FuzzBodies begins again.
const freshEvery = 200

// FuzzObject wants what is read of a body to be what encoding/json reads.
func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":null}],"c":"d"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		object, err := jsonobject.Parse(text)
		if err == nil && object == nil {
			t.Error("neither an object nor an error")
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("a long error: %v", err)
		}
	})
}
