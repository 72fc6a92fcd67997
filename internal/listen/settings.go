package listen

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
)

// Off disables the listener where it is on by default.
const Off = "off"

// socketScheme begins the address of a unix socket.
const socketScheme = "unix://"

// Settings is the address of the listener and its access policy.
type Settings struct {
	// The address of the admin listener: an address and port such as "127.0.0.1:2021" or "[::1]:2021", "unix:///run/fluentbit-trigger.sock",
	// or "off". Unset: off in Fluent Bit; "127.0.0.1:2021" in the standalone program, and "0.0.0.0:2021" in its image, whose port must be published.
	Listen string `toml:"listen"`
	// A file with one token per line: TOKEN, or NAME:TOKEN to name the author of changes in the audit. It is read again when it
	// changes. Requests carry "Authorization: Bearer TOKEN". Unset: a token is generated and stored beside the store, for the command line on this
	// machine; "docker-fluentbit page" prints a link that logs a browser in.
	TokenFile string `toml:"token_file"`
	// A PEM file with the TLS certificate, followed by intermediate certificates. It is read again when it changes.
	CertFile string `toml:"cert_file"`
	// A PEM file with the certificate's key.
	KeyFile string `toml:"key_file"`
	// The host names that requests may use, such as "trigger.example.org", in addition to localhost and IP addresses. Unset: any.
	Hosts []string `toml:"hosts"`
	// The address by which people reach this listener, such as "https://alerts.example.org", a proxy's for example. Messages then link to their alert on
	// the page, and to a form that silences its incident for an hour, once, without a login. Unset: messages have no such links.
	PublicURL string `toml:"public_url"`
}

// SecretFiles returns the settings that name files with secrets: key and path.
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

// Validate returns the faults of the settings.
func (s Settings) Validate() []setting.Fault {
	var fs setting.Faults
	if s.Listen != "" && s.Listen != Off {
		s.checkAddress(&fs)
	}
	switch {
	case s.CertFile != "" && s.KeyFile == "":
		fs.Needs("cert_file", s.CertFile, "key_file")
	case s.CertFile == "" && s.KeyFile != "":
		fs.Needs("key_file", s.KeyFile, "cert_file")
	}
	if s.CertFile != "" && strings.HasPrefix(s.Listen, socketScheme) {
		fs.Conflict("cert_file", s.CertFile, "listen", "a unix socket has no TLS", "")
	}
	fs.Length("hosts", len(s.Hosts), maxHosts, "names")
	for _, name := range s.Hosts {
		if name == "" || len(name) > 253 || strings.ContainsAny(name, "/:@*? \t\r\n") {
			fs.Add("hosts", name, "must be a host name, without scheme and port", `such as "trigger.example.org"`)
		}
	}
	s.checkPublicURL(&fs)
	return fs
}

// longestURL bounds public_url, so that links stay within the limits of receivers.
const longestURL = 200

func (s Settings) checkPublicURL(fs *setting.Faults) {
	const form = `such as "https://alerts.example.org"`
	u, err := url.Parse(s.PublicURL)
	switch {
	case s.PublicURL == "":
	case err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || strings.ContainsAny(s.PublicURL, " <>|\"'`\\*()"):
		fs.Add("public_url", s.PublicURL, "must be an address with https:// or http://", form)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(s.PublicURL, "#") || u.Path != "" && u.Path != "/":
		fs.Add("public_url", "", "must have nothing behind the host and the port: the page is not below a path", form) // a user may be a secret
	case s.Listen == Off:
		fs.Conflict("public_url", s.PublicURL, "listen", "must not be set: links would lead to a listener that is off", "")
	default:
		fs.Length("public_url", len(s.PublicURL), longestURL, "bytes")
	}
}

// Public returns the address by which people reach the listener, "" if none is set. A path can be appended.
func (s Settings) Public() string { return strings.TrimSuffix(s.PublicURL, "/") }

func (s Settings) checkAddress(fs *setting.Faults) {
	if path, ok := strings.CutPrefix(s.Listen, socketScheme); ok {
		if !filepath.IsAbs(path) || filepath.Clean(path) != path {
			fs.Add("listen", s.Listen, "must name a socket by its absolute path", `such as "unix:///run/fluentbit-trigger.sock"`)
			return
		}
		const longest = 90 // of 107: the socket is created under a longer name first
		fs.Length("listen", len(path), longest, "bytes in the path")
		return
	}
	_, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		fs.Add("listen", s.Listen, "must be an address and a port, or a unix socket", `such as "127.0.0.1:2021" or "unix:///PATH"`)
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		fs.OutOfRange("listen", s.Listen, "the port must be from 0 to 65535", "")
	}
}

// isLoopback reports whether a host is localhost or a loopback address.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
