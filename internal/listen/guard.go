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

// Local is the name of the token that an instance made for itself.
const Local = "local"

// Caller is who sent a request.
type Caller struct {
	Name    string // of the token
	Session bool   // it is a browser that logged in
	sum     sum    // of the token
}

// guard decides who may enter.
type guard struct {
	hosts  []string // that a Host may name, beside localhost and addresses; empty: any
	socket bool     // no browser reaches a unix socket: its Host says nothing
	tls    bool
	tokens *tokens
	logins *Logins
	access func(path string) Access
	refuse func(http.ResponseWriter, *http.Request, Refusal)
	next   http.Handler
}

// Access is what a path asks of those who call it.
type Access int

// The kinds of access.
const (
	AccessToken Access = iota // a token, or a session with its key
	AccessPage                // a token, or a session: it is a file of the page
	AccessLogin               // nothing but a request of the page itself
	AccessAll                 // nothing: it is a health check
)

// ServeHTTP lets a request in, or answers why not. Whoever has not shown a token or a session has the connection closed after the answer.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	access := g.access(r.URL.Path)
	if access == AccessAll && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		w.Header().Set("Connection", "close")
		g.next.ServeHTTP(w, r)
		return
	}
	if why, ok := g.checkSite(r); !ok {
		w.Header().Set("Connection", "close")
		g.refuse(w, r, Refusal{http.StatusForbidden, why})
		return
	}
	of, known := g.caller(r, access)
	switch {
	case known:
		if !welcome(r.Context()) {
			w.Header().Set("Connection", "close")
		}
	case access == AccessLogin:
		w.Header().Set("Connection", "close")
	case access == AccessPage && r.URL.Path == "/" && strings.Contains(r.Header.Get("Accept"), "text/html"):
		w.Header().Set("Connection", "close")
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, LoginPath, http.StatusSeeOther)
		return
	default:
		w.Header().Set("Connection", "close")
		w.Header().Set("WWW-Authenticate", `Bearer realm="fluentbit-trigger"`)
		g.refuse(w, r, Refusal{http.StatusUnauthorized, "a token is needed: Authorization: Bearer TOKEN; a browser logs in by the link that \"docker-fluentbit page\" prints"})
		return
	}
	g.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, of)))
}

// caller finds out who sent a request: a token goes before a session.
func (g *guard) caller(r *http.Request, access Access) (of Caller, known bool) {
	if len(r.Header.Values("Authorization")) > 0 {
		return g.tokens.who(credential(r))
	}
	c, err := r.Cookie(g.cookieName(r))
	if err != nil {
		return Caller{}, false
	}
	of, known = g.logins.find(c.Value, r.Header.Get(KeyHeader), access == AccessToken)
	return of, known && g.tokens.has(of.sum)
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

// knownHost reports whether a Host is an address in figures, localhost, or a name of the settings; where they list none, any name is. A name that was
// made to point here (DNS rebinding) gains nothing by that: a browser sends it neither the cookie nor the key of a session.
func (g *guard) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return len(g.hosts) == 0 || host == "localhost" || slices.ContainsFunc(g.hosts, func(name string) bool { return strings.EqualFold(name, host) })
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

// CallerOf returns who sent a request.
func CallerOf(ctx context.Context) Caller {
	of, _ := ctx.Value(callerKey{}).(Caller)
	return of
}
