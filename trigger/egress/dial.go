package egress

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const dialTimeout = 10 * time.Second

// Guard dials under a policy. The policy checks the address that the kernel is about to connect to, so a name cannot resolve to one address for
// the check and to another for the connection.
type Guard struct {
	policy   *Policy
	resolver *net.Resolver
}

// NewGuard returns a guard that asks the resolver.
func NewGuard(p *Policy, resolver *net.Resolver) *Guard { return &Guard{p, resolver} }

// DialContext is for http.Transport. It recovers panics, because net/http calls it in a goroutine of its own, where a panic would end the process.
func (g *Guard) DialContext(ctx context.Context, network, address string) (conn net.Conn, err error) {
	defer func() {
		if recover() != nil {
			conn, err = nil, &Refusal{Address: "an address", Why: "not one that can be checked"}
		}
	}()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &Refusal{Address: "an address", Why: "not a host and a port"}
	}
	dialer := net.Dialer{
		Timeout:  dialTimeout,
		Resolver: g.resolver,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			return g.control(host, network, address)
		},
	}
	return dialer.DialContext(ctx, network, address)
}

// control checks one address of a dial. Only tcp4 and tcp6 pass, so the address has the form that the kernel uses.
func (g *Guard) control(host, network, address string) error {
	if network != "tcp4" && network != "tcp6" {
		return &Refusal{Address: network, Why: "not TCP"}
	}
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Refusal{Address: address, Why: "not an address"}
	}
	if refusal := g.policy.check(host, addr); refusal != nil {
		return refusal
	}
	return nil
}

// CheckProxied checks an address that a proxy will resolve and dial: the host as written, and every address that it resolves to here. A name
// that only the proxy can resolve passes, unless the mode is allowlist and no entry names it.
func (g *Guard) CheckProxied(ctx context.Context, address *url.URL) error {
	host, port := address.Hostname(), Port(address)
	if refusal := g.policy.checkName(host, port); refusal != nil {
		return refusal
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	addrs, err := g.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(addrs) == 0 {
		if ctx.Err() != nil {
			return fmt.Errorf("resolve the host: %w", ctx.Err())
		}
		if g.policy.mode == ModeAllowlist && !g.policy.allowsHost(host, port) {
			return &Refusal{Address: host, Why: "not in egress.allow"}
		}
		return nil
	}
	for _, addr := range addrs {
		if refusal := g.policy.check(host, netip.AddrPortFrom(addr.Unmap(), port)); refusal != nil {
			return refusal
		}
	}
	return nil
}
