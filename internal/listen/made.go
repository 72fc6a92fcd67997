package listen

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/tinyforge/fluentbit-trigger/internal/namedfile"
)

// TokenPath returns the path of an instance's generated token, beside its store.
func TokenPath(store string) string { return store + ".token" }

// MakeToken returns a token for an instance without a token_file. With a path, the token is stored there, readable only for its owner, and returned again at
// the next start; a file that others can read is replaced. Without a path, the token is new.
func MakeToken(path string) (string, error) {
	if path == "" {
		return newSecret(), nil
	}
	token, err := readToken(path)
	if err == nil || errors.Is(err, fs.ErrPermission) {
		return token, err
	}
	token = newSecret()
	if err := namedfile.WriteOwn(path, token+"\n"); err != nil {
		return "", err
	}
	return token, nil
}

// readToken reads the token in a file that only this user can access.
func readToken(path string) (string, error) {
	text, err := namedfile.ReadOwn(path, maxTokenFile)
	if err != nil {
		return "", err
	}
	if _, err := parseTokens([]byte(text)); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return FirstToken(text), nil
}

// FirstToken returns the first token in the text of a token file, "" if there is none. Lines are TOKEN or NAME:TOKEN.
func FirstToken(text string) string {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if _, token, named := strings.Cut(line, ":"); named {
			return strings.TrimSpace(token)
		}
		return line
	}
	return ""
}

// folders returns the directories in which a listener publishes its token for commands of the same user, in order of preference.
func folders() []string {
	all := []string{"/var/lib/fluentbit-trigger"}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		all = append(all, filepath.Join(dir, "fluentbit-trigger"))
	}
	all = append(all, filepath.Join("/run/user", strconv.Itoa(os.Geteuid()), "fluentbit-trigger"))
	if home, err := os.UserHomeDir(); err == nil && filepath.IsAbs(home) {
		all = append(all, filepath.Join(home, ".local", "state", "fluentbit-trigger"))
	}
	return all
}

// publishedAs returns the file name for an address.
func publishedAs(address string) string {
	sum := sha256.Sum256([]byte(address))
	return "listen-" + hex.EncodeToString(sum[:8])
}

// pidMark begins the line of a published file with the process ID of the listener.
const pidMark = "# pid "

// Publish stores the token of a listener where Find finds it, until withdraw is called. The caller must own the address: clients send the token to whoever
// listens there. published is false if no directory could be written.
func Publish(address, token string) (withdraw func(), published bool) {
	for _, dir := range folders() {
		if os.MkdirAll(dir, 0o700) != nil {
			continue
		}
		path := filepath.Join(dir, publishedAs(address))
		if namedfile.WriteOwn(path, pidMark+strconv.Itoa(os.Getpid())+"\n"+token+"\n") != nil {
			continue
		}
		return func() {
			if text, err := namedfile.ReadOwn(path, maxTokenFile); err == nil && FirstToken(text) == token {
				_ = os.Remove(path) // Find ignores a file whose process is gone
			}
		}, true
	}
	return func() {}, false
}

// Find returns the token of the listener behind a URL of this machine, if a running process of this user published it; otherwise "".
func Find(to string) string {
	for _, address := range addressesOf(to) {
		for _, dir := range folders() {
			if text, err := namedfile.ReadOwn(filepath.Join(dir, publishedAs(address)), maxTokenFile); err == nil && isRunning(text) {
				return FirstToken(text)
			}
		}
	}
	return ""
}

// isRunning reports whether the process that published a text still runs.
func isRunning(text string) bool {
	first, _, _ := strings.Cut(text, "\n")
	pid, err := strconv.Atoi(strings.TrimPrefix(first, pidMark))
	return err == nil && pid > 0 && syscall.Kill(pid, 0) == nil
}

// addressesOf returns the listen addresses that a URL of this machine can reach: its own, and the wildcard addresses.
func addressesOf(to string) []string {
	u, err := url.Parse(to)
	switch {
	case err != nil:
		return nil
	case u.Scheme == "unix":
		return []string{socketScheme + u.Path}
	case !isLoopback(u.Hostname()):
		return nil
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return []string{net.JoinHostPort(u.Hostname(), port), net.JoinHostPort("0.0.0.0", port), net.JoinHostPort("::", port)}
}

// Browser returns the URL of a listener for a browser on this machine, "" for a unix socket.
func Browser(set Settings, at net.Addr) string {
	if at.Network() != "tcp" {
		return ""
	}
	scheme := "http://"
	if set.CertFile != "" {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(at.String())
	if err != nil {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	if len(set.Hosts) > 0 {
		host = set.Hosts[0]
	}
	return scheme + net.JoinHostPort(host, port)
}

// LoginPath is the path of the login page. The code is a fragment, which browsers do not send: no server log and no Referer contains it.
const LoginPath = "/login"

// Link returns the link that logs a browser in with a code.
func Link(base, code string) string { return strings.TrimSuffix(base, "/") + LoginPath + "#" + code }
