package page

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

func get(method, target, ifNoneMatch string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	if ifNoneMatch != "" {
		r.Header.Set("If-None-Match", ifNoneMatch)
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func TestServesThePageAndItsFilesAlone(t *testing.T) {
	for _, c := range []struct {
		method, target string
		status         int
		kind           string
	}{
		{"GET", "/", 200, "text/html; charset=utf-8"},
		{"HEAD", "/", 200, "text/html; charset=utf-8"},
		{"GET", "/app.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/page.css", 200, "text/css; charset=utf-8"},
		{"GET", "/icon.svg", 200, "image/svg+xml"},
		{"GET", "/login", 200, "text/html; charset=utf-8"},
		{"GET", "/login.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/silence", 200, "text/html; charset=utf-8"},
		{"GET", "/silence.html", 404, "text/plain; charset=utf-8"},
		{"GET", "/login.html", 404, "text/plain; charset=utf-8"},
		{"GET", "/index.html", 404, "text/plain; charset=utf-8"},
		{"GET", "/assets/app.js", 404, "text/plain; charset=utf-8"},
		{"GET", "/../page.go", 404, "text/plain; charset=utf-8"},
		{"POST", "/", 405, "text/plain; charset=utf-8"},
	} {
		resp := get(c.method, c.target, "")
		if resp.StatusCode != c.status || resp.Header.Get("Content-Type") != c.kind {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.target, resp.StatusCode, resp.Header.Get("Content-Type"), c.status, c.kind)
		}
		if resp.Header.Get("Content-Security-Policy") != Policy || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: no policy", c.method, c.target)
		}
	}
}

func TestBrowsersKeepWhatIsTheSame(t *testing.T) {
	first := get("GET", "/app.js", "")
	tag := first.Header.Get("ETag")
	if first.Header.Get("Cache-Control") != "no-cache" || tag == "" {
		t.Fatalf("headers: %v", first.Header)
	}
	if again := get("GET", "/app.js", tag); again.StatusCode != http.StatusNotModified {
		t.Errorf("the same file is sent again: %d", again.StatusCode)
	}
	if other := get("GET", "/page.css", tag); other.StatusCode != http.StatusOK {
		t.Errorf("another file counts as the same: %d", other.StatusCode)
	}
}

// TestNothingFromElsewhere looks for what the policy forbids, so that it is seen without a browser, and for files that nothing names.
func TestNothingFromElsewhere(t *testing.T) {
	outside := regexp.MustCompile(`(?i)(src|href|url|import|from|fetch)\s*[=(]?\s*["'(]?(https?:)?//`)
	markup := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|\beval\(|new Function`)
	inline := regexp.MustCompile(`(?i)<script(?:\s+[^>]*)?>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)
	all := map[string]string{}
	err := fs.WalkDir(assets, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := assets.ReadFile(name)
		all[path.Base(name)] = string(text)
		return err
	})
	if err != nil || len(all) < 10 {
		t.Fatalf("%d files: %v", len(all), err)
	}
	var joined strings.Builder
	for _, text := range all {
		joined.WriteString(text)
	}
	for name, text := range all {
		if m := outside.FindString(text); m != "" {
			t.Errorf("%s: loads from elsewhere: %s", name, m)
		}
		if m := markup.FindString(text); m != "" {
			t.Errorf("%s: makes markup of texts: %s", name, m)
		}
		if strings.HasSuffix(name, ".html") && inline.MatchString(text) {
			t.Errorf("%s: inline: %s", name, inline.FindString(text))
		}
		if name != "index.html" && name != "login.html" && name != "silence.html" && !strings.Contains(joined.String(), "/"+name) {
			t.Errorf("%s: nothing names it", name)
		}
	}
}
