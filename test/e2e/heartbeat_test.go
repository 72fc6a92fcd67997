package e2e

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tinyforge/fluentbit-trigger/test/receiver"
)

// TestHeartbeat: the plugin in its host sends a request while alerts would arrive, and none when the receiver has refused its credentials. Each reload of
// the configuration makes a heartbeat due at once.
func TestHeartbeat(t *testing.T) {
	each(t, func(t *testing.T, start func(setup) running) {
		beats, hook := receiver.New(t), receiver.New(t)
		text := func(method, path string) string {
			return fmt.Sprintf(`
[egress]
allow = ["127.0.0.1/32"]
[heartbeat]
url = %q
method = %q
every = "1h"
[[trigger]]
name = "hook"
url = %q
%s`, beats.URL("/ping/5ecret-of-the-heart"), method, hook.URL(path), simple("boom", "boom"))
		}
		s := single(t, text("POST", "/"))
		socket := filepath.Join(s.dir, "admin.sock")
		s.instances[0]["admin.listen"] = "unix://" + socket
		h := start(s)
		ask := asker(t, h, socket, "")
		state := func() map[string]any {
			_, answer := ask("GET", "/api/v1/stats", "")
			heart, _ := answer["heartbeat"].(map[string]any)
			return heart
		}
		eventually(t, h, "a heartbeat is sent", func() bool { return beats.Len() == 1 })
		if r := beats.Requests()[0]; r.Method != "POST" || !strings.Contains(string(r.Body), `"instance":"one"`) {
			t.Errorf("%s %s", r.Method, r.Body)
		}
		h.feed("boom 1")
		expect(t, h, hook, []string{"boom 1"})

		hook.SetBehaviour(receiver.Status(401))
		h.feed("boom 2")
		eventually(t, h, "the trigger is on hold", func() bool { return strings.Contains(h.log().String(), "trigger=hook state=held") })
		writeFile(t, s.dir, "rules.toml", text("GET", "/"))
		eventually(t, h, "the heartbeat is withheld", func() bool { return state()["withheld"] == 1.0 })
		if reason := fmt.Sprint(state()["reason"]); !strings.Contains(reason, `"hook" is on hold`) || beats.Len() != 1 {
			t.Errorf("withheld because %s, %d requests", reason, beats.Len())
		}

		hook.SetBehaviour(receiver.Status(200))
		writeFile(t, s.dir, "rules.toml", text("GET", "/changed")) // another address releases the hold
		eventually(t, h, "the alert that waited arrives", func() bool { return len(arrived(hook)["boom 2"]) == 1 })
		writeFile(t, s.dir, "rules.toml", text("POST", "/changed"))
		eventually(t, h, "a heartbeat is sent again", func() bool { return beats.Len() >= 2 })
		h.stop()
		if strings.Contains(h.log().String(), "5ecret-of-the-heart") {
			t.Error("the log holds the address of the heartbeat")
		}
	})
}
