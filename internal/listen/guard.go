package listen

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Refusal is why a request may not enter.
type Refusal struct {
	Status int
	Detail string
}

// Local is who a caller without a token is: somebody on this machine.
const Local = "local"

// guard decides who may enter.
type guard struct {
	hosts  []string // beside localhost and addresses
	socket bool     // no browser reaches a unix socket: its Host says nothing
	tls    bool
	tokens *tokens // nil: none are asked for
	open   func(path string) bool
	refuse func(http.ResponseWriter, *http.Request, Refusal)
	next   http.Handler
}

// ServeHTTP lets a request in, or answers why not.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if (r.Method == http.MethodGet || r.Method == http.MethodHead) && g.open(r.URL.Path) {
		g.next.ServeHTTP(w, r)
		return
	}
	if why, ok := g.checkSite(r); !ok {
		g.refuse(w, r, Refusal{http.StatusForbidden, why})
		return
	}
	who := Local
	if g.tokens != nil {
		var known bool
		if who, known = g.tokens.who(credential(r)); !known {
			w.Header().Add("WWW-Authenticate", `Bearer realm="fluentbit-trigger"`)
			w.Header().Add("WWW-Authenticate", `Basic realm="fluentbit-trigger", charset="UTF-8"`)
			g.refuse(w, r, Refusal{http.StatusUnauthorized, "a token of token_file is needed: Authorization: Bearer TOKEN, or in a browser as the password"})
			return
		}
	}
	g.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, who)))
}

// checkSite refuses what a page of another site may have sent, and says why.
func (g *guard) checkSite(r *http.Request) (string, bool) {
	if !g.socket && !g.knownHost(r.Host) {
		return "this name is not known here, which may be DNS rebinding: call the administration by its address, or list the name in [admin] hosts", false
	}
	if origins := r.Header.Values("Origin"); len(origins) > 0 {
		u, err := url.Parse(origins[0])
		scheme := "http"
		if g.tls {
			scheme = "https"
		}
		if len(origins) > 1 || err != nil || u.Scheme != scheme || !strings.EqualFold(u.Host, r.Host) {
			return "the request comes from a page of another origin", false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		if r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			return "the request comes from a page of another site", false
		}
	}
	return "", true
}

// knownHost reports whether a Host is an address in figures, which no DNS can give away, localhost, or a name of the settings.
func (g *guard) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return host == "localhost" || slices.ContainsFunc(g.hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

// credential returns the token that a request carries: as a bearer token, or as the password of basic authentication.
func credential(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	const scheme = "bearer "
	if value := r.Header.Get("Authorization"); len(value) > len(scheme) && strings.EqualFold(value[:len(scheme)], scheme) {
		return strings.TrimSpace(value[len(scheme):])
	}
	return ""
}

type callerKey struct{}

// Caller returns the name of the token that a request entered with, or Local.
func Caller(ctx context.Context) string {
	who, _ := ctx.Value(callerKey{}).(string)
	return who
}
