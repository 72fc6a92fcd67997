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

// unnamed is who a token without a name stands for.
const unnamed = "token"

var (
	namePattern  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$`)
	tokenPattern = regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`)
)

// token is a name with the hash of its token.
type token struct {
	name string
	sum  [sha256.Size]byte
}

// tokens knows the tokens of a file, and reads it again when it changes. While the file cannot be used, nobody enters. Without a file, the tokens stay.
type tokens struct {
	file string // "": there is none
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

// madeTokens knows the one token that an instance made for itself.
func madeTokens(made string, now func() time.Time) *tokens {
	return &tokens{now: now, known: []token{{Local, sha256.Sum256([]byte(made))}}}
}

// who returns whose token it is, and whether it is known. How long it takes tells nothing about the tokens.
func (t *tokens) who(given string) (Caller, bool) {
	return t.find(sha256.Sum256([]byte(given)))
}

// has reports whether there still is a token of this hash.
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

// current returns the tokens of the file as it is now, or was less than a second ago.
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
			t.log.Error("nobody may enter the administration until the tokens can be read", "token_file", t.file, "error", err)
		}
	} else {
		t.log.Info("the tokens of the administration were read anew", "token_file", t.file, "tokens", len(t.known))
	}
	t.failing = err != nil
	return t.known
}

// parseTokens reads lines of TOKEN or NAME:TOKEN; blank ones and those that begin with # are skipped. Its errors hold no token.
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
		case !namePattern.MatchString(name):
			return nil, fmt.Errorf("line %d: the name before the colon must be 1 to 64 letters, digits and any of _ . @ -", n)
		case len(secret) < minToken:
			return nil, fmt.Errorf("line %d: the token is %d characters long: at least %d", n, len(secret), minToken)
		case !tokenPattern.MatchString(secret):
			return nil, fmt.Errorf("line %d: a token holds letters, digits and any of . _ ~ + / = - only", n)
		case len(all) == maxTokens:
			return nil, fmt.Errorf("line %d: more than %d tokens", n, maxTokens)
		}
		all = append(all, token{name, sha256.Sum256([]byte(secret))})
	}
	if err := lines.Err(); err != nil {
		return nil, errors.New("a line is too long")
	}
	if len(all) == 0 {
		return nil, errors.New("holds no token")
	}
	return all, nil
}
