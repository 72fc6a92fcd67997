package triggertest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// FakeDNS answers each query for a name with the next of its answers; the last one stays. It speaks DNS over TCP on a pipe.
type FakeDNS struct {
	mu      sync.Mutex
	Answers map[string][]string
	Queries int
}

// Resolver returns a resolver that asks d.
func (d *FakeDNS) Resolver(t *testing.T) *net.Resolver {
	t.Helper()
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go d.serve(server)
		return client, nil
	}}
}

func (d *FakeDNS) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		reply := d.reply(query)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
			return
		}
	}
}

// reply answers A queries. The question is echoed up to its end; the query's own additional record is left out.
func (d *FakeDNS) reply(query []byte) []byte {
	var labels []string
	at := 12
	for query[at] != 0 {
		n := int(query[at])
		labels = append(labels, string(query[at+1:at+1+n]))
		at += 1 + n
	}
	end := at + 5
	kind := binary.BigEndian.Uint16(query[at+1:])
	var addr netip.Addr
	if kind == 1 {
		addr = d.next(strings.Join(labels, "."))
	}
	reply := append([]byte(nil), query[:end]...)
	reply[2], reply[3] = 0x84, 0x00 // an authoritative answer without error
	copy(reply[4:12], []byte{0, 1, 0, 0, 0, 0, 0, 0})
	if addr.IsValid() {
		reply[7] = 1
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		reply = append(reply, addr.AsSlice()...)
	}
	return reply
}

func (d *FakeDNS) next(name string) netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.Queries++
	list := d.Answers[name]
	if len(list) == 0 {
		return netip.Addr{}
	}
	if len(list) > 1 {
		d.Answers[name] = list[1:]
	}
	return netip.MustParseAddr(list[0])
}
