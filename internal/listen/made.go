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

// TokenPath is where the token lies that an instance made for itself: beside its store.
func TokenPath(store string) string { return store + ".token" }

// MakeToken returns a token for an instance that has none configured. With a path it is kept there, readable for its owner alone, and is the same at the
// next start; one that others could read meanwhile is replaced. Without a path it is a new one.
func MakeToken(path string) (string, error) {
	if path == "" {
		return newSecret(), nil
	}
	token, err := readToken(path)
	if err == nil || errors.Is(err, fs.ErrPermission) {
		return token, err
	}
	token = newSecret()
	if err := writeToken(path, token); err != nil {
		return "", err
	}
	return token, nil
}

// readToken reads the token of a file of this user's own.
func readToken(path string) (string, error) {
	text, err := readOwn(path)
	if err != nil {
		return "", err
	}
	if _, err := parseTokens([]byte(text)); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return FirstToken(text), nil
}

// readOwn reads a file that no other user could write or read.
func readOwn(path string) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 || !ok || int(owner.Uid) != os.Geteuid() && os.Geteuid() != 0 {
		return "", fmt.Errorf("%s is not a file of this user's own", path)
	}
	text, err := namedfile.Read(path, maxTokenFile)
	return string(text), err
}

// writeToken puts a file with the token in its place at once.
func writeToken(path, token string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".token") // 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(token + "\n")
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the error is about more than a file that stays
	}
	return err
}

// FirstToken returns the first token of a file of tokens, of which a line is TOKEN or NAME:TOKEN; "" when it holds none.
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

// folders are where a listener leaves its token for the command line of the same user, in the order in which they are tried.
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

// foundAs is the name of the file of an address.
func foundAs(address string) string {
	sum := sha256.Sum256([]byte(address))
	return "listen-" + hex.EncodeToString(sum[:8])
}

// pidMark begins the line of a published file that says which process listens.
const pidMark = "# pid "

// Publish leaves the token of a listener where Find has it, until it is withdrawn. Only who has the address may call it: whoever else listens there
// must not be sent the token. published is false when there is no folder for it.
func Publish(address, token string) (withdraw func(), published bool) {
	for _, dir := range folders() {
		if os.MkdirAll(dir, 0o700) != nil {
			continue
		}
		path := filepath.Join(dir, foundAs(address))
		if writeToken(path, pidMark+strconv.Itoa(os.Getpid())+"\n"+token) != nil {
			continue
		}
		return func() {
			if text, err := readOwn(path); err == nil && FirstToken(text) == token {
				_ = os.Remove(path) // one that stays names a process that is gone
			}
		}, true
	}
	return func() {}, false
}

// Find returns the token of the listener on this machine that a URL leads to, if a process of this user published it and still runs; "" otherwise.
func Find(to string) string {
	for _, address := range addressesOf(to) {
		for _, dir := range folders() {
			if text, err := readOwn(filepath.Join(dir, foundAs(address))); err == nil && isRunning(text) {
				return FirstToken(text)
			}
		}
	}
	return ""
}

// isRunning reports whether the process runs that published a text.
func isRunning(text string) bool {
	first, _, _ := strings.Cut(text, "\n")
	pid, err := strconv.Atoi(strings.TrimPrefix(first, pidMark))
	return err == nil && pid > 0 && syscall.Kill(pid, 0) == nil
}

// addressesOf lists the addresses of the listener on this machine that a URL leads to: itself, and those of all interfaces.
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

// Browser returns the address by which a browser on this machine calls a listener, "" for a unix socket.
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

// LoginPath is where the page logs in. The code follows as a fragment, which browsers send to nobody: neither a server's log nor a Referer has it.
const LoginPath = "/login"

// Link is what logs a browser in by a code.
func Link(base, code string) string { return strings.TrimSuffix(base, "/") + LoginPath + "#" + code }
