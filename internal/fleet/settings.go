package fleet

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

// The modes of the engine.
const (
	Single   = "single"
	Sentinel = "sentinel"
	Cluster  = "cluster"
)

// Modes lists them.
func Modes() []string { return []string{Single, Sentinel, Cluster} }

// Settings say which engine the nodes share, and how they use it.
type Settings struct {
	// Addresses of the engine, Redis 6.2 or Valkey 7.2 and later, as host:port. With mode = "sentinel" those of the sentinels, with mode = "cluster" of some
	// nodes. Unset: no fleet.
	Address []string `toml:"address"`
	// Whose addresses these are: those of one server (single), of sentinels (sentinel), or of nodes of a cluster (cluster).
	Mode string `toml:"mode"`
	// With mode = "sentinel", the name that the sentinels give the master.
	Master string `toml:"master"`
	// The name of the fleet: all nodes with the same name and engine suppress each other's alerts. Lower-case letters, digits and "-", at most 32.
	Namespace string `toml:"namespace"`
	// The name of this node. Unset: the name of the host.
	Node string `toml:"node"`
	// The user of the engine's access control list. It is read for each connection.
	Username setting.SecretSource `toml:"username"`
	// The password, with or without a user. It is read for each connection, so a file can be replaced without a reload.
	Password setting.SecretSource `toml:"password"`
	// The user for the sentinels, if they ask for one.
	SentinelUsername setting.SecretSource `toml:"sentinel_username"`
	// The password for the sentinels, if they ask for one.
	SentinelPassword setting.SecretSource `toml:"sentinel_password"`
	// How connections are secured. They are, unless insecure is set, or all addresses are loopback and nothing of tls is set.
	TLS trigger.TLS `toml:"tls"`
	// Use plain TCP to addresses off loopback. Lines of logs, and the password, can then be read on the way.
	Insecure bool `toml:"insecure"`
	// How long an alert of a fleet rule waits for the engine's answer. Then it is sent as if there were no fleet.
	Wait time.Duration `toml:"wait"`
	// How long the numbers of a window are gathered after its cooldown, before the roll-up of the fleet.
	Grace time.Duration `toml:"grace"`
	// An alert that its node has not delivered for so long, because it died, is sent by another node.
	HandOver time.Duration `toml:"hand_over"`
	// Let alerts and sample lines pass through the engine. Without them no other node sends the alert of a node that died, and roll-ups show no line of
	// another node.
	ShareLines bool `toml:"share_lines"`
	// The most windows that the engine holds for the namespace. Beyond, alerts are sent as if there were no fleet.
	MaxKeys int `toml:"max_keys"`
}

// Bounds of Settings.
const (
	minWait, maxWait         = time.Second, 10 * time.Second
	minGrace, maxGrace       = time.Second, 5 * time.Minute
	minHandOver, maxHandOver = 10 * time.Second, time.Hour
	minKeys, maxKeys         = 1_000, 10_000_000
	maxAddresses             = 32
	maxNamespace             = 32
	maxNode                  = 253
)

// DefaultSettings returns the settings in force when none are set.
func DefaultSettings() Settings {
	return Settings{
		Mode: Single, Wait: 5 * time.Second, Grace: 10 * time.Second, HandOver: 30 * time.Second, ShareLines: true, MaxKeys: 100_000,
		TLS: trigger.TLS{MinVersion: "1.2"},
	}
}

// On reports whether there is a fleet.
func (s *Settings) On() bool { return len(s.Address) > 0 }

// Plain reports whether connections are not secured.
func (s *Settings) Plain() bool {
	return s.Insecure || s.securedBy() == "" && !slices.ContainsFunc(s.Address, func(a string) bool { return !isLoopback(a) })
}

// securedBy returns the name of a setting of tls that is set, or "".
func (s *Settings) securedBy() string {
	switch {
	case s.TLS.CAFile != "":
		return "tls.ca_file"
	case s.TLS.CertFile != "":
		return "tls.cert_file"
	case s.TLS.KeyFile != "":
		return "tls.key_file"
	case s.TLS.ServerName != "":
		return "tls.server_name"
	}
	return ""
}

// isLoopback reports whether an address is one of this machine, or names it.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// secrets returns the settings that are secrets, by name.
func (s *Settings) secrets() []namedSecret {
	return []namedSecret{
		{"username", s.Username}, {"password", s.Password}, {"sentinel_username", s.SentinelUsername}, {"sentinel_password", s.SentinelPassword},
	}
}

type namedSecret struct {
	key    string
	source setting.SecretSource
}

// Files returns the files that the settings name.
func (s *Settings) Files() (files []string) {
	for _, n := range s.secrets() {
		files = append(files, n.source.File)
	}
	files = append(files, s.TLS.CAFile, s.TLS.CertFile, s.TLS.KeyFile)
	return slices.DeleteFunc(files, func(f string) bool { return f == "" })
}

