package examples

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

const (
	installed = "/usr/local/lib/fluent-bit/out_trigger.so"
	state     = "/var/lib/fluentbit-trigger"
)

// tailing says whether the tail input watches its file.
func tailing(log *pluginhost.Log) bool { return log.Count("inotify_fs_add()") > 0 }

// alertOf wants a generic alert of a rule and a workload.
func alertOf(rule, workload, summary string) func(receiver.Request) error {
	return func(r receiver.Request) error {
		alerts, err := r.Alerts()
		if err != nil {
			return err
		}
		a := alerts[0]
		if a.Rule != rule || a.Source.Workload != workload || a.Summary != summary {
			return fmt.Errorf("rule %q, workload %q, summary %q", a.Rule, a.Source.Workload, a.Summary)
		}
		return nil
	}
}

// bodyHolds wants a payload of another format.
func bodyHolds(texts ...string) func(receiver.Request) error {
	return func(r receiver.Request) error {
		for _, text := range texts {
			if !strings.Contains(string(r.Body), text) {
				return fmt.Errorf("the body does not hold %q: %s", text, r.Body)
			}
		}
		return nil
	}
}

func appendTo(t *testing.T, path string, lines ...string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestClassicWithFlatParameters(t *testing.T) {
	t.Parallel()
	const id = "4f5e0c2d1b3a00112233445566778899aabbccddeeff00112233445566778899"
	s := ship(t, "fluent-bit.conf", map[string]string{
		"fluent-bit.conf": read(t, "examples/fluent-bit/fluent-bit.conf"),
		"plugins.conf":    read(t, "examples/fluent-bit/plugins.conf"),
	})
	logs := filepath.Join(s.dir, "containers")
	file := filepath.Join(logs, id, id+"-json.log")
	write(t, file, "")
	s.replace(t, installed, plugin(t))
	s.replace(t, state, s.dir)
	s.replace(t, "/var/lib/docker/containers", logs)
	s.env = []string{"OPS_WEBHOOK_URL=" + s.server.URL("/ops")}
	s.write(t)
	s.load(t)
	s.run(t, tailing, func() {
		now := time.Now().UTC().Format(time.RFC3339Nano) // an alert about an old line says so
		appendTo(t, file,
			`{"log":"panic: on the wrong stream\n","stream":"stdout","time":"`+now+`"}`,
			`{"log":"GET / duration=2700ms\n","stream":"stdout","time":"`+now+`"}`,
			`{"log":"panic: nil map\n","stream":"stderr","time":"`+now+`"}`)
	}, func(r receiver.Request) error {
		alerts, err := r.Alerts()
		if err != nil {
			return err
		}
		if alerts[0].Source.Container.ID != id {
			return fmt.Errorf("container %q", alerts[0].Source.Container.ID)
		}
		return alertOf("panic", "docker.4f5e0c2d1b3a", "docker.4f5e0c2d1b3a panicked: nil map")(r)
	})
	if n := s.server.Len(); n != 1 {
		t.Errorf("%d alerts, want the one that the trigger lets through", n)
	}
}

func TestYAMLWithInlineRules(t *testing.T) {
	t.Parallel()
	s := ship(t, "fluent-bit.yaml", map[string]string{"fluent-bit.yaml": read(t, "examples/fluent-bit/fluent-bit.yaml")})
	s.replace(t, installed, plugin(t))
	s.replace(t, state, s.dir)
	s.replace(t, "24224", fmt.Sprint(s.port))
	s.env = []string{"OPS_WEBHOOK_URL=" + s.server.URL("/ops")}
	s.write(t)
	s.load(t)
	s.run(t, s.listening, func() { s.forward(t, line("api", "stderr", "panic: nil map")) },
		alertOf("go-panic", "shop/api", "shop/api panicked: nil map"))
}

// TestContainerEvents stands in for the engine, which reports a container that ends.
func TestContainerEvents(t *testing.T) {
	t.Parallel()
	s := ship(t, "fluent-bit-events.yaml", map[string]string{"fluent-bit-events.yaml": read(t, "examples/fluent-bit/fluent-bit-events.yaml")})
	l, err := net.Listen("unix", filepath.Join(s.dir, "engine"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	connected, event := make(chan net.Conn, 1), `{"Type":"container","Action":"die","Actor":{"ID":"`+strings.Repeat("0a", 32)+
		`","Attributes":{"com.docker.compose.project":"shop","com.docker.compose.service":"api","exitCode":"137","name":"shop-api-1"}},"timeNano":`+fmt.Sprint(time.Now().UnixNano())+`}`
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = c.Write([]byte("HTTP/1.0 200 OK\r\n\r\n")) // what goes wrong shows below
			connected <- c
		}
	}()
	s.replace(t, installed, plugin(t))
	s.replace(t, state, s.dir)
	s.replace(t, "/var/run/docker.sock", l.Addr().String())
	s.replace(t, "24224", fmt.Sprint(s.port))
	s.env = []string{"OPS_WEBHOOK_URL=" + s.server.URL("/ops")}
	s.write(t)
	s.load(t)
	s.run(t, s.listening, func() {
		c := <-connected
		t.Cleanup(func() { _ = c.Close() })
		if _, err := c.Write([]byte(event + "\n")); err != nil {
			t.Error(err)
		}
	}, alertOf("container-failed", "shop/api", "shop/api: container shop/api/1: die, exit code 137"))
}

func TestRulesInFiles(t *testing.T) {
	t.Parallel()
	s := ship(t, "fluent-bit-files.yaml", map[string]string{
		"fluent-bit-files.yaml": read(t, "examples/fluent-bit/fluent-bit-files.yaml"),
		"rules/rules.toml":      read(t, "examples/fluent-bit/rules.toml"),
	})
	s.files["ops_url"] = s.server.URL("/ops")
	s.replace(t, installed, plugin(t))
	s.replace(t, state, s.dir)
	s.replace(t, "/etc/fluentbit-trigger/rules\n", filepath.Join(s.dir, "rules")+"\n")
	s.replace(t, "/run/secrets/ops_url", filepath.Join(s.dir, "ops_url"))
	s.replace(t, "24224", fmt.Sprint(s.port))
	s.write(t)
	s.load(t)
	s.run(t, s.listening, func() {
		s.forward(t,
			line("web", "stdout", `10.0.0.1 - - "GET /healthz HTTP/1.1" 503 0`), line("web", "stdout", `10.0.0.1 - - "GET /cart HTTP/1.1" 502 0`))
	}, alertOf("http-5xx", "shop/web", `http-5xx in shop/web: 10.0.0.1 - - "GET /cart HTTP/1.1" 502 0`))
}
