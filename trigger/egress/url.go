package egress

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// URLFault describes an invalid value without showing it.
type URLFault struct{ Message, Hint string }

// Error returns the message and the hint.
func (f *URLFault) Error() string {
	if f.Hint == "" {
		return f.Message
	}
	return f.Message + " (" + f.Hint + ")"
}

// ParseAddress parses the URL of a trigger. It accepts less than net/url does: only forms that all resolvers and proxies read in the same way.
func ParseAddress(raw string, p *Policy) (*url.URL, *URLFault) {
	u, f := parseURL(raw, "http", "https")
	if f != nil {
		return nil, f
	}
	if u.User != nil {
		return nil, &URLFault{"must not contain a user or password", "set username and password"}
	}
	return u, p.checkURL(u)
}

// ParseMailServer parses the URL of a trigger that sends e-mail.
func ParseMailServer(raw string, p *Policy) (*url.URL, *URLFault) {
	u, f := parseURL(raw, "smtp", "smtps")
	if f != nil {
		return nil, f
	}
	switch {
	case u.User != nil:
		return nil, &URLFault{"must not contain a user or password", "set username and password"}
	case (u.Path != "" && u.Path != "/") || u.RawQuery != "":
		return nil, &URLFault{"must not contain a path or a query", "such as smtp://mail.example.com:587"}
	}
	return u, p.checkURL(u)
}

// ParseProxy parses proxy_url. Unlike url, it may contain a user and password.
func ParseProxy(raw string, p *Policy) (*url.URL, *URLFault) {
	u, f := parseURL(raw, "http", "https", "socks5")
	if f != nil {
		return nil, f
	}
	if (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
		return nil, &URLFault{"must not contain a path or a query", ""}
	}
	return u, p.checkURL(u)
}

// checkURL rejects a host that the policy blocks before it is resolved.
func (p *Policy) checkURL(u *url.URL) *URLFault {
	r := p.checkName(u.Hostname(), Port(u))
	if r == nil {
		return nil
	}
	return &URLFault{r.Error(), "see egress.mode and egress.allow"}
}

// parseURL parses a URL with one of the schemes. Its faults contain neither the URL nor net/url's error, which quotes it.
func parseURL(raw string, schemes ...string) (*url.URL, *URLFault) {
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return nil, &URLFault{"must not contain a space, a backslash or a control character", ""}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, &URLFault{"must be a URL", "such as https://example.com/hook"}
	}
	known := false
	for _, s := range schemes {
		known = known || u.Scheme == s
	}
	switch {
	case !known:
		return nil, &URLFault{"must begin with " + strings.Join(schemes, ":// or ") + "://", ""}
	case u.Opaque != "" || u.Host == "":
		return nil, &URLFault{"must name a host", "such as https://example.com/hook"}
	case u.Fragment != "":
		return nil, &URLFault{"must not contain a # fragment", "requests do not carry it"}
	case strings.HasSuffix(u.Host, ":"):
		return nil, &URLFault{"must not have an empty port", ""}
	}
	if text := u.Port(); text != "" {
		if _, ok := parsePort(text); !ok || strings.HasPrefix(text, "0") {
			return nil, &URLFault{"must have a port from 1 to 65535", ""}
		}
	}
	bracketed := strings.HasPrefix(u.Host, "[")
	isIP6, f := CheckHost(u.Hostname())
	if f == nil && bracketed != isIP6 {
		f = &URLFault{"must have brackets around IPv6 addresses only", ""}
	}
	if f != nil {
		return nil, f
	}
	return u, nil
}

// CheckHost accepts a DNS name in ASCII, a dotted decimal IPv4 address and an IPv6 address without a zone. It rejects the other forms of an IPv4
// address (decimal, octal, hexadecimal, fewer parts), because resolvers disagree on them. As in the URL standard of the WHATWG, a host whose last
// label is a number is an address.
func CheckHost(host string) (isIP6 bool, f *URLFault) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return false, &URLFault{"must not have an address with a zone", ""}
		}
		return addr.Is6(), nil
	}
	name := strings.TrimSuffix(host, ".")
	labels := strings.Split(name, ".")
	last := strings.ToLower(labels[len(labels)-1])
	switch {
	case name == "":
		return false, &URLFault{"must name a host", ""}
	case strings.ContainsFunc(host, func(r rune) bool { return r > 0x7e }):
		return false, &URLFault{"must have a host in ASCII", "write it in its xn-- form"}
	case strings.ContainsRune(host, '%'):
		return false, &URLFault{"must not have a percent sign in the host", ""}
	case len(name) > 253:
		return false, &URLFault{"must have a host of at most 253 characters", ""}
	case numberPattern.MatchString(last):
		return false, &URLFault{"must have IPv4 addresses as four decimal numbers", ""}
	}
	for _, l := range labels {
		if !labelPattern.MatchString(l) {
			return false, &URLFault{"must have a DNS name as host", ""}
		}
	}
	return false, nil
}

var (
	numberPattern = regexp.MustCompile(`^([0-9]*|0x[0-9a-f]*)$`)
	labelPattern  = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)
)

// NormalHost returns a host in lower case and without a trailing dot, for comparison.
func NormalHost(host string) string { return strings.ToLower(strings.TrimSuffix(host, ".")) }

// IsLoopback reports whether a host is a literal address of loopback, or a name that means it.
func IsLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback() || isLocalhost(host)
}

func isLocalhost(host string) bool {
	host = NormalHost(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// Port returns the port that a request to the URL goes to.
func Port(u *url.URL) uint16 {
	if port, ok := parsePort(u.Port()); ok {
		return port
	}
	switch u.Scheme {
	case "https":
		return 443
	case "socks5":
		return 1080
	case "smtp": // submission (RFC 6409): servers for users listen there
		return 587
	case "smtps": // RFC 8314
		return 465
	}
	return 80
}
