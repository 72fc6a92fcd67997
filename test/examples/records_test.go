package examples

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/internal/config"
	"github.com/tinyforge/fluentbit-trigger/test/pluginhost"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
	"github.com/tinyforge/fluentbit-trigger/trigger"
)

// TestAlertsAsRecords runs the example whose alerts come back through Fluent Bit's input http. The rule matches the alert's own text, so an alert that was
// evaluated would make another one.
func TestAlertsAsRecords(t *testing.T) {
	t.Parallel()
	s := ship(t, "fluent-bit-records.yaml", map[string]string{"fluent-bit-records.yaml": read(t, "examples/fluent-bit/fluent-bit-records.yaml")})
	back := freePort(t)
	s.replace(t, installed, plugin(t))
	s.replace(t, state, s.dir)
	s.replace(t, "24224", fmt.Sprint(s.port))
	s.replace(t, "9880", fmt.Sprint(back))
	s.replace(t, "logs.example.com", "127.0.0.1")
	s.replace(t, "8080", fmt.Sprint(s.server.Port()))
	text := s.files[s.name]
	write(t, filepath.Join(s.dir, s.name), text)
	inline := regexp.MustCompile(`(?s)      config: \|\n(.*?)\n    #`).FindStringSubmatch(text)
	if inline == nil {
		t.Fatal("the example has no configuration")
	}
	for _, problem := range config.Load(config.Sources{Inline: strings.ReplaceAll(inline[1], "\n        ", "\n")}).Problems {
		t.Fatal(problem.Error())
	}
	var log *pluginhost.Log
	ready := func(l *pluginhost.Log) bool {
		log = l
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", back))
		return s.listening(l) && err == nil && c.Close() == nil
	}
	fed := false
	s.run(t, ready, func() { s.forward(t, line("api", "stderr", "panic: nil map")) }, func(r receiver.Request) error {
		var a trigger.Alert
		if err := json.Unmarshal(bytes.TrimSpace(r.Body), &a); err != nil {
			return fmt.Errorf("not one record: %w: %s", err, r.Body)
		}
		switch a.Summary {
		case "shop/api panicked: nil map":
			if !fed { // by the time its alert is back, the first alert has passed the output trigger
				fed = true
				s.forward(t, line("web", "stderr", "panic: another"))
			}
			return errors.New("only the first alert came back")
		case "shop/web panicked: another":
			return nil
		}
		t.Errorf("record %s", r.Body)
		return errors.New("a record that is no alert of the rule came back")
	})
	if n := s.server.Len(); n != 2 {
		t.Errorf("%d records came back, want 2", n)
	}
	// The records that came back are not among the lines.
	if !strings.Contains(log.String(), "stopped lines=2 hits=2 alerts=2 ") {
		t.Errorf("other counters at the end\n%s", log)
	}
}
