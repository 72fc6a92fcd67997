package egress

// Egress sets which addresses triggers may reach. It holds for what a name resolves to at the moment of each dial.
type Settings struct {
	// default: public and private networks (RFC 1918, ULA), but not loopback, link-local, multicast and reserved addresses. public: public
	// addresses only. allowlist: what allow names, nothing else.
	Mode string `toml:"mode"`
	// What is allowed beyond the mode: "127.0.0.1/32:2586", "10.1.0.0/16", "[fd00::1]:80", "gotify:80". A host entry admits, for requests to
	// that very name alone, the public, private and shared (100.64.0.0/10) addresses that it resolves to, and loopback for localhost; any
	// other address needs an entry of its own. The metadata services of clouds stay denied.
	Allow []string `toml:"allow"`
}

// The modes of Egress.
const (
	ModeDefault   = "default"
	ModePublic    = "public"
	ModeAllowlist = "allowlist"
)

// EgressModes lists the words that the mode setting accepts.
func Modes() []string { return []string{ModeDefault, ModePublic, ModeAllowlist} }

// DefaultEgress returns the policy in force when none is set.
func DefaultSettings() Settings { return Settings{Mode: ModeDefault} }
