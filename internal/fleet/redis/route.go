package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	redigo "github.com/gomodule/redigo/redis"

	"github.com/tinyforge/fluentbit-trigger/internal/fleet"
)

// router knows which server has which shard. Its own lookups have a circuit too: after one that failed, the next is made a moment later at the earliest.
type router struct {
	settings *fleet.Settings
	dialer   *dialer
	now      func() time.Time
	random   func() float64
	slots    []int // of the cluster, by shard; the last is that of the namespace as a whole

	looking chan struct{} // held while sentinels or a cluster are asked

	mu      sync.Mutex // guards the fields below
	servers map[string]*server
	of      []string  // addresses by shard, as slots; "": unknown
	stale   bool      // a server failed, or is no master any more
	looked  time.Time // the last lookup
	failed  error     // its error
	first   int       // the sentinel or node that answered last
	closed  bool
}

// maxServers bounds the servers that a cluster can name.
const maxServers = 1000

// How long after a lookup the next is made at the earliest: after one that succeeded, and after one that failed, since that may have taken most of a call's time.
const (
	lookAgain = 500 * time.Millisecond
	lookLater = 3 * time.Second
)

func newRouter(s *fleet.Settings, d *dialer, now func() time.Time, random func() float64) *router {
	r := &router{
		settings: s, dialer: d, now: now, random: random, servers: map[string]*server{}, of: make([]string, fleet.Shards+1), stale: s.Mode != fleet.Single,
		looking: make(chan struct{}, 1),
	}
	for shard := range fleet.Shards + 1 {
		r.slots = append(r.slots, slot(tag(s.Namespace, at(shard))))
		if s.Mode == fleet.Single {
			r.of[shard] = s.Address[0]
		}
	}
	return r
}

// at returns the shard of an index: the last is the namespace as a whole.
func at(index int) int {
	if index == fleet.Shards {
		return whole
	}
	return index
}

// whole is the shard of the keys of the namespace as a whole.
const whole = -1

// index returns the index of a shard.
func index(shard int) int {
	if shard == whole {
		return fleet.Shards
	}
	return shard
}

// tag returns the part of the keys of a shard that is hashed.
func tag(namespace string, shard int) string {
	if shard == whole {
		return namespace
	}
	return namespace + "." + strconv.Itoa(shard)
}

