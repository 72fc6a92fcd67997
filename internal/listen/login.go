package listen

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// The bounds of logging in.
const (
	// CodeLasts is the lifetime of a code.
	CodeLasts = 10 * time.Minute

	maxCodes     = 16                  // unused ones; the oldest is removed
	maxSessions  = 64                  // the least recently used one is removed
	sessionIdle  = 7 * 24 * time.Hour  // since the last request
	sessionLasts = 30 * 24 * time.Hour // since the login
	maxFailures  = 10                  // per address and minute
)

// KeyHeader carries the key of a session in addition to its cookie. Browsers send cookies to every port of a host, so the cookie alone grants no access to data.
const KeyHeader = "Fluentbit-Trigger-Key"

// cookieName is the prefix of the cookie's name. The port follows, because all listeners of a host share cookies.
const cookieName = "fluentbit-trigger-"

// sum is the hash of a secret. The secrets themselves are not kept.
type sum = [sha256.Size]byte

// Logins holds login codes and browser sessions. It outlives the policies of a listener and ends with the process. It is safe for concurrent use.
type Logins struct {
	now      func() time.Time
	failures *Attempts

	mu       sync.Mutex
	codes    []code // oldest first
	sessions map[sum]*session
}

type code struct {
	sum   sum
	of    Caller
	until time.Time
}

// session is a logged-in browser. It acts as the caller whose token or code it used, and ends with that token.
type session struct {
	key         sum
	of          Caller
	began, last time.Time
}

// NewLogins returns an empty Logins; now may be nil.
func NewLogins(now func() time.Time) *Logins {
	if now == nil {
		now = time.Now
	}
	return &Logins{now: now, failures: NewAttempts(maxFailures, now), sessions: map[sum]*session{}}
}

// newSecret returns 192 random bits as text.
func newSecret() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// Code returns a code that logs one browser in as the caller, once, before until.
func (l *Logins) Code(of Caller) (text string, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text, until = newSecret(), l.now().Add(CodeLasts)
	l.codes = append(l.codes, code{sha256.Sum256([]byte(text)), of, until})
	l.codes = l.codes[max(0, len(l.codes)-maxCodes):]
	return text, until
}

// redeem uses a code up and returns its caller.
func (l *Logins) redeem(text string) (of Caller, ok bool) {
	given, now, found := sha256.Sum256([]byte(text)), l.now(), -1
	for i := range l.codes {
		if subtle.ConstantTimeCompare(given[:], l.codes[i].sum[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return Caller{}, false
	}
	c := l.codes[found]
	l.codes = append(l.codes[:found:found], l.codes[found+1:]...)
	return c.of, now.Before(c.until)
}

// Login logs a browser in with a code or a token. It sets the cookie and returns the key that the browser must send with each call. refused is nil on
// success.
func (p *Policy) Login(w http.ResponseWriter, r *http.Request, codeText, token string) (key string, refused *Refusal) {
	l, address := p.options.Logins, AddressOf(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failures.Limited(address) {
		w.Header().Set("Retry-After", "60")
		return "", &Refusal{http.StatusTooManyRequests, "too many failed attempts: try again in a minute"}
	}
	of, ok := Caller{}, false
	if codeText != "" {
		of, ok = l.redeem(codeText)
		ok = ok && p.enforcer.tokens.has(of.sum)
	} else {
		of, ok = p.enforcer.tokens.who(token)
	}
	if !ok {
		l.failures.Count(address)
		return "", &Refusal{http.StatusUnauthorized, "invalid code or token. A code works once, within ten minutes; \"docker-fluentbit page\" prints a new link"}
	}
	now := l.now()
	l.forget(now)
	id := newSecret()
	key = newSecret()
	l.sessions[sha256.Sum256([]byte(id))] = &session{key: sha256.Sum256([]byte(key)), of: of, began: now, last: now}
	http.SetCookie(w, p.enforcer.cookie(r, id, int(sessionLasts/time.Second)))
	return key, nil
}

// Logout ends the session of a request.
func (p *Policy) Logout(w http.ResponseWriter, r *http.Request) {
	l := p.options.Logins
	if c, err := r.Cookie(p.enforcer.cookieName(r)); err == nil {
		l.mu.Lock()
		delete(l.sessions, sha256.Sum256([]byte(c.Value)))
		l.mu.Unlock()
	}
	http.SetCookie(w, p.enforcer.cookie(r, "", -1))
}

// forget removes expired sessions, and the least recently used one if there is no room for another.
func (l *Logins) forget(now time.Time) {
	var oldest sum
	for id, s := range l.sessions {
		if s.expired(now) {
			delete(l.sessions, id)
		} else if o := l.sessions[oldest]; o == nil || s.last.Before(o.last) {
			oldest = id
		}
	}
	if len(l.sessions) >= maxSessions {
		delete(l.sessions, oldest)
	}
}

func (s *session) expired(now time.Time) bool {
	return now.Sub(s.last) >= sessionIdle || now.Sub(s.began) >= sessionLasts
}

// find returns the caller of a session by its cookie. If keyed is set, the session's key must match too.
func (l *Logins) find(id, key string, keyed bool) (of Caller, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, now := l.sessions[sha256.Sum256([]byte(id))], l.now()
	if s == nil || s.expired(now) {
		return Caller{}, false
	}
	given := sha256.Sum256([]byte(key))
	if keyed && subtle.ConstantTimeCompare(given[:], s.key[:]) != 1 {
		return Caller{}, false
	}
	s.last = now
	of = s.of
	of.Session = true
	return of, true
}

// cookie returns the cookie of a session.
func (e *enforcer) cookie(r *http.Request, id string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: e.cookieName(r), Value: id, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: e.encrypted(r), SameSite: http.SameSiteStrictMode}
}

// encrypted reports whether the browser reaches the listener over TLS, its own or that of a proxy at public_url.
func (e *enforcer) encrypted(r *http.Request) bool {
	origin, err := url.Parse(r.Header.Get("Origin"))
	return e.tls || err == nil && e.isPublic(origin) && origin.Scheme == "https"
}

// cookieName returns the name of the cookie for the port in the browser's address.
func (e *enforcer) cookieName(r *http.Request) string {
	_, port, err := net.SplitHostPort(r.Host)
	for _, c := range port {
		if c < '0' || c > '9' {
			port = ""
		}
	}
	if err != nil || port == "" {
		port = "default"
	}
	return cookieName + port
}

// AddressOf returns the address that a request comes from: that of the proxy, where there is one.
func AddressOf(r *http.Request) string { return addressOf(r.RemoteAddr) }

// addressOf returns the address of a client without its port. All clients of a unix socket share one.
func addressOf(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}
