package listen

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/guard"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// The bounds of requests.
const (
	// MaxBody is the limit of a request body in bytes.
	MaxBody = 1 << 20

	maxHeader         = 12 << 10 // net/http adds 4 KiB: 16 KiB
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	// WriteTimeout is the limit for a response, from the end of the request's header. Streams extend their own deadline.
	WriteTimeout = 60 * time.Second
	idleTimeout  = 2 * time.Minute
)

// Options configure a Policy.
type Options struct {
	Settings Settings // valid, and not off
	Handler  http.Handler
	// Access returns the requirement of a path.
	Access func(path string) Access
	// Token is the valid token if the settings name no token_file.
	Token string
	// Logins holds codes and sessions; nil: a new one.
	Logins *Logins
	// Refuse responds to a rejected request.
	Refuse func(http.ResponseWriter, *http.Request, Refusal)
	Log    *slog.Logger
	// Panics counts the panics of the server; nil: a new counter.
	Panics *atomic.Int64
	Now    func() time.Time // nil: time.Now
}

// Policy is an access policy with its files loaded.
type Policy struct {
	options  Options
	enforcer *enforcer
	secure   *tls.Config // nil: no TLS
}

// Prepare loads the files of the settings. Only listening on the address can still fail afterwards. Errors contain no secret.
func Prepare(o Options) (*Policy, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Panics == nil {
		o.Panics = &atomic.Int64{}
	}
	if o.Logins == nil {
		o.Logins = NewLogins(o.Now)
	}
	s := o.Settings
	if err := setting.Join(s.Validate()); err != nil {
		return nil, err
	}
	p := &Policy{options: o, enforcer: &enforcer{
		hosts: s.Hosts, socket: strings.HasPrefix(s.Listen, socketScheme), tls: s.CertFile != "", logins: o.Logins, access: o.Access, refuse: o.Refuse,
		next: o.Handler,
	}}
	var err error
	if s.PublicURL != "" {
		if p.enforcer.public, err = url.Parse(s.PublicURL); err != nil { // which Validate refused
			return nil, err
		}
	}
	switch {
	case s.TokenFile != "":
		if p.enforcer.tokens, err = newTokens(s.TokenFile, o.Now, o.Log); err != nil {
			return nil, err
		}
	case o.Token != "":
		p.enforcer.tokens = madeTokens(o.Token, o.Now)
	default:
		return nil, setting.Fault{Field: "token_file", Code: setting.Missing, Message: "must be set", Hint: "without a store in a file there is no place for a generated token"}
	}
	if s.CertFile != "" {
		cert, err := newCertificate(s.CertFile, s.KeyFile, o.Now, o.Log)
		if err != nil {
			return nil, err
		}
		p.secure = &tls.Config{GetCertificate: cert.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	return p, nil
}

// Made returns the generated token, "" if the settings name a token_file.
func (p *Policy) Made() string {
	if p.options.Settings.TokenFile != "" {
		return ""
	}
	return p.options.Token
}

// Owner returns the caller with the generated token.
func (p *Policy) Owner() Caller {
	of, _ := p.enforcer.tokens.who(p.Made())
	return of
}

// Settings returns the settings of the policy.
func (p *Policy) Settings() Settings { return p.options.Settings }

// Server serves the admin API at one address.
type Server struct {
	listener net.Listener
	conns    *conns
	server   *http.Server
	serving  atomic.Pointer[serving]
	served   chan struct{}
}

// serving is the policy in force, with a context that ends when it is replaced.
type serving struct {
	*Policy
	ctx context.Context
	end context.CancelFunc
}

// Listen listens on the policy's address and starts to serve.
func (p *Policy) Listen() (*Server, error) {
	ln, err := bind(p.options.Settings.Listen)
	if err != nil {
		return nil, err
	}
	open := newConns(time.Now)
	s := &Server{listener: open.count(ln), conns: open, served: make(chan struct{})}
	s.Use(p)
	s.server = &http.Server{
		Handler:           http.MaxBytesHandler(s, MaxBody),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: WriteTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ConnContext: s.conns.context, ErrorLog: log.New(io.Discard, "", 0), // errors of clients are not logged
	}
	go s.serve(p.options.Log, p.options.Panics)
	return s, nil
}

// Use replaces the policy at the same address. The context of the old policy's requests is cancelled, which ends its streams.
func (s *Server) Use(p *Policy) {
	next := &serving{Policy: p}
	next.ctx, next.end = context.WithCancel(context.Background())
	if before := s.serving.Swap(next); before != nil {
		before.end()
	}
}

// ServeHTTP applies the policy in force to a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.serving.Load()
	if (r.TLS != nil) != (now.secure != nil) { // the connection was opened under an older policy
		w.Header().Set("Connection", "close")
		now.options.Refuse(w, r, Refusal{http.StatusMisdirectedRequest, "TLS was turned on or off: open a new connection"})
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(now.ctx, cancel)()
	now.enforcer.ServeHTTP(w, r.WithContext(ctx))
}

// tlsListener is the listener of a server.
type tlsListener struct {
	net.Listener
	server *Server
}

// Accept waits for a connection, and adds TLS if the policy in force has a certificate.
func (l *tlsListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if now := l.server.serving.Load(); now.secure != nil {
		return tls.Server(c, now.secure), nil
	}
	return c, nil
}

// serve accepts connections until the listener is closed.
func (s *Server) serve(log *slog.Logger, panics *atomic.Int64) {
	defer close(s.served)
	defer guard.Recover(log, panics, "serving the admin API")
	err := s.server.Serve(&tlsListener{s.listener, s})
	if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		log.Error("admin listener stopped", "error", err)
	}
}

// Address returns the listen address, with the actual port.
func (s *Server) Address() net.Addr { return s.listener.Addr() }

// Free stops listening, so that the address can be used again, and ends streams. Close waits for the requests in progress.
func (s *Server) Free() error {
	s.serving.Load().end()
	err := s.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Close frees the address, waits for requests in progress until ctx ends, and aborts the rest.
func (s *Server) Close(ctx context.Context) error {
	err := s.Free()
	if failed := s.server.Shutdown(ctx); failed != nil {
		err = errors.Join(err, s.server.Close())
	}
	<-s.served
	return err
}
