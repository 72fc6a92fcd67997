package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"
)

// The bounds of requests.
const (
	// MaxBody is how long the body of a request may be.
	MaxBody = 1 << 20

	maxConnections    = 256
	maxHeader         = 12 << 10 // net/http reads 4 KiB beyond: 16 KiB
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	// WriteTimeout is how long an answer may take, from the end of the request's header on. A stream extends its own.
	WriteTimeout = 60 * time.Second
	idleTimeout  = 2 * time.Minute
)

// Options says what a server serves.
type Options struct {
	Settings Settings // valid, and not off
	Handler  http.Handler
	// Open reports whether a path may be read by everybody, as those of health checks.
	Open func(path string) bool
	// Refuse answers a request that may not enter.
	Refuse func(http.ResponseWriter, *http.Request, Refusal)
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Server serves the administration at one address.
type Server struct {
	listener net.Listener
	server   *http.Server
	cancel   context.CancelFunc // of the context of all requests
	served   chan struct{}
}

// Open opens the address and begins to serve. Errors hold no secret.
func Open(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := o.Settings
	g := &guard{
		hosts: s.Hosts, socket: strings.HasPrefix(s.Listen, socketScheme), tls: s.CertFile != "", open: o.Open, refuse: o.Refuse, next: o.Handler,
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	var err error
	if s.TokenFile != "" {
		if g.tokens, err = newTokens(s.TokenFile, o.Now, o.Log); err != nil {
			return nil, err
		}
	}
	var secure *tls.Config
	if s.CertFile != "" {
		cert, err := newCertificate(s.CertFile, s.KeyFile, o.Now, o.Log)
		if err != nil {
			return nil, err
		}
		secure = &tls.Config{GetCertificate: cert.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	ln, err := bind(s.Listen)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	srv := &Server{listener: ln, cancel: cancel, served: make(chan struct{})}
	srv.server = &http.Server{
		Handler: http.MaxBytesHandler(g, MaxBody), TLSConfig: secure,
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: WriteTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    log.New(io.Discard, "", 0), // what clients do wrong is theirs to know
	}
	go srv.serve(limit(ln, maxConnections), secure != nil, o.Log)
	return srv, nil
}

// serve accepts connections until the listener is closed.
func (s *Server) serve(ln net.Listener, secure bool, log *slog.Logger) {
	defer close(s.served)
	defer func() {
		if cause := recover(); cause != nil {
			log.Error("panic", "while", "serving the administration", "reason", fmt.Sprint(cause))
		}
	}()
	var err error
	if secure {
		err = s.server.ServeTLS(ln, "", "")
	} else {
		err = s.server.Serve(ln)
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		log.Error("the administration listens no more", "error", err)
	}
}

// Address returns where the server listens, with the port that was chosen for port 0.
func (s *Server) Address() net.Addr { return s.listener.Addr() }

// Free closes the address, so that another may have it, and ends streams. Requests under way go on; Close waits for them.
func (s *Server) Free() error {
	s.cancel()
	err := s.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Close frees the address, waits for the requests under way until ctx ends, and ends those left.
func (s *Server) Close(ctx context.Context) error {
	err := s.Free()
	if failed := s.server.Shutdown(ctx); failed != nil {
		err = errors.Join(err, s.server.Close())
	}
	<-s.served
	return err
}
