package trigger

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

// guard dials under a policy. The policy judges the address that the kernel is about to connect to, so that nothing that a name resolved to
// earlier counts.
type guard struct {
	policy   *policy
	resolver *net.Resolver
}

// dialContext serves http.Transport. A panic in it would end the process, for it runs in a goroutine of net/http.
func (g *guard) dialContext(ctx context.Context, network, address string) (conn net.Conn, err error) {
	defer func() {
		if recover() != nil {
			conn, err = nil, &Refusal{Target: "an address", Why: "not one that can be judged"}
		}
	}()
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &Refusal{Target: "an address", Why: "not a host and a port"}
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

// control judges one address of a dial. The network names the family: an address in another form than the kernel will use never passes.
func (g *guard) control(host, network, address string) error {
	if network != "tcp4" && network != "tcp6" {
		return &Refusal{Target: network, Why: "not TCP"}
	}
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return &Refusal{Target: address, Why: "not an address"}
	}
	if refusal := g.policy.judge(host, addr); refusal != nil {
		return refusal
	}
	return nil
}

// checkProxied judges a target that a proxy will resolve and dial: the host as it is written, and every address that it resolves to here. A
// name that only the proxy can resolve passes, unless the mode is allowlist and no entry names it.
func (g *guard) checkProxied(ctx context.Context, target *url.URL) error {
	host, port := target.Hostname(), urlPort(target)
	if refusal := g.policy.judgeName(host, port); refusal != nil {
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
			return fmt.Errorf("resolve the target: %w", ctx.Err())
		}
		if g.policy.mode == EgressAllowlist && !g.policy.allowsHost(host, port) {
			return &Refusal{Target: host, Why: "not in egress.allow"}
		}
		return nil
	}
	for _, addr := range addrs {
		if refusal := g.policy.judge(host, netip.AddrPortFrom(addr.Unmap(), port)); refusal != nil {
			return refusal
		}
	}
	return nil
}
