package egress

import (
	"net/netip"
	"testing"
)

// hostileAddresses are blocked by the default policy, each with the class that the refusal names.
var hostileAddresses = map[class][]string{
	classLoopback: {
		"127.0.0.1", "127.0.0.2", "127.1.2.3", "127.127.127.127", "127.255.255.254", "127.255.255.255", "::1",
		"::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:127.255.255.255", "::127.0.0.1", "::7f00:1", "::127.1.1.1",
		"64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::7fff:ffff", "64:ff9b:1::127.0.0.1", "64:ff9b:1:7f00:0:100::",
		"64:ff9b:1:7f:0:1::", "64:ff9b:1:0:7f:0:100:0", "64:ff9b:1:ffff::127.0.0.1",
		"64:ff9b:1:7f00:0:100:808:808", "64:ff9b:1:7f00:ff00:100:808:808", "64:ff9b:1:807f:0:1:808:808", "64:ff9b:1:808:7f:0:108:808",
		"2002:7f00:1::", "2002:7f00:1::1", "2002:7f01:203:4:5:6:7:8", "2002:7fff:ffff::",
	},
	classLinkLocal: {
		"169.254.0.1", "169.254.1.1", "169.254.255.255", "169.254.169.253", "fe80::1", "fe80::dead:beef", "febf::1",
		"::ffff:169.254.1.1", "64:ff9b::169.254.1.1", "2002:a9fe:101::", "::169.254.1.1", "ff02::1", "ff02::fb", "224.0.0.1", "224.0.0.251",
	},
	classUnspecified: {
		"0.0.0.0", "::", "::ffff:0.0.0.0", "2002::", "2002:0:0::1", "64:ff9b::",
	},
	classMulticast: {
		"224.0.1.1", "232.1.1.1", "239.255.255.250", "239.0.0.1", "233.1.2.3", "ff00::1", "ff01::1", "ff05::1:3", "ff0e::1",
		"::ffff:239.255.255.250", "64:ff9b::239.0.0.1", "2002:efff:fffa::",
	},
	classBroadcast: {
		"255.255.255.255", "::ffff:255.255.255.255", "64:ff9b::255.255.255.255", "2002:ffff:ffff::", "::255.255.255.255",
	},
	classShared: {
		"100.64.0.1", "100.100.100.100", "100.127.255.255", "::ffff:100.64.0.1", "64:ff9b::100.64.0.1", "2002:6440:1::",
	},
	classReserved: {
		"0.0.0.1", "0.1.2.3", "0.255.255.255", "192.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.31.196.1", "192.52.193.1",
		"192.88.99.1", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9", "240.0.0.1", "250.1.2.3",
		"255.255.255.254", "::ffff:240.0.0.1", "64:ff9b::198.18.0.1", "2002:c612:1::", "::0.0.0.2", "::2", "::ffff",
		"::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "100::1", "100:0:0:1::1", "2001:1::1", "2001:2::1", "2001:3::1", "2001:4:112::1",
		"2001:10::1", "2001:20::1", "2001:30::1", "2001:db8::1", "2001:db8:ffff::1", "2620:4f:8000::1", "3fff::1", "3fff:fff::1", "5f00::1",
		"4000::1", "8000::1", "e000::1", "fec0::1", "feff::1", "fe00::1", "64:ff9b:1::", "64:ff9b:2::127.0.0.1", "64:ff9a::8.8.8.8", "1::1",
		"fe80::1%eth0", "fe80::1%25eth0", "::1%lo", "2606:4700::1%eth0", "fd00::1%1",
	},
	classTeredo: {
		"2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:7f00:1::", "2001::ffff:ffff",
	},
	classMetadata: {
		"169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "168.63.129.16", "100.100.100.200", "192.0.0.192",
		"fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fe80::a9fe:a9fe",
		"::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe",
		"64:ff9b:1::169.254.169.254", "64:ff9b:1:a9fe:a9:fe00::", "2002:a9fe:a9fe::", "2002:a9fe:a9fe::1", "2002:a83f:8110::",
		"169.254.169.252", "fd00:ec2::253", "fd00:c1::a9fe:a9fe", "fd00:a9fe:a9fe::1", "169.254.42.42", "fd00:42::42", "fd00:100::100:200",
		"169.254.10.10", "100.96.0.96", "100.80.80.80", "64:ff9b:1:a9fe:a9:fe00:808:808", "64:ff9b:1:8a9:fe:a9fe:808:808", "::ffff:0:169.254.169.254",
		"2001:0:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:5601:5601", "fd00::5efe:169.254.169.254", "2606:4700::200:5efe:a9fe:a9fe",
		"64:ff9b::168.63.129.16", "::ffff:168.63.129.16", "64:ff9b::100.100.100.200", "::ffff:192.0.0.192",
	},
}

