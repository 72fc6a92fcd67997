package egress

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Refusal is the error for an address that the egress policy blocks. It contains the address, which is no secret, and never the URL.
type Refusal struct {
	Address string // with its port, or a host name
	Why     string // such as "loopback", or "not in egress.allow"
}

// Error returns the address and the reason.
func (r *Refusal) Error() string {
	return "blocked by the egress policy: " + r.Address + " is " + r.Why
}

// Policy is a compiled Egress. It is immutable.
type Policy struct {
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
func (e Settings) Validate() []setting.Fault {
	_, faults := NewPolicy(e)
	return faults
}

// NewPolicy compiles the settings of a policy, and returns their faults.
func NewPolicy(e Settings) (*Policy, []setting.Fault) {
	var fs setting.Faults
	fs.OneOf("mode", e.Mode, Modes())
	p := &Policy{mode: e.Mode}
	for _, entry := range e.Allow {
		if message, hint := p.allow(entry); message != "" {
			fs.Add("allow", entry, message, hint)
		}
	}
	return p, fs
}

// allow adds an entry of egress.allow.
func (p *Policy) allow(entry string) (message, hint string) {
	if prefix, port, ok := parsePrefixPort(entry); ok {
		if prefix.IsSingleIP() && isMetadata(prefix.Addr()) {
			return "is " + string(classMetadata), "metadata services stay blocked"
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
	if _, fault := CheckHost(host); fault != nil {
		return fault.Message, fault.Hint
	}
	if isMetadataName(NormalHost(host)) {
		return "is " + string(classMetadata), "metadata services stay blocked"
	}
	p.hosts = append(p.hosts, allowedHost{NormalHost(host), port})
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

// cutPort splits off ":port". An IPv6 address with a port needs brackets.
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

// check returns why an address must not be dialled for a host, or nil. A host entry of egress.allow allows the public, private and shared (RFC
// 6598) addresses that its name resolves to, and loopback for localhost only. Whoever controls the name cannot make it reach anything else.
func (p *Policy) check(host string, addr netip.AddrPort) *Refusal {
	ip := addr.Addr().Unmap()
	refuse := func(why string) *Refusal { return &Refusal{Address: addr.String(), Why: why} }
	c := classify(ip)
	if c == classMetadata { // before the entries of allow: none of them opens a metadata service
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
	case p.mode == ModeDefault && (c == classPublic || c == classPrivate), p.mode == ModePublic && c == classPublic:
		return nil
	case p.mode == ModeAllowlist:
		return refuse("not in egress.allow")
	default:
		return refuse(string(c))
	}
}

// checkName returns why a host must not be contacted, or nil, before it is resolved: it checks literal addresses, and names of the machine itself.
func (p *Policy) checkName(host string, port uint16) *Refusal {
	if ip, err := netip.ParseAddr(host); err == nil {
		return p.check(host, netip.AddrPortFrom(ip, port))
	}
	if isMetadataName(NormalHost(host)) {
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
	case p.mode == ModeAllowlist && len(p.prefixes) == 0:
		return &Refusal{Address: host, Why: "not in egress.allow"}
	}
	return nil
}

func (p *Policy) allowsHost(host string, port uint16) bool {
	host = NormalHost(host)
	for _, h := range p.hosts {
		if h.host == host && h.port == port {
			return true
		}
	}
	return false
}

// allowsLoopback reports whether an address entry allows some loopback address at the port.
func (p *Policy) allowsLoopback(port uint16) bool {
	loopback := netip.PrefixFrom(netip.AddrFrom4([4]byte{127}), 8)
	for _, a := range p.prefixes {
		if (a.port == 0 || a.port == port) && (a.prefix.Overlaps(loopback) || a.prefix.Contains(netip.IPv6Loopback())) {
			return true
		}
	}
	return false
}
