package compose

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestDockerCLIPlugin calls the program by the real Docker CLI.
func TestDockerCLIPlugin(t *testing.T) {
	docker := need(t, "docker", "the plugin of its command line was not called by it")
	dir := t.TempDir()
	plugin := filepath.Join(dir, "cli-plugins", "docker-fluentbit")
	command(t, "go", "build", "-o", plugin, filepath.Join(root, "docker-fluentbit"))
	call := func(args ...string) (string, error) {
		cmd := exec.Command(docker, args...)
		cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+dir)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := call("fluentbit", "version"); err != nil {
		if strings.Contains(out, "is not a docker command") {
			t.Skipf("this Docker CLI knows no plugins: %s", out)
		}
		t.Fatalf("%v\n%s", err, out)
	} else if out != "docker-fluentbit unknown\n" {
		t.Errorf("version: %q", out)
	}
	rules := filepath.Join(dir, "rules.toml")
	write(t, rules, "[[rule]]\nname = \"boom\"\nkeywords = [\"boom\"]\n")
	for _, c := range []struct {
		args []string
		want string
		code int
	}{
		{[]string{"fluentbit", "--help"}, "Usage:\n  docker fluentbit [command]", 0},
		{[]string{"fluentbit", "queue", "list", "--help"}, "docker fluentbit queue list", 0},
		{[]string{"--help"}, "Alerts straight from container logs", 0},
		{[]string{"fluentbit", "check", rules}, "fine: 1 rule", 0},
		{[]string{"--debug", "-H", "tcp://127.0.0.1:1", "fluentbit", "check", rules}, "fine: 1 rule", 0},
		{[]string{"fluentbit", "bogus"}, `unknown command "bogus". Run "docker fluentbit --help" for usage.`, 3},
		{[]string{"__complete", "fluentbit", "que"}, "queue\tShow deliveries", 0},
		{[]string{"--context", "nowhere", "fluentbit", "run", "-c", rules}, "nowhere", -1}, // Docker itself or this program says so
	} {
		out, err := call(c.args...)
		code := 0
		if exit := (*exec.ExitError)(nil); asExit(err, &exit) {
			code = exit.ExitCode()
		}
		if !strings.Contains(out, c.want) || c.code >= 0 && code != c.code || c.code < 0 && code == 0 {
			t.Errorf("docker %s: code %d\n%s", strings.Join(c.args, " "), code, out)
		}
	}
}
