package docker

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tinyforge/fluentbit-trigger/internal/docker/dockertest"
)

// TestSemantics holds the engine of this machine to the table that the fake engine is held to.
func TestSemantics(t *testing.T) {
	e := theEngine(t)
	dockertest.Semantics(t, &dockertest.Subject{
		API: e.api(""),
		Create: func(name string, tty bool, driver string, code int, texts ...string) string {
			options := []string{"--log-driver", driver}
			if tty {
				options = append(options, "-t")
			}
			var script strings.Builder
			for i, text := range texts {
				if len(text) > 1000 {
					fmt.Fprintf(&script, "head -c %d /dev/zero | tr '\\0' x; echo; ", len(text)-1)
					continue
				}
				var quoted strings.Builder
				for _, c := range []byte(text) {
					fmt.Fprintf(&quoted, "\\%03o", c)
				}
				fmt.Fprintf(&script, "printf '%s' >&%d; sleep 0.02; ", quoted.String(), 1+i%2)
			}
			if code < 0 {
				script.WriteString("exec sleep 600")
			} else {
				fmt.Fprintf(&script, "exit %d", code)
			}
			return e.id(e.script(name, options, script.String()))
		},
		Append: func(id string, at time.Time, text string) bool {
			if e.podman() {
				return false
			}
			file, err := os.OpenFile(e.must("inspect", "--format", "{{.LogPath}}", id), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return false
			}
			if _, err = fmt.Fprintf(file, "{\"log\":%q,\"stream\":\"stdout\",\"time\":%q}\n", text, at.Format(time.RFC3339Nano)); err != nil {
				t.Error(err)
			}
			return file.Close() == nil
		},
		Spoil: func(id string) bool {
			if e.podman() {
				return false // it removes the container whatever becomes of the files
			}
			held := filepath.Join(filepath.Dir(e.must("inspect", "--format", "{{.LogPath}}", id)), "held")
			if os.WriteFile(held, nil, 0o600) != nil || exec.Command("chattr", "+i", held).Run() != nil {
				return false
			}
			failed := e.docker("rm", id).Run() != nil
			if err := exec.Command("chattr", "-i", held).Run(); err != nil {
				t.Error(err)
			}
			return failed
		},
		Do: func(id, action string) {
			switch action {
			case "rename":
				e.must("rename", id, e.label+"-renamed")
			case "remove":
				e.must("rm", id)
			default:
				e.must(action, id)
			}
		},
	})
}
