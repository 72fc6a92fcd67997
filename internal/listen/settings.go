package listen

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// Off is the word that turns the administration off where it is on by default.
const Off = "off"

// socketScheme begins the address of a unix socket.
const socketScheme = "unix://"

// Settings says where the administration listens, and who may enter.
type Settings struct {
	// Where the administration listens: an address and port such as "127.0.0.1:2021" or "[::1]:2021", "unix:///run/fluentbit-trigger.sock",
	// or "off". Unset: off in Fluent Bit; in the standalone program "127.0.0.1:2021", and "0.0.0.0:2021" in its image, whose port is published.
	Listen string `toml:"listen"`
	// A file of the tokens that let in, one a line: TOKEN, or NAME:TOKEN, so that the audit names who made a change. It is read again when
	// it changes. A request carries "Authorization: Bearer TOKEN". Unset: a token is made and kept beside the store, for the command line of this
	// machine; "docker-fluentbit page" prints a link that logs a browser in.
	TokenFile string `toml:"token_file"`
	// A PEM file of the certificate for TLS, followed by those of its authorities. It is read again when it changes.
	CertFile string `toml:"cert_file"`
	// A PEM file of the certificate's key.
	KeyFile string `toml:"key_file"`
	// The only names by which the listener may be called, beside localhost and addresses in figures, such as "trigger.example.org". Unset: any.
	Hosts []string `toml:"hosts"`
}

// SecretFiles lists the files of secrets that the settings name, each behind its key.
func (s Settings) SecretFiles() [][2]string {
	var files [][2]string
	for _, f := range [][2]string{{"token_file", s.TokenFile}, {"key_file", s.KeyFile}} {
		if f[1] != "" {
			files = append(files, f)
		}
	}
	return files
}

// maxHosts bounds the names.
const maxHosts = 100

// Validate reports everything that is wrong with the settings; each error begins with its key.
func (s Settings) Validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.Listen != "" && s.Listen != Off {
		if err := s.checkAddress(); err != nil {
			add("listen %q: %w", s.Listen, err)
		}
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		key := "cert_file"
		if s.CertFile == "" {
			key = "key_file"
		}
		add("%s: cert_file and key_file belong together", key)
	}
	if s.CertFile != "" && strings.HasPrefix(s.Listen, socketScheme) {
		add("cert_file: a unix socket has no TLS")
	}
	if len(s.Hosts) > maxHosts {
		add("hosts: %d names: at most %d", len(s.Hosts), maxHosts)
	}
	for _, name := range s.Hosts {
		if name == "" || len(name) > 253 || strings.ContainsAny(name, "/:@*? \t\r\n") {
			add("hosts: %q is not a name such as \"trigger.example.org\", without scheme and port", name)
		}
	}
	return errors.Join(errs...)
}

func (s Settings) checkAddress() error {
	if path, ok := strings.CutPrefix(s.Listen, socketScheme); ok {
		if !filepath.IsAbs(path) || filepath.Clean(path) != path {
			return errors.New("a socket is named by its whole path, as in \"unix:///run/fluentbit-trigger.sock\"")
		}
		const longest = 90 // of 107: it is made beside its place first
		if len(path) > longest {
			return fmt.Errorf("the path is %d bytes long: at most %d", len(path), longest)
		}
		return nil
	}
	_, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return errors.New(`want an address and a port, as in "127.0.0.1:2021", or "unix:///PATH"`)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("the port %q must be from 0 to 65535", port)
	}
	return nil
}

// isLoopback reports whether a host of an address is of this machine alone.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