// SecretFiles returns the files of secrets that the settings name.
func (s *Settings) SecretFiles() (files []trigger.SecretFile) {
	for _, n := range s.secrets() {
		if n.source.File != "" {
			files = append(files, trigger.SecretFile{Field: n.key + setting.FileSuffix, Path: n.source.File})
		}
	}
	if s.TLS.KeyFile != "" {
		files = append(files, trigger.SecretFile{Field: "tls.key_file", Path: s.TLS.KeyFile})
	}
	return files
}

// InClear returns the settings that hold a password as a text.
func (s *Settings) InClear() (names []string) {
	for _, n := range s.secrets() {
		if !n.source.Text.IsZero() && strings.HasSuffix(n.key, "password") {
			names = append(names, n.key)
		}
	}
	return names
}

// Faults returns everything that is wrong with the settings, as far as neither a file, nor the environment, nor the network is needed. Settings without an
// address are checked all the same. No fault contains a secret.
func (s *Settings) Faults(policy egress.Settings) []setting.Fault {
	var fs setting.Faults
	s.addressFaults(&fs, policy)
	fs.OneOf("mode", s.Mode, Modes())
	switch {
	case s.Mode == Sentinel && s.Master == "" && s.On():
		fs.Required("master", `the name after "sentinel monitor" in the sentinels' configuration`)
	case s.Mode != Sentinel && s.Master != "":
		fs.Conflict("master", s.Master, "mode", `must not be set without mode = "sentinel"`, "")
	}
	fs.Length("master", len(s.Master), MaxName, "bytes")
	if s.Namespace != "" || s.On() {
		namespaceFaults(&fs, s.Namespace)
	}
	if len(s.Node) > maxNode || strings.ContainsFunc(s.Node, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0xfffd }) {
		fs.Add("node", s.Node, "must be a name of at most 253 bytes without spaces and control characters", "")
	}
	for _, n := range s.secrets() {
		n.source.Check(&fs, n.key)
		if name, ok := strings.CutPrefix(n.key, "sentinel_"); ok && !n.source.IsZero() && s.Mode != Sentinel {
			fs.Conflict(n.source.Key(n.key), "", "mode", `must not be set without mode = "sentinel"`, "set "+name+" for the engine itself")
		}
	}
	if !s.Username.IsZero() && s.Password.IsZero() {
		fs.Needs(s.Username.Key("username"), "", "password")
	}
	if !s.SentinelUsername.IsZero() && s.SentinelPassword.IsZero() {
		fs.Needs(s.SentinelUsername.Key("sentinel_username"), "", "sentinel_password")
	}
	s.tlsFaults(&fs)
	setting.Between(&fs, "wait", s.Wait, minWait, maxWait)
	setting.Between(&fs, "grace", s.Grace, minGrace, maxGrace)
	setting.Between(&fs, "hand_over", s.HandOver, minHandOver, maxHandOver)
	setting.Between(&fs, "max_keys", s.MaxKeys, minKeys, maxKeys)
	return fs
}

func (s *Settings) addressFaults(fs *setting.Faults, policy egress.Settings) {
	p, problems := egress.NewPolicy(policy)
	fs.Length("address", len(s.Address), maxAddresses, "entries")
	if s.Mode == Single && len(s.Address) > 1 {
		fs.Conflict("address", "", "mode", `must be one address with mode = "single"`, `set mode = "sentinel" or mode = "cluster"`)
	}
	seen := map[string]bool{}
	for _, a := range s.Address {
		host, port, err := net.SplitHostPort(a)
		switch {
		case strings.Contains(a, "://"):
			fs.Add("address", setting.Placeholder, "must be host:port, without a scheme", "user and password have settings of their own")
		case err != nil || host == "" || port == "" || strings.ContainsAny(a, "@/?#"):
			fs.Add("address", setting.Placeholder, "must be host:port", `as in "valkey-0:6379"`)
		case seen[a]:
			fs.Add("address", a, "is given twice", "")
		default:
			if _, fault := egress.ParseAddress("https://"+a, p); fault != nil && len(problems) == 0 {
				fs.Add("address", a, fault.Message, fault.Hint)
			}
		}
		seen[a] = true
	}
}

func namespaceFaults(fs *setting.Faults, name string) {
	if name == "" {
		fs.Required("namespace", `as in "prod"`)
		return
	}
	bad := strings.ContainsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
	if bad || len(name) > maxNamespace {
		fs.Add("namespace", name, `must be lower-case letters, digits and "-", at most 32`, "")
	}
}

func (s *Settings) tlsFaults(fs *setting.Faults) {
	s.TLS.AddFaults(fs)
	if s.TLS.ServerName != "" {
		if _, fault := egress.CheckHost(s.TLS.ServerName); fault != nil {
			fs.Add("tls.server_name", s.TLS.ServerName, fault.Message, fault.Hint)
		}
	}
	if by := s.securedBy(); s.Insecure && by != "" {
		fs.Excludes("insecure", "true", by, "insecure means plain TCP")
	}
}
