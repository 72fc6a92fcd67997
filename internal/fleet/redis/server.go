package redis

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// Bounds of the connections to one server.
const (
	maxConns = 2
	maxIdle  = 30 * time.Second // a connection that was not used for longer is not trusted
	failures = 3                // in a row, until a server is not asked for a while
	restLow  = time.Second
	restHigh = 30 * time.Second
)

// server is one server with its connections and its circuit.
type server struct {
	dialer  *dialer
	address string
	now     func() time.Time
	random  func() float64
	slots   chan struct{} // one for each connection in use

	mu     sync.Mutex // guards the fields below
	idle   []*conn    // the last one was used last
	fails  int        // in a row
	rest   time.Time  // it is not asked before
	probes bool       // a call asks it after a rest
	closed bool
}

// call is one script with its arguments, and the answer to it.
type call struct {
	script *script
	shard  int // -1: of the namespace as a whole
	keys   []string
	args   []any
	value  any
	err    error
}

// command returns the arguments of EVALSHA.
func (c *call) command() []any {
	out := make([]any, 0, 2+len(c.keys)+len(c.args))
	out = append(out, c.script.hash, len(c.keys))
	for _, k := range c.keys {
		out = append(out, k)
	}
	return append(out, c.args...)
}

// enter asks the circuit. Leave must be called after it returned nil.
func (s *server) enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return errors.Join(fleet.ErrUnreachable, context.Canceled)
	case s.fails < failures:
		return nil
	case s.probes || s.now().Before(s.rest) && s.rest.Sub(s.now()) <= restHigh: // or the clock stepped back
		return fleet.ErrCircuit
	}
	s.probes = true
	return nil
}

// ending is how a call ended, for the circuit.
type ending int

const (
	unknown  ending = iota // the caller gave up before the server could answer
	answered               // errors included
	failed
)

// leave notes how the call ended.
func (s *server) leave(how ending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probes = false
	switch how {
	case answered:
		s.fails = 0
	case failed:
		s.fails++
		s.rest = s.now().Add(restLow + time.Duration(s.random()*float64(restHigh-restLow)))
	}
}

// do runs calls on one connection, in one round trip. It returns an error if the server as a whole failed; every call then has an error.
func (s *server) do(ctx context.Context, calls []*call, asking bool) error {
	if err := s.enter(); err != nil {
		return failAll(calls, err)
	}
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		s.leave(unknown) // other calls hold all connections
		return failAll(calls, ctx.Err())
	}
	err := s.attempt(ctx, calls, asking, false)
	if err != nil && broken(err) && ctx.Err() == nil { // a connection that was idle may be closed; scripts may run twice
		err = s.attempt(ctx, calls, asking, true)
	}
	switch {
	case err == nil:
		s.leave(answered)
	case errors.Is(ctx.Err(), context.Canceled):
		s.leave(unknown)
	default:
		s.leave(failed)
	}
	if err != nil {
		return failAll(calls, failure(timedOut(ctx, err)))
	}
	return nil
}

func failAll(calls []*call, err error) error {
	for _, c := range calls {
		c.value, c.err = nil, err
	}
	return err
}

// attempt runs calls on an idle connection, or on a fresh one.
func (s *server) attempt(ctx context.Context, calls []*call, asking, fresh bool) (err error) {
	var c *conn
	if !fresh {
		c = s.reuse()
	}
	if c == nil {
		if c, err = s.dialer.dial(ctx, s.address, false); err != nil {
			return err
		}
	}
	deadline, _ := ctx.Deadline()
	if err := c.raw.limit(deadline); err != nil {
		_ = c.Close() // it is broken
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.raw.limit(time.Unix(1, 0)) })
	err = exchange(c, calls, asking)
	if !stop() || err != nil {
		_ = c.Close() // answers may still come
		if err == nil {
			return nil
		}
		return err
	}
	s.keep(c)
	return nil
}

// reuse returns an idle connection, or nil.
func (s *server) reuse() *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.idle) > 0 {
		c := s.idle[len(s.idle)-1]
		s.idle = s.idle[:len(s.idle)-1]
		if age := s.now().Sub(c.used); age >= 0 && age <= maxIdle {
			return c
		}
		_ = c.Close()
	}
	return nil
}

func (s *server) keep(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.idle) >= maxConns {
		_ = c.Close()
		return
	}
	c.used = s.now()
	for len(s.idle) > 0 && c.used.Sub(s.idle[0].used) > maxIdle { // a burst opened it, and the one on top is enough
		_ = s.idle[0].Close()
		s.idle = s.idle[1:]
	}
	s.idle = append(s.idle, c)
}

func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, c := range s.idle {
		_ = c.Close()
	}
	s.idle = nil
}

// exchange sends calls and reads their answers. An error is one of the connection; those that the server answered are in the calls. Scripts that the server
// does not know are loaded, and their calls run once more.
func exchange(c *conn, calls []*call, asking bool) error {
	if err := pipeline(c, calls, asking); err != nil {
		return err
	}
	var again []*call
	unknown := map[*script]bool{}
	for _, x := range calls {
		if said, ok := x.err.(redigo.Error); ok && code(said) == "NOSCRIPT" {
			again = append(again, x)
			unknown[x.script] = true
		}
	}
	if len(again) == 0 {
		return nil
	}
	for s := range unknown {
		if _, err := c.Do("SCRIPT", "LOAD", s.text); err != nil {
			var said redigo.Error
			if !errors.As(err, &said) {
				return err
			}
			for _, x := range again { // not allowed, or no memory: the calls say why
				if x.script == s {
					x.err = said
				}
			}
		}
	}
	return pipeline(c, again, asking)
}

func pipeline(c *conn, calls []*call, asking bool) error {
	for _, x := range calls {
		if asking {
			if err := c.Send("ASKING"); err != nil {
				return err
			}
		}
		if err := c.Send("EVALSHA", x.command()...); err != nil {
			return err
		}
	}
	if err := c.Flush(); err != nil {
		return err
	}
	for _, x := range calls {
		if asking {
			if _, err := receive(c); err != nil {
				return err
			}
		}
		value, err := receive(c)
		if err != nil {
			return err
		}
		x.value, x.err = value, nil
		if said, ok := value.(redigo.Error); ok {
			x.value, x.err = nil, said
		}
	}
	return nil
}

// receive returns an answer, errors of the server included; its error is one of the connection.
func receive(c *conn) (any, error) {
	value, err := c.Receive()
	if said, ok := err.(redigo.Error); ok {
		return said, nil
	}
	return value, err
}

// moved returns the address that a redirection names, its kind, and whether the error is one.
func moved(err error) (kind, address string, ok bool) {
	said, isError := err.(redigo.Error)
	if !isError {
		return "", "", false
	}
	words := strings.Fields(string(said))
	if len(words) != 3 || words[0] != "MOVED" && words[0] != "ASK" || len(words[2]) > 300 {
		return "", "", false
	}
	return words[0], words[2], true
}
