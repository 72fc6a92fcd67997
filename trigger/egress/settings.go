// Package egress decides which addresses requests may reach, and dials under that decision. The policy checks the address of each connection, not of
// an earlier lookup. Metadata services of clouds are always blocked.
package egress

// Settings limits which addresses triggers may reach. The limits apply to the address of each connection.
type Settings struct {
	// default: public and private networks (RFC 1918, ULA), but not loopback, link-local, multicast and reserved addresses. public: public
	// addresses only. allowlist: only the entries of allow.
	Mode string `toml:"mode"`
	// Additional addresses to allow: "127.0.0.1/32:2586", "10.1.0.0/16", "[fd00::1]:80", "gotify:80". A host entry applies to requests to that
	// name only. It allows the public, private and shared (100.64.0.0/10) addresses that the name resolves to, and loopback for localhost. Any
	// other address needs its own entry. The metadata services of clouds stay blocked.
	Allow []string `toml:"allow"`
}

// The modes of a policy.
const (
	ModeDefault   = "default"
	ModePublic    = "public"
	ModeAllowlist = "allowlist"
)

// Modes returns the words that the mode setting accepts.
func Modes() []string { return []string{ModeDefault, ModePublic, ModeAllowlist} }

// DefaultSettings returns the default policy.
func DefaultSettings() Settings { return Settings{Mode: ModeDefault} }
