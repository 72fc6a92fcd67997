package trigger

import (
	"net/netip"
	"slices"

	"code.dny.dev/ssrf"
)

// class says what an address is, in the words of a refusal.
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

// classify judges an address by the innermost address that it carries: what a v4-mapped, v4-compatible, NAT64 or 6to4 address stands for is
// what counts. A zone makes an address reserved: no webhook needs one.
func classify(addr netip.Addr) class {
	if !addr.IsValid() || addr.Zone() != "" {
		return classReserved
	}
	if isMetadata(addr) {
		return classMetadata
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
		if isMetadata(a) {
			return classMetadata
		}
		if c := classifyPlain(a); worst == classPublic || (worst == classPrivate && c != classPublic) {
			worst = c
		}
	}
	return worst
}

// classifyPlain judges an address that carries no other.
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

// isMetadata reports whether an address is that of a service which hands out a machine's credentials. Nothing can allow them.
func isMetadata(addr netip.Addr) bool {
	switch addr.Unmap().String() {
	case "169.254.169.254", // AWS, Azure, Google, OpenStack and others
		"169.254.170.2", "169.254.170.23", // AWS ECS and EKS
		"169.254.0.23",                  // Tencent
		"168.63.129.16",                 // Azure's host
		"100.100.100.200",               // Alibaba
		"192.0.0.192",                   // Oracle
		"fd00:ec2::254", "fd00:ec2::23", // AWS
		"fd20:ce::254",    // Google
		"fe80::a9fe:a9fe": // OpenStack
		return true
	}
	return false
}

func teredo() netip.Prefix { return netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 0x01}), 32) }

// unwrap returns the addresses that an address may stand for: itself, or the IPv4 address within. More than one comes back where the form
// is ambiguous, and then all of them count. ok is false for a form that cannot be read.
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
	case [6]byte(b[:6]) != [6]byte{0, 0x64, 0xff, 0x9b, 0, 1}:
		return []netip.Addr{addr}, true
	}
	// NAT64 for local use, RFC 8215: RFC 6052 lays the address out by the length of the prefix, which is not known here. Each layout whose
	// octet u and suffix are zero is possible.
	for _, layout := range []struct {
		bytes  [4]int
		suffix int
	}{{[4]int{6, 7, 9, 10}, 11}, {[4]int{7, 9, 10, 11}, 12}, {[4]int{9, 10, 11, 12}, 13}, {[4]int{12, 13, 14, 15}, 16}} {
		candidate := v4(layout.bytes[0], layout.bytes[1], layout.bytes[2], layout.bytes[3])
		zeros := !slices.ContainsFunc(b[layout.suffix:], func(x byte) bool { return x != 0 })
		if zeros && !candidate.IsUnspecified() && (b[8] == 0 || layout.suffix == 16) {
			inner = append(inner, candidate)
		}
	}
	return inner, len(inner) > 0
}
