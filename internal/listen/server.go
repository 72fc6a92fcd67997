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
	"sync/atomic"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// The bounds of requests.
const (
	// MaxBody is how long the body of a request may be.
	MaxBody = 1 << 20

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
	// Access says what a path asks of those who call it.
	Access func(path string) Access
	// Token lets in where the settings name no file of tokens.
	Token string
	// Logins knows the browsers that are logged in; nil: none is.
	Logins *Logins
	// Refuse answers a request that may not enter.
	Refuse func(http.ResponseWriter, *http.Request, Refusal)
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Front is who may enter, and how, by settings whose files were read and found good.
type Front struct {
	options Options
	guard   *guard
	secure  *tls.Config // nil: no TLS
}

// Prepare does all that can fail with settings but take the address. Errors hold no secret.
func Prepare(o Options) (*Front, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logins == nil {
		o.Logins = NewLogins(o.Now)
	}
	s := o.Settings
	if err := setting.Join(s.Validate()); err != nil {
		return nil, err
	}
	f := &Front{options: o, guard: &guard{
		hosts: s.Hosts, socket: strings.HasPrefix(s.Listen, socketScheme), tls: s.CertFile != "", logins: o.Logins, access: o.Access, refuse: o.Refuse,
		next: o.Handler,
	}}
	var err error
	switch {
	case s.TokenFile != "":
		if f.guard.tokens, err = newTokens(s.TokenFile, o.Now, o.Log); err != nil {
			return nil, err
		}
	case o.Token != "":
		f.guard.tokens = madeTokens(o.Token, o.Now)
	default:
		return nil, setting.Fault{Field: "token_file", Code: setting.Missing, Message: "must be set", Hint: "without a store in a file there is no place for a generated token"}
	}
	if s.CertFile != "" {
		cert, err := newCertificate(s.CertFile, s.KeyFile, o.Now, o.Log)
		if err != nil {
			return nil, err
		}
		f.secure = &tls.Config{GetCertificate: cert.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}}
	}
	return f, nil
}

// Made returns the token by which the front lets in, if it is not one of a file.
func (f *Front) Made() string {
	if f.options.Settings.TokenFile != "" {
		return ""
	}
	return f.options.Token
}

// Owner is who has the token that the front's instance made for itself.
func (f *Front) Owner() Caller {
	of, _ := f.guard.tokens.who(f.Made())
	return of
}

// Settings returns the settings that the front was made of.
func (f *Front) Settings() Settings { return f.options.Settings }

// Server serves the administration at one address.
type Server struct {
	listener net.Listener
	conns    *conns
	server   *http.Server
	serving  atomic.Pointer[serving]
	served   chan struct{}
}

// serving is the front that is in force, with the context of all its requests.
type serving struct {
	*Front
	ctx context.Context
	end context.CancelFunc
}

// Open prepares a front, opens its address and begins to serve.
func Open(o Options) (*Server, error) {
	f, err := Prepare(o)
	if err != nil {
		return nil, err
	}
	return f.Listen()
}

// Listen opens the address of the front's settings and begins to serve.
func (f *Front) Listen() (*Server, error) {
	ln, err := bind(f.options.Settings.Listen)
	if err != nil {
		return nil, err
	}
	open := newConns(time.Now)
	s := &Server{listener: open.count(ln), conns: open, served: make(chan struct{})}
	s.Use(f)
	s.server = &http.Server{
		Handler:           http.MaxBytesHandler(s, MaxBody),
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: WriteTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ConnContext: s.conns.context, ErrorLog: log.New(io.Discard, "", 0), // what clients do wrong is theirs to know
	}
	go s.serve(f.options.Log)
	return s, nil
}

// Use puts another front in force, at the address that there is. Streams of the one before end; its other requests go on.
func (s *Server) Use(f *Front) {
	next := &serving{Front: f}
	next.ctx, next.end = context.WithCancel(context.Background())
	if before := s.serving.Swap(next); before != nil {
		before.end()
	}
}

// ServeHTTP lets a request in by the front that is in force.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := s.serving.Load()
	if (r.TLS != nil) != (now.secure != nil) { // the connection is older than the front
		w.Header().Set("Connection", "close")
		now.options.Refuse(w, r, Refusal{http.StatusMisdirectedRequest, "whether TLS is spoken here has changed: connect anew"})
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(now.ctx, cancel)()
	now.guard.ServeHTTP(w, r.WithContext(ctx))
}

// fronted is the listener of a server.
type fronted struct {
	net.Listener
	server *Server
}

// Accept waits for a connection, which is one of TLS when the front that is in force wants it.
func (l *fronted) Accept() (net.Conn, error) {
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
func (s *Server) serve(log *slog.Logger) {
	defer close(s.served)
	defer func() {
		if cause := recover(); cause != nil {
			log.Error("panic", "while", "serving the administration", "reason", fmt.Sprint(cause))
		}
	}()
	err := s.server.Serve(&fronted{s.listener, s})
	if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		log.Error("admin listener stopped", "error", err)
	}
}

// Address returns where the server listens, with the port that was chosen for port 0.
func (s *Server) Address() net.Addr { return s.listener.Addr() }

// Free closes the address, so that another may have it, and ends streams. Requests under way go on; Close waits for them.
func (s *Server) Free() error {
	s.serving.Load().end()
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
