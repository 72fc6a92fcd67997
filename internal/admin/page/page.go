// Package page serves the one page of the admin API, that by which a browser logs in, and the form of the links in messages: static files that are part of the program, and hold nothing
// of what it watches. What is shown comes from the API.
//
// The page runs under a policy that lets it load from its own origin alone, and run no inline script or style. Texts of log lines enter it as text nodes:
// the policy forbids the ways by which a browser makes markup of a string.
package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
)

// Policy is the Content-Security-Policy of the page and of its files.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; " +
	"frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

//go:embed assets
var assets embed.FS

// file is one file of the page.
type file struct {
	kind, tag string
	content   []byte
}

// kinds are the media types by extension. They do not depend on what the machine knows.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// Handler answers GET and HEAD for "/" and for each file of the page; every other path is not found. Browsers keep the files, and ask each time whether they
// are still the same, so that a new version of the program shows its own page at once.
func Handler() http.Handler {
	files := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", Policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		f, ok := files[r.URL.Path]
		if !ok {
			http.Error(w, "there is no such page", http.StatusNotFound)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			header.Set("Allow", "GET, HEAD")
			http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
			return
		}
		header.Set("Content-Type", f.kind)
		header.Set("ETag", f.tag)
		header.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	})
}

// load reads the embedded files: path of the request → file.
func load() map[string]file {
	files := map[string]file{}
	err := fs.WalkDir(assets, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := assets.ReadFile(name)
		if err != nil {
			return err
		}
		kind, ok := kinds[path.Ext(name)]
		if !ok {
			panic("page: no media type for " + name)
		}
		sum := sha256.Sum256(content)
		at := "/" + strings.TrimPrefix(name, "assets/")
		switch at {
		case "/index.html":
			at = "/"
		case "/login.html":
			at = "/login"
		case "/silence.html":
			at = SilencePath
		}
		files[at] = file{kind: kind, tag: `"` + hex.EncodeToString(sum[:12]) + `"`, content: content}
		return nil
	})
	if err != nil {
		panic("page: the embedded files cannot be read: " + err.Error()) // the compiler put them there
	}
	return files
}

// Files lists the paths that Handler serves.
func Files() []string { return slices.Sorted(maps.Keys(load())) }

// SilencePath is the path of the form that the links of messages lead to.
const SilencePath = "/silence"

// ForAll reports whether a path is one of those that log in, or of the form of a link, and so are served to everybody.
func ForAll(path string) bool {
	switch path {
	case "/login", "/login.js", SilencePath, "/link.js", "/dom.js", "/format.js", "/page.css", "/icon.svg":
		return true
	}
	return false
}
