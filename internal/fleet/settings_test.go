package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/setting"
	"github.com/tinyforge/fluentbit-trigger/trigger/egress"
)

func on(change func(*Settings)) Settings {
	s := DefaultSettings()
	s.Address, s.Namespace = []string{"valkey-0:6379"}, "prod"
	if change != nil {
		change(&s)
	}
	return s
}

// TestFaults has each complaint once.
func TestFaults(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Settings){
		"": nil,
		`address ••••: must be host:port, without a scheme (user and password have settings of their own)`: func(s *Settings) {
			s.Address = []string{"redis://u:hunter2@valkey-0:6379"}
		},
		`address ••••: must be host:port (as in "valkey-0:6379")`:                                       func(s *Settings) { s.Address = []string{"u:hunter2@valkey-0"} },
		`address "valkey-0:6379": is given twice`:                                                       func(s *Settings) { s.Mode, s.Address = Cluster, []string{"valkey-0:6379", "valkey-0:6379"} },
		`address: must be one address with mode = "single" (set mode = "sentinel" or mode = "cluster")`: func(s *Settings) { s.Address = []string{"a:1", "b:1"} },
		`mode "clutser": must be one of single, sentinel, cluster (did you mean "cluster"?)`:            func(s *Settings) { s.Mode = "clutser" },
		`master: must be set (the name after "sentinel monitor" in the sentinels' configuration)`:       func(s *Settings) { s.Mode = Sentinel },
		`master "m": must not be set without mode = "sentinel"`:                                         func(s *Settings) { s.Master = "m" },
		`namespace: must be set (as in "prod")`:                                                         func(s *Settings) { s.Namespace = "" },
		`namespace "Prod": must be lower-case letters, digits and "-", at most 32`:                      func(s *Settings) { s.Namespace = "Prod" },
		`namespace "a}b": must be lower-case letters, digits and "-", at most 32 `:                      func(s *Settings) { s.Namespace = "a}b" },
		`node "a b": must be a name of at most 253 bytes without spaces and control characters`:         func(s *Settings) { s.Node = "a b" },
		`username: must be set together with password`:                                                  func(s *Settings) { s.Username = setting.SecretText("hunter2") },
		`password_file: must not be set together with password (set one of password, password_file and password_env)`: func(s *Settings) {
			s.Password = setting.SecretSource{Text: setting.NewSecret("hunter2"), File: "/f"}
		},
		`sentinel_password: must not be set without mode = "sentinel" (set password for the engine itself)`: func(s *Settings) { s.SentinelPassword = setting.SecretText("hunter2") },
		`tls.cert_file "c": must be set together with tls.key_file`:                                         func(s *Settings) { s.TLS.CertFile = "c" },
		`tls.key_file "k": must be set together with tls.cert_file`:                                         func(s *Settings) { s.TLS.KeyFile = "k" },
		`tls.min_version "1.1": must be one of 1.2, 1.3 (did you mean "1.2"?)`:                              func(s *Settings) { s.TLS.MinVersion = "1.1" },
		`insecure "true": must not be set together with tls.ca_file (insecure means plain TCP)`:             func(s *Settings) { s.Insecure, s.TLS.CAFile = true, "ca" },
		`wait "500ms": must be from 1s to 10s`:                                                              func(s *Settings) { s.Wait = time.Second / 2 },
		`grace "6m": must be from 1s to 5m`:                                                                 func(s *Settings) { s.Grace = 6 * time.Minute },
		`hand_over "1s": must be from 10s to 1h`:                                                            func(s *Settings) { s.HandOver = time.Second },
		`max_keys "1": must be from 1000 to 10000000`:                                                       func(s *Settings) { s.MaxKeys = 1 },
	} {
		s := on(change)
		got := ""
		if err := setting.Join(s.Faults(egress.DefaultSettings())); err != nil {
			got = err.Error()
		}
		if got != strings.TrimSpace(want) {
			t.Errorf("%s\nwant %s", got, want)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("a fault holds a secret: %s", got)
		}
	}
	off := DefaultSettings()
	if faults := off.Faults(egress.DefaultSettings()); len(faults) > 0 || off.On() {
		t.Errorf("the defaults have faults: %v", faults)
	}
}

func TestTheEgressPolicyJudgesAddresses(t *testing.T) {
	t.Parallel()
	for address, blocked := range map[string]bool{
		"127.0.0.1:6379": true, "169.254.169.254:80": true, "localhost:6379": true, "10.1.2.3:6379": false, "valkey:6379": false,
	} {
		s := on(func(s *Settings) { s.Address = []string{address} })
		if faults := s.Faults(egress.DefaultSettings()); (len(faults) == 1) != blocked {
			t.Errorf("%s: %v, blocked is %v", address, faults, blocked)
		}
		allowed := egress.Settings{Mode: egress.ModeDefault, Allow: []string{"127.0.0.0/8:6379"}}
		if faults := s.Faults(allowed); (len(faults) == 1) != strings.HasPrefix(address, "169") {
			t.Errorf("%s with loopback allowed: %v", address, faults)
		}
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address []string
		change  func(*Settings)
		want    bool
	}{
		{[]string{"valkey-0:6379"}, nil, false},
		{[]string{"valkey-0:6379"}, func(s *Settings) { s.Insecure = true }, true},
		{[]string{"127.0.0.1:6379", "[::1]:6379", "localhost:6379"}, nil, true},
		{[]string{"127.0.0.1:6379", "10.0.0.1:6379"}, nil, false},
		{[]string{"127.0.0.1:6379"}, func(s *Settings) { s.TLS.CAFile = "ca" }, false},
	} {
		s := on(c.change)
		s.Address = c.address
		if got := s.Plain(); got != c.want {
			t.Errorf("%v: plain %v, want %v", c.address, got, c.want)
		}
	}
}

func TestFilesOfSettings(t *testing.T) {
	t.Parallel()
	s := on(func(s *Settings) {
		s.Username, s.Password = setting.SecretSource{File: "/u"}, setting.SecretText("hunter2")
		s.TLS.CAFile, s.TLS.KeyFile = "/ca", "/k"
	})
	if got := strings.Join(s.Files(), " "); got != "/u /ca /k" {
		t.Errorf("files: %s", got)
	}
	if got := s.SecretFiles(); len(got) != 2 || got[0].Field != "username_file" || got[1].Path != "/k" {
		t.Errorf("files of secrets: %v", got)
	}
	if got := s.InClear(); len(got) != 1 || got[0] != "password" {
		t.Errorf("in clear: %v", got)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	a, b := KeyOf("c", "x"), KeyOf("a", "x")
	if a == b || !a.Valid() || Key(strings.ToUpper(string(a))).Valid() || Key("").Valid() || a.Shard() < 0 || a.Shard() >= Shards {
		t.Errorf("keys %s and %s", a, b)
	}
	one := Taken{Work: Work{Key: a}, Kind: Rollup, DueAt: 5}
	two := Taken{Work: Work{Key: a}, Kind: Rollup, DueAt: 6}
	if same := one; WorkID("p", &one) != WorkID("p", &same) || WorkID("p", &one) == WorkID("p", &two) || WorkID("p", &one) == WorkID("q", &one) {
		t.Error("the ids of work do not follow from namespace, key and due time")
	}
}