func TestHostileAddressesAreBlocked(t *testing.T) {
	t.Parallel()
	p, problems := NewPolicy(DefaultSettings())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	n := 0
	for want, list := range hostileAddresses {
		for _, text := range list {
			n++
			addr := netip.MustParseAddr(text)
			refusal := p.check("example.com", netip.AddrPortFrom(addr, 443))
			if refusal == nil {
				t.Errorf("%s is allowed, want blocked as %s", text, want)
				continue
			}
			if refusal.Why != string(want) {
				t.Errorf("%s is blocked as %s, want %s", text, refusal.Why, want)
			}
		}
	}
	if n < 150 {
		t.Errorf("the table has %d addresses, fewer than 150", n)
	}
}

func TestUsualAddressesAreAllowed(t *testing.T) {
	t.Parallel()
	public := []string{
		"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.1", "192.167.255.255", "100.63.255.255", "100.128.0.1", "11.0.0.1", "223.255.255.255",
		"2606:4700:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8", "2002:808:808::1",
		"::8.8.8.8", "64:ff9b:1:808:8:800::",
	}
	private := []string{
		"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "fd00::1", "fc00::1", "fdff::1",
		"::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::",
	}
	for _, mode := range Modes() {
		p, _ := NewPolicy(Settings{Mode: mode})
		check := func(list []string, want bool) {
			t.Helper()
			for _, text := range list {
				got := p.check("example.com", netip.AddrPortFrom(netip.MustParseAddr(text), 443)) == nil
				if got != want {
					t.Errorf("mode %s: %s allowed: %v, want %v", mode, text, got, want)
				}
			}
		}
		check(public, mode != ModeAllowlist)
		check(private, mode == ModeDefault)
	}
}

func TestAllowEntries(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode  string
		allow string
		host  string
		addr  string
		want  bool
	}{
		{ModeDefault, "127.0.0.1/32:2586", "localhost", "127.0.0.1:2586", true},
		{ModeDefault, "127.0.0.1/32:2586", "localhost", "[::ffff:127.0.0.1]:2586", true},
		{ModeDefault, "127.0.0.1/32:2586", "localhost", "127.0.0.1:2587", false},
		{ModeDefault, "127.0.0.1/32:2586", "localhost", "127.0.0.2:2586", false},
		{ModeDefault, "127.0.0.1/32:2586", "localhost", "[64:ff9b::7f00:1]:2586", false},
		{ModeDefault, "127.0.0.1:2586", "x", "127.0.0.1:2586", true},
		{ModeDefault, "127.0.0.1", "x", "127.0.0.1:1", true},
		{ModeDefault, "127.0.0.0/8", "x", "127.9.9.9:1", true},
		{ModeDefault, "[::1]:80", "x", "[::1]:80", true},
		{ModeDefault, "[::1/128]:80", "x", "[::1]:80", true},
		{ModeDefault, "::1", "x", "[::1]:80", true},
		{ModeDefault, "[::1]:80", "x", "[::1]:81", false},
		{ModeDefault, "fe80::/10", "x", "[fe80::1%eth0]:80", false},
		{ModeDefault, "169.254.0.0/16", "x", "169.254.1.1:80", true},
		{ModeDefault, "169.254.0.0/16", "x", "169.254.169.254:80", false},
		{ModeDefault, "0.0.0.0/0", "x", "169.254.169.254:80", false},
		{ModeDefault, "0.0.0.0/0", "x", "168.63.129.16:80", false},
		{ModeDefault, "::/0", "x", "[fd00:ec2::254]:80", false},
		{ModeDefault, "::/0", "x", "[2002:a9fe:a9fe::]:80", false},
		{ModePublic, "10.1.0.0/16", "x", "10.1.2.3:80", true},
		{ModePublic, "10.1.0.0/16", "x", "10.2.2.3:80", false},
		{ModeAllowlist, "gotify:80", "gotify", "172.18.0.5:80", true},
		{ModeAllowlist, "gotify:80", "GOTIFY.", "172.18.0.5:80", true},
		{ModeAllowlist, "gotify:80", "gotify", "172.18.0.5:81", false},
		{ModeAllowlist, "gotify:80", "other", "172.18.0.5:80", false},
		{ModeAllowlist, "gotify:80", "gotify", "127.0.0.1:80", false},
		{ModeAllowlist, "gotify:80", "gotify", "169.254.169.254:80", false},
		{ModeAllowlist, "gotify:80", "gotify", "169.254.1.1:80", false},
		{ModeAllowlist, "gotify:80", "gotify", "[::]:80", false},
		{ModeAllowlist, "tail.net:443", "tail.net", "100.64.1.1:443", true},
		{ModeAllowlist, "tail.net:443", "tail.net", "100.100.100.200:443", false},
		{ModeDefault, "localhost:80", "localhost", "127.0.0.1:80", true},
		{ModeDefault, "localhost:80", "localhost", "169.254.1.1:80", false},
		{ModeDefault, "evil.example:80", "evil.example", "127.0.0.1:80", false},
		{ModePublic, "gotify:80", "gotify", "10.0.0.1:80", true},
	} {
		p, problems := NewPolicy(Settings{Mode: c.mode, Allow: []string{c.allow}})
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.allow, problems)
			continue
		}
		if got := p.check(c.host, netip.MustParseAddrPort(c.addr)) == nil; got != c.want {
			t.Errorf("mode %s, allow %s: %s at %s allowed: %v, want %v", c.mode, c.allow, c.host, c.addr, got, c.want)
		}
	}
}