// slot returns the slot of a hash tag: CRC-16/XMODEM modulo 16384 (Redis cluster specification, "Key distribution model").
func slot(tag string) int {
	crc := uint16(0)
	for i := range len(tag) {
		crc ^= uint16(tag[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % 16384
}

// server returns the server of an address.
func (r *router) server(address string) (*server, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.servers[address]
	if s == nil {
		if r.closed {
			return nil, fmt.Errorf("%w: the engine was closed", fleet.ErrUnreachable)
		}
		if len(r.servers) >= maxServers {
			return nil, fmt.Errorf("%w: the cluster names too many servers", fleet.ErrAnswer)
		}
		s = &server{dialer: r.dialer, address: address, now: r.now, random: r.random, slots: make(chan struct{}, maxConns)}
		r.servers[address] = s
	}
	return s, nil
}

// route returns the address of a shard. It asks sentinels or the cluster if that is unknown or stale.
func (r *router) route(ctx context.Context, shard int) (string, error) {
	i := index(shard)
	r.mu.Lock()
	address, stale := r.of[i], r.stale
	r.mu.Unlock()
	if address != "" && !stale {
		return address, nil
	}
	err := r.look(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.of[i] != "": // also after an error: the old address may work
		return r.of[i], nil
	case err != nil:
		return "", err
	}
	return "", fmt.Errorf("%w: no server of the cluster has the slot", fleet.ErrUnreachable)
}

// doubt makes the next call look again.
func (r *router) doubt() {
	if r.settings.Mode == fleet.Single {
		return
	}
	r.mu.Lock()
	r.stale = true
	r.mu.Unlock()
}

// move notes where a slot is, as a server said.
func (r *router) move(shard int, address string) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of[index(shard)] = address
	r.stale = true // others may have moved as well
}

// look asks sentinels or the cluster, unless somebody did a moment ago.
func (r *router) look(ctx context.Context) error {
	select {
	case r.looking <- struct{}{}:
		defer func() { <-r.looking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	since := r.now().Sub(r.looked)
	stale, failed, first := r.stale, r.failed, r.first
	seeds := slices.Clone(r.settings.Address)
	if r.settings.Mode == fleet.Cluster {
		for address := range r.servers {
			if !slices.Contains(seeds, address) && len(seeds) < 16 {
				seeds = append(seeds, address)
			}
		}
	}
	r.mu.Unlock()
	again := lookAgain
	if failed != nil {
		again = lookLater
	}
	if !stale || since >= 0 && since < again {
		return failed
	}
	var errs error
	for i := range seeds {
		n := (first + i) % len(seeds)
		of, err := r.ask(ctx, seeds[n])
		if err == nil {
			r.found(of, n)
			return nil
		}
		errs = err
		if ctx.Err() != nil {
			break
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.looked, r.failed, r.first = r.now(), failure(errs), r.first+1
	return r.failed
}

// found puts addresses in force, and closes servers that are gone.
func (r *router) found(of []string, by int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of, r.stale, r.looked, r.failed, r.first = of, false, r.now(), nil, by
	for address, s := range r.servers {
		if !slices.Contains(of, address) {
			delete(r.servers, address)
			go s.close() // a call may use it
		}
	}
}

// ask asks one sentinel or node. It has half of the time, so that others can be asked as well, or the address that is known.
func (r *router) ask(ctx context.Context, seed string) ([]string, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	sentinel := r.settings.Mode == fleet.Sentinel
	c, err := r.dialer.dial(ctx, seed, sentinel)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = c.raw.limit(time.Unix(1, 0)) })
	defer stop()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.raw.limit(deadline); err != nil {
			return nil, err
		}
	}
	if sentinel {
		address, err := master(c.Do("SENTINEL", "get-master-addr-by-name", r.settings.Master))
		if err != nil {
			return nil, timedOut(ctx, err)
		}
		return slices.Repeat([]string{address}, fleet.Shards+1), nil
	}
	host, _, _ := net.SplitHostPort(seed)
	value, err := c.Do("CLUSTER", "SLOTS")
	if err != nil {
		return nil, timedOut(ctx, err)
	}
	return owners(value, host, r.slots)
}

// master reads the answer of a sentinel.
func master(value any, err error) (string, error) {
	if errors.Is(err, redigo.ErrNil) || err == nil && value == nil {
		return "", fmt.Errorf("%w: the sentinel does not know the master", fleet.ErrRefused)
	}
	a := read(value, err)
	host, port := string(a.bytes(255)), string(a.bytes(5))
	if a.err != nil {
		return "", a.err
	}
	return join(host, port)
}

// join returns an address of parts that a server named.
func join(host, port string) (string, error) {
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" {
		return "", fmt.Errorf("%w: an address is not one", fleet.ErrAnswer)
	}
	for i := range len(host) {
		if c := host[i]; c <= ' ' || c >= 0x7f {
			return "", fmt.Errorf("%w: an address is not one", fleet.ErrAnswer)
		}
	}
	return net.JoinHostPort(host, port), nil
}

// owners reads the answer to CLUSTER SLOTS: the masters of some slots. A node that names no host of itself has that which was asked.
func owners(value any, asked string, slots []int) ([]string, error) {
	of := make([]string, len(slots))
	ranges := read(value, nil)
	for ranges.err == nil && len(ranges.parts) > 0 {
		part := ranges.list(1 << 10)
		low, high := part.number(0, 16383), part.number(0, 16383)
		node := part.list(1 << 10)
		host, port := "", int64(0)
		if len(node.parts) > 0 && node.parts[0] == nil { // an unknown host
			node.parts = node.parts[1:]
		} else {
			host = string(node.bytes(255))
		}
		port = node.number(1, 65535)
		if err := errors.Join(part.err, node.err); err != nil {
			return nil, err
		}
		if host == "" {
			host = asked
		}
		address, err := join(host, strconv.FormatInt(port, 10))
		if err != nil {
			return nil, err
		}
		for i, s := range slots {
			if int64(s) >= low && int64(s) <= high {
				of[i] = address
			}
		}
	}
	return of, ranges.err
}

func (r *router) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, s := range r.servers {
		s.close()
	}
}
