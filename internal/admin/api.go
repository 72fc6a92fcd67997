package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/admin/adminapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/jsonobject"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/metrics"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/openapi"
	"github.com/tinyforge/fluentbit-trigger/internal/admin/page"
	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/listen"
	"github.com/tinyforge/fluentbit-trigger/internal/pipeline"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/internal/store/dberr"
)

// api serves the requests of one listener.
type api struct {
	registry *Registry
	listener *listener
	mux      *http.ServeMux
	routes   []route
	files    map[string]bool // paths of the page's files
	metrics  http.Handler
	streams  chan struct{} // one element per open stream

	linkLimits linkLimits
}

// maxStreams bounds the open streams.
const maxStreams = 32

func newAPI(r *Registry, l *listener) *api {
	a := &api{registry: r, listener: l, mux: http.NewServeMux(), routes: routes(), files: map[string]bool{}, streams: make(chan struct{}, maxStreams), linkLimits: newLinkLimits(r.opt.Now)}
	a.metrics = metrics.Handler(metrics.Source{
		Program: r.opt.Program, Version: r.opt.Version, Instances: a.measured, Streams: func() int { return len(a.streams) },
		Log: l.log, Panics: r.panics,
	})
	for i := range a.routes {
		rt := &a.routes[i]
		a.mux.HandleFunc(rt.Method+" "+rt.Path, func(w http.ResponseWriter, q *http.Request) { a.serve(rt, w, q) })
	}
	files := page.Handler()
	for _, name := range page.Files() {
		a.files[name] = true
		// A pattern that ends in a slash would match all paths below it.
		if name == "/" {
			name = "/{$}"
		}
		a.mux.Handle("GET "+name, files)
	}
	// The mux's own 404 and 405 are plain text; clients of the API expect a Problem.
	a.mux.HandleFunc("/", func(w http.ResponseWriter, q *http.Request) {
		if allowed := a.allowed(q); len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			a.answer(w, q, problem(http.StatusMethodNotAllowed, "method %s is not allowed here: must be one of %s", quoted(q.Method), strings.Join(allowed, ", ")))
			return
		}
		a.answer(w, q, problem(http.StatusNotFound, "no such path. /api/v1/openapi.json lists all paths"))
	})
	return a
}

// allowed returns the methods of a request's path.
func (a *api) allowed(q *http.Request) (methods []string) {
	for _, method := range []string{"DELETE", "GET", "PATCH", "POST", "PUT"} {
		other := q.Clone(q.Context())
		other.Method = method
		if _, pattern := a.mux.Handler(other); pattern != "/" {
			methods = append(methods, method)
		}
	}
	return methods
}

// access returns the requirement of a path.
func (a *api) access(path string) listen.Access {
	switch {
	case path == "/healthz", path == "/readyz":
		return listen.AccessAll
	case page.ForAll(path), path == linkPath:
		return listen.AccessLogin
	case a.files[path]:
		return listen.AccessPage
	}
	return listen.AccessToken
}

// ServeHTTP serves a request. A panic ends only this request.
func (a *api) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(cause) // a handler aborts the response on purpose
		}
		guard.Report(a.listener.log(), a.registry.panics, "answering a request", cause)
		a.answer(w, q, problem(http.StatusInternalServerError, "internal error: the log has the stack trace"))
	}()
	// Before the handlers, so that errors have these headers too.
	protect(w.Header())
	a.mux.ServeHTTP(w, q)
}

// refuse responds to a request that the access policy rejects.
func (a *api) refuse(w http.ResponseWriter, q *http.Request, why listen.Refusal) {
	protect(w.Header())
	a.answer(w, q, refused(why))
}

