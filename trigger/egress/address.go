package egress

import (
	"net/netip"
	"slices"

	"code.dny.dev/ssrf"
)

// class is the kind of an address, as a Refusal names it.
type class string

const (
	classPublic      class = "public"
	classPrivate     class = "private"
	classShared      class = "shared"
	classLoopback    class = "loopback"
	classLinkLocal   class = "link-local"
	classUnspecified class = "unspecified"
	classMulticast   class = "multicast"
	classBroadcast   class = "broadcast"
	classReserved    class = "reserved"
	classTeredo      class = "teredo"
	classMetadata    class = "a cloud's metadata service"
)

// classify returns the class of an address. For a v4-mapped, v4-compatible, NAT64 or 6to4 address it is the class of the IPv4 address inside. An
// address with a zone counts as reserved, because no webhook needs one.
func classify(addr netip.Addr) class {
	if !addr.IsValid() || addr.Zone() != "" {
		return classReserved
	}
	// Metadata services come first, in every form: their class overrides all others.
	if isMetadata(addr) {
		return classMetadata
	}
	for _, a := range carried(addr) {
		if isMetadata(a) {
			return classMetadata
		}
	}
	if teredo().Contains(addr) {
		return classTeredo
	}
	inner, ok := unwrap(addr)
	if !ok {
		return classReserved
	}
	worst := classPublic
	for _, a := range inner {
		if c := classifyPlain(a); worst == classPublic || (worst == classPrivate && c != classPublic) {
			worst = c
		}
	}
	return worst
}

// classifyPlain returns the class of an address that contains no other.
func classifyPlain(addr netip.Addr) class {
	switch {
	case addr.IsUnspecified():
		return classUnspecified
	case addr.IsLoopback():
		return classLoopback
	case addr.IsLinkLocalUnicast(), addr.IsLinkLocalMulticast():
		return classLinkLocal
	case addr.IsMulticast():
		return classMulticast
	case addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return classBroadcast
	case addr.IsPrivate(): // RFC 1918 and ULA
		return classPrivate
	case netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(addr):
		return classShared
	}
	denied := ssrf.IPv4DeniedPrefixes
	if addr.Is6() {
		if !ssrf.IPv6GlobalUnicast.Contains(addr) {
			return classReserved
		}
		denied = ssrf.IPv6DeniedPrefixes
	}
	if slices.ContainsFunc(denied, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return classReserved
	}
	return classPublic
}

func teredo() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01}), 32) }

// unwrap returns the addresses that packets to an address can reach: the address itself, or the IPv4 address inside. It returns several when the
// form is ambiguous. ok is false for a form that it cannot read.
func unwrap(addr netip.Addr) (inner []netip.Addr, ok bool) {
	addr = addr.Unmap()
	if addr.Is4() || addr.IsUnspecified() || addr.IsLoopback() {
		return []netip.Addr{addr}, true
	}
	b := addr.As16()
	v4 := func(i, j, k, l int) netip.Addr { return netip.AddrFrom4([4]byte{b[i], b[j], b[k], b[l]}) }
	switch {
	case netip.PrefixFrom(netip.IPv6Unspecified(), 96).Contains(addr): // v4-compatible, RFC 4291
		return []netip.Addr{v4(12, 13, 14, 15)}, true
	case ssrf.IPv6NAT64Prefix.Contains(addr):
		return []netip.Addr{v4(12, 13, 14, 15)}, true
	case b[0] == 0x20 && b[1] == 0x02: // 6to4, RFC 3056
		return []netip.Addr{v4(2, 3, 4, 5)}, true
	case !isLocalNAT64(b):
		return []netip.Addr{addr}, true
	}
	// A translator ignores octet u and the suffix (RFC 6052, section 2.2), so every layout counts. An address in 0.0.0.0/8 is no destination:
	// a layout reads it from the zeros of a longer prefix. It is left out unless every layout reads one.
	for _, a := range nat64Layouts(b) {
		if a.As4()[0] != 0 {
			inner = append(inner, a)
		}
	}
	return inner, len(inner) > 0
}

// nat64Layouts returns the IPv4 addresses that an address of the NAT64 prefix for local use (64:ff9b:1::/48, RFC 8215) can contain. Their
// position depends on the length of the prefix, which is 48, 56, 64 or 96 bits (RFC 6052) and not known here.
func nat64Layouts(b [16]byte) []netip.Addr {
	return []netip.Addr{
		netip.AddrFrom4([4]byte{b[12], b[13], b[14], b[15]}),
		netip.AddrFrom4([4]byte{b[9], b[10], b[11], b[12]}),
		netip.AddrFrom4([4]byte{b[7], b[9], b[10], b[11]}),
		netip.AddrFrom4([4]byte{b[6], b[7], b[9], b[10]}),
	}
}

// carried returns every IPv4 address that some translator or tunnel could read from an address, likely or not. With it, metadata services stay
// blocked in every form, even when egress.allow has a prefix around the address.
func carried(addr netip.Addr) []netip.Addr {
	addr = addr.Unmap()
	if addr.Is4() {
		return nil
	}
	b := addr.As16()
	last := netip.AddrFrom4([4]byte(b[12:]))
	var list []netip.Addr
	switch {
	case netip.PrefixFrom(netip.IPv6Unspecified(), 64).Contains(addr), // v4-compatible, and v4-translated (RFC 2765, ::ffff:0:0:0/96)
		ssrf.IPv6NAT64Prefix.Contains(addr):
		list = append(list, last)
	case b[0] == 0x20 && b[1] == 0x02: // 6to4, RFC 3056
		list = append(list, netip.AddrFrom4([4]byte(b[2:6])))
	case teredo().Contains(addr): // RFC 4380: the server, and the client with its bits inverted
		list = append(list, netip.AddrFrom4([4]byte(b[4:8])), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}))
	case isLocalNAT64(b):
		list = append(list, nat64Layouts(b)...)
	}
	if b[8]&^3 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe { // ISATAP, RFC 5214, in any prefix
		list = append(list, last)
	}
	return list
}

func isLocalNAT64(b [16]byte) bool { return [6]byte(b[:6]) == [6]byte{0, 0x64, 0xff, 0x9b, 0, 1} }
