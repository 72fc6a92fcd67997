package compose

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// layer is a line of the classic builder that names what it made.
var layer = regexp.MustCompile(`(?m)^ ---> ([0-9a-f]{12})$`)

// TestImages builds every target of the Dockerfile, tries what is in it, and runs the stack of compose.yaml with the images: a line of a service goes
// through the fluentd driver, Fluent Bit and the plugin to the receiver. It compiles everything three times, which takes minutes.
func TestImages(t *testing.T) {
	if os.Getenv("FLUENTBIT_TRIGGER_IMAGES") == "" {
		t.Skip("FLUENTBIT_TRIGGER_IMAGES is not set: no image was built")
	}
	needEngine(t)
	compose := need(t, "docker-compose", "the stack was not started")
	standIns(t)
	name := label()
	image := func(target string) string { return name + ":" + target }
	buildImages(t, "docker-fluentbit/Dockerfile", image)
	tryImages(t, compose, name, image)
}

// buildImages builds every target of a Dockerfile, and removes what it made when the test is over.
func buildImages(t *testing.T, dockerfile string, image func(string) string) {
	t.Helper()
	var made [][]byte // by the builder, one below the other
	t.Cleanup(func() {
		for _, id := range slices.Backward(made) {
			tags, err := exec.Command("docker", "inspect", "-f", "{{len .RepoTags}}", string(id)).Output()
			if err == nil && strings.TrimSpace(string(tags)) == "0" { // not one that was there before
				_ = exec.Command("docker", "rmi", string(id)).Run()
			}
		}
	})
	for _, target := range []string{"standalone", "receiver", "plugin", "fluent-bit"} {
		build := exec.Command("docker", "build", "--force-rm", "--network", "none", "-f", dockerfile, "--target", target,
			"--build-arg", "VERSION="+version, "-t", image(target), ".")
		build.Dir = root
		// The classic builder is in every engine; what it builds, BuildKit builds too.
		build.Env = append(os.Environ(), "DOCKER_BUILDKIT=0")
		out, err := build.CombinedOutput()
		for _, m := range layer.FindAllSubmatch(out, -1) {
			made = append(made, m[1])
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", target, err, tail(out))
		}
		t.Cleanup(func() { _ = exec.Command("docker", "rmi", "-f", image(target)).Run() })
	}
}

// version is that of the images.
const version = "v9.8.7"

func tryImages(t *testing.T, compose, name string, image func(string) string) {
	t.Run("standalone", func(t *testing.T) { tryStandalone(t, image("standalone")) })
	t.Run("plugin", func(t *testing.T) { tryPlugin(t, image("plugin")) })
	t.Run("stack", func(t *testing.T) { tryStack(t, compose, name, image) })
	t.Run("fleet", func(t *testing.T) {
		valkeyTree(t).image(t, image("valkey"), valkeyChanges...)
		tryFleet(t, compose, name+"-fleet", image)
	})
}

// tryStandalone looks at what the image says of itself, and runs it: on the engine's socket, without rights, until it is healthy.
func tryStandalone(t *testing.T, image string) {
	if got := command(t, "docker", "run", "--rm", "--network", "none", image, "version"); got != "docker-fluentbit "+version {
		t.Errorf("version: %q", got)
	}
	var inspected []struct {
		Config struct {
			User        string
			Healthcheck struct{ Test []string }
		}
	}
	if err := json.Unmarshal([]byte(command(t, "docker", "inspect", image)), &inspected); err != nil {
		t.Fatal(err)
	}
	if c := inspected[0].Config; c.User != "65532:65532" || strings.Join(c.Healthcheck.Test, " ") != "CMD /usr/local/bin/docker-fluentbit healthcheck" {
		t.Errorf("user %q, health %q", c.User, c.Healthcheck.Test)
	}
	const socket = "/var/run/docker.sock"
	if _, err := os.Stat(socket); err != nil {
		t.Skip("the engine has no socket here: the image was not run")
	}
	rules := t.TempDir()
	if err := os.Chmod(rules, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(rules, "rules.toml"), "[docker]\ncontainers = [\"nothing-is-called-so\"]\n[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n")
	name := label()
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "-f", "-v", name).Run() })
	command(t, "docker", "run", "-d", "--name", name, "--network", "none", "--read-only", "--cap-drop", "ALL",
		"--group-add", command(t, "stat", "-L", "-c", "%g", socket), "--health-interval", "1s",
		"-v", socket+":"+socket+":ro", "-v", rules+":/etc/fluentbit-trigger:ro", image)
	eventually(t, "the container is healthy", func() bool {
		state := command(t, "docker", "inspect", "-f", "{{.State.Status}} {{.State.Health.Status}}", name)
		if strings.HasPrefix(state, "exited") {
			t.Fatalf("it ended:\n%s", command(t, "docker", "logs", name))
		}
		return state == "running healthy"
	})
	command(t, "docker", "stop", name)
	if code := command(t, "docker", "inspect", "-f", "{{.State.ExitCode}}", name); code != "0" {
		t.Errorf("exit code %s\n%s", code, command(t, "docker", "logs", name))
	}
}