// protect sets the headers of every response.
func protect(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// answer writes a body as JSON. The status of a Problem is its own.
func (a *api) answer(w http.ResponseWriter, _ *http.Request, body any) {
	status, kind := http.StatusOK, "application/json"
	if p, ok := body.(*adminapi.Problem); ok {
		status, kind = p.Status, "application/problem+json"
	}
	a.write(w, status, kind, body)
}

func (a *api) write(w http.ResponseWriter, status int, kind string, body any) {
	// Encoded before the header is written, so that a failure can still change the status.
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		status, kind = http.StatusInternalServerError, "application/problem+json"
		text.Reset()
		_ = enc.Encode(problem(status, "cannot encode the response as JSON")) // a Problem always can
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the client may be gone
}

// call is one request to a route.
type call struct {
	api      *api
	w        http.ResponseWriter
	r        *http.Request
	query    url.Values
	instance *Instance
	p        *pipeline.Pipeline
	who      string
	status   int // of a good answer
}

// errAnswered says that the handler wrote the answer itself.
var errAnswered = errors.New("answered")

func (a *api) serve(rt *route, w http.ResponseWriter, q *http.Request) {
	c := &call{api: a, w: w, r: q, who: listen.CallerOf(q.Context()).Name, status: rt.Status}
	body, err := c.run(rt)
	switch {
	case errors.Is(err, errAnswered):
	case err != nil:
		a.answer(w, q, c.problemOf(err))
	case body == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		a.write(w, max(c.status, http.StatusOK), "application/json", body)
	}
}

func (c *call) run(rt *route) (any, error) {
	var err error
	if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		return nil, problem(http.StatusBadRequest, "malformed query")
	}
	// A misspelled filter must not return everything.
	for key := range c.query {
		if key != "instance" && !slices.ContainsFunc(rt.Params, func(p openapi.Param) bool { return p.Name == key }) {
			return nil, problem(http.StatusBadRequest, "unknown parameter %s: must be one of %s", quoted(key), rt.paramNames())
		}
	}
	if !rt.Global {
		var why string
		if c.instance, why = c.api.listener.choose(c.query.Get("instance")); c.instance == nil {
			return nil, problem(http.StatusNotFound, "%s", why)
		}
		c.p = c.instance.Pipeline
	}
	return rt.handle(c)
}

// problemOf converts an error to the response.
func (c *call) problemOf(err error) *adminapi.Problem {
	var p *adminapi.Problem
	switch {
	case errors.As(err, &p):
		return p
	case dberr.IsTemporary(err):
		c.w.Header().Set("Retry-After", "1")
		return problem(http.StatusServiceUnavailable, "%v", err)
	default:
		return problem(http.StatusInternalServerError, "%v", err)
	}
}

// quoted returns a client's text for an error message.
func quoted(text string) string { return jsonobject.Quote(text) }

// Bounds of lists.
const (
	defaultLimit = 100
	maxLimit     = 1000
)

// limit reads the maximum number of items.
func (c *call) limit() (int, error) {
	text := c.query.Get("limit")
	if text == "" {
		return defaultLimit, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, problem(http.StatusBadRequest, "limit %s: must be a number from 1 to %d", quoted(text), maxLimit)
	}
	return n, nil
}

// number reads a positive number; 0 if the parameter is not set.
func (c *call) number(name string) (int64, error) {
	text := c.query.Get(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, problem(http.StatusBadRequest, "%s %s: must be at least 1", name, quoted(text))
	}
	return n, nil
}

// instant reads a time, or a duration before now; the zero time if the parameter is not set.
func (c *call) instant(name string) (time.Time, error) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	if ago, err := setting.ParseDuration(text); err == nil {
		return c.p.Now().Add(-ago), nil
	}
	return time.Time{}, problem(http.StatusBadRequest, "%s %s: must be a time (RFC 3339), or a duration before now such as 10m", name, quoted(text))
}

// body reads a JSON object. Duplicate keys are an error, because one of the values would be lost.
func (c *call) body() (map[string]any, error) {
	if text := c.r.Header.Get("Content-Type"); text != "" {
		kind, _, err := mime.ParseMediaType(text)
		if err != nil || kind != "application/json" && kind != "application/merge-patch+json" {
			return nil, problem(http.StatusUnsupportedMediaType, "the body must be application/json, not %s", quoted(text))
		}
	}
	text, err := io.ReadAll(c.r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, problem(http.StatusRequestEntityTooLarge, "the body must be at most %d bytes", large.Limit)
	case err != nil:
		return nil, problem(http.StatusBadRequest, "the body is incomplete")
	}
	object, err := jsonobject.Parse(text)
	if err != nil {
		return nil, problem(http.StatusBadRequest, "the body is not a JSON object: %v", err)
	}
	return object, nil
}

// bodyInto reads a JSON object into a struct. Unknown keys are an error.
func (c *call) bodyInto(dst any) error {
	object, err := c.body()
	if err != nil {
		return err
	}
	return into(object, dst)
}

// into decodes a JSON object into a struct. Unknown keys are an error.
func into(object map[string]any, dst any) error {
	text, err := json.Marshal(object)
	if err != nil {
		return problem(http.StatusBadRequest, "cannot read the body")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(dst); err != nil {
		return problem(http.StatusBadRequest, "invalid body: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// measured returns the instances whose metrics are collected.
func (a *api) measured() []metrics.Instance {
	var out []metrics.Instance
	for _, i := range a.listener.all() {
		out = append(out, metrics.Instance{Pipeline: i.Pipeline, Labels: &i.labels, Docker: i.Tails, Moved: a.registry.problem(i) != nil})
	}
	return out
}

// serveMetrics responds in the format of Prometheus.
func serveMetrics(c *call) (any, error) {
	c.api.metrics.ServeHTTP(c.w, c.r)
	return nil, errAnswered
}
