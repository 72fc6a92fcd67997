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
	maxKnown    = 128         // that are kept for those who have shown a token or a session
	maxStranger = 384         // of everybody else, health checks included
	fewStranger = 128         // from here on, those that have waited too long give their places up
	fewFrom     = 64          // likewise, for those of one address
	grace       = time.Second // to show a token in, where places are few
)

// conns bounds the connections that are open at once. Where places are few, a new connection takes that of one whose client has had a second and has not
// shown a token: the oldest of its own address, if that has many, else of the address that has the most. So idle connections, and those that send little by
// little, lock out neither health checks nor those who have a token, and a burst of calls is answered as a whole.
type conns struct {
	now func() time.Time

	mu        sync.Mutex
	known     int
	strangers int
	from      map[string]*list.List // of *conn without a token, by address; the oldest first
	freed     chan struct{}         // gets a value when a place is free
}

func newConns(now func() time.Time) *conns {
	return &conns{now: now, from: map[string]*list.List{}, freed: make(chan struct{}, 1)}
}

// conn is a connection that is counted.
type conn struct {
	net.Conn
	all     *conns
	address string
	since   time.Time

	// conns.mu guards these.
	place *list.Element // in conns.from; nil: its client has shown a token, or it is closed
	state connState
}

type connState int

const (
	stranger connState = iota // counted as one
	known                     // counted as one, and kept after the answer
	gone                      // not counted any more
)

// add counts a new connection, and closes one that has to give its place up.
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

// room waits until there is a place for one more connection, or done ends.
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
		timer := time.NewTimer(grace / 10) // somebody is overdue then
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

// overdue returns the oldest connection of an address that had its time; nil: there is none.
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

// busiest returns the address with the most connections of strangers.
func (a *conns) busiest() (address string) {
	most := 0
	for at, of := range a.from {
		if of.Len() > most || of.Len() == most && at < address {
			address, most = at, of.Len()
		}
	}
	return address
}

// unlist takes a connection out of those that may have to give their places up.
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

// remove counts a connection no more.
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
		default: // nobody waits, or is woken already
		}
	case known:
		a.known--
	}
	c.state = gone
}

// end closes a connection that gave its place up; nil is none.
func (c *conn) end() {
	if c != nil {
		_ = c.Conn.Close() // its client sees that
	}
}

// Close closes the connection, and gives its place up.
func (c *conn) Close() error {
	c.all.mu.Lock()
	c.all.remove(c)
	c.all.mu.Unlock()
	return c.Conn.Close()
}

type connKey struct{}

// context puts the connection into the context of its requests. It is a http.Server.ConnContext.
func (a *conns) context(ctx context.Context, c net.Conn) context.Context {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// welcome notes that the client of a request's connection has shown a token: its request is answered however many connections there are. kept is false when
// there is no place for the connection after that.
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

// counted is a listener whose connections are counted.
type counted struct {
	net.Listener
	conns  *conns
	closed chan struct{}
	once   sync.Once
}

func (a *conns) count(ln net.Listener) *counted {
	return &counted{Listener: ln, conns: a, closed: make(chan struct{})}
}

// Accept waits for a connection, and for a place for it.
func (l *counted) Accept() (net.Conn, error) {
	l.conns.room(l.closed)
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.conns.add(c), nil
}

// Close frees the address.
func (l *counted) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}
