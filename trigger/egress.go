package trigger

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Refusal is the error of an address that the egress policy denies. It names the address, which is no secret, and never the URL.
type Refusal struct {
	Address string // what was refused: an address or a host name
	Why     string // such as "loopback", or "not in egress.allow"
}

// Error says what was refused and why.
func (r *Refusal) Error() string {
	return "blocked by the egress policy: " + r.Address + " is " + r.Why
}

// policy is a compiled Egress. It is immutable.
type policy struct {
	mode     string
	prefixes []allowedPrefix
	hosts    []allowedHost
}

type allowedPrefix struct {
	prefix netip.Prefix
	port   uint16 // 0: any
}

type allowedHost struct {
	host string // as normalHost returns it
	port uint16
}

// Validate returns every fault of the policy.
func (e Egress) Validate() []setting.Fault {
	_, faults := newPolicy(e)
	return faults
}

func newPolicy(e Egress) (*policy, []setting.Fault) {
	var fs setting.Faults
	fs.OneOf("mode", e.Mode, EgressModes())
	p := &policy{mode: e.Mode}
	for _, entry := range e.Allow {
		if message, hint := p.allow(entry); message != "" {
			fs.Add("allow", entry, message, hint)
		}
	}
	return p, fs
}

// allow adds an entry of egress.allow.
func (p *policy) allow(entry string) (message, hint string) {
	if prefix, port, ok := parsePrefixPort(entry); ok {
		if prefix.IsSingleIP() && isMetadata(prefix.Addr()) {
			return "is " + string(classMetadata), "it stays denied"
		}
		p.prefixes = append(p.prefixes, allowedPrefix{prefix, port})
		return "", ""
	}
	host, portText, err := net.SplitHostPort(entry)
	if err != nil {
		return "is neither an address nor a host with a port", `such as "127.0.0.1/32:2586", "10.1.0.0/16" or "gotify:80"`
	}
	port, ok := parsePort(portText)
	if !ok {
		return "has no port from 1 to 65535", ""
	}
	if _, fault := checkHost(host); fault != nil {
		return fault.message, fault.hint
	}
	if isMetadataName(normalHost(host)) {
		return "is " + string(classMetadata), "it stays denied"
	}
	p.hosts = append(p.hosts, allowedHost{normalHost(host), port})
	return "", ""
}

// parsePrefixPort reads "192.0.2.0/24", "192.0.2.1", "192.0.2.1:80", "192.0.2.0/24:80", "[2001:db8::/32]:80" and the like.
func parsePrefixPort(entry string) (netip.Prefix, uint16, bool) {
	text, port := entry, uint16(0)
	if rest, portText, found := cutPort(entry); found {
		n, ok := parsePort(portText)
		if !ok {
			return netip.Prefix{}, 0, false
		}
		text, port = rest, n
	}
	if prefix, err := netip.ParsePrefix(text); err == nil {
		if prefix.Addr().Is4In6() {
			return netip.Prefix{}, 0, false
		}
		return prefix.Masked(), port, true
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return netip.Prefix{}, 0, false
	}
	addr = addr.Unmap()
	return netip.PrefixFrom(addr, addr.BitLen()), port, true
}

// cutPort splits ":port" off. IPv6 needs its brackets for that.
func cutPort(entry string) (rest, port string, found bool) {
	if inner, ok := strings.CutPrefix(entry, "["); ok {
		rest, port, _ = strings.Cut(inner, "]")
		port, found = strings.CutPrefix(port, ":")
		return rest, port, found
	}
	if strings.Count(entry, ":") == 1 {
		return strings.Cut(entry, ":")
	}
	return entry, "", false
}

func parsePort(text string) (uint16, bool) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err == nil && n > 0
}

// judge decides on an address that is about to be dialled for a host. A host entry of egress.allow admits what its name resolves to where
// that is public, private or shared (RFC 6598); loopback only for localhost. So a name under foreign control never opens what only an
// address entry should.
func (p *policy) judge(host string, addr netip.AddrPort) *Refusal {
	ip := addr.Addr().Unmap()
	refuse := func(why string) *Refusal { return &Refusal{Address: addr.String(), Why: why} }
	c := classify(ip)
	if c == classMetadata {
		return refuse(string(c))
	}
	for _, a := range p.prefixes {
		if a.prefix.Contains(ip) && (a.port == 0 || a.port == addr.Port()) {
			return nil
		}
	}
	if p.allowsHost(host, addr.Port()) && (c == classPublic || c == classPrivate || c == classShared || (c == classLoopback && isLocalhost(host))) {
		return nil
	}
	switch {
	case p.mode == EgressDefault && (c == classPublic || c == classPrivate), p.mode == EgressPublic && c == classPublic:
		return nil
	case p.mode == EgressAllowlist:
		return refuse("not in egress.allow")
	default:
		return refuse(string(c))
	}
}

// judgeName decides on a host before anything is resolved: addresses written out, and names that are known to mean the machine itself.
func (p *policy) judgeName(host string, port uint16) *Refusal {
	if ip, err := netip.ParseAddr(host); err == nil {
		return p.judge(host, netip.AddrPortFrom(ip, port))
	}
	if isMetadataName(normalHost(host)) {
		return &Refusal{Address: host, Why: string(classMetadata)}
	}
	if p.allowsHost(host, port) {
		return nil
	}
	switch {
	case isLocalhost(host):
		if !p.allowsLoopback(port) {
			return &Refusal{Address: host, Why: string(classLoopback)}
		}
	case p.mode == EgressAllowlist && len(p.prefixes) == 0:
		return &Refusal{Address: host, Why: "not in egress.allow"}
	}
	return nil
}

func (p *policy) allowsHost(host string, port uint16) bool {
	host = normalHost(host)
	for _, h := range p.hosts {
		if h.host == host && h.port == port {
			return true
		}
	}
	return false
}

// allowsLoopback reports whether an address entry admits some loopback address at the port.
func (p *policy) allowsLoopback(port uint16) bool {
	loopback := netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8)
	for _, a := range p.prefixes {
		if (a.port == 0 || a.port == port) && (a.prefix.Overlaps(loopback) || a.prefix.Contains(netip.IPv6Loopback())) {
			return true
		}
	}
	return false
}
