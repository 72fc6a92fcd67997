package listen

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"sync"
	"time"
)

// The bounds of logging in.
const (
	// CodeLasts is how long a code logs in, once.
	CodeLasts = 10 * time.Minute

	maxCodes     = 16                  // that were not used yet; the oldest goes
	maxSessions  = 64                  // the one that was used longest ago goes
	sessionIdle  = 7 * 24 * time.Hour  // without a request
	sessionLasts = 30 * 24 * time.Hour // in all
	maxFailures  = 10                  // of one address, in failuresLast
	failuresLast = time.Minute
	maxFailing   = 1000 // addresses
)

// KeyHeader carries the key of a session beside its cookie. A browser sends cookies to every port of a host, so the cookie alone reads nothing.
const KeyHeader = "Fluentbit-Trigger-Key"

// cookieName begins the name of the cookie; the port follows, since the listeners of one host share their cookies.
const cookieName = "fluentbit-trigger-"

// sum is the hash by which a secret is known. The secrets themselves are not kept.
type sum = [sha256.Size]byte

// Logins knows the codes that log a browser in, and the browsers that are logged in. It outlives the fronts of a listener, and ends with the process.
// It is safe for concurrent use.
type Logins struct {
	now func() time.Time

	mu       sync.Mutex
	codes    []code // the oldest first
	sessions map[sum]*session
	failures map[string]*failing // by address
}

type code struct {
	sum   sum
	of    Caller
	until time.Time
}

// session is a browser that is logged in, with the rights of the token that it logged in by, and no longer than that token.
type session struct {
	key         sum
	of          Caller
	began, last time.Time
}

type failing struct {
	n     int
	since time.Time
}

// NewLogins returns an empty Logins; now may be nil.
func NewLogins(now func() time.Time) *Logins {
	if now == nil {
		now = time.Now
	}
	return &Logins{now: now, sessions: map[sum]*session{}, failures: map[string]*failing{}}
}

// newSecret returns 192 random bits as text.
func newSecret() string {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // it ends the process rather than fail
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

// redeem takes a code, which is of no use from then on.
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

// fails counts a failure of an address.
func (l *Logins) fails(address string) {
	now := l.now()
	f := l.failures[address]
	if f == nil || now.Sub(f.since) >= failuresLast || now.Before(f.since) {
		if f == nil && len(l.failures) >= maxFailing {
			clear(l.failures) // so many addresses guess at once that none of them is slowed down by this
		}
		f = &failing{since: now}
		l.failures[address] = f
	}
	f.n++
}

// limited reports whether an address failed too often just now.
func (l *Logins) limited(address string) bool {
	f := l.failures[address]
	return f != nil && f.n >= maxFailures && l.now().Sub(f.since) < failuresLast
}

// Login logs the browser of a request in, by a code or by a token, and returns the key that it has to send with each call. The answer gets the cookie.
// refused is nil when it worked.
func (f *Front) Login(w http.ResponseWriter, r *http.Request, codeText, token string) (key string, refused *Refusal) {
	l, address := f.options.Logins, addressOf(r.RemoteAddr)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.limited(address) {
		w.Header().Set("Retry-After", "60")
		return "", &Refusal{http.StatusTooManyRequests, "too many attempts failed: try again in a minute"}
	}
	of, ok := Caller{}, false
	if codeText != "" {
		of, ok = l.redeem(codeText)
		ok = ok && f.guard.tokens.has(of.sum)
	} else {
		of, ok = f.guard.tokens.who(token)
	}
	if !ok {
		l.fails(address)
		return "", &Refusal{http.StatusUnauthorized, "this code or token logs nobody in: a code works once, within ten minutes; \"docker-fluentbit page\" prints another link"}
	}
	now := l.now()
	l.forget(now)
	id := newSecret()
	key = newSecret()
	l.sessions[sha256.Sum256([]byte(id))] = &session{key: sha256.Sum256([]byte(key)), of: of, began: now, last: now}
	http.SetCookie(w, f.guard.cookie(r, id, int(sessionLasts/time.Second)))
	return key, nil
}

// Logout ends the session of a request, if it has one.
func (f *Front) Logout(w http.ResponseWriter, r *http.Request) {
	l := f.options.Logins
	if c, err := r.Cookie(f.guard.cookieName(r)); err == nil {
		l.mu.Lock()
		delete(l.sessions, sha256.Sum256([]byte(c.Value)))
		l.mu.Unlock()
	}
	http.SetCookie(w, f.guard.cookie(r, "", -1))
}

// forget removes the sessions that are over, and then, if there are too many for one more, the one that was used longest ago.
func (l *Logins) forget(now time.Time) {
	var oldest sum
	for id, s := range l.sessions {
		if s.over(now) {
			delete(l.sessions, id)
		} else if o := l.sessions[oldest]; o == nil || s.last.Before(o.last) {
			oldest = id
		}
	}
	if len(l.sessions) >= maxSessions {
		delete(l.sessions, oldest)
	}
}

func (s *session) over(now time.Time) bool {
	return now.Sub(s.last) >= sessionIdle || now.Sub(s.began) >= sessionLasts
}

// find returns who is logged in by the cookie of a request; keyed, only with the session's key.
func (l *Logins) find(id, key string, keyed bool) (of Caller, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, now := l.sessions[sha256.Sum256([]byte(id))], l.now()
	if s == nil || s.over(now) {
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

// cookie is the cookie of a session.
func (g *guard) cookie(r *http.Request, id string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: g.cookieName(r), Value: id, Path: "/", MaxAge: maxAge, HttpOnly: true, Secure: g.tls, SameSite: http.SameSiteStrictMode}
}

// cookieName names the cookie after the port by which the browser calls.
func (g *guard) cookieName(r *http.Request) string {
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

// addressOf is the address of a client without its port: all clients of a unix socket have one.
func addressOf(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}
