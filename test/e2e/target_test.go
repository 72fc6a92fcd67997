package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/await"
	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// patience bounds every wait for something that must happen.
const patience = 30 * time.Second

// setup is what a scenario runs with.
type setup struct {
	plugin    string
	dir       string
	env       []string
	instances []map[string]string // the parameters of each output
	service   string              // more lines for Fluent Bit's [SERVICE]
	inputs    string              // in place of the input that feed writes to
	workers   int
}

// running is a host with the plugin in it.
type running interface {
	// feed hands lines over; each becomes the field "log" of a record.
	feed(lines ...string)
	// reload is a hot reload, done when it returns.
	reload()
	// hup makes the host handle SIGHUP, which takes the signal handlers from the Go runtime.
	hup()
	// stop ends the host in good order and returns how long the exit of the slowest instance took, as well as can be reported.
	stop() time.Duration
	kill()
	pid() int
	alive() bool
	log() *pluginhost.Log
}

// each runs a scenario in both hosts.
func each(t *testing.T, scenario func(t *testing.T, start func(setup) running)) {
	t.Run("host", func(t *testing.T) {
		binary := hostBinary(t)
		scenario(t, func(s setup) running { return startHost(t, binary, s) })
	})
	t.Run("fluent-bit", func(t *testing.T) {
		binary := fluentBitBinary(t)
		scenario(t, func(s setup) running { return startFluentBit(t, binary, s) })
	})
}

// single is the setup of one instance that reads a configuration file.
func single(t *testing.T, toml string) setup {
	t.Helper()
	dir := t.TempDir()
	return setup{plugin: plugin(t), dir: dir, instances: []map[string]string{parameters(dir, "one", writeFile(t, dir, "rules.toml", toml))}}
}

func parameters(dir, id, config string) map[string]string {
	return map[string]string{"id": id, "config_file": config, "store": filepath.Join(dir, id+".db"), "verbosity": "debug"}
}

// document is a configuration that sends to a server, with rules that hold nothing back: every hit is an alert.
func document(server *receiver.Server, rules string) string {
	return fmt.Sprintf(`
[limits]
per_container = { rate = "0/s", burst = 1 }

[egress]
allow = ["127.0.0.1/32:%d"]

[[trigger]]
name = "hook"
url = %q
concurrency = 4
%s`, server.Port(), server.URL("/"), rules)
}

// simple is a rule with a pattern and no cooldown.
func simple(name, pattern string) string {
	return fmt.Sprintf("\n[[rule]]\nname = %q\npattern = '%s'\ncooldown = \"0s\"\n", name, pattern)
}

func writeFile(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// numbered makes lines out of a format and the numbers from begin up to end.
func numbered(format string, begin, end int) []string {
	lines := make([]string, 0, end-begin)
	for i := begin; i < end; i++ {
		lines = append(lines, fmt.Sprintf(format, i))
	}
	return lines
}

// eventually waits until done is true, and fails with what and the log otherwise.
func eventually(t *testing.T, r running, what string, done func() bool) {
	t.Helper()
	await.That(t, patience, what, done, r.log())
}

// arrived is the accepted alerts of a server, each id once, by message.
func arrived(s *receiver.Server) map[string][]trigger.Alert {
	seen := map[string]bool{}
	byMessage := map[string][]trigger.Alert{}
	for _, a := range s.Alerts() {
		if !seen[a.ID] {
			seen[a.ID] = true
			byMessage[a.Message] = append(byMessage[a.Message], a)
		}
	}
	return byMessage
}

// expect waits until each of the lines arrived as an alert, and checks that each did once.
func expect(t *testing.T, r running, s *receiver.Server, lines []string) {
	t.Helper()
	var missing []string
	eventually(t, r, "the alerts arrive", func() bool {
		got := arrived(s)
		missing = missing[:0]
		for _, line := range lines {
			if len(got[line]) == 0 {
				missing = append(missing, line)
			}
		}
		return len(missing) == 0
	})
	got := arrived(s)
	for _, line := range lines {
		if n := len(got[line]); n != 1 {
			t.Errorf("line %q became %d alerts with ids of their own", line, n)
		}
	}
}

func tail(l *pluginhost.Log) string {
	text := l.String()
	if len(text) > 8000 {
		text = "…" + text[len(text)-8000:]
	}
	return text
}

// usage is what a process holds.
type usage struct{ threads, files, pipes, rssKB int }

func usageOf(t *testing.T, pid int) usage {
	t.Helper()
	var u usage
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("no /proc: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch key {
		case "Threads":
			u.threads = n
		case "VmRSS":
			u.rssKB = n
		}
	}
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		// One that is closed meanwhile has no target any more.
		if target, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, file.Name())); err == nil && strings.HasPrefix(target, "pipe:") {
			u.pipes++
			continue
		}
		u.files++
	}
	return u
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// twoTriggers is the part of a configuration that sends everything to two servers.
func twoTriggers(a, b *receiver.Server) string {
	text := "[limits]\nper_container = { rate = \"0/s\", burst = 1 }\n"
	text += fmt.Sprintf("[egress]\nallow = [\"127.0.0.1/32:%d\", \"127.0.0.1/32:%d\"]\n", a.Port(), b.Port())
	for i, s := range []*receiver.Server{a, b} {
		text += fmt.Sprintf("[[trigger]]\nname = \"t%d\"\nurl = %q\nconcurrency = 4\n", i, s.URL("/"))
	}
	return text
}
