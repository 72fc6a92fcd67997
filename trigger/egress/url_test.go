package egress

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/trigger/triggertest"
)

func TestHostileURLsAreRefused(t *testing.T) {
	t.Parallel()
	p, _ := NewPolicy(DefaultSettings())
	for _, raw := range []string{
		"", " ", "example.com", "//example.com/x", "/x", "http:", "http://", "http:///x", "http:example.com", "https://:443/x", "http://?x",
		"ftp://example.com", "file:///etc/passwd", "gopher://example.com", "javascript:alert(1)", "unix:///run/docker.sock", "socks5://example.com",
		"http://user@example.com", "http://user:pass@example.com", "http://example.com@127.0.0.1/", "http://:@example.com/",
		"http://example.com#@127.0.0.1/", "http://example.com/#x", "http://example.com\\@127.0.0.1/", "http://127.0.0.1\\@example.com/",
		"http://exa mple.com", " http://example.com", "http://example.com/\r\nHost: x", "http://example.com\t", "http://example.com\x00",
		"http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0X7F000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/",
		"http://127.1/", "http://127.0.1/", "http://0/", "http://0x/", "http://0x0/", "http://00/", "http://127.0.0.1./", "http://127.0.0.01/",
		"http://127.0.0.0x1/", "http://1.2.3.4.5/", "http://256.256.256.256/", "http://999999999999/", "http://4294967296/", "http://example.123/",
		"http://127.000.000.001/", "http://0127.0.0.1/", "http://0x7f.1/", "http://127.0x1/", "http://1.1.1.0x1/", "http://example.0x1/",
		"http://%31%32%37.0.0.1/", "http://127%2e0%2e0%2e1/", "http://exam%70le.com/", "http://%6cocalhost/",
		"http://１２７.0.0.1/", "http://127。0。0。1/", "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/", "http://bücher.example/", "http://exämple.com/", "http://ｅxample.com/",
		"http://127.0.0.1/", "http://127.0.0.1:8080/", "http://127.255.255.255/", "http://0.0.0.0/", "http://169.254.169.254/latest/meta-data/",
		"http://168.63.129.16/", "http://100.100.100.200/", "http://192.0.0.192/", "http://100.64.0.1/", "http://224.0.0.1/", "http://255.255.255.255/",
		"http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[0:0:0:0:0:ffff:127.0.0.1]/",
		"http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::7f00:1]/", "http://[2002:7f00:1::]/", "http://[2001::1]/",
		"http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[::1%25lo]/", "http://[fd00:ec2::254]/",
		"http://[ff02::1]/", "http://[0000:0000:0000:0000:0000:0000:0000:0001]/", "http://[::1", "http://::1/", "http://[127.0.0.1]/", "http://[]/",
		"http://[example.com]/", "http://[::1]x/", "http://[::1]:/",
		"http://localhost/", "http://LOCALHOST/", "http://localhost./", "http://foo.localhost/", "http://a.b.localhost.:80/",
		"http://metadata.google.internal/", "http://METADATA.google.internal./",
		"http://example.com:/", "http://example.com:0/", "http://example.com:65536/", "http://example.com:-1/", "http://example.com:080/",
		"http://example.com:80:80/", "http://example.com:http/",
		"http://.example.com/", "http://example..com/", "http://./", "http://../", "http://-example.com/", "http://example-.com/", "http://*.com/",
		"http://example.com,127.0.0.1/", "http://example.com;x/", "http://exa$mple/", "http://" + strings.Repeat("a", 64) + ".com/",
		"http://" + strings.Repeat("a.", 130) + "com/", "http://a|b/", "http://a^b/", "http://a<b/", "http://a'b/", "http://a!b/", "http://a(b)/",
	} {
		_, fault := ParseAddress(raw, p)
		if fault == nil {
			t.Errorf("%q is accepted", raw)
		}
	}
}

func TestUsualURLsAreAccepted(t *testing.T) {
	t.Parallel()
	p, _ := NewPolicy(DefaultSettings())
	for raw, want := range map[string]string{
		"https://hooks.slack.com/services/T0/B0/x":                       "hooks.slack.com:443",
		"http://gotify/message":                                          "gotify:80",
		"http://ntfy_1:2586/topic":                                       "ntfy_1:2586",
		"HTTPS://Example.COM./x?y=z":                                     "Example.COM.:443",
		"http://10.0.0.1:8080":                                           "10.0.0.1:8080",
		"http://192.168.1.10/":                                           "192.168.1.10:80",
		"http://[fd00::1]:80/":                                           "[fd00::1]:80",
		"https://xn--bcher-kva.example/":                                 "xn--bcher-kva.example:443",
		"https://1.example.com/":                                         "1.example.com:443",
		"https://example.com/a%2Fb?token=%20":                            "example.com:443",
		"http://alertmanager.monitoring.svc.cluster.local:9093/api/v2":   "alertmanager.monitoring.svc.cluster.local:9093",
		"https://prod-12.westeurope.logic.azure.com:443/workflows/x?s=y": "prod-12.westeurope.logic.azure.com:443",
	} {
		u, fault := ParseAddress(raw, p)
		if fault != nil {
			t.Errorf("%s: %v", raw, fault)
			continue
		}
		if got := net.JoinHostPort(u.Hostname(), strconv.Itoa(int(Port(u)))); got != want {
			t.Errorf("%s goes to %s, want %s", raw, got, want)
		}
	}
}

func TestURLFaultsContainNoSecret(t *testing.T) {
	t.Parallel()
	p, _ := NewPolicy(DefaultSettings())
	for _, raw := range []string{
		"http://127.0.0.1/s3cr3t-token", "http://exa mple/s3cr3t-token", "ftp://x/s3cr3t-token", "http://user:s3cr3t-token@x/",
		"http://x/%zzs3cr3t-token", "http://[::1/s3cr3t-token", "http://x:99999/s3cr3t-token", "s3cr3t-token", "http://x/#s3cr3t-token",
	} {
		_, fault := ParseAddress(raw, p)
		if fault == nil {
			t.Errorf("%s is accepted", raw)
			continue
		}
		triggertest.AssertNoSecret(t, []string{"s3cr3t-token"}, fault.Error())
	}
}

func TestProxyURL(t *testing.T) {
	t.Parallel()
	p, _ := NewPolicy(DefaultSettings())
	for raw, ok := range map[string]bool{
		"http://proxy:3128": true, "https://user:pass@proxy:3128/": true, "socks5://10.0.0.1": true, "socks5://user:pw@proxy:1080": true,
		"socks4://proxy": false, "http://127.0.0.1:3128": false, "http://proxy/path": false, "http://proxy?x": false, "proxy:3128": false,
	} {
		if _, fault := ParseProxy(raw, p); (fault == nil) != ok {
			t.Errorf("%s: %v, want accepted: %v", raw, fault, ok)
		}
	}
}

func TestAllowlistRefusesOtherNames(t *testing.T) {
	t.Parallel()
	p, _ := NewPolicy(Settings{Mode: ModeAllowlist, Allow: []string{"gotify:80"}})
	if _, fault := ParseAddress("http://gotify/message", p); fault != nil {
		t.Error(fault)
	}
	if _, fault := ParseAddress("http://example.com/", p); fault == nil {
		t.Error("a name outside of the allow list is accepted")
	}
}
