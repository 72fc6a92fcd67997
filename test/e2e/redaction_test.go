package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/planted"
	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestNoPlantedSecretLeavesTheHost has lines with a hundred secrets tailed, and looks for them in every request, in the log of the host at the verbosity
// debug, in the answers of the administration, and in each file of the store, of alerts that were sent and of alerts that wait.
func TestNoPlantedSecretLeavesTheHost(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		server := receiver.New(t)
		server.SetBehaviour(receiver.BehaviourFunc(func(r receiver.Request) receiver.Reply {
			if r.Path == "/refuses" { // and repeats what it got, which is logged and kept with the dead letter
				return receiver.Reply{Status: 400, Body: string(r.Body)}
			}
			return receiver.Reply{Status: 200}
		}))
		s := single(t, document(server, planted.Settings+fmt.Sprintf(`
[[trigger]]
name = "refuses"
url = %q
[[rule]]
name = "boom"
pattern = '^boom (?P<all>.*)'
summary = '{{ .Captures.all }}'
labels = { all = '{{ .Captures.all }}' }
cooldown = "1h"
cooldown_by = ["capture.all", "template"]
context = { before = 2 }
`, server.URL("/refuses"))))
		socket := filepath.Join(s.dir, "admin.sock")
		s.instances[0]["admin.listen"] = "unix://" + socket
		h := start(s)
		ask := asker(t, h, socket, "")
		secrets := planted.Secrets()
		lines := strings.Split(strings.Join(planted.Lines(secrets), "\n"), "\n") // a tailed line has no line feed
		h.feed(append(lines, lines...)...)                                       // the second time they are suppressed
		eventually(t, h, "every line alerts", func() bool { return len(server.Alerts()) >= len(secrets) })
		eventually(t, h, "every alert has a dead letter", func() bool {
			_, answer := ask("GET", "/api/v1/dead-letters?limit=1000", "")
			list, _ := answer["dead_letters"].([]any)
			return len(list) >= len(secrets)
		})
		for _, path := range []string{"/api/v1/alerts?limit=1000", "/api/v1/dead-letters?limit=1000", "/api/v1/deliveries", "/api/v1/stats", "/api/v1/workloads", "/api/v1/rules"} {
			_, answer := ask("GET", path, "")
			planted.Look(t, secrets, path, fmt.Sprint(answer))
		}
		h.stop()
		for _, r := range server.Requests() {
			planted.Look(t, secrets, "a request", fmt.Sprint(r.Path, r.Header, string(r.Body)))
		}
		planted.Look(t, secrets, "the log", h.log().String())
		files, err := filepath.Glob(filepath.Join(s.dir, "one.db*"))
		if err != nil || len(files) == 0 {
			t.Fatal("no store", err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			planted.Look(t, secrets, filepath.Base(file), string(text))
		}
	})
}
