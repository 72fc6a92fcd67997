package receiver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// maxBody bounds what is read of a request.
const maxBody = 16 << 20

// Request is one request as it came in.
type Request struct {
	Number int // from 0, in the order of arrival
	Method string
	Path   string // with the query
	Header http.Header
	Body   []byte
	Time   time.Time
	// Accepted reports that the reply was one that the sender may take as delivered. It is known from the arrival on.
	Accepted bool

	alerts    []trigger.Alert
	alertsErr error
}

// Alerts returns what the body says as the generic webhook's JSON: one alert, or a list of them. Other bodies are an error.
func (r Request) Alerts() ([]trigger.Alert, error) { return r.alerts, r.alertsErr }

func decode(body []byte) ([]trigger.Alert, error) {
	var many []trigger.Alert
	if len(body) > 0 && body[0] == '[' {
		err := json.Unmarshal(body, &many)
		return many, err
	}
	var one trigger.Alert
	if err := json.Unmarshal(body, &one); err != nil {
		return nil, err
	}
	if one.ID == "" || one.Version == "" {
		return nil, errors.New("the body is no alert: it has no id or no version")
	}
	return []trigger.Alert{one}, nil
}

// Server receives webhooks on a loopback address. All methods may be called at any time from any goroutine.
type Server struct {
	addr      string
	behaviour switchable

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when a request comes in
	requests []Request
	observer func(Request)

	life     sync.Mutex // held while the server starts or stops
	http     *http.Server
	stopped  chan struct{} // ends replies that hang
	finished chan struct{}
}

// TB is what New needs of a test.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, arguments ...any)
}

// New starts a server on a free port for the length of a test.
func New(t TB) *Server {
	t.Helper()
	s, err := Start("127.0.0.1:0")
	if err != nil {
		t.Fatalf("receiver: %v", err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Start listens on an address; port 0 means a free one. The server answers 200 until SetBehaviour says otherwise.
func Start(addr string) (*Server, error) {
	s := &Server{addr: addr, changed: make(chan struct{})}
	s.behaviour.set(Status(http.StatusOK))
	return s, s.Resume()
}

// Resume listens again, on the same address, after Stop.
func (s *Server) Resume() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.http != nil {
		return nil
	}
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	s.addr = listener.Addr().String()
	stopped, finished := make(chan struct{}), make(chan struct{})
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, stopped) }),
		ReadHeaderTimeout: 10 * time.Second,
	}
	s.http, s.stopped, s.finished = server, stopped, finished
	go func() {
		defer close(finished)
		// It always returns an error; Stop is the only cause that there is.
		_ = server.Serve(listener)
	}()
	return nil
}

// Stop dies as a process does: connections break, and nobody listens. What was recorded stays.
func (s *Server) Stop() {
	s.life.Lock()
	defer s.life.Unlock()
	if s.http == nil {
		return
	}
	close(s.stopped)
	_ = s.http.Close()
	<-s.finished
	s.http = nil
}

// Addr returns host and port.
func (s *Server) Addr() string {
	s.life.Lock()
	defer s.life.Unlock()
	return s.addr
}

// Port returns the port alone.
func (s *Server) Port() int {
	_, port, _ := net.SplitHostPort(s.Addr())
	n, _ := strconv.Atoi(port)
	return n
}

// URL returns the address of a path of the server.
func (s *Server) URL(path string) string { return "http://" + s.Addr() + path }

// SetBehaviour changes how the requests from now on are answered.
func (s *Server) SetBehaviour(b Behaviour) { s.behaviour.set(b) }

// Observe calls f for every request from now on, one at a time.
func (s *Server) Observe(f func(Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observer = f
}

// Requests returns all requests so far, in the order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Len returns how many requests came so far.
func (s *Server) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// Alerts returns the alerts of the accepted requests. Bodies that are no alerts are left out.
func (s *Server) Alerts() []trigger.Alert {
	var all []trigger.Alert
	for _, r := range s.Requests() {
		if !r.Accepted {
			continue
		}
		if alerts, err := r.Alerts(); err == nil {
			all = append(all, alerts...)
		}
	}
	return all
}

// WaitFor waits until n requests came, or an error of ctx.
func (s *Server) WaitFor(ctx context.Context, n int) error {
	return s.WaitUntil(ctx, func(requests []Request) bool { return len(requests) >= n })
}

// WaitUntil waits until done is true of the requests so far; it is asked again after each arrival. done must not keep the slice.
func (s *Server) WaitUntil(ctx context.Context, done func([]Request) bool) error {
	for {
		s.mu.Lock()
		enough, have, changed := done(s.requests), len(s.requests), s.changed
		s.mu.Unlock()
		if enough {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("after %d requests: %w", have, ctx.Err())
		}
	}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, stopped chan struct{}) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return
	}
	request := Request{Method: r.Method, Path: r.URL.RequestURI(), Header: r.Header.Clone(), Body: body, Time: time.Now()}
	request.alerts, request.alertsErr = decode(body)
	reply := s.record(request)
	if reply.Hang {
		wait(r.Context(), stopped, nil)
		panic(http.ErrAbortHandler)
	}
	if reply.Delay > 0 {
		timer := time.NewTimer(reply.Delay)
		defer timer.Stop()
		wait(r.Context(), stopped, timer.C)
	}
	if reply.Reset {
		reset(w)
		return
	}
	s.write(w, r, reply, stopped)
}

// record adds a request and asks the behaviour for its reply.
func (s *Server) record(r Request) Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Number = len(s.requests)
	reply := s.behaviour.reply(r)
	r.Accepted = reply.Accepts()
	s.requests = append(s.requests, r)
	if s.observer != nil {
		s.observer(r)
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return reply
}

// wait returns when the client left, the server stopped, or the timer fired.
func wait(ctx context.Context, stopped chan struct{}, timer <-chan time.Time) {
	select {
	case <-ctx.Done():
	case <-stopped:
	case <-timer:
	}
}

// reset closes the connection in a way that makes the kernel send RST.
func reset(w http.ResponseWriter) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	connection, _, err := hijacker.Hijack()
	if err != nil {
		return
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = connection.Close()
}

func (s *Server) write(w http.ResponseWriter, r *http.Request, reply Reply, stopped chan struct{}) {
	for key, values := range reply.Header {
		w.Header()[http.CanonicalHeaderKey(key)] = values
	}
	size := max(reply.Size, int64(len(reply.Body)))
	if reply.Truncate {
		w.Header().Set("Content-Length", strconv.FormatInt(size+100, 10))
	}
	if reply.Status != 0 {
		w.WriteHeader(reply.Status)
	}
	if reply.Drip == 0 {
		// The client may leave at any time, so errors of writing mean nothing.
		_, _ = io.WriteString(w, reply.Body)
		_, _ = io.CopyN(w, filler{}, size-int64(len(reply.Body)))
	} else {
		s.drip(w, r, reply, size, stopped)
	}
	if reply.Truncate {
		// What was promised must leave before the connection breaks, or the client sees no answer at all.
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func (s *Server) drip(w http.ResponseWriter, r *http.Request, reply Reply, size int64, stopped chan struct{}) {
	controller := http.NewResponseController(w)
	ticker := time.NewTicker(reply.Drip)
	defer ticker.Stop()
	for i := range size {
		one := []byte{'.'}
		if i < int64(len(reply.Body)) {
			one[0] = reply.Body[i]
		}
		if _, err := w.Write(one); err != nil {
			return
		}
		if err := controller.Flush(); err != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		case <-stopped:
			return
		}
	}
}

// filler reads as an endless row of dots.
type filler struct{}

func (filler) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '.'
	}
	return len(p), nil
}
