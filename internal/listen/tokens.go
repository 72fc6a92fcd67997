package listen

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// The bounds of a file of tokens.
const (
	maxTokenFile = 64 << 10
	maxTokens    = 1000
	minToken     = 16
	lookEvery    = time.Second
)

// unnamed is the name of callers whose token has none.
const unnamed = "token"

var (
	namePattern  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$`) })
	tokenPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`) })
)

// token is a name with the hash of its token.
type token struct {
	name string
	sum  [sha256.Size]byte
}

// tokens holds the tokens of a file, and reads it again when it changes. While the file cannot be read, all requests are rejected.
type tokens struct {
	file string // "": the tokens are fixed
	now  func() time.Time
	log  *slog.Logger

	mu      sync.Mutex
	looked  time.Time
	content [sha256.Size]byte
	known   []token
	failing bool
}

// newTokens reads the file for the first time.
func newTokens(file string, now func() time.Time, log *slog.Logger) (*tokens, error) {
	t := &tokens{file: file, now: now, log: log, looked: now()}
	text, err := namedfile.Read(file, maxTokenFile)
	if err == nil {
		t.content = sha256.Sum256(text)
		t.known, err = parseTokens(text)
	}
	if err != nil {
		return nil, setting.Fault{Field: "token_file", Value: file, Code: setting.Unreadable, Message: err.Error(), Cause: err}
	}
	return t, nil
}

// madeTokens holds the one token that an instance generated.
func madeTokens(made string, now func() time.Time) *tokens {
	return &tokens{now: now, known: []token{{Local, sha256.Sum256([]byte(made))}}}
}

// who returns the caller with a token, and false if no token matches. Its duration does not depend on the tokens' contents.
func (t *tokens) who(given string) (Caller, bool) {
	return t.find(sha256.Sum256([]byte(given)))
}

// has reports whether the token with this hash is still valid.
func (t *tokens) has(s sum) bool {
	_, ok := t.find(s)
	return ok
}

func (t *tokens) find(s sum) (of Caller, found bool) {
	for _, k := range t.current() {
		if same := subtle.ConstantTimeCompare(s[:], k.sum[:]); same == 1 {
			of, found = Caller{Name: k.name, sum: k.sum}, true
		}
	}
	return of, found
}

// current returns the tokens of the file. It looks for changes at most once a second.
func (t *tokens) current() []token {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if t.file == "" {
		return t.known
	}
	if since := now.Sub(t.looked); since >= 0 && since < lookEvery {
		return t.known
	}
	t.looked = now
	text, err := namedfile.Read(t.file, maxTokenFile)
	if err == nil {
		sum := sha256.Sum256(text)
		if sum == t.content && !t.failing {
			return t.known
		}
		t.content = sum
		t.known, err = parseTokens(text)
	}
	if err != nil {
		t.known = nil
		if !t.failing {
			t.log.Error("admin API rejects all requests: cannot read token_file", "token_file", t.file, "error", err)
		}
	} else {
		t.log.Info("admin API tokens reloaded", "token_file", t.file, "tokens", len(t.known))
	}
	t.failing = err != nil
	return t.known
}

// parseTokens parses lines of TOKEN or NAME:TOKEN. Blank lines and lines that begin with # are skipped. Errors contain no token.
func parseTokens(text []byte) ([]token, error) {
	var all []token
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, secret := unnamed, line
		if before, after, found := strings.Cut(line, ":"); found {
			name, secret = before, strings.TrimSpace(after)
		}
		switch {
		case !namePattern().MatchString(name):
			return nil, fmt.Errorf("line %d: the name before the colon must be 1 to 64 letters, digits and any of _ . @ -", n)
		case len(secret) < minToken:
			return nil, fmt.Errorf("line %d: the token has %d characters: must have at least %d", n, len(secret), minToken)
		case !tokenPattern().MatchString(secret):
			return nil, fmt.Errorf("line %d: a token may only contain letters, digits and any of . _ ~ + / = -", n)
		case len(all) == maxTokens:
			return nil, fmt.Errorf("line %d: more than %d tokens", n, maxTokens)
		}
		all = append(all, token{name, sha256.Sum256([]byte(secret))})
	}
	if err := lines.Err(); err != nil {
		return nil, errors.New("a line is too long")
	}
	if len(all) == 0 {
		return nil, errors.New("contains no token")
	}
	return all, nil
}