func TestEgressValidate(t *testing.T) {
	t.Parallel()
	for _, allow := range []string{
		"", "gotify", "gotify:", "gotify:0", "gotify:65536", "gotify:-1", "10.0.0.0/33", "10.0.0.0/8:0", "10.0.0.0/8:99999", "http://gotify:80",
		"169.254.169.254", "169.254.169.254/32:80", "fd00:ec2::254", "*:80", "0x7f.1:80", "2130706433:80", "127.1:80", "ex%61mple:80", "fe80::1%eth0",
		"::ffff:10.0.0.0/104", "bücher.example:80", "a..b:80", "[::1:80",
	} {
		if problems := (Settings{Mode: ModeDefault, Allow: []string{allow}}).Validate(); len(problems) != 1 {
			t.Errorf("allow %q gives %d problems, want 1: %v", allow, len(problems), problems)
		}
	}
	if problems := (Settings{Mode: "pubic"}).Validate(); len(problems) != 1 || problems[0].Hint != `did you mean "public"?` {
		t.Errorf("mode: %v", problems)
	}
}

func FuzzClassify(f *testing.F) {
	for _, list := range hostileAddresses {
		for _, text := range list {
			f.Add(netip.MustParseAddr(text).AsSlice())
		}
	}
	p, _ := NewPolicy(DefaultSettings())
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		if p.check("x", netip.AddrPortFrom(addr, 80)) != nil {
			return
		}
		inner, ok := unwrap(addr)
		if !ok {
			t.Fatalf("%s is allowed and cannot be read", addr)
		}
		for _, a := range inner {
			if isLocalNAT64(addr.As16()) && a.As4()[0] == 0 {
				continue // no destination
			}
			if !a.IsGlobalUnicast() || a.IsLoopback() || a.IsLinkLocalUnicast() || isMetadata(a) {
				t.Fatalf("%s is allowed and carries %s", addr, a)
			}
		}
	})
}

