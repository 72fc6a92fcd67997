package examples

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tinyforge/fluentbit-trigger/internal/chunk/chunktest"
)

const composePath = "docker-fluentbit/compose.yaml"

// TestComposeFileIsOne has the file read by Compose itself.
func TestComposeFileIsOne(t *testing.T) {
	t.Parallel()
	command := []string{"docker", "compose"}
	if exec.Command("docker", "compose", "version").Run() != nil {
		command = []string{"docker-compose"}
	}
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skip("no Compose here: the file was read by the other test alone")
	}
	command = append(command, "-f", filepath.Join(root, composePath), "config", "-q")
	if out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Errorf("%v: %v\n%s", command, err, out)
	}
}

// composeFile is what the tests look at in the compose file.
type composeFile struct {
	Services map[string]struct {
		Ports   []string
		Volumes []string
		Build   struct{ Context, Dockerfile, Target string }
		Logging struct {
			Driver  string
			Options map[string]string
		}
	}
	Volumes map[string]any
}

func TestCompose(t *testing.T) {
	t.Parallel()
	var file composeFile
	if err := yaml.Unmarshal([]byte(read(t, composePath)), &file); err != nil {
		t.Fatal(err)
	}
	fluentBit := file.Services["fluent-bit"]
	api := file.Services["api"].Logging
	for key, want := range map[string]string{"fluentd-async": "true", "fluentd-request-ack": "true", "fluentd-sub-second-precision": "true"} {
		if api.Options[key] != want {
			t.Errorf("%s is %q", key, api.Options[key])
		}
	}
	if api.Driver != "fluentd" || len(fluentBit.Ports) != 2 || fluentBit.Ports[1] != "127.0.0.1:2021:2021" || !strings.HasPrefix(fluentBit.Ports[0], api.Options["fluentd-address"]+":") {
		t.Errorf("the services log to %s at %q, Fluent Bit listens at %v", api.Driver, api.Options["fluentd-address"], fluentBit.Ports)
	}
	build := fluentBit.Build
	dockerfile := read(t, filepath.Join(filepath.Dir(composePath), build.Context, build.Dockerfile))
	if !strings.Contains(dockerfile, " AS "+build.Target+"\n") || !strings.Contains(dockerfile, " "+installed+"\n") {
		t.Errorf("the Dockerfile has no target %s that installs %s", build.Target, installed)
	}

	// The mounts say where the files of this folder are in the container.
	configs := map[string]string{}
	for _, volume := range fluentBit.Volumes {
		from, rest, _ := strings.Cut(volume, ":")
		to, _, _ := strings.Cut(rest, ":")
		if !strings.HasPrefix(from, "./") {
			if _, known := file.Volumes[from]; !known || to != state {
				t.Errorf("volume %s", volume)
			}
			continue
		}
		from = filepath.Join(filepath.Dir(composePath), from)
		if filepath.Ext(from) != "" {
			configs[to] = read(t, from)
			continue
		}
		paths, err := filepath.Glob(filepath.Join(root, from, "*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			configs[filepath.Join(to, filepath.Base(path))] = read(t, filepath.Join(from, filepath.Base(path)))
		}
	}
	const name = "/fluent-bit/etc/fluent-bit.conf"
	if configs[name] == "" || !strings.Contains(dockerfile, `CMD ["-c", "`+name+`"]`+"\n") {
		t.Fatalf("the image reads not %s, or it is not mounted", name)
	}
	s := ship(t, "fluent-bit.conf", map[string]string{"fluent-bit.conf": configs[name], "plugins.conf": read(t, "docker-fluentbit/plugins.conf")})
	for path, text := range configs {
		if rules, ok := strings.CutPrefix(path, "/etc/fluentbit-trigger/"); ok {
			s.files["rules/"+rules] = text
		}
	}
	s.replace(t, installed, plugin(t))
	s.replace(t, state, s.dir)
	s.replace(t, "Config_File /etc/fluentbit-trigger", "Config_File "+filepath.Join(s.dir, "rules"))
	s.replace(t, "24224", fmt.Sprint(s.port))
	s.replace(t, "0.0.0.0:2021", "127.0.0.1:0")
	s.replace(t, "0.0.0.0", "127.0.0.1")
	s.replace(t, "http://receiver:8080/", s.server.URL("/"))
	s.write(t)
	s.load(t)
	s.run(t, s.listening, func() {
		s.forward(t,
			line("chatter", "stderr", "panic: only joking", chunktest.Pair{Key: "fluentbit-trigger.enable", Value: "false"}),
			line("api", "stderr", "panic: no connection to the database"))
	}, alertOf("go-panic", "shop/api", "shop/api panicked: no connection to the database"))
	if n := s.server.Len(); n != 1 {
		t.Errorf("%d messages, want one: the container with the label is left out", n)
	}
}
