package listen

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a connection and sends nothing.
func dial(t *testing.T, s *Server) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.Address().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestIdleConnectionsLockNobodyOut opens many times the connections that are allowed, of which none says anything; health checks and those with a token
// are answered all the same, by new connections and by one that there was before.
func TestIdleConnectionsLockNobodyOut(t *testing.T) {
	s := open(t, Settings{Listen: "127.0.0.1:0"}, nil)
	url := "http://" + s.Address().String()
	kept := &http.Client{Transport: &http.Transport{}}
	defer kept.CloseIdleConnections()
	if status, _ := get(t, kept, url+"/x"); status != 200 {
		t.Fatal(status)
	}
	for range 3 * maxStranger {
		dial(t, s)
	}
	for name, c := range map[string]*http.Client{"the connection that there was": kept, "a new one": {Transport: &http.Transport{DisableKeepAlives: true}}} {
		for _, path := range []string{"/healthz", "/x"} {
			if status, _ := get(t, c, url+path); status != 200 {
				t.Errorf("%s, %s: %d", name, path, status)
			}
		}
	}
	s.conns.mu.Lock()
	defer s.conns.mu.Unlock()
	if s.conns.strangers > maxStranger || s.conns.known > 2 {
		t.Errorf("%d connections of strangers, %d of others", s.conns.strangers, s.conns.known)
	}
}

// TestStrangersAreNotKept holds that a connection ends with its answer unless it has shown a token.
func TestStrangersAreNotKept(t *testing.T) {
	s := open(t, Settings{Listen: "127.0.0.1:0"}, nil)
	for request, closed := range map[string]bool{
		"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n":                                 true,
		"GET /x HTTP/1.1\r\nHost: a\r\n\r\n":                                       true,
		"GET /login HTTP/1.1\r\nHost: a\r\n\r\n":                                   true,
		"GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong\r\n\r\n":        true,
		"GET /x HTTP/1.1\r\nHost: a\r\nOrigin: http://evil.example\r\n\r\n":        true,
		"GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + made + "\r\n\r\n": false,
		"GET /healthz HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n":      true,
		"POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX: y\r\n\r\nabc":  true,
		"GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nCookie: a=b\r\n\r\n":    true,
	} {
		c := dial(t, s)
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		header := readHeader(t, c)
		if got := strings.Contains(header, "\r\nConnection: close\r\n"); got != closed {
			t.Errorf("%q: closed %v:\n%s", request, got, header)
		}
	}
}

func readHeader(t *testing.T, c net.Conn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(text.String(), "\r\n\r\n"); {
		if _, err := c.Read(b); err != nil {
			t.Fatalf("after %q: %v", text.String(), err)
		}
		text.WriteByte(b[0])
	}
	return text.String()
}

// fakeConn is a connection from an address.
type fakeConn struct {
	net.Conn
	from   string
	closed bool
}

func (c *fakeConn) RemoteAddr() net.Addr { return fakeAddr(c.from) }
func (c *fakeConn) Close() error         { c.closed = true; return nil }

type fakeAddr string

func (a fakeAddr) Network() string { return "tcp" }
func (a fakeAddr) String() string  { return string(a) }

// TestConnectionsAreBounded counts connections by address: one that opens many loses its own oldest ones once they had their time, and takes no place of
// another.
func TestConnectionsAreBounded(t *testing.T) {
	at := &clock{at: time.Unix(1700000000, 0)}
	all := newConns(at.now)
	add := func(format string, args ...any) *fakeConn {
		c := &fakeConn{from: fmt.Sprintf(format, args...)}
		all.add(c)
		return c
	}
	var quiet, greedy []*fakeConn
	for i := range 10 {
		quiet = append(quiet, add("192.0.2.%d:1", i))
	}
	for i := range fewFrom + 20 {
		greedy = append(greedy, add("198.51.100.1:%d", i))
	}
	closed := func(of []*fakeConn) (n int) {
		for _, c := range of {
			if c.closed {
				n++
			}
		}
		return n
	}
	if n := closed(greedy); n != 0 {
		t.Errorf("a burst lost %d connections", n)
	}
	at.pass(grace)
	for i := range fewFrom {
		greedy = append(greedy, add("198.51.100.1:%d", 1000+i))
	}
	if n := closed(greedy); n != fewFrom || closed(greedy[fewFrom+20:]) != 0 {
		t.Errorf("%d connections gave their places to %d others of their address", n, fewFrom)
	}
	if n := closed(quiet); n != 0 {
		t.Errorf("%d quiet addresses gave their places to a greedy one", n)
	}
	at.pass(grace)
	for i := range 10 * maxStranger { // of as many addresses
		all.room(nil)
		add("[2001:db8::%x]:1", i)
		if i%50 == 0 {
			at.pass(grace)
		}
		if all.strangers > maxStranger {
			t.Fatalf("%d connections", all.strangers)
		}
	}
	if n := len(greedy) - closed(greedy); n > 1 {
		t.Errorf("the address with the most connections keeps %d of them", n)
	}
}

// TestAFullListenerWaits has all places taken by connections that are young: the next one waits for a place, or for the end.
func TestAFullListenerWaits(t *testing.T) {
	at := &clock{at: time.Unix(1700000000, 0)}
	all := newConns(at.now)
	var last *conn
	for i := range maxStranger {
		last = all.add(&fakeConn{from: fmt.Sprintf("192.0.2.%d:1", i%200)})
	}
	room, done := make(chan struct{}), make(chan struct{})
	wait := func(end <-chan struct{}) {
		go func() { all.room(end); room <- struct{}{} }()
	}
	wait(nil)
	if err := last.Close(); err != nil {
		t.Fatal(err)
	}
	<-room
	all.add(&fakeConn{from: "192.0.2.1:1"})
	wait(done)
	close(done)
	<-room
	wait(nil)
	at.pass(grace)
	<-room
	if all.strangers != maxStranger-1 {
		t.Errorf("%d connections", all.strangers)
	}
}

// TestConnectionsGiveTheirPlacesUp has more clients with a token than connections that are kept: all are answered, and those beyond not kept.
func TestConnectionsGiveTheirPlacesUp(t *testing.T) {
	all := newConns(time.Now)
	kept := 0
	for i := range 2 * maxKnown {
		c := all.add(&fakeConn{from: fmt.Sprintf("192.0.2.%d:1", i%200)})
		if welcome(all.context(t.Context(), c)) {
			kept++
			if !welcome(all.context(t.Context(), c)) {
				t.Error("a connection is kept once, and not twice")
			}
		}
		if c.place != nil {
			t.Error("a connection with a token may have to give its place up")
		}
		if i%4 == 0 {
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			_ = c.Close() // once more counts nothing
		}
	}
	if all.known != maxKnown || kept <= maxKnown || all.strangers == 0 || len(all.from) != 0 {
		t.Errorf("%d are kept of %d, beside %d others", all.known, kept, all.strangers)
	}
}