// wrapped gives the forms in which a translator or a tunnel carries an IPv4 address.
func wrapped(v4 [4]byte) []netip.Addr {
	a, b, c, d := v4[0], v4[1], v4[2], v4[3]
	local := [16]byte{0, 0x64, 0xff, 0x9b, 0, 1}
	forms := [][16]byte{
		{10: 0xff, 11: 0xff, 12: a, 13: b, 14: c, 15: d},                                                  // v4-mapped
		{12: a, 13: b, 14: c, 15: d},                                                                      // v4-compatible
		{8: 0xff, 9: 0xff, 12: a, 13: b, 14: c, 15: d},                                                    // v4-translated
		{1: 0x64, 2: 0xff, 3: 0x9b, 12: a, 13: b, 14: c, 15: d},                                           // NAT64
		{0x20, 0x02, a, b, c, d, 15: 1},                                                                   // 6to4
		{0x20, 0x01, 0, 0, a, b, c, d, 15: 1},                                                             // a Teredo server
		{0x20, 0x01, 0, 0, 65, 54, 227, 120, 0x80, 0, 0x63, 0xbf, a ^ 0xff, b ^ 0xff, c ^ 0xff, d ^ 0xff}, // a Teredo client
		{0xfd, 0, 15: d, 10: 0x5e, 11: 0xfe, 12: a, 13: b, 14: c},                                         // ISATAP
		{0x26, 0x06, 0x47, 8: 2, 10: 0x5e, 11: 0xfe, 12: a, 13: b, 14: c, 15: d},                          // ISATAP of a public address
		{local[0], local[1], local[2], local[3], local[4], local[5], a, b, 0, c, d},                       // NAT64 for local use: /48
		{local[0], local[1], local[2], local[3], local[4], local[5], a, b, 7, c, d, 8, 8, 8, 8, 8},        // with octet u and a suffix
		{local[0], local[1], local[2], local[3], local[4], local[5], 9, a, 0, b, c, d},                    // /56
		{local[0], local[1], local[2], local[3], local[4], local[5], 9, a, 7, b, c, d, 8, 8, 8, 8},        //
		{local[0], local[1], local[2], local[3], local[4], local[5], 9, 9, 0, a, b, c, d},                 // /64
		{local[0], local[1], local[2], local[3], local[4], local[5], 9, 9, 7, a, b, c, d, 8, 8, 8},        //
		{local[0], local[1], local[2], local[3], local[4], local[5], 12: a, 13: b, 14: c, 15: d},          // /96
		{local[0], local[1], local[2], local[3], local[4], local[5], 9, 9, 9, 9, 9, 9, a, b, c, d},        //
	}
	var list []netip.Addr
	for _, f := range forms {
		list = append(list, netip.AddrFrom16(f))
	}
	return list
}

func TestMetadataServicesStayBlocked(t *testing.T) {
	t.Parallel()
	for _, service := range metadataServices {
		addrs := []netip.Addr{service.prefix.Addr()}
		if !service.prefix.IsSingleIP() {
			addrs = []netip.Addr{netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd00:ec2::23")}
		}
		if addrs[0].Is4() {
			addrs = append(addrs, wrapped(addrs[0].As4())...)
		}
		if service.source == "" {
			t.Errorf("%s has no source", service.prefix)
		}
		for _, addr := range addrs {
			for _, mode := range Modes() {
				for _, allow := range [][]string{
					nil, {"0.0.0.0/0", "::/0"}, {"169.254.0.0/16", "fe80::/10", "fd00::/8", "100.64.0.0/10", "168.63.0.0/16"}, {"meta.example:80"},
					{netip.PrefixFrom(addr, addr.BitLen()-1).Masked().String()},
				} {
					p, problems := NewPolicy(Settings{Mode: mode, Allow: allow})
					if len(problems) > 0 && !addr.Is4In6() {
						t.Fatal(problems)
					}
					if r := p.check("meta.example", netip.AddrPortFrom(addr, 80)); r == nil {
						t.Errorf("mode %s, allow %s: %s (%s) is allowed", mode, allow, addr, service.prefix)
					}
				}
			}
		}
		if problems := (Settings{Mode: ModeDefault, Allow: []string{addrs[0].String()}}).Validate(); len(problems) != 1 {
			t.Errorf("allowing %s by itself: %v", addrs[0], problems)
		}
	}
}

func TestMetadataNamesStayBlockedBehindAProxy(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"metadata.google.internal", "Metadata.Goog.", "instance-data.ec2.internal", "metadata.tencentyun.com"} {
		if problems := (Settings{Mode: ModeAllowlist, Allow: []string{name + ":80"}}).Validate(); len(problems) != 1 {
			t.Errorf("allowing %s: %v", name, problems)
		}
		for _, p := range []*Policy{{mode: ModeDefault}, {mode: ModeAllowlist, hosts: []allowedHost{{NormalHost(name), 80}}}} {
			if r := p.checkName(name, 80); r == nil {
				t.Errorf("mode %s: %s is allowed", p.mode, name)
			}
		}
	}
}
