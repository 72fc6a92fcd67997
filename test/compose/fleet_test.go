package compose

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestFleet runs examples/fleet with images that hold what the Dockerfile would copy into them, built here.
func TestFleet(t *testing.T) {
	needEngine(t)
	compose := need(t, "docker-compose", "the fleet was not started")
	busybox := need(t, "busybox", "install busybox-static for a stand-in of its image")
	name := label()
	busyboxTree(t, busybox).image(t, busyboxImage)
	valkeyTree(t).image(t, name+":valkey", valkeyChanges...)
	printerImage(t, name+":receiver")
	standalone := staticTree(t)
	standalone["/usr/local/bin/docker-fluentbit"] = static(t, "docker-fluentbit", "./docker-fluentbit")
	// Root, since the folder of its volume cannot be made another user's here. With images that are built, the user is the Dockerfile's.
	standalone.image(t, name+":standalone", "ENV PATH=/usr/local/bin FLUENTBIT_TRIGGER_CONFIG=/etc/fluentbit-trigger", `ENTRYPOINT ["/usr/local/bin/docker-fluentbit"]`,
		`CMD ["run"]`)
	tryFleet(t, compose, name, func(target string) string { return name + ":" + target })
}

// fleetOverride has the fleet use images that are there. Nobody follows the receiver, which prints the lines.
const fleetOverride = `services:
  valkey:
    image: %[1]s
  node-a:
    image: %[2]s
  node-b:
    image: %[2]s
  receiver:
    image: %[3]s
    labels: {fluentbit-trigger.enable: "false"}
`

// windowRow is a window in the output of "fleet windows": which node alerted, and how many hits of how many nodes no alert has reported.
var windowRow = regexp.MustCompile(`(?m)^[0-9a-f]{32} +db-down +(\S+) +(node-[ab]) +\S+ +(\d+) +(\d+)$`)

// tryFleet starts the example and runs the container of its first comment: both nodes see the line, one alert leaves, and the engine has the other node's hit,
// also after a restart.
func tryFleet(t *testing.T, compose, project string, image func(string) string) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "examples/fleet/compose.yaml"), read(t, "examples/fleet/compose.yaml"))
	write(t, filepath.Join(dir, "examples/fleet/rules.toml"), read(t, "examples/fleet/rules.toml"))
	write(t, filepath.Join(dir, "override.yaml"), fmt.Sprintf(fleetOverride, image("valkey"), image("standalone"), image("receiver")))
	do := func(args ...string) string {
		all := append([]string{
			"OPS_WEBHOOK_URL=http://receiver:8080/ops", "DOCKER_GROUP=" + command(t, "stat", "-L", "-c", "%g", "/var/run/docker.sock"),
			compose, "-p", project, "-f", filepath.Join(dir, "examples/fleet/compose.yaml"), "-f", filepath.Join(dir, "override.yaml"),
		}, args...)
		return command(t, "env", all...)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(do("logs"))
		}
		do("down", "-v", "-t", "5")
	})
	do("up", "-d", "--no-build")
	// Its exit code is 1 until the engine answers.
	status := func(node string) string {
		out, _ := exec.Command("docker", "exec", container(t, project, node), "docker-fluentbit", "fleet", "status").CombinedOutput()
		return string(out)
	}
	for _, node := range []string{"node-a", "node-b"} {
		eventually(t, node+" sees both nodes", func() bool {
			text := status(node)
			return strings.Contains(text, "the engine answers") && strings.Contains(text, "\nnode-a ") && strings.Contains(text, "\nnode-b ")
		})
	}

	service := project + "-service"
	command(t, "docker", "run", "--rm", "--name", service, "--network", "none", busyboxImage, "echo", "dial tcp 10.0.0.7:5432: connection refused")
	window := func() []string {
		for _, row := range windowRow.FindAllStringSubmatch(do("exec", "-T", "node-a", "docker-fluentbit", "fleet", "windows", "--rule", "db-down"), -1) {
			if row[1] == service {
				return row[2:]
			}
		}
		return nil
	}
	eventually(t, "one node alerts, and the other one gives its hit to the engine", func() bool {
		w := window()
		return w != nil && w[1] == "1" && w[2] == "1"
	})
	eventually(t, "an alert arrives", func() bool { return strings.Contains(do("logs", "--no-color", "receiver"), service) })
	if text := do("logs", "--no-color", "receiver"); strings.Count(text, "db-down "+service) != 1 {
		t.Errorf("want one alert:\n%s", text)
	}
	before := window()
	do("restart", "valkey")
	eventually(t, "the engine has the window after a restart", func() bool {
		// The nodes may not have the connection yet.
		text, _ := exec.Command("docker", "exec", container(t, project, "node-b"), "docker-fluentbit", "fleet", "windows").CombinedOutput()
		row := windowRow.FindStringSubmatch(string(text))
		return row != nil && strings.Join(row[2:], " ") == strings.Join(before, " ")
	})
	if text := do("logs", "--no-color", "receiver"); strings.Count(text, "db-down "+service) != 1 {
		t.Errorf("want one alert after the restart:\n%s", text)
	}
}

// container returns the id of a service's container.
func container(t *testing.T, project, service string) string {
	t.Helper()
	return command(t, "docker", "ps", "-q", "--filter", "label=com.docker.compose.project="+project, "--filter", "label=com.docker.compose.service="+service)
}
