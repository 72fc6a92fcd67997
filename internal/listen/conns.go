package listen

import (
	"container/list"
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// The bounds of connections.
const (
	maxKnown    = 128         // reserved for clients with a valid token or session
	maxStranger = 384         // all others, including health checks
	fewStranger = 128         // above this number, overdue ones are closed
	fewFrom     = 64          // likewise, for one address
	grace       = time.Second // time to present a token before a connection is overdue
)

// conns bounds the open connections. When many are open, a new connection replaces one whose client has had a second and has not presented a token: the
// oldest of the same address if that has many, otherwise the oldest of the address with the most. So idle and slow connections lock out neither health
// checks nor clients with a token, and a burst of calls is answered completely.
type conns struct {
	now func() time.Time

	mu        sync.Mutex
	known     int
	strangers int
	from      map[string]*list.List // *conn without a token by address, oldest first
	freed     chan struct{}         // receives a value when a connection ends
}

func newConns(now func() time.Time) *conns {
	return &conns{now: now, from: map[string]*list.List{}, freed: make(chan struct{}, 1)}
}

// conn is a counted connection.
type conn struct {
	net.Conn
	all     *conns
	address string
	since   time.Time

	// conns.mu guards these.
	place *list.Element // in conns.from; nil: its client presented a token, or it is closed
	state connState
}

type connState int

const (
	stranger connState = iota // without a token
	known                     // reserved, and kept open after the response
	gone                      // closed
)

// add counts a new connection, and closes an overdue one if many are open.
func (a *conns) add(c net.Conn) *conn {
	n := &conn{Conn: c, all: a, address: addressOf(c.RemoteAddr().String()), since: a.now()}
	a.mu.Lock()
	var out *conn
	if of := a.from[n.address]; of != nil && of.Len() >= fewFrom {
		out = a.overdue(n.address)
	}
	if out == nil && a.strangers >= fewStranger {
		out = a.overdue(a.busiest())
	}
	a.remove(out)
	if a.from[n.address] == nil {
		a.from[n.address] = list.New()
	}
	n.place = a.from[n.address].PushBack(n)
	a.strangers++
	a.mu.Unlock()
	out.end()
	return n
}

// room waits until one more connection may be accepted, or done ends.
func (a *conns) room(done <-chan struct{}) {
	for {
		a.mu.Lock()
		full := a.strangers >= maxStranger
		var out *conn
		if full {
			out = a.overdue(a.busiest())
			a.remove(out)
		}
		a.mu.Unlock()
		out.end()
		if !full || out != nil {
			return
		}
		timer := time.NewTimer(grace / 10) // a connection may be overdue by then
		select {
		case <-a.freed:
		case <-timer.C:
		case <-done:
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// overdue returns the oldest overdue connection of an address; nil if there is none.
func (a *conns) overdue(address string) *conn {
	of := a.from[address]
	if of == nil {
		return nil
	}
	c, _ := of.Front().Value.(*conn)
	if passed := a.now().Sub(c.since); passed >= 0 && passed < grace {
		return nil
	}
	return c
}

// busiest returns the address with the most connections without a token.
func (a *conns) busiest() (address string) {
	most := 0
	for at, of := range a.from {
		if of.Len() > most || of.Len() == most && at < address {
			address, most = at, of.Len()
		}
	}
	return address
}

// unlist removes a connection from those that may be closed early.
func (a *conns) unlist(c *conn) {
	if c.place == nil {
		return
	}
	of := a.from[c.address]
	of.Remove(c.place)
	if of.Len() == 0 {
		delete(a.from, c.address)
	}
	c.place = nil
}

// remove stops counting a connection.
func (a *conns) remove(c *conn) {
	if c == nil {
		return
	}
	a.unlist(c)
	switch c.state {
	case stranger:
		a.strangers--
		select {
		case a.freed <- struct{}{}:
		default: // nobody waits, or the waiter is woken already
		}
	case known:
		a.known--
	}
	c.state = gone
}

// end closes a connection; nil is a no-op.
func (c *conn) end() {
	if c != nil {
		_ = c.Conn.Close() // there is nobody to report to
	}
}

// Close closes the connection and stops counting it.
func (c *conn) Close() error {
	c.all.mu.Lock()
	c.all.remove(c)
	c.all.mu.Unlock()
	return c.Conn.Close()
}

type connKey struct{}

// context adds the connection to the context of its requests. It implements http.Server.ConnContext.
func (a *conns) context(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// welcome records that the client of a request presented a token: the request is answered, no matter how many connections are open. kept is false if the
// connection must be closed afterwards because the reserved ones are in use.
func welcome(ctx context.Context) (kept bool) {
	c, ok := ctx.Value(connKey{}).(*conn)
	if !ok {
		return true
	}
	a := c.all
	a.mu.Lock()
	defer a.mu.Unlock()
	a.unlist(c)
	if c.state == stranger && a.known < maxKnown {
		a.remove(c)
		c.state = known
		a.known++
	}
	return c.state == known
}

// counted is a listener that counts its connections.
type counted struct {
	net.Listener
	conns  *conns
	closed chan struct{}
	once   sync.Once
}

func (a *conns) count(ln net.Listener) *counted {
	return &counted{Listener: ln, conns: a, closed: make(chan struct{})}
}

// Accept waits until a connection may be accepted, and for the connection.
func (l *counted) Accept() (net.Conn, error) {
	l.conns.room(l.closed)
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.conns.add(c), nil
}

// Close stops listening.
func (l *counted) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
