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

// Refusal is the reason why a request is rejected.
type Refusal struct {
	Status int
	Detail string
}

// Local is the name of the token that an instance generated.
const Local = "local"

// Caller is the sender of a request.
type Caller struct {
	Name    string // of the token
	Session bool   // a browser that logged in
	sum     sum    // of the token
}

// enforcer enforces the access policy.
type enforcer struct {
	hosts  []string // allowed in addition to localhost and IP addresses; empty: any
	socket bool     // browsers cannot reach a unix socket, so Host is not checked
	tls    bool
	public *url.URL // as people reach the listener, such as by a proxy; nil: unknown
	tokens *tokens
	logins *Logins
	access func(path string) Access
	refuse func(http.ResponseWriter, *http.Request, Refusal)
	next   http.Handler
}

// Access is the requirement of a path.
type Access int

// The kinds of access.
const (
	AccessToken Access = iota // a token, or a session with its key
	AccessPage                // a token, or a session: a file of the page
	AccessLogin               // no credentials, but no request from another site
	AccessAll                 // nothing: a health check
)

// ServeHTTP passes a request on or rejects it. The connection of a client without a valid token or session is closed after the response.
func (e *enforcer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	access := e.access(r.URL.Path)
	if access == AccessAll && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		w.Header().Set("Connection", "close")
		e.next.ServeHTTP(w, r)
		return
	}
	if why, ok := e.checkSite(r); !ok {
		w.Header().Set("Connection", "close")
		e.refuse(w, r, Refusal{http.StatusForbidden, why})
		return
	}
	of, known := e.caller(r, access)
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
		e.refuse(w, r, Refusal{http.StatusUnauthorized, "a token is required: Authorization: Bearer TOKEN. To log a browser in, open the link that \"docker-fluentbit page\" prints"})
		return
	}
	e.next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, of)))
}

// caller identifies the sender of a request. A token takes precedence over a session.
func (e *enforcer) caller(r *http.Request, access Access) (of Caller, known bool) {
	if len(r.Header.Values("Authorization")) > 0 {
		return e.tokens.who(credential(r))
	}
	c, err := r.Cookie(e.cookieName(r))
	if err != nil {
		return Caller{}, false
	}
	of, known = e.logins.find(c.Value, r.Header.Get(KeyHeader), access == AccessToken)
	return of, known && e.tokens.has(of.sum)
}

// checkSite rejects requests that a page of another site may have sent, and returns the reason.
func (e *enforcer) checkSite(r *http.Request) (string, bool) {
	if !e.socket && !e.knownHost(r.Host) {
		return "unknown host name, possibly DNS rebinding: use the IP address, or add the name to [admin] hosts", false
	}
	if origins := r.Header.Values("Origin"); len(origins) > 0 {
		u, err := url.Parse(origins[0])
		scheme := "http"
		if e.tls {
			scheme = "https"
		}
		same := err == nil && u.Scheme == scheme && strings.EqualFold(u.Host, r.Host)
		if len(origins) > 1 || !same && !e.isPublic(u) {
			return "the request comes from another origin", false
		}
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		if r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			return "the request comes from another site", false
		}
	}
	return "", true
}

// isPublic reports whether an origin is that of public_url: a proxy in front of the listener has a scheme, and perhaps a name, of its own.
func (e *enforcer) isPublic(origin *url.URL) bool {
	return origin != nil && e.public != nil && origin.Scheme == e.public.Scheme && strings.EqualFold(origin.Host, e.public.Host)
}

// knownHost reports whether a Host is an IP address, localhost or a name in the settings. Without names in the settings, any name is allowed: after DNS
// rebinding a browser has neither the cookie nor the key of a session for the attacker's name.
func (e *enforcer) knownHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return len(e.hosts) == 0 || host == "localhost" || e.public != nil && strings.EqualFold(e.public.Hostname(), host) || slices.ContainsFunc(e.hosts, func(name string) bool { return strings.EqualFold(name, host) })
}

// credential returns the token of a request: a bearer token, or the password of basic authentication.
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

// CallerOf returns the caller of a request.
func CallerOf(ctx context.Context) Caller {
	of, _ := ctx.Value(callerKey{}).(Caller)
	return of
}