// tryPlugin has the image do what an init container does.
func tryPlugin(t *testing.T, image string) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil { // as an emptyDir is, since the image has a user without rights
		t.Fatal(err)
	}
	command(t, "docker", "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "-v", dir+":/plugins", image)
	if info, err := os.Stat(filepath.Join(dir, "out_trigger.so")); err != nil || info.Size() < 1<<20 {
		t.Errorf("the shared object: %v, %v", info, err)
	}
	if got := command(t, filepath.Join(dir, "docker-fluentbit"), "version"); got != "docker-fluentbit "+version {
		t.Errorf("the program: %q", got)
	}
}

// override has the stack use images that are there, on a port of its own.
const override = `services:
  api:
    command: ["sh", "-c", "n=0; while sleep 1; do n=$$((n+1)); echo \"panic: number $$n\" >&2; done"]
    logging: {options: {fluentd-address: "127.0.0.1:%[1]d"}}
  chatter:
    logging: {options: {fluentd-address: "127.0.0.1:%[1]d"}}
  fluent-bit:
    image: %[2]s
  receiver:
    image: %[3]s
`

// tryStack starts the stack, waits for the alert, and looks that the other container is left out and that the state outlives a restart.
func tryStack(t *testing.T, compose, project string, image func(string) string) {
	port, pagePort, dir := freePort(t), freePort(t), t.TempDir()
	file := read(t, "docker-fluentbit/compose.yaml")
	published := `"127.0.0.1:24224:24224", "127.0.0.1:2021:2021"`
	if !strings.Contains(file, published) {
		t.Fatalf("compose.yaml does not hold %s any more: the test is to be adapted", published)
	}
	file = strings.ReplaceAll(file, published, fmt.Sprintf(`"127.0.0.1:%d:24224", "127.0.0.1:%d:2021"`, port, pagePort))
	write(t, filepath.Join(dir, "docker-fluentbit", "compose.yaml"), file)
	write(t, filepath.Join(dir, "override.yaml"), fmt.Sprintf(override, port, image("fluent-bit"), image("receiver")))
	for _, name := range []string{"fluent-bit.conf", "rules/rules.toml"} {
		write(t, filepath.Join(dir, "docker-fluentbit", name), read(t, "docker-fluentbit/"+name))
	}
	rules := filepath.Join(dir, "docker-fluentbit", "rules", "rules.toml")
	write(t, rules, strings.Replace(read(t, "docker-fluentbit/rules/rules.toml"), `cooldown = "10m"`, `cooldown = "0s"`, 1))
	do := func(args ...string) string {
		return command(t, compose, append([]string{"-p", project, "-f", filepath.Join(dir, "docker-fluentbit/compose.yaml"), "-f", filepath.Join(dir, "override.yaml")}, args...)...)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(do("logs"))
		}
		do("down", "-v", "-t", "5")
	})
	// The services first: they start while nobody listens.
	do("up", "-d", "--no-build", "--no-deps", "api", "chatter")
	do("up", "-d", "--no-build")
	service := project + "/api panicked: number "
	alerts := func() int { return strings.Count(do("logs", "--no-color", "receiver"), service) }
	eventually(t, "an alert arrived", func() bool { return alerts() > 0 })
	page := fmt.Sprintf("http://127.0.0.1:%d", pagePort)
	logIn(t, do("exec", "-T", "fluent-bit", "docker-fluentbit", "page", "--at", page), page)
	if text := do("exec", "-T", "fluent-bit", "docker-fluentbit", "rules", "list"); !strings.Contains(text, "go-panic") {
		t.Errorf("the command line in the container shows\n%s", text)
	}
	do("restart", "fluent-bit")
	before := alerts()
	eventually(t, "alerts arrive after a restart of Fluent Bit", func() bool { return alerts() > before+1 })
	if text := do("logs", "--no-color", "receiver"); strings.Contains(text, "only joking") {
		t.Errorf("the container with the label was not left out:\n%s", text)
	}
	events := do("exec", "-T", "fluent-bit", "docker-fluentbit", "alerts", "--store", "/var/lib/fluentbit-trigger/compose.db", "--limit", "1")
	if !strings.Contains(events, service) {
		t.Errorf("events:\n%s", events)
	}
	// Numbers that are missing in between were lost.
	text := do("logs", "--no-color", "receiver")
	last := 0
	for n := 1; strings.Contains(text, fmt.Sprintf("%s%d\n", service, n)); n++ {
		last = n
	}
	if last < before+1 {
		t.Errorf("number %d is missing in\n%s", last+1, text)
	}
}
