package trigger

import (
	"net/netip"
	"testing"
)

// hostileAddresses are denied by the default policy, each with the class that the refusal names.
var hostileAddresses = map[class][]string{
	classLoopback: {
		"127.0.0.1", "127.0.0.2", "127.1.2.3", "127.127.127.127", "127.255.255.254", "127.255.255.255", "::1",
		"::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:127.255.255.255", "::127.0.0.1", "::7f00:1", "::127.1.1.1",
		"64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::7fff:ffff", "64:ff9b:1::127.0.0.1", "64:ff9b:1:7f00:0:100::",
		"64:ff9b:1:7f:0:1::", "64:ff9b:1:0:7f:0:100:0", "64:ff9b:1:ffff::127.0.0.1",
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
		"64:ff9b::168.63.129.16", "::ffff:168.63.129.16", "64:ff9b::100.100.100.200", "::ffff:192.0.0.192",
	},
}

func TestHostileAddressesAreDenied(t *testing.T) {
	t.Parallel()
	p, problems := newPolicy(DefaultEgress())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	n := 0
	for want, list := range hostileAddresses {
		for _, text := range list {
			n++
			addr := netip.MustParseAddr(text)
			refusal := p.judge("example.com", netip.AddrPortFrom(addr, 443))
			if refusal == nil {
				t.Errorf("%s is allowed, want refused as %s", text, want)
				continue
			}
			if refusal.Why != string(want) {
				t.Errorf("%s is refused as %s, want %s", text, refusal.Why, want)
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
	for _, mode := range EgressModes() {
		p, _ := newPolicy(Egress{Mode: mode})
		check := func(list []string, want bool) {
			t.Helper()
			for _, text := range list {
				got := p.judge("example.com", netip.AddrPortFrom(netip.MustParseAddr(text), 443)) == nil
				if got != want {
					t.Errorf("mode %s: %s allowed: %v, want %v", mode, text, got, want)
				}
			}
		}
		check(public, mode != EgressAllowlist)
		check(private, mode == EgressDefault)
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
		{EgressDefault, "127.0.0.1/32:2586", "localhost", "127.0.0.1:2586", true},
		{EgressDefault, "127.0.0.1/32:2586", "localhost", "[::ffff:127.0.0.1]:2586", true},
		{EgressDefault, "127.0.0.1/32:2586", "localhost", "127.0.0.1:2587", false},
		{EgressDefault, "127.0.0.1/32:2586", "localhost", "127.0.0.2:2586", false},
		{EgressDefault, "127.0.0.1/32:2586", "localhost", "[64:ff9b::7f00:1]:2586", false},
		{EgressDefault, "127.0.0.1:2586", "x", "127.0.0.1:2586", true},
		{EgressDefault, "127.0.0.1", "x", "127.0.0.1:1", true},
		{EgressDefault, "127.0.0.0/8", "x", "127.9.9.9:1", true},
		{EgressDefault, "[::1]:80", "x", "[::1]:80", true},
		{EgressDefault, "[::1/128]:80", "x", "[::1]:80", true},
		{EgressDefault, "::1", "x", "[::1]:80", true},
		{EgressDefault, "[::1]:80", "x", "[::1]:81", false},
		{EgressDefault, "fe80::/10", "x", "[fe80::1%eth0]:80", false},
		{EgressDefault, "169.254.0.0/16", "x", "169.254.1.1:80", true},
		{EgressDefault, "169.254.0.0/16", "x", "169.254.169.254:80", false},
		{EgressDefault, "0.0.0.0/0", "x", "169.254.169.254:80", false},
		{EgressDefault, "0.0.0.0/0", "x", "168.63.129.16:80", false},
		{EgressDefault, "::/0", "x", "[fd00:ec2::254]:80", false},
		{EgressDefault, "::/0", "x", "[2002:a9fe:a9fe::]:80", false},
		{EgressPublic, "10.1.0.0/16", "x", "10.1.2.3:80", true},
		{EgressPublic, "10.1.0.0/16", "x", "10.2.2.3:80", false},
		{EgressAllowlist, "gotify:80", "gotify", "172.18.0.5:80", true},
		{EgressAllowlist, "gotify:80", "GOTIFY.", "172.18.0.5:80", true},
		{EgressAllowlist, "gotify:80", "gotify", "172.18.0.5:81", false},
		{EgressAllowlist, "gotify:80", "other", "172.18.0.5:80", false},
		{EgressAllowlist, "gotify:80", "gotify", "127.0.0.1:80", false},
		{EgressAllowlist, "gotify:80", "gotify", "169.254.169.254:80", false},
		{EgressAllowlist, "gotify:80", "gotify", "169.254.1.1:80", false},
		{EgressAllowlist, "gotify:80", "gotify", "[::]:80", false},
		{EgressAllowlist, "tail.net:443", "tail.net", "100.64.1.1:443", true},
		{EgressAllowlist, "tail.net:443", "tail.net", "100.100.100.200:443", false},
		{EgressDefault, "localhost:80", "localhost", "127.0.0.1:80", true},
		{EgressDefault, "localhost:80", "localhost", "169.254.1.1:80", false},
		{EgressDefault, "evil.example:80", "evil.example", "127.0.0.1:80", false},
		{EgressPublic, "gotify:80", "gotify", "10.0.0.1:80", true},
	} {
		p, problems := newPolicy(Egress{Mode: c.mode, Allow: []string{c.allow}})
		if len(problems) > 0 {
			t.Errorf("%s: %v", c.allow, problems)
			continue
		}
		if got := p.judge(c.host, netip.MustParseAddrPort(c.addr)) == nil; got != c.want {
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
		if problems := (Egress{Mode: EgressDefault, Allow: []string{allow}}).Validate(); len(problems) != 1 {
			t.Errorf("allow %q gives %d problems, want 1: %v", allow, len(problems), problems)
		}
	}
	if problems := (Egress{Mode: "pubic"}).Validate(); len(problems) != 1 || problems[0].Hint != "public?" {
		t.Errorf("mode: %v", problems)
	}
}

func FuzzClassify(f *testing.F) {
	for _, list := range hostileAddresses {
		for _, text := range list {
			f.Add(netip.MustParseAddr(text).AsSlice())
		}
	}
	p, _ := newPolicy(DefaultEgress())
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		if p.judge("x", netip.AddrPortFrom(addr, 80)) != nil {
			return
		}
		inner, ok := unwrap(addr)
		if !ok {
			t.Fatalf("%s is allowed and cannot be read", addr)
		}
		for _, a := range inner {
			if !a.IsGlobalUnicast() || a.IsLoopback() || a.IsLinkLocalUnicast() || isMetadata(a) {
				t.Fatalf("%s is allowed and stands for %s", addr, a)
			}
		}
	})
}
